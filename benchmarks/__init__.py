"""Measures the product against what it stands on, on one machine, in one run: ``make bench``."""
