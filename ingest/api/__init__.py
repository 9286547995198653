"""The device API: the only package that speaks HTTP to devices."""
