"""The groups that the product creates, and the roles that members of a study have in it.

The groups ``analysts`` and ``operators`` see the identities of all studies. Analysts and viewers
of a study view, operators and data managers also enrol devices. Every ``migrate`` resets the
groups' permissions, so that an update can change them. For another mix of permissions, create a
group of another name. Apps above add the permissions on their models with
``register_permissions``.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed_apps
from django.apps.registry import Apps

GROUPS: dict[str, set[str]] = {
    "analysts": {"identities.view_all_identities"},
    "operators": {"identities.view_all_identities"},
}
# By the values of identities.studies.StudyMember.Role.
ROLES: dict[str, set[str]] = {"viewer": set(), "data manager": set(), "study admin": set()}


def register_permissions(
    *,
    view: Collection[str],
    operate: Collection[str] = (),
    manage: Collection[str] = (),
    administer: Collection[str] = (),
) -> None:
    """Give groups and roles permissions, each written ``app_label.codename``.

    Everybody has ``view``. Operators, data managers and study admins have ``operate``; the last
    two have ``manage``, and study admins ``administer``.
    """
    for held in (*GROUPS.values(), *ROLES.values()):
        held.update(view)
    for held in (GROUPS["operators"], ROLES["data manager"], ROLES["study admin"]):
        held.update(operate)
    for held in (ROLES["data manager"], ROLES["study admin"]):
        held.update(manage)
    ROLES["study admin"].update(administer)


register_permissions(
    view={
        "identities.view_identity",
        "identities.view_study",
        "identities.view_studyidentity",
        "identities.view_accesstoken",
        "identities.add_accesstoken",
    },
    operate={
        "identities.add_identity",
        "identities.change_identity",
        "identities.view_presharedkey",
        "identities.add_presharedkey",
        "identities.change_presharedkey",
        "identities.add_studyidentity",
        "identities.change_studyidentity",
        "identities.delete_studyidentity",
    },
    administer={
        "identities.change_study",
        "identities.view_studymember",
        "identities.add_studymember",
        "identities.change_studymember",
        "identities.delete_studymember",
        "identities.view_auditevent",
    },
)


def reset_groups(
    sender: AppConfig, *, using: str, apps: Apps = installed_apps, **kwargs: Any
) -> None:
    """Give each group exactly its permissions, as far as they exist: a ``post_migrate`` handler.

    The permissions of an app appear with its ``post_migrate``; after the last app all exist.
    ``flush`` sends the signal too, without ``apps``.
    """
    app_labels = {permission.split(".")[0] for permission in GROUPS["operators"]}
    if sender.label not in app_labels:
        return
    try:
        group_model = apps.get_model("auth", "Group")
        permission_model = apps.get_model("auth", "Permission")
    except LookupError:
        return  # a migration backwards, to before groups existed
    permissions = permission_model._default_manager.using(using).select_related("content_type")
    existing = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in permissions.filter(content_type__app_label__in=app_labels)
    }
    for name, wanted in GROUPS.items():
        group, _ = group_model._default_manager.using(using).get_or_create(name=name)
        group.permissions.set([existing[key] for key in sorted(wanted & existing.keys())])
