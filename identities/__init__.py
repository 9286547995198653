"""Accounts: identities, their pre-shared keys, access tokens, MFA and the audit log."""
