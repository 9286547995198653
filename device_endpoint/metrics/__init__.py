"""``/metrics``: what the processes of both doors counted, and how things stand right now."""
