"""Multi-factor authentication (MFA) of staff: a TOTP code or a recovery code after the password.

The setting ``STAFF_MFA`` is ``off``, ``offered`` or ``required``. A user who has set MFA up needs
a code at each login. Access tokens for the API need none.
"""
