"""The read API, ``/api/v1/``: the only folder that speaks HTTP to analysts' programs."""
