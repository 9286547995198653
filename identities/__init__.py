"""Accounts: identities, studies and roles, pre-shared keys, access tokens, MFA, the audit log."""
