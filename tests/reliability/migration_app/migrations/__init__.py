"""A column, its values, an index, a check: each added without blocking uploads."""
