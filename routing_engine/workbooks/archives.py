"""Check what a zip archive really unpacks to, before anything else reads it."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from routing_engine.errors import RoutingError

__all__ = ["ArchiveLimits", "ArchiveTooLargeError", "check_archive"]

BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """How much an archive may unpack to.

    Attributes:
        max_bytes: at most, however large the archive is.
        max_ratio: unpacked bytes for each byte of the archive.
        free_bytes: unpacked bytes that any archive may have, whatever the ratio.
        max_members: files in the archive.
    """

    max_bytes: int
    max_ratio: int
    free_bytes: int
    max_members: int


class ArchiveTooLargeError(RoutingError):
    """An archive unpacks to more than is allowed; the message completes "the workbook …"."""


def check_archive(path: Path, limits: ArchiveLimits) -> None:
    """Refuse an archive that unpacks to too much (a zip bomb).

    The sizes in an archive are what its maker wrote. Each member is unpacked, a block at a time,
    and counted; nothing is kept.

    Raises:
        ArchiveTooLargeError: it unpacks to too much, or holds too many files.
        zipfile.BadZipFile: it is not an archive, is damaged, or is packed by another method than
            deflate.
        OSError: the file cannot be read.
    """
    limit = max(limits.free_bytes, min(limits.max_bytes, limits.max_ratio * path.stat().st_size))
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file:
            members = archive.infolist()
            if len(members) > limits.max_members:
                raise ArchiveTooLargeError(f"holds {len(members):,} files")
            declared = sum(member.file_size for member in members)
            if declared > limit:
                raise _too_large(declared)
            n_bytes = 0
            for member in members:
                if member.compress_type == zipfile.ZIP_STORED:
                    n_bytes += member.compress_size
                elif member.compress_type == zipfile.ZIP_DEFLATED:
                    n_bytes += _unpacked_bytes(file, member, limit - n_bytes)
                else:
                    raise zipfile.BadZipFile(f"method {member.compress_type} is not supported")
                if n_bytes > limit:
                    raise _too_large(n_bytes)
    except (zlib.error, ValueError, NotImplementedError) as error:
        raise zipfile.BadZipFile(str(error)) from error


def _unpacked_bytes(file: BinaryIO, member: zipfile.ZipInfo, limit: int) -> int:
    """Count what a member unpacks to; stops at the first block beyond the limit."""
    file.seek(member.header_offset)
    head = file.read(30)
    if len(head) < 30 or head[:4] != b"PK\x03\x04":
        raise zipfile.BadZipFile("a file is not where the archive says")
    file.seek(int.from_bytes(head[26:28], "little"), 1)
    file.seek(int.from_bytes(head[28:30], "little"), 1)
    unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
    n_bytes = 0
    while not unpacking.eof and n_bytes <= limit:
        packed = unpacking.unconsumed_tail or file.read(BLOCK_BYTES)
        if not packed:
            raise zipfile.BadZipFile("a file ends too early")
        n_bytes += len(unpacking.decompress(packed, BLOCK_BYTES))
    return n_bytes


def _too_large(n_bytes: int) -> ArchiveTooLargeError:
    return ArchiveTooLargeError(f"unpacks to {n_bytes:,} bytes or more")
