"""Settings: ``base`` for both doors, ``device`` for the device door, ``staff`` for all else."""
