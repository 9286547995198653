"""Strict parsers of what devices send, from bytes to values. Pure: no database, no HTTP."""
