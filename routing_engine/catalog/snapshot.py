"""Save a catalog and its index as a directory: checksummed, mapped, replaced atomically.

    manifest.json               format, encoder, catalog version; parameters where they were fitted,
                                the dial policy where all destinations passed one; name, size and
                                SHA-256 of each file
    tables-<hash>.json          rule tables, sites, business hours and special destinations
    vectors-<hash>.faiss        the rows of all profiles
    <array>-<hash>.npy          one file a column; after_hours only where a location has a number,
                                those of lines only where a location has one,
                                examples only where a rule has more than are compared one by one

A file's name holds the start of its hash, so a save never touches a file that a manifest names.
Files are written and synced first and ``manifest.json`` is replaced last: a reader sees the old
catalog or the new one. Files that no manifest names any more are removed after that; processes
that have them mapped keep them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from routing_engine.catalog.columns import Interner, LocationColumns, SharedSettings, StringColumn
from routing_engine.catalog.lookup import Catalog, HashIndex
from routing_engine.encoders.background import PARTS, Background
from routing_engine.errors import InvalidValueError, SnapshotError
from routing_engine.hours import BusinessHours
from routing_engine.matching.index import ProfileIndex
from routing_engine.matching.parameters import PARAMETERS, Parameters
from routing_engine.matching.profiles import ARRAYS, FOLDED, Profiles
from routing_engine.matching.scoring import SCORING
from routing_engine.model.destinations import CHECKS, Destination, DialPolicy, as_kept
from routing_engine.model.rules import RuleText

__all__ = ["FORMAT_VERSION", "Snapshot", "load_snapshot", "save_snapshot"]

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
_FORMAT_NAME = "routing-engine snapshot"
_OURS = re.compile(r"(?:[a-z_]+-[0-9a-f]{16}\.(?:npy|json|faiss)|\.writing-[0-9a-f]+)")
_ATTEMPTS = 5

_DTYPES: dict[str, type[np.generic]] = {
    "ids_blob": np.uint8,
    "ids_offsets": np.int64,
    "names_blob": np.uint8,
    "names_offsets": np.int64,
    "site": np.int32,
    "table": np.int32,
    "first_slot": np.int64,
    "destinations": np.uint64,
    "defaults": np.uint64,
    "fallback_slots": np.int64,
    "fallback_offsets": np.int64,
    "fallback_codes": np.uint64,
    "hashes": np.uint64,
    "order": np.int64,
    **ARRAYS,
    **dict.fromkeys((f"background_{part}" for part in PARTS), np.float32),
}
_OPTIONAL = "after_hours"
_LINES: dict[str, type[np.generic]] = {
    "lines_blob": np.uint8,
    "lines_offsets": np.int64,
    "line_of": np.int32,
    "line_hashes": np.uint64,
    "line_order": np.int64,
}
_FURTHER: dict[str, type[np.generic]] = {FOLDED: np.int64}
"""Arrays of the profiles that a snapshot has only where there is something to say."""
_OLD_RULE = {"hours": "always"}
"""Fields of a rule that was saved before business hours existed."""
_MATRICES = ("background_rows", "background_description_means")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The contents of a snapshot.

    Attributes:
        catalog: the locations.
        profiles: their rules, indexed.
        encoder_fingerprint: of the encoder that made the rows.
        dimension: of the rows.
    """

    catalog: Catalog
    profiles: Profiles
    encoder_fingerprint: str
    dimension: int


def save_snapshot(snapshot: Snapshot, directory: str | os.PathLike[str]) -> None:
    """Write a snapshot. Readers see the old or the new one, even after a power cut.

    Raises:
        SnapshotError: the directory holds something else, or cannot be written.
    """
    from filelock import FileLock

    folder = Path(directory)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        foreign = _foreign(folder)
        if foreign is not None:
            raise SnapshotError(
                f"{folder} is not empty and holds no snapshot ({foreign}); "
                "choose a new or empty directory"
            )
        with FileLock(folder / ".lock"):
            _write(snapshot, folder)
    except OSError as error:
        raise SnapshotError(f"cannot write a snapshot to {folder}: {error}") from error


def _foreign(folder: Path) -> str | None:
    """Return the name of a file that does not belong to a snapshot, or None."""
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    others = [name for name in names if name != MANIFEST and not _OURS.fullmatch(name)]
    if MANIFEST not in names:
        return others[0] if others else None
    try:
        body = json.loads((folder / MANIFEST).read_bytes())
    except ValueError:
        body = None
    if isinstance(body, dict) and isinstance(body.get("manifest"), dict):
        return None
    # A damaged manifest is ours only in the company of our files, and of nothing else.
    if others:
        return others[0]
    return None if len(names) > 1 else MANIFEST


def _write(snapshot: Snapshot, folder: Path) -> None:
    catalog = snapshot.catalog
    columns = catalog.columns
    arrays: dict[str, npt.NDArray[Any]] = {
        "ids_blob": columns.ids.blob,
        "ids_offsets": columns.ids.offsets,
        "names_blob": columns.names.blob,
        "names_offsets": columns.names.offsets,
        "site": columns.site,
        "table": columns.table,
        "first_slot": columns.first_slot,
        "destinations": columns.destinations,
        "defaults": columns.defaults,
        "fallback_slots": columns.fallback_slots,
        "fallback_offsets": columns.fallback_offsets,
        "fallback_codes": columns.fallback_codes,
        "hashes": catalog.ids.hashes,
        "order": catalog.ids.order,
        **snapshot.profiles.arrays(),
        **{
            f"background_{part}": array.reshape(-1)
            for part, array in snapshot.profiles.background.arrays().items()
        },
    }
    if columns.after_hours.any():
        arrays[_OPTIONAL] = columns.after_hours
    if len(columns.lines):
        arrays["lines_blob"], arrays["lines_offsets"] = columns.lines.blob, columns.lines.offsets
        arrays["line_of"] = columns.line_of
        arrays["line_hashes"], arrays["line_order"] = catalog.lines.hashes, catalog.lines.order
    hours: Interner[BusinessHours] = Interner()
    tables = {
        "tables": [
            [
                rule.model_dump(mode="json", exclude_defaults=True) | {"hours": rule.hours}
                for rule in rules
            ]
            for rules in columns.tables
        ],
        "sites": [_plain_site(site, hours) for site in columns.sites],
        "hours": [item.model_dump(mode="json", exclude_defaults=True) for item in hours.values],
        "specials": [str(destination) for destination in columns.specials],
    }
    files = {
        name: _store(folder, name, "npy", lambda file, a=array: _write_array(file, a))  # type: ignore[misc]
        for name, array in arrays.items()
    }
    encoded = json.dumps(tables, ensure_ascii=False, separators=(",", ":")).encode()
    files["tables"] = _store(folder, "tables", "json", lambda file: file.write(encoded))
    files["vectors"] = _store(folder, "vectors", "faiss", snapshot.profiles.index.save)
    manifest = {
        "format": _FORMAT_NAME,
        "format_version": FORMAT_VERSION,
        "catalog_version": catalog.version,
        "encoder": snapshot.encoder_fingerprint,
        "dimension": snapshot.dimension,
        "scoring": SCORING,
        "n_locations": len(columns),
        "n_rules": columns.n_rules,
        "files": files,
    }
    if snapshot.profiles.parameters != PARAMETERS:
        manifest["parameters"] = asdict(snapshot.profiles.parameters)
    if columns.dial_policy is not None:
        manifest["dial_policy"] = columns.dial_policy.to_dict()
        manifest["dial_policy_checks"] = CHECKS
    body = {"manifest": manifest, "sha256": _digest(manifest)}
    writing = folder / f".writing-{secrets.token_hex(8)}"
    _write_synced(writing, lambda file: file.write(json.dumps(body, indent=1).encode()))
    _sync_folder(folder)  # the files that the manifest names are there before it is
    writing.replace(folder / MANIFEST)
    _sync_folder(folder)
    kept = {entry["name"] for entry in files.values()} | {MANIFEST}
    for entry in folder.iterdir():
        if entry.name not in kept and _OURS.fullmatch(entry.name):
            entry.unlink(missing_ok=True)


def _plain_site(site: SharedSettings, hours: Interner[BusinessHours]) -> dict[str, Any]:
    """Return shared settings as JSON, with the number of their hours."""
    plain: dict[str, Any] = {"timezone": site.timezone, "threshold": site.threshold}
    if site.hours is not None:
        plain["hours"] = hours.add(site.hours)
    return plain


def _site(plain: dict[str, Any], hours: dict[int, BusinessHours]) -> SharedSettings:
    made = SharedSettings(**plain)
    return made if made.hours is None else replace(made, hours=hours[plain["hours"]])


def _write_array(file: BinaryIO, array: npt.NDArray[Any]) -> None:
    np.lib.format.write_array(file, np.ascontiguousarray(array), version=(1, 0))


def _store(folder: Path, name: str, suffix: str, write: Callable[[Any], object]) -> dict[str, Any]:
    """Write one file, named by its hash; return its entry in the manifest."""
    writing = folder / f".writing-{secrets.token_hex(8)}"
    if suffix == "faiss":
        write(writing)
        with writing.open("rb+") as file:
            os.fsync(file.fileno())
    else:
        _write_synced(writing, write)
    with writing.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    final = f"{name}-{sha256[:16]}.{suffix}"
    entry = {"name": final, "bytes": writing.stat().st_size, "sha256": sha256}
    writing.replace(folder / final)
    return entry


def _write_synced(path: Path, write: Callable[[BinaryIO], object]) -> None:
    with path.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # directories cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(manifest: dict[str, Any]) -> str:
    canonical = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


class _VanishedError(SnapshotError):
    """A file that the manifest names is missing."""


def load_snapshot(directory: str | os.PathLike[str]) -> Snapshot:
    """Verify every checksum, then map the files into memory.

    Raises:
        SnapshotError: missing, truncated, altered, foreign, or of a newer format; says which.
    """
    folder = Path(directory)
    for attempt in range(_ATTEMPTS):
        manifest = _read_manifest(folder)
        try:
            return _open(folder, manifest)
        except _VanishedError:
            # A save has replaced the manifest and removed files in between.
            if attempt + 1 == _ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    manifest: dict[str, Any]
    try:
        body = json.loads(path.read_bytes())
        manifest, sha256 = body["manifest"], body["sha256"]
        right = isinstance(manifest, dict) and _digest(manifest) == sha256
    except FileNotFoundError as error:
        raise SnapshotError(f"{folder} holds no snapshot: there is no {MANIFEST}") from error
    except OSError as error:
        raise SnapshotError(f"{path} cannot be read: {error}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SnapshotError(f"{path} is not a snapshot manifest, or is truncated") from error
    if not right:
        raise SnapshotError(f"{path} was altered: its checksum does not match")
    if manifest.get("format") != _FORMAT_NAME:
        raise SnapshotError(f"{path} is not a {_FORMAT_NAME}")
    if manifest.get("format_version") != FORMAT_VERSION:
        raise SnapshotError(
            f"{path} has format version {manifest.get('format_version')!r}; "
            f"this library reads version {FORMAT_VERSION}: upgrade it, or import the sheet again"
        )
    return manifest


def _verified(folder: Path, entry: dict[str, Any]) -> Path:
    name = str(entry["name"])
    if not _OURS.fullmatch(name):
        raise SnapshotError(f"{folder / MANIFEST} names a file that is not a snapshot's: {name!r}")
    path = folder / name
    try:
        size = path.stat().st_size
        if size != entry["bytes"]:
            raise SnapshotError(f"{path} has {size} bytes, not {entry['bytes']}: it is truncated")
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise _VanishedError(f"{path} is missing") from error
    except OSError as error:
        raise SnapshotError(f"{path} cannot be read: {error}") from error
    if found != entry["sha256"]:
        raise SnapshotError(f"{path} was altered: its checksum does not match the manifest's")
    return path


def _open(folder: Path, manifest: dict[str, Any]) -> Snapshot:
    try:
        files = manifest["files"]
        arrays = {
            name: _map(_verified(folder, files[name]), dtype) for name, dtype in _DTYPES.items()
        }
        arrays |= {
            name: _map(_verified(folder, files[name]), dtype)
            for name, dtype in _FURTHER.items()
            if name in files
        }
        # What a snapshot written before there were business hours does not have.
        after_hours: npt.NDArray[Any] = np.zeros(len(arrays["table"]), np.uint64)
        if _OPTIONAL in files:
            after_hours = _map(_verified(folder, files[_OPTIONAL]), np.uint64)
        lines: dict[str, Any] = {
            name: _map(_verified(folder, files[name]), dtype) if name in files else None
            for name, dtype in _LINES.items()
        }
        interned = json.loads(_verified(folder, files["tables"]).read_bytes())
        passed = None
        if manifest.get("dial_policy_checks") == CHECKS:
            passed = manifest.get("dial_policy")
        with as_kept():
            hours = dict(enumerate(map(BusinessHours.model_validate, interned.get("hours", ()))))
        columns = LocationColumns(
            ids=StringColumn(arrays["ids_blob"], arrays["ids_offsets"]),
            names=StringColumn(arrays["names_blob"], arrays["names_offsets"]),
            site=arrays["site"],
            table=arrays["table"],
            first_slot=arrays["first_slot"],
            destinations=arrays["destinations"],
            defaults=arrays["defaults"],
            after_hours=after_hours,
            fallback_slots=arrays["fallback_slots"],
            fallback_offsets=arrays["fallback_offsets"],
            fallback_codes=arrays["fallback_codes"],
            sites=tuple(_site(site, hours) for site in interned["sites"]),
            tables=tuple(
                tuple(RuleText.model_validate(_OLD_RULE | rule) for rule in rules)
                for rules in interned["tables"]
            ),
            specials=tuple(Destination.parse(text) for text in interned["specials"]),
            dial_policy=None if passed is None else DialPolicy(**passed),
        )
        if lines["line_of"] is not None:
            columns = replace(
                columns,
                lines=StringColumn(lines["lines_blob"], lines["lines_offsets"]),
                line_of=lines["line_of"],
            )
        columns.check()
        version = manifest["catalog_version"]
        if type(version) is not int or version < 1:
            raise ValueError(f"catalog version {version!r}")
        catalog = Catalog(
            columns,
            version,
            ids=_index("location ids", columns.ids, arrays["hashes"], arrays["order"]),
            lines=None
            if lines["line_of"] is None
            else _index("lines", columns.lines, lines["line_hashes"], lines["line_order"]),
        )
        dimension = int(manifest["dimension"])
        index = ProfileIndex.load(_verified(folder, files["vectors"]), arrays["blocks"], dimension)
        parts = {part: arrays[f"background_{part}"] for part in PARTS}
        for part in _MATRICES:
            name = part.removeprefix("background_")
            parts[name] = parts[name].reshape(-1, dimension)
        background = Background.of(parts)
        fingerprint = str(manifest["encoder"])
        scoring = manifest["scoring"]
        given = manifest.get("parameters")
        parameters = PARAMETERS if given is None else Parameters.from_dict(given)
    except FileNotFoundError as error:
        raise _VanishedError(f"{error.filename} is missing") from error
    except OSError as error:
        raise SnapshotError(f"{folder} cannot be read: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        # Every byte has the hash that the manifest gives: whoever wrote it wrote it wrong.
        raise SnapshotError(f"{folder} holds a snapshot that is malformed: {error!r}") from error
    if scoring != SCORING:
        raise SnapshotError(
            f"{folder} was built for scoring {scoring!r}, this library scores by {SCORING!r}; "
            "import the sheet again"
        )
    try:
        profiles = Profiles.of(index, arrays, background, parameters)
    except InvalidValueError as error:
        raise SnapshotError(f"{folder} holds vectors that do not fit its rules: {error}") from error
    if len(profiles.layouts) != len(catalog.profiles) or not all(
        profiles.layouts[table.profile].fits([len(rule.examples) for rule in table.rules])
        for table in catalog.tables
        if table.profile >= 0
    ):
        raise SnapshotError(f"{folder} holds vectors that do not fit its rules")
    return Snapshot(catalog, profiles, fingerprint, dimension)


def _index(what: str, strings: StringColumn, hashes: Any, order: Any) -> HashIndex:
    n = len(strings)
    if len(hashes) != n or _permuted(order) != n:
        raise ValueError(f"the index of {what} does not fit")
    return HashIndex(strings, hashes, order)


def _permuted(order: npt.NDArray[np.int64]) -> int:
    """Return ``n`` if the array is a permutation of ``range(n)``, else -1."""
    n = len(order)
    if n and (int(order.min()) < 0 or int(order.max()) >= n):
        return -1
    seen = np.zeros(n, np.bool_)
    seen[order] = True
    return n if bool(seen.all()) else -1


_NPY_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(?P<length>..)"
    rb"\{'descr': '(?P<dtype>[<|]\w\d)', 'fortran_order': False, 'shape': \((?P<n>\d+),\), \} *\n",
    re.DOTALL,
)
_NPY_LONGEST = 128


def _map(path: Path, dtype: type[np.generic]) -> npt.NDArray[Any]:
    """Map an array file into memory.

    The header is read by a pattern of the one form that is written: numpy's own reader parses it
    as Python, which several threads must not do at a time (CPython 3.11, ast recursion depth).
    """
    try:
        with path.open("rb") as file:
            header = _NPY_HEADER.match(file.read(_NPY_LONGEST))
        if header is None:
            raise ValueError("no header of a one-dimensional array")
        n = int(header["n"])
        start = 10 + int.from_bytes(header["length"], "little")
        expected = np.dtype(dtype)
        if header["dtype"].decode() != expected.str or header.end() != start:
            raise ValueError(f"elements of type {header['dtype'].decode()}")
        if path.stat().st_size != start + n * expected.itemsize:
            raise ValueError("another length than its header says")
        if n == 0:  # an empty file region cannot be mapped
            return np.empty(0, dtype)
        return np.asarray(np.memmap(path, expected, "r", start, (n,)))
    except FileNotFoundError as error:
        raise _VanishedError(f"{path} is missing") from error
    except (ValueError, OSError) as error:
        raise SnapshotError(f"{path} is not the array it should be: {error}") from error
