"""The mark of this installation's own probes: what they are refused is no error for the log.

``doctor`` sends requests that have to be refused, past nginx too. The mark proves that the sender
knows the proxy secret, without telling it to whatever listens there, and is valid for a minute.
"""

from __future__ import annotations

import hmac
import time
from hashlib import sha256

HEADER = "X-Probe"
ENVIRON_KEY = "HTTP_X_PROBE"
VALID_SECONDS = 60


def make_mark(secret: str) -> str:
    """Return the value of the header: the time and its keyed digest."""
    return _sign(int(time.time()), secret)


def is_own_probe(mark: str, secret: str) -> bool:
    """Return whether ``mark`` was made with ``secret`` within the last minute."""
    at = mark.partition(".")[0]
    if not (at.isascii() and at.isdigit() and len(at) < 12):
        return False
    is_recent = abs(time.time() - int(at)) <= VALID_SECONDS
    return is_recent and hmac.compare_digest(mark.encode(), _sign(int(at), secret).encode())


def _sign(at: int, secret: str) -> str:
    return f"{at}.{hmac.new(secret.encode(), f'probe {at}'.encode(), sha256).hexdigest()}"
