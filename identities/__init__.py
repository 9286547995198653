"""Who may exist: identities and the keys that are handed to their devices."""
