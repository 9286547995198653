"""The second factor of staff: a code that changes every thirty seconds (TOTP), or a recovery code.

``STAFF_MFA`` says whether it is ``off``, ``offered`` to everybody or ``required`` of
everybody. Who has set one up is asked for it after the password. Access tokens for the read API
are a factor of their own and are not asked.
"""
