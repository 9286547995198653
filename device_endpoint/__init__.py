"""Wiring of the project: settings, two URLconfs, WSGI, gunicorn, nginx and the supervisor."""
