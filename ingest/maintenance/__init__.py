"""Maintenance of stored data, by commands and timers.

Compaction, recompression, verification, rebuild, re-parse, withdrawal, retention and erasure.
"""
