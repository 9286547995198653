"""What devices send, turned from bytes into values, strictly. Pure: no database, no request."""
