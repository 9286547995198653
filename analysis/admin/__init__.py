"""Admin pages: compliance, the overview of identities, and series with their charts."""

from analysis.admin import annotations, compliance, overview, series, study_download

__all__ = ["annotations", "compliance", "overview", "series", "study_download"]
