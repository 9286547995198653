"""The analysis API, ``/api/v1/``: the HTTP interface for analysts' programs."""
