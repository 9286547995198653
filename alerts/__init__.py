"""Detects overdue series, expiring certificates, damaged files and failed uploads, and notifies."""
