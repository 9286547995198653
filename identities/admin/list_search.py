"""Conditions of the searches in admin lists, each found by an index."""

from __future__ import annotations

from ipaddress import ip_address

from django.db.models import BinaryField, Exists, GenericIPAddressField, Model, OuterRef, Q

from identities.models import Identity
from identities.search import search_text
from identities.visibility import Scope

MAX_IDENTITIES_NAMED = 20_000


def make_search(model: type[Model], field: str, term: str, scope: Scope) -> Q:
    """Return the condition that ``term`` is in ``field``, named as in ``search_fields``.

    Names of identities are searched in ``scope``.
    """
    name, is_whole = field.removeprefix("="), field.startswith("=")
    if name == "identity__name":
        return _make_name_search(term, scope)
    kind = model._meta.get_field(name)
    if isinstance(kind, BinaryField):
        return make_digest_search(name, term)
    if isinstance(kind, GenericIPAddressField):
        return _make_address_search(name, term)
    return Q(**{name: term}) if is_whole else search_text(model, name, term)


def _make_name_search(term: str, scope: Scope) -> Q:
    """Return the condition that the name of a row's identity contains ``term``.

    Few identities are named: a join would read and sort all rows for a page. Of many, rows are
    found soon in any order.
    """
    named = find_named(term, scope)
    return match_any_name(term) if named is None else Q(identity__in=named)


def match_any_name(term: str) -> Q:
    """Return the condition that a row's identity has ``term`` in its name, tried row by row."""
    identities = Identity.objects.filter(search_text(Identity, "name", term))
    return Q(Exists(identities.filter(pk=OuterRef("identity_id"))))


def find_named(term: str, scope: Scope) -> list[int] | None:
    """Return the identities of ``scope`` with ``term`` in their names, None for very many."""
    identities = scope.identities() if scope.is_small else Identity.objects.all()
    named = identities.filter(search_text(Identity, "name", term)).order_by()
    found = list(named.values_list("pk", flat=True)[: MAX_IDENTITIES_NAMED + 1])
    if len(found) > MAX_IDENTITIES_NAMED:
        return None
    return found if scope.is_small else scope.select(found)


def _make_address_search(field: str, term: str) -> Q:
    try:
        return Q(**{field: str(ip_address(term))})
    except ValueError:
        return Q(pk__in=[])


def make_digest_search(field: str, term: str) -> Q:
    """Return the condition that a digest begins with these hexadecimal digits, eight or more."""
    digits = "".join(term.split()).replace(":", "").lower()
    if not 8 <= len(digits) <= 64 or not set(digits) <= set("0123456789abcdef"):
        return Q(pk__in=[])
    start = bytes.fromhex(digits[: len(digits) // 2 * 2])
    return Q(**{f"{field}__gte": start, f"{field}__lte": start.ljust(32, b"\xff")})
