"""Settings of the tests: the staff door's, in a ``VAR_DIR`` of this run's own.

``TEST_DATABASE_URL`` or ``DATABASE_URL`` names a PostgreSQL that is used as it is; else
tests/conftest.py starts one. The tests' own database is made anew in either.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_var_dir = Path(tempfile.mkdtemp(prefix="device-endpoint-tests-"))
atexit.register(shutil.rmtree, _var_dir, ignore_errors=True)
os.environ["VAR_DIR"] = str(_var_dir)
os.environ.pop("PUBLIC_HOST", None)
if os.environ.get("TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]

from device_endpoint.settings.staff import *  # noqa: E402,F403 - VAR_DIR comes first
from device_endpoint.settings.staff import STATIC_ROOT, STORAGES  # noqa: E402

# Pages are looked at without `collectstatic`; whitenoise warns of a folder that is missing.
STATIC_ROOT.mkdir()
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
# The same algorithm as in production, so that the real staff door knows these users too.
PASSWORD_HASHERS = ["tests.support.fast_password_hasher.QuickPBKDF2"]
