"""Encoders that turn samples into files with provenance, and estimates of their size."""
