"""How dates and times are shown in English."""
