"""Measurement files and blocks of samples in PostgreSQL: writing and reading back."""
