"""Benchmarks of the product and of its baselines, on one machine, in one run: ``make bench``."""
