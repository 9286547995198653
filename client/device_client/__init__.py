"""A device's side of the protocol: make a certificate, register, keep files until received.

Needs ``requests`` and ``cryptography`` only. Start with ``StateFolder`` (what a device keeps on
disk), ``Door`` (one server) and ``delivery`` (what is sent when, and what happens to it).
"""
