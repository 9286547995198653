"""Queries on stored data: series, samples, buckets, statistics, files and identity states."""
