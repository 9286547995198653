"""The device door: the only folder that speaks HTTP to devices."""
