"""Settings: ``base`` for both services, ``device`` for the device API, ``staff`` for the rest."""
