"""Application configuration of analysis."""

from django.apps import AppConfig


class AnalysisConfig(AppConfig):
    """Queries, exports, the analysis API and the pages that show stored data."""

    name = "analysis"
    verbose_name = "Data"
