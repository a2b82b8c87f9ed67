"""Builds small files in the style of real ones, and says what each must give.

No row is copied from anywhere. Numbers are of ranges reserved for fiction where a country has
them (US, GB, AU, FR, DE), else of patterns that libphonenumber gives as examples.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

Rows = Sequence[Sequence[str]]


class Country(NamedTuple):
    """Two numbers of a country as people write them there, and what is dialled."""

    region: str
    headers: tuple[str, str, str, str, str]  # id, name, place, number, fax
    names: tuple[str, str]
    written: tuple[str, str]
    dialled: tuple[str, str]
    encoding: str


COUNTRIES = (
    Country("US", ("Store Number", "Store Name", "City", "Phone Number", "Fax"),
            ("Elm Street", "Café Row"), ("(202) 555-0142", "202.555.0143"),
            ("+12025550142", "+12025550143"), "cp1252"),
    Country("GB", ("ODS Code", "Practice Name", "Postcode", "Telephone", "Fax No"),
            ("Elm Surgery", "Café Lane"), ("020 7946 0958", "(0161) 496 0123"),
            ("+442079460958", "+441614960123"), "cp1252"),
    Country("DE", ("Filialnummer", "Bezeichnung", "Ort", "Telefon", "Telefax"),
            ("Köln Süd", "Straße 9"), ("030/23125 123", "0221-4710 456"),
            ("+493023125123", "+492214710456"), "cp1252"),
    Country("CH", ("Nr", "Name", "Ort", "Tel", "Fax"), ("Zürich HB", "Genève"),
            ("044 668 18 00", "+41 (0)22 730 11 11"), ("+41446681800", "+41227301111"), "cp1252"),
    Country("FR", ("Code", "Enseigne", "Ville", "Téléphone", "Télécopie"),
            ("Hôtel de Ville", "République"), ("01 99 00 12 34", "01.99.00.12.35"),
            ("+33199001234", "+33199001235"), "cp1252"),
    Country("ES", ("Código", "Nombre", "Ciudad", "Teléfono", "Fax"), ("Peñíscola", "Málaga"),
            ("912 345 678", "912-345-679"), ("+34912345678", "+34912345679"), "cp1252"),
    Country("IT", ("Codice", "Denominazione", "Comune", "Telefono", "Fax"), ("Città Alta", "Forlì"),
            ("02 1234 5678", "06/69812345"), ("+390212345678", "+390669812345"), "cp1252"),
    Country("PL", ("Kod", "Nazwa", "Miasto", "Numer telefonu", "Faks"), ("Łódź", "Źródło"),
            ("12 345 67 89", "22 123-45-67"), ("+48123456789", "+48221234567"), "cp1250"),
    Country("BR", ("Codigo", "Nome da loja", "Cidade", "Telefone", "Fax"), ("São João", "Praça"),
            ("(11) 2345-6789", "11 2345 6780"), ("+551123456789", "+551123456780"), "cp1252"),
    Country("AU", ("Store No", "Shop Name", "Suburb", "Contact number", "Fax"), ("Elm", "Café"),
            ("(02) 5550 1234", "03 7010 1234"), ("+61255501234", "+61370101234"), "cp1252"),
    Country("IN", ("Branch Code", "Branch Name", "City", "Phone No", "Fax"), ("Pune", "Café Goa"),
            ("074104 10123", "+91 74104 10124"), ("+917410410123", "+917410410124"), "cp1252"),
    Country("JP", ("店舗コード", "店舗名", "City", "電話番号", "Fax"), ("東京駅前店", "大阪店"),
            ("03-1234-5678", "03(1234)5679"), ("+81312345678", "+81312345679"), "cp932"),
    Country("RU", ("Код", "Название", "City", "Телефон", "Fax"), ("Москва", "Тверская"),
            ("8 (301) 123-45-67", "+7 301 123-45-68"), ("+73011234567", "+73011234568"), "cp1251"),
)  # fmt: skip


def rows_of(country: Country) -> list[list[str]]:
    """A header and two locations."""
    numbers, names = country.written, country.names
    return [
        list(country.headers),
        ["K0", names[0], "Town", numbers[0], numbers[1]],
        ["K1", names[1], "Town", numbers[1], numbers[0]],
    ]


def _text(path: Path, rows: Rows, delimiter: str, encoding: str = "utf-8") -> None:
    lines = (delimiter.join(f'"{c}"' if delimiter in c else c for c in row) for row in rows)
    path.write_bytes("\r\n".join(lines).encode(encoding))


def _workbook(path: Path, rows: Rows) -> None:
    from openpyxl import Workbook

    book = Workbook()
    for row in rows:
        book.worksheets[0].append(list(row))
    book.save(path)


def _open_document(path: Path, rows: Rows) -> None:
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    body = "".join(
        f"<table:table-row>{''.join(map(cell.format, row))}</table:table-row>" for row in rows
    )
    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    parts = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", kind)
        archive.writestr(
            "META-INF/manifest.xml",
            f'<m:manifest xmlns:m="{parts}"><m:file-entry m:full-path="/" m:media-type="{kind}"/>'
            '<m:file-entry m:full-path="content.xml" m:media-type="text/xml"/></m:manifest>',
        )
        archive.writestr(
            "content.xml",
            f"<office:document-content {names}><office:body><office:spreadsheet>"
            f'<table:table table:name="S">{body}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        )


def _titled(rows: Rows) -> list[list[str]]:
    width = len(rows[0])
    return [["Our locations"], [], *map(list, rows), ["Total: 2", *[""] * (width - 1)]]


KINDS: dict[str, Callable[[Path, Country], None]] = {
    "comma.csv": lambda path, c: _text(path, rows_of(c), ","),
    "semicolon.csv": lambda path, c: _text(path, rows_of(c), ";", "utf-8-sig"),
    "tab.tsv": lambda path, c: _text(path, rows_of(c), "\t", "utf-16"),
    "pipe.txt": lambda path, c: _text(path, rows_of(c), "|"),
    "legacy.csv": lambda path, c: _text(path, rows_of(c), ";", c.encoding),
    "book.xlsx": lambda path, c: _workbook(path, rows_of(c)),
    "open.ods": lambda path, c: _open_document(path, rows_of(c)),
    "titled.xlsx": lambda path, c: _workbook(path, _titled(rows_of(c))),
    "named.xls": lambda path, c: _text(path, rows_of(c), "\t"),
}
"""Name of a file -> what writes it."""
