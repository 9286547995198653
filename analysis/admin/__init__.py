"""Admin pages of the overview and of series."""

from analysis.admin import overview, series

__all__ = ["overview", "series"]
