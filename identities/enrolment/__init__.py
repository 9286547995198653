"""Bulk enrolment: read a list of devices, issue its keys, re-issue them, follow the progress."""
