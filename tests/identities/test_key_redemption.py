"""A key is used as often as it may be, however many try at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.db import connections
from django.utils import timezone

from identities.credentials import issue_psk
from identities.models import Identity, PreSharedKey

ROUNDS = 25
RIVALS = 8


def redeem(key: PreSharedKey) -> bool:
    return PreSharedKey.objects.redeem(key.pk)


def test_a_key_is_used_as_often_as_it_may_be(identity: Identity) -> None:
    key, _ = issue_psk(identity, max_uses=2)
    assert [redeem(key), redeem(key), redeem(key)] == [True, True, False]
    key.refresh_from_db()
    assert (key.uses, key.state) == (2, "exhausted")


def test_a_revoked_key_is_not_used(identity: Identity) -> None:
    key, _ = issue_psk(identity)
    PreSharedKey.objects.all().revoke()
    assert not redeem(key)


def test_an_expired_key_is_not_used(identity: Identity) -> None:
    key, _ = issue_psk(identity)
    PreSharedKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert not redeem(key)


def test_of_eight_at_once_exactly_one_wins(own_db: None) -> None:
    identity = Identity.objects.create(name="bed-12")
    made = [issue_psk(identity)[0] for _ in range(ROUNDS)]
    start = threading.Barrier(RIVALS)

    def rival(_: int) -> list[bool]:
        won = []
        for key in made:
            start.wait(timeout=30)
            won.append(redeem(key))
        connections.close_all()
        return won

    with ThreadPoolExecutor(RIVALS) as pool:
        rounds = zip(*pool.map(rival, range(RIVALS)), strict=True)
    assert [sum(won) for won in rounds] == [1] * ROUNDS
    assert set(PreSharedKey.objects.values_list("uses", flat=True)) == {1}
