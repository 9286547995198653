"""Bulk enrolment: keys for a whole list of devices."""
