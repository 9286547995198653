"""Detects overdue series and expiring certificates, and sends notifications."""
