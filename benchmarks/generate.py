"""Made-up franchises of any size, and what their callers say. Seeded: same seed, same bytes.

Locations share a few profiles (tables of rule texts) and differ in numbers. Every number is
distinct, and valid for libphonenumber: a US area code in service, an exchange, four digits. The
exchange 555, of which next to nothing is assigned, is used up first (enough for 100,000 locations
of ten rules). The numbers are for parsing only.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.calibration.situations import CLOSERS, ELSEWHERE, OPENERS, SHARED, TRADES, Situation
from routing_engine import InvalidValueError, RuleText
from routing_engine.catalog.columns import LocationColumns, SharedSettings, StringColumn

__all__ = [
    "AREAS",
    "Area",
    "franchise_columns",
    "profiles",
    "utterances",
    "write_franchise_csv",
]

LINES_PER_EXCHANGE = 10_000
LOCATIONS_PER_CHUNK = 5_000

_OPENINGS = ("caller ", "customer ", "the caller ", "someone who ")

_AREAS_BY_TIMEZONE = {
    "America/New_York": """201 Jersey City, 202 Washington, 203 New Haven, 207 Portland,
        212 New York, 215 Philadelphia, 216 Cleveland, 239 Fort Myers, 240 Rockville,
        301 Bethesda, 302 Wilmington, 305 Miami, 315 Syracuse, 330 Akron, 336 Greensboro,
        352 Gainesville, 386 Daytona Beach, 401 Providence, 404 Atlanta, 407 Orlando,
        410 Baltimore, 412 Pittsburgh, 413 Springfield, 419 Toledo, 423 Chattanooga,
        434 Charlottesville, 478 Macon, 508 Worcester, 513 Cincinnati, 516 Hempstead, 518 Albany,
        540 Roanoke, 561 Boca Raton, 570 Scranton, 585 Rochester, 603 Manchester,
        607 Binghamton, 609 Trenton, 610 Allentown, 614 Columbus, 617 Boston, 631 Islip,
        703 Arlington, 704 Charlotte, 706 Athens, 716 Buffalo, 717 Lancaster, 718 Brooklyn,
        727 Clearwater, 732 Edison, 757 Norfolk, 781 Lynn, 802 Burlington, 803 Columbia,
        804 Richmond, 813 Tampa, 814 Erie, 828 Asheville, 843 Charleston, 856 Camden,
        859 Lexington, 860 Hartford, 864 Greenville, 865 Knoxville, 904 Jacksonville,
        908 Elizabeth, 912 Savannah, 914 Yonkers, 919 Raleigh, 937 Dayton, 941 Sarasota,
        954 Fort Lauderdale, 973 Newark, 978 Lowell""",
    "America/Detroit": """248 Troy, 313 Detroit, 517 Lansing, 616 Grand Rapids, 734 Ann Arbor,
        810 Flint""",
    "America/Indiana/Indianapolis": "260 Fort Wayne, 317 Indianapolis, 765 Lafayette",
    "America/Chicago": """205 Birmingham, 210 San Antonio, 214 Dallas, 217 Springfield,
        218 Duluth, 225 Baton Rouge, 251 Mobile, 254 Waco, 262 Kenosha, 309 Peoria, 312 Chicago,
        314 St. Louis, 316 Wichita, 318 Shreveport, 319 Cedar Rapids, 334 Montgomery,
        337 Lafayette, 361 Corpus Christi, 402 Omaha, 405 Oklahoma City, 409 Beaumont,
        414 Milwaukee, 417 Springfield, 479 Fort Smith, 501 Little Rock, 504 New Orleans,
        507 Rochester, 512 Austin, 515 Des Moines, 563 Davenport, 601 Jackson, 605 Sioux Falls,
        608 Madison, 612 Minneapolis, 615 Nashville, 651 St. Paul, 701 Fargo, 712 Sioux City,
        713 Houston, 785 Topeka, 806 Lubbock, 815 Rockford, 816 Kansas City, 817 Fort Worth,
        901 Memphis, 918 Tulsa, 920 Green Bay, 956 Laredo""",
    "America/Denver": """303 Denver, 307 Cheyenne, 406 Billings, 435 St. George,
        505 Albuquerque, 575 Las Cruces, 719 Colorado Springs, 801 Salt Lake City,
        915 El Paso, 970 Fort Collins""",
    "America/Boise": "208 Boise",
    "America/Phoenix": "480 Mesa, 520 Tucson, 602 Phoenix, 623 Glendale, 928 Flagstaff",
    "America/Los_Angeles": """206 Seattle, 209 Stockton, 213 Los Angeles, 253 Tacoma,
        310 Torrance, 360 Olympia, 408 San Jose, 415 San Francisco, 425 Bellevue, 503 Portland,
        509 Spokane, 510 Oakland, 530 Redding, 541 Eugene, 559 Fresno, 562 Long Beach,
        619 San Diego, 626 Pasadena, 650 Palo Alto, 661 Bakersfield, 702 Las Vegas,
        707 Santa Rosa, 714 Anaheim, 760 Oceanside, 775 Reno, 805 Ventura, 818 Burbank,
        831 Salinas, 909 San Bernardino, 916 Sacramento, 925 Concord, 949 Irvine,
        951 Riverside""",
    "America/Anchorage": "907 Anchorage",
    "Pacific/Honolulu": "808 Honolulu",
}


@dataclass(frozen=True, slots=True)
class Area:
    """One area code.

    Attributes:
        code: three digits.
        city: the name of a city in it.
        timezone: IANA name, of the city.
    """

    code: int
    city: str
    timezone: str


AREAS: tuple[Area, ...] = tuple(
    Area(int(entry.split(maxsplit=1)[0]), " ".join(entry.split()[1:]), timezone)
    for timezone, entries in _AREAS_BY_TIMEZONE.items()
    for entry in entries.split(",")
)

# Exchanges such as 211 and 911 are services, not exchanges.
_EXCHANGES = np.array([555, *(n for n in range(200, 1000) if n % 100 != 11 and n != 555)])
_AREA_CODES = np.array([area.code for area in AREAS])


def profiles(
    n_profiles: int, *, n_rules: int = 10, examples: int = 5, seed: int = 0
) -> tuple[tuple[RuleText, ...], ...]:
    """Generate distinct tables of rule texts, each of one trade.

    Args:
        n_profiles: how many tables.
        n_rules: rules a table, at most 28.
        examples: examples a rule, 0 to 6.
        seed: of the choice.

    Raises:
        InvalidValueError: more rules or examples than there are texts for.
    """
    most = len(SHARED) + min(map(len, TRADES.values()))
    if not 1 <= n_rules <= most:
        raise InvalidValueError(f"n_rules is 1 to {most}, not {n_rules}")
    if not 0 <= examples <= min(len(situation.examples) for situation in _situations()):
        raise InvalidValueError(f"examples is 0 to 6, not {examples}")
    chance = random.Random(f"profiles {seed}")
    trades = list(TRADES.values())
    made: dict[tuple[RuleText, ...], None] = {}
    while len(made) < n_profiles:
        trade = trades[len(made) % len(trades)]
        # About half of a table is what every business has.
        n_own = min(len(trade), (n_rules + 1) // 2)
        chosen = chance.sample(trade, n_own) + chance.sample(SHARED, n_rules - n_own)
        opening = chance.choice(_OPENINGS)
        made[
            tuple(
                RuleText(
                    label=situation.label,
                    when=opening + situation.clause,
                    examples=tuple(chance.sample(situation.examples, examples)),
                )
                for situation in chosen
            )
        ] = None
    return tuple(made)


def _situations() -> Iterator[Situation]:
    yield from SHARED
    for trade in TRADES.values():
        yield from trade


@dataclass(frozen=True, slots=True)
class _Franchise:
    """The data from which both columns and sheet are written."""

    tables: tuple[tuple[RuleText, ...], ...]
    n_rules: int
    table: npt.NDArray[np.int32]
    area: npt.NDArray[np.int32]
    first_line: int

    @classmethod
    def plan(
        cls, n_locations: int, n_rules: int, n_profiles: int, examples: int, seed: int
    ) -> _Franchise:
        chance = np.random.default_rng(seed)
        tables = profiles(n_profiles, n_rules=n_rules, examples=examples, seed=seed)
        # Every profile is used, however few locations there are.
        table = np.arange(n_locations, dtype=np.int32) % n_profiles
        chance.shuffle(table)
        areas = chance.permutation(len(AREAS)).astype(np.int32)
        area = areas[np.arange(n_locations) % len(AREAS)]
        return cls(tables, n_rules, table, area, int(chance.integers(LINES_PER_EXCHANGE)))

    def numbers(self, start: int, stop: int) -> npt.NDArray[np.uint64]:
        """Return E.164 digits, uint64 ``(stop - start, n_rules + 1)``, the default first.

        The n-th number of an area has the (n // 10,000)-th exchange and a line that walks through
        all 10,000 by a step that has no divisor in common with 10,000: no number comes twice.
        """
        locations = np.arange(start, stop, dtype=np.int64)
        n_per_location = self.n_rules + 1
        nth = (locations // len(AREAS))[:, None] * n_per_location + np.arange(n_per_location)
        if stop > start and int(nth.max()) // LINES_PER_EXCHANGE >= len(_EXCHANGES):
            raise InvalidValueError(f"there are not enough numbers for {stop} locations")
        line = (nth % LINES_PER_EXCHANGE * 7919 + self.first_line) % LINES_PER_EXCHANGE
        area_code = _AREA_CODES[self.area[start:stop]][:, None]
        exchange = _EXCHANGES[nth // LINES_PER_EXCHANGE]
        national = (area_code * 1000 + exchange) * LINES_PER_EXCHANGE + line
        numbers: npt.NDArray[np.uint64] = (national + 10**10).astype(np.uint64)
        return numbers

    def location_id(self, i: int) -> str:
        return f"store-{i:07d}"

    def name(self, i: int) -> str:
        return f"{AREAS[self.area[i]].city} {i // len(AREAS) + 1}"


def franchise_columns(
    n_locations: int,
    *,
    n_rules: int = 10,
    n_profiles: int = 20,
    examples: int = 5,
    seed: int = 0,
) -> LocationColumns:
    """Generate a franchise as compiled columns.

    Args:
        n_locations: how many.
        n_rules: rules a location, each with a number of its own.
        n_profiles: distinct tables of rule texts; each has its share of the locations.
        examples: examples a rule.
        seed: of everything.

    Raises:
        InvalidValueError: more than there are texts or numbers for.
    """
    plan = _Franchise.plan(n_locations, n_rules, n_profiles, examples, seed)
    numbers = plan.numbers(0, n_locations)
    timezones = tuple(_AREAS_BY_TIMEZONE)
    site_of_area = np.array([timezones.index(area.timezone) for area in AREAS], np.int32)
    return LocationColumns(
        ids=StringColumn.from_strings([plan.location_id(i) for i in range(n_locations)]),
        names=StringColumn.from_strings([plan.name(i) for i in range(n_locations)]),
        site=site_of_area[plan.area],
        table=plan.table,
        first_slot=np.arange(n_locations + 1, dtype=np.int64) * n_rules,
        destinations=numbers[:, 1:].ravel(),
        defaults=numbers[:, 0].copy(),
        after_hours=np.zeros(n_locations, np.uint64),
        fallback_slots=np.empty(0, np.int64),
        fallback_offsets=np.zeros(1, np.int64),
        fallback_codes=np.empty(0, np.uint64),
        sites=tuple(SharedSettings(timezone) for timezone in timezones),
        tables=plan.tables,
        specials=(),
    )


def write_franchise_csv(
    path: Path,
    n_locations: int,
    *,
    n_rules: int = 10,
    n_profiles: int = 20,
    examples: int = 5,
    seed: int = 0,
) -> int:
    """Write the franchise of :func:`franchise_columns` as a sheet in the long layout.

    Written in chunks, so that ten million rows need little memory.

    Returns:
        Rows written, without the header.
    """
    plan = _Franchise.plan(n_locations, n_rules, n_profiles, examples, seed)
    texts = [
        [_cells(rule.label, rule.when, " | ".join(rule.examples)) for rule in table]
        for table in plan.tables
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(
            "location_id,location_name,timezone,default_destination,"
            "label,when,examples,destination\r\n"
        )
        for start in range(0, n_locations, LOCATIONS_PER_CHUNK):
            stop = min(start + LOCATIONS_PER_CHUNK, n_locations)
            lines: list[str] = []
            for i, (default, *numbers) in enumerate(plan.numbers(start, stop).tolist(), start):
                timezone = AREAS[plan.area[i]].timezone
                head = f"{plan.location_id(i)},{plan.name(i)},{timezone},+{default},"
                lines.extend(
                    f"{head}{text},+{number}\r\n"
                    for text, number in zip(texts[plan.table[i]], numbers, strict=True)
                )
            file.write("".join(lines))
    return n_locations * n_rules


def _cells(*values: str) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(values)
    return out.getvalue()


def utterances(n: int, *, seed: int = 0) -> tuple[str, ...]:
    """Generate distinct utterances, one in six of which no rule covers.

    Raises:
        InvalidValueError: more than can be put together.
    """
    heard = [text for situation in _situations() for text in situation.heard]
    most = len(OPENERS) * len(CLOSERS) * len(heard) // 2  # draws repeat rarely up to there
    if not 0 <= n <= most:
        raise InvalidValueError(f"n is 0 to {most}, not {n}")
    chance = random.Random(f"utterances {seed}")
    made: dict[str, None] = {}
    while len(made) < n:
        said = chance.choice(ELSEWHERE if chance.random() < 1 / 6 else heard)
        made[chance.choice(OPENERS) + said + chance.choice(CLOSERS)] = None
    return tuple(made)
