"""The device's side of the protocol: certificate, registration, spool, upload, renewal.

Needs ``requests`` and ``cryptography`` only. Start with ``StateFolder`` (a device's files on disk),
``DeviceApi`` (one server) and ``Deliverer`` (sends the waiting files).
"""
