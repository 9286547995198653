"""Baselines: other servers that take the same files, to compare the product with."""

FLOOR, BARE, ORM = "floor", "bare app", "DRF and ORM rows"
COPY, VICTORIA, INFLUX = "rows by COPY", "VictoriaMetrics", "InfluxDB"
EVERY_BASELINE = (FLOOR, BARE, ORM, COPY, VICTORIA, INFLUX)
