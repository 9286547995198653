"""Conformance checks: a device API, behind any reverse proxy, follows the protocol.

For operators of another reverse proxy and maintainers of a fork. ``raw_http`` sends HTTP byte by
byte, ``target`` is the device API under test with its test devices, ``checks_*`` hold the checks by
topic and ``runner`` runs them.
"""
