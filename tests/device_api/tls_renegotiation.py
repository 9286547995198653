"""A TLS client that requests renegotiation, which Python's own cannot."""

from __future__ import annotations

import socket

from cryptography.hazmat.bindings.openssl.binding import Binding

TLS_1_2 = 0x0303


def renegotiate(port: int) -> bool:
    """Connect by TLS 1.2, request a second handshake, and return whether the server agreed.

    The certificate is not verified. Raises ``AssertionError`` if even the first one fails.
    """
    binding = Binding()
    ssl, ffi = binding.lib, binding.ffi
    context = ffi.gc(ssl.SSL_CTX_new(ssl.TLS_method()), ssl.SSL_CTX_free)
    ssl.SSL_CTX_set_max_proto_version(context, TLS_1_2)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
        plain.settimeout(None)  # OpenSSL reads from the descriptor itself
        session = ffi.gc(ssl.SSL_new(context), ssl.SSL_free)
        ssl.SSL_set_fd(session, plain.fileno())
        ssl.SSL_set_connect_state(session)
        assert ssl.SSL_do_handshake(session) == 1
        # What nothing renegotiates is refused by this side already.
        assert ssl.SSL_renegotiate(session) == 1
        agreed = ssl.SSL_do_handshake(session) == 1
        ssl.ERR_clear_error()
    return bool(agreed)
