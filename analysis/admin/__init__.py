"""Admin pages: the overview of identities, and series with their charts."""

from analysis.admin import overview, series

__all__ = ["overview", "series"]
