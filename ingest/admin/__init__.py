"""The admin's pages of certificates, attempts, files and series.

Django finds them by importing this.
"""

from ingest.admin import attempts, certificates, measurements, series

__all__ = ["attempts", "certificates", "measurements", "series"]
