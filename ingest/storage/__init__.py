"""Files and their blocks of samples, on their way into PostgreSQL."""
