"""Maintenance of stored data: compaction, verification, rebuild, withdrawal, retention, erasure."""
