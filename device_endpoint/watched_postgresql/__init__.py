"""Django's PostgreSQL backend with an end to the wait for a server that has stopped answering."""
