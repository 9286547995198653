"""Where a mirror is kept: a folder, or an object store by pyarrow's file systems.

Each file is replaced as a whole. In a folder it is written beside and renamed; in an object store
it appears when its upload is complete.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qsl, urlsplit

from pyarrow import fs

# Names beginning with _ or . are no data to DuckDB's globs of *.parquet, Polars, pandas and Spark.
_PARTIAL_FOLDER = "_partial"
_SCHEMES = ("file", "s3", "gs")
_OPTIONS = ("region", "scheme", "endpoint_override")
_CHUNK_BYTES = 8 << 20


class InvalidTarget(ValueError):
    """The target cannot be used; the text names the remedy and repeats no part of the target."""


class Target:
    """Files below the root of a data set, by their paths with slashes."""

    def __init__(self, file_system: fs.FileSystem, root: str) -> None:
        self._fs = file_system
        self._root = root.rstrip("/")
        self._is_local = isinstance(file_system, fs.LocalFileSystem)

    @classmethod
    def parse(cls, text: str) -> Target:
        """Return the target that ``text`` names, a path or an address; raise ``InvalidTarget``."""
        if "://" not in text:
            return cls(fs.LocalFileSystem(), str(Path(text).absolute()))
        _check_address(text)
        try:
            return cls(*fs.FileSystem.from_uri(text))
        except (OSError, ValueError) as error:
            raise InvalidTarget(f"The object store does not answer: {_reason(error)}") from error

    def prepare(self) -> None:
        """Create the folder, for its owner only, and remove partial files of a killed run."""
        if self._is_local:
            Path(self._root).mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.rmtree(Path(self._root, _PARTIAL_FOLDER), ignore_errors=True)

    def is_empty(self) -> bool:
        return not self._list(fs.FileSelector(self._root, allow_not_found=True))

    def folders(self, folder: str = "") -> list[str]:
        """Return the names of the folders in a folder, sorted."""
        found = self._list(fs.FileSelector(self._path(folder), allow_not_found=True))
        return sorted(each.base_name for each in found if each.type == fs.FileType.Directory)

    def files(self, folder: str = "") -> Iterator[str]:
        """Yield the paths of all files below a folder, relative to it."""
        selector = fs.FileSelector(self._path(folder), allow_not_found=True, recursive=True)
        start = len(self._path(folder)) + 1
        for each in self._list(selector):
            if each.type == fs.FileType.File:
                yield each.path[start:]

    def read_json(self, path: str) -> Any:
        """Return the document in a file, None without it."""
        try:
            with self._fs.open_input_stream(self._path(path)) as stream:
                return json.loads(stream.read())
        except FileNotFoundError:
            return None

    def write_json(self, path: str, document: Any) -> None:
        self.write(path, lambda file: file.write(json.dumps(document).encode()))

    def write(self, path: str, produce: Callable[[IO[bytes]], object]) -> None:
        """Replace a file by what ``produce`` writes. Raises ``OSError``."""
        if self._is_local:
            self._write_local(Path(self._path(path)), produce)
            return
        with tempfile.TemporaryFile() as complete:
            produce(complete)
            complete.seek(0)
            with self._fs.open_output_stream(self._path(path)) as stream:
                while chunk := complete.read(_CHUNK_BYTES):
                    stream.write(chunk)

    def delete(self, path: str) -> None:
        """Delete a file, if it exists."""
        try:
            self._fs.delete_file(self._path(path))
        except FileNotFoundError:
            return

    def delete_folder(self, folder: str) -> bool:
        """Delete a folder with all below it; return whether there was one."""
        if self._fs.get_file_info(self._path(folder)).type == fs.FileType.NotFound:
            return False
        self._fs.delete_dir(self._path(folder))
        return True

    def _write_local(self, path: Path, produce: Callable[[IO[bytes]], object]) -> None:
        partial = Path(self._root, _PARTIAL_FOLDER, f"{path.name}.part")
        for folder in (partial.parent, path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with partial.open("wb") as file:
            produce(file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _list(self, selector: fs.FileSelector) -> list[fs.FileInfo]:
        found: list[fs.FileInfo] = self._fs.get_file_info(selector)
        return [each for each in found if f"/{_PARTIAL_FOLDER}" not in each.path]

    def _path(self, path: str) -> str:
        return f"{self._root}/{path}".rstrip("/")


def _check_address(text: str) -> None:
    """Refuse an address with credentials, which process lists and logs would show."""
    address = urlsplit(text)
    if address.scheme not in _SCHEMES:
        raise InvalidTarget(
            "A folder, or an address that begins with "
            + " or ".join(f"{scheme}://" for scheme in _SCHEMES)
            + "."
        )
    has_user = "@" in text or ":" in address.netloc
    foreign = [name for name, _ in parse_qsl(address.query, keep_blank_values=True)]
    if has_user or not set(foreign) <= set(_OPTIONS) or address.fragment:
        raise InvalidTarget(
            "The target must have no user, password or key: set the object store's own variables "
            "in the environment, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. The only "
            f"options are {', '.join(_OPTIONS)}."
        )


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0][:300]
