"""The audit log: what members of staff did."""
