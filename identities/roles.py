"""The groups that the product brings: ``analysts`` look, ``operators`` let devices in.

They are set anew at every ``migrate``, so that an update can change them; for any other mix of
permissions make a group of another name.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.apps.registry import Apps

VIEWED = {
    "identities.view_identity",
    "identities.view_accesstoken",
    "identities.add_accesstoken",
    "ingest.view_devicecertificate",
    "alerts.view_incident",
    "alerts.view_notification",
    "ingest.view_measurement",
    "ingest.view_measurementtype",
    "ingest.view_sampleblock",
    "ingest.view_registrationattempt",
    "ingest.view_sampleconflict",
    "ingest.view_retentionpolicy",
}
GROUPS = {
    "analysts": VIEWED,
    "operators": VIEWED
    | {
        "identities.add_identity",
        "identities.change_identity",
        "identities.view_presharedkey",
        "identities.add_presharedkey",
        "identities.change_presharedkey",
        "ingest.change_devicecertificate",
    },
}
APPS = {permission.split(".")[0] for permission in VIEWED}


def set_groups(sender: AppConfig, *, using: str, apps: Apps = installed, **kwargs: Any) -> None:
    """Give each group exactly its permissions, as far as they exist: a ``post_migrate`` handler.

    Permissions appear application by application; after the last of ``APPS`` all are there.
    (``flush`` sends the signal too, without ``apps``.)
    """
    if sender.label not in APPS:
        return
    try:
        group_model = apps.get_model("auth", "Group")
        permission_model = apps.get_model("auth", "Permission")
    except LookupError:
        return  # a migration backwards, to before there were groups
    permissions = permission_model._default_manager.using(using).select_related("content_type")
    found = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in permissions.filter(content_type__app_label__in=APPS)
    }
    for name, wanted in GROUPS.items():
        group, _ = group_model._default_manager.using(using).get_or_create(name=name)
        group.permissions.set([found[key] for key in sorted(wanted & found.keys())])
