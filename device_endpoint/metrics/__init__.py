"""``/metrics``: the counters of both services and gauges of the current state."""
