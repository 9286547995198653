"""The audit log: what members of staff and commands did."""
