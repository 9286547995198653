"""A column, its filling, an index, a check: each in the way that keeps nobody waiting."""
