"""Sign-in through an identity provider by OpenID Connect, an option: ``OIDC_ISSUER``."""
