"""Replaces a function of the product at its import, as ``DEFECT`` names it. For tests only.

``early-answer``: a file is acknowledged and stored half a second later. ``no-lock``: the writers of
a series do not wait for each other.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import random
import sys
import threading
import time
from types import ModuleType
from typing import Any


def _respond_early(uploads: Any) -> None:
    from django.db import connection  # noqa: PLC0415 - not before the product imports it

    store = uploads.store_files

    def later(*arguments: Any) -> None:
        time.sleep(0.5)
        store(*arguments)
        connection.close()

    def store_files(uploader: Any, files: Any, window: Any, limits: Any) -> Any:
        threading.Thread(target=later, args=(uploader, files, window, limits)).start()
        prepared = [uploads._prepare(file, window, limits.file) for file in files]
        return [file.receipt() for file in prepared]

    uploads.store_files = store_files


def _skip_locks(block_store: Any) -> None:
    def series_lock(identity_id: int, name: str) -> int:
        return random.getrandbits(62)

    block_store.series_lock = series_lock


_DEFECTS = {
    "early-answer": ("ingest.uploads", _respond_early),
    "no-lock": ("ingest.storage.block_store", _skip_locks),
}


class _Finder(importlib.abc.MetaPathFinder):
    """Finds one module as usual and changes it after it is loaded."""

    def __init__(self, name: str, change: Any) -> None:
        self._name, self._change = name, change

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        if fullname != self._name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is None or spec.loader is None:
            return None
        load, change = spec.loader.exec_module, self._change

        def exec_module(module: ModuleType) -> None:
            load(module)
            change(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


if os.environ.get("DEFECT") in _DEFECTS:
    sys.meta_path.insert(0, _Finder(*_DEFECTS[os.environ["DEFECT"]]))
