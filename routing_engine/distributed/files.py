"""Files on this machine or on any filesystem of pyarrow."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from routing_engine.errors import InvalidValueError, MissingExtraError

__all__ = ["Folder", "Place", "SourceFile", "need_arrow", "place_of", "source_files"]

CSV_SUFFIXES = frozenset({".csv", ".tsv", ".txt"})
JSON_SUFFIXES = frozenset({".jsonl", ".ndjson", ".json"})
PARQUET_SUFFIXES = frozenset({".parquet", ".pq"})


def need_arrow() -> None:
    """Check that pyarrow is installed.

    Raises:
        MissingExtraError: it is not.
    """
    try:
        import pyarrow as pa  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Batches", "parquet") from error


@dataclass(frozen=True, slots=True)
class Place:
    """A path, and the filesystem that it is on.

    Attributes:
        given: the path or URI as the user wrote it.
        filesystem: of pyarrow.
        path: in that filesystem.
    """

    given: str
    filesystem: Any
    path: str

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine's own filesystem."""
        return bool(self.filesystem.type_name == "local")


def place_of(given: str | os.PathLike[str]) -> Place:
    """Find the filesystem of a path or URI.

    Raises:
        InvalidValueError: no filesystem of pyarrow has such URIs.
    """
    from pyarrow import fs

    text = os.fspath(given)
    if "://" not in text:
        return Place(text, fs.LocalFileSystem(), str(Path(text).absolute()))
    try:
        filesystem, path = fs.FileSystem.from_uri(text)
    except (ValueError, OSError) as error:
        raise InvalidValueError(f"{text!r} cannot be opened by pyarrow: {error}") from error
    return Place(text, filesystem, path)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of calls.

    Attributes:
        uri: to open it by, on any node.
        name: as messages and bad rows name it.
        kind: ``"csv"``, ``"json"`` or ``"parquet"``.
        size: in bytes.
        changed_ns: when it was changed last, in nanoseconds since 1970; 0 where unknown.
    """

    uri: str
    name: str
    kind: str
    size: int
    changed_ns: int

    def open(self) -> Any:
        """Open it for reading at any position."""
        place = place_of(self.uri)
        return place.filesystem.open_input_file(place.path)


def _kind_of(name: str) -> str | None:
    suffix = Path(name).suffix.lower()
    for kind, suffixes in (
        ("csv", CSV_SUFFIXES),
        ("json", JSON_SUFFIXES),
        ("parquet", PARQUET_SUFFIXES),
    ):
        if suffix in suffixes:
            return kind
    return None


def source_files(calls: str | os.PathLike[str]) -> list[SourceFile]:
    """Find the files of calls: one, or all of a folder in the order of their names.

    Raises:
        InvalidValueError: there is none, it is of no known format, or a folder has several formats.
    """
    from pyarrow import fs

    place = place_of(calls)
    found = place.filesystem.get_file_info(place.path)
    if found.type == fs.FileType.NotFound:
        raise InvalidValueError(f"{place.given}: there is no such file or folder")
    if found.type == fs.FileType.Directory:
        inside = place.filesystem.get_file_info(fs.FileSelector(place.path))
        infos = sorted(
            (
                one
                for one in inside
                if one.type == fs.FileType.File
                and not one.base_name.startswith(("_", "."))
                and _kind_of(one.base_name) is not None
            ),
            key=lambda one: one.base_name,
        )
    else:
        infos = [found]
    kinds = {_kind_of(one.base_name) for one in infos}
    if len(kinds) != 1 or None in kinds:
        reason = "hold files of several formats" if len(kinds) > 1 else "are not of a known format"
        raise InvalidValueError(
            f"{place.given}: the calls {reason}; give .csv, .jsonl or .parquet, all of one format"
        )
    (kind,) = kinds
    scheme = "" if place.is_local else place.given.partition("://")[0]
    return [
        SourceFile(
            _uri(scheme, one.path, place),
            one.base_name,
            str(kind),
            one.size or 0,
            one.mtime_ns or 0,
        )
        for one in infos
    ]


def _uri(scheme: str, path: str, place: Place) -> str:
    if not scheme:
        return path
    if path == place.path:
        return place.given
    # What stands before and behind the path (a host, options) stays.
    return place.given.replace(place.path, path, 1)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder to write to. Each file is there whole, or not at all.

    Attributes:
        place: of the folder.
    """

    place: Place

    def _path(self, name: str) -> str:
        return f"{self.place.path.rstrip('/')}/{name}"

    def create(self) -> None:
        """Create the folder, where it is not there."""
        self.place.filesystem.create_dir(self.place.path, recursive=True)

    def names(self) -> list[str]:
        """Return the names of all files in it; none where there is no folder."""
        from pyarrow import fs

        selector = fs.FileSelector(self.place.path, allow_not_found=True)
        return [one.base_name for one in self.place.filesystem.get_file_info(selector)]

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[Any]:
        """Open a file that takes its name only once it is written and synced."""
        aside = self._path(f".{name}.{secrets.token_hex(4)}")
        filesystem = self.place.filesystem
        try:
            with filesystem.open_output_stream(aside) as stream:
                yield stream
            if self.place.is_local:
                with Path(aside).open("rb") as written:
                    os.fsync(written.fileno())
            filesystem.move(aside, self._path(name))
        except BaseException:
            with contextlib.suppress(OSError):
                filesystem.delete_file(aside)
            raise

    def write(self, name: str, content: bytes) -> None:
        """Write a small file."""
        with self.writing(name) as stream:
            stream.write(content)

    def write_json(self, name: str, value: Any) -> None:
        """Write a value as JSON."""
        self.write(name, json.dumps(value, indent=1).encode() + b"\n")

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        with self.place.filesystem.open_input_stream(self._path(name), compression=None) as stream:
            content: bytes = stream.read()
        return content

    def open(self, name: str) -> Any:
        """Open a file for reading at any position."""
        return self.place.filesystem.open_input_file(self._path(name))

    def delete(self, names: Sequence[str]) -> None:
        """Delete files; one that is gone already is no error."""
        for name in names:
            with contextlib.suppress(OSError):
                self.place.filesystem.delete_file(self._path(name))
