"""Admin pages: compliance, the overview of identities, and series with their charts."""

from analysis.admin import compliance, overview, series

__all__ = ["compliance", "overview", "series"]
