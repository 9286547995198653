"""Scenarios: each measures one kind of work and adds its rows to the run."""
