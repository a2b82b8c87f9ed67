"""What an upload really unpacks to, before anything else reads it."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from routing_engine.server.problems import ProblemError

__all__ = ["refuse_bomb"]

MAX_MEMBERS = 1000
MAX_UNPACKED_BYTES = 512 << 20
MAX_RATIO = 200
SMALL_BYTES = 4 << 20
BLOCK_BYTES = 1 << 20


def refuse_bomb(path: Path) -> None:
    """Refuse a workbook that unpacks to more than a sheet does.

    The sizes in an archive are what its maker wrote. Each member is unpacked, a block at a time,
    and counted; nothing is kept.

    Raises:
        ProblemError: 413 where it is too much, 422 where it is no workbook.
    """
    limit = max(SMALL_BYTES, min(MAX_UNPACKED_BYTES, MAX_RATIO * path.stat().st_size))
    n_bytes = 0
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS:
                raise _bomb(f"holds {len(members):,} files")
            if sum(member.file_size for member in members) > limit:
                raise _bomb("unpacks to too much")
            for member in members:
                if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise _unreadable()
                if member.compress_type == zipfile.ZIP_STORED:
                    n_bytes += member.compress_size
                    continue
                file.seek(member.header_offset)
                head = file.read(30)
                if len(head) < 30 or head[:4] != b"PK\x03\x04":
                    raise _unreadable()
                file.seek(int.from_bytes(head[26:28], "little"), 1)
                file.seek(int.from_bytes(head[28:30], "little"), 1)
                unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
                packed = b""
                while not unpacking.eof:
                    packed = unpacking.unconsumed_tail or file.read(BLOCK_BYTES)
                    if not packed:
                        raise _unreadable()
                    n_bytes += len(unpacking.decompress(packed, BLOCK_BYTES))
                    if n_bytes > limit:
                        raise _bomb("unpacks to too much")
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError) as error:
        raise _unreadable() from error
    if n_bytes > limit:
        raise _bomb("unpacks to too much")


def _bomb(what: str) -> ProblemError:
    return ProblemError(413, f"the workbook {what}; split it, or send it as CSV")


def _unreadable() -> ProblemError:
    return ProblemError(422, "the file is no workbook that can be read", code="bad_sheet")
