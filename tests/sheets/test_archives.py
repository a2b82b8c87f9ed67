"""What an archive unpacks to, whatever it says of itself."""

from __future__ import annotations

import zipfile

import pytest

from routing_engine.errors import SheetError
from routing_engine.sheets import read_sheet
from routing_engine.workbooks.archives import ArchiveLimits, ArchiveTooLargeError, check_archive

LIMITS = ArchiveLimits(max_bytes=1 << 20, max_ratio=100, free_bytes=1 << 10, max_members=3)


def archive(folder, *contents, method=zipfile.ZIP_DEFLATED):
    path = folder / "a.xlsx"
    with zipfile.ZipFile(path, "w", method) as made:
        for i, content in enumerate(contents):
            made.writestr(f"xl/worksheets/sheet{i}.xml", content)
    return path


def lying(path):
    """The archive, with both of its records of the first member's size set to 100 bytes."""
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = content.find(mark) + offset
        content[at : at + 4] = (100).to_bytes(4, "little")
    path.write_bytes(content)
    return path


def test_what_is_small_passes(tmp_path):
    check_archive(archive(tmp_path, b"a" * 1000), LIMITS)
    check_archive(archive(tmp_path, b"a" * 1000, method=zipfile.ZIP_STORED), LIMITS)


@pytest.mark.parametrize("lies", [False, True])
def test_what_unpacks_to_more_is_refused_whatever_it_declares(tmp_path, lies):
    path = archive(tmp_path, b" " * (2 << 20))
    with pytest.raises(ArchiveTooLargeError, match="unpacks to"):
        check_archive(lying(path) if lies else path, LIMITS)


def test_members_are_counted_together(tmp_path):
    path = archive(tmp_path, *[b" " * 500] * 3)
    with pytest.raises(ArchiveTooLargeError):
        check_archive(path, ArchiveLimits(1000, 100, 1000, 3))


def test_many_members_are_refused(tmp_path):
    with pytest.raises(ArchiveTooLargeError, match="holds 4 files"):
        check_archive(archive(tmp_path, *[b""] * 4), LIMITS)


def test_another_method_of_packing_is_refused(tmp_path):
    with pytest.raises(zipfile.BadZipFile):
        check_archive(archive(tmp_path, b"a" * 100, method=zipfile.ZIP_BZIP2), LIMITS)


def test_a_workbook_that_lies_about_its_size_is_not_read(tmp_path):
    path = lying(archive(tmp_path, b" " * (100 << 20)))
    with pytest.raises(SheetError) as caught:
        read_sheet(path)
    assert [issue.code for issue in caught.value.report.errors] == ["too_large"]
