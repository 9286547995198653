"""Puts a fault into the product as it is imported: ``SABOTAGE`` says which. For the checker only.

``early-answer``: a file is answered as stored, and stored a little later. ``no-lock``: no two
writers of a series wait for each other.
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


def _answer_early(uploads: Any) -> None:
    from django.db import connection  # noqa: PLC0415 - not before the product imports it

    store = uploads.receive

    def later(*arguments: Any) -> None:
        time.sleep(0.5)
        store(*arguments)
        connection.close()

    def receive(uploader: Any, files: Any, window: Any, max_lines: int) -> Any:
        threading.Thread(target=later, args=(uploader, files, window, max_lines)).start()
        prepared = [uploads._prepare(file, window, max_lines) for file in files]
        return [file.receipt() for file in prepared]

    uploads.receive = receive


def _lock_nothing(block_storage: Any) -> None:
    def series_lock(identity_id: int, name: str) -> int:
        return random.getrandbits(62)

    block_storage.series_lock = series_lock


_SABOTAGES = {
    "early-answer": ("ingest.uploads", _answer_early),
    "no-lock": ("ingest.storage.block_store", _lock_nothing),
}


class _Finder(importlib.abc.MetaPathFinder):
    """Finds one module as usual, and has it changed once it is loaded."""

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


if os.environ.get("SABOTAGE") in _SABOTAGES:
    sys.meta_path.insert(0, _Finder(*_SABOTAGES[os.environ["SABOTAGE"]]))
