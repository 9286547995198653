"""Commands of the wiring: ``up``."""
