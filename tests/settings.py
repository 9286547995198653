"""Settings of the tests: those of the staff site, in a ``VAR_DIR`` for each process of a run.

The processes of one run share ``TESTS_RUN_DIR``, made by the first of them: in memory, if there is
room. The tests start their own PostgreSQL (tests/support/database.py); ``POSTGRES_BIN_DIR`` selects
another version, and ``TEST_CITUS`` a Citus cluster instead.
"""

import os
from pathlib import Path
from typing import Any, cast

from tests.support.citus import CitusNodes
from tests.support.run_folder import make_run_folder

if "TESTS_RUN_DIR" not in os.environ:
    os.environ["TESTS_RUN_DIR"] = make_run_folder()
    for _name in ("DATABASE_URL", "PUBLIC_HOST"):
        os.environ.pop(_name, None)
    if (_nodes := CitusNodes.of_environment()) is not None:
        os.environ["DATABASE_URL"] = _nodes.address("postgres")
_var_dir = Path(os.environ["TESTS_RUN_DIR"], os.environ.get("PYTEST_XDIST_WORKER", "main"))
_var_dir.mkdir(exist_ok=True)
os.environ["VAR_DIR"] = str(_var_dir)

from device_endpoint.settings.staff import *  # noqa: E402,F403 - VAR_DIR comes first
from device_endpoint.settings.staff import DATABASES, STATIC_ROOT, STORAGES  # noqa: E402

# Pages are rendered without `collectstatic`; whitenoise warns about a missing folder.
STATIC_ROOT.mkdir(exist_ok=True)
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
# The same algorithm as in production, so that the real staff site accepts these users too.
PASSWORD_HASHERS = ["tests.support.fast_password_hasher.QuickPBKDF2"]
# A test's transaction is idle while the test works, for minutes on a busy machine.
_options = cast("dict[str, Any]", DATABASES["default"]["OPTIONS"])
_options["options"] += " -c idle_in_transaction_session_timeout=0"
# psycopg discards the session's prepared statements after a rollback if it has prepared one by
# itself, and each test ends with a rollback. test_prepared_statements.py lets it prepare.
_options["prepare_threshold"] = None
