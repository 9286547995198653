"""``/metrics``: the counters of both services and gauges of the current state.

The counters are in ``ingest/api/metrics.py``, beside the requests that they count.
"""
