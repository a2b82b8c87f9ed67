"""A process of ``endurance``: the soak with look-alike ids, faults and changes of some locations.

Locations come in families whose ids look alike. Half of them change with every version, by a
replaced catalog or by changes that are applied; the others never do.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import threading
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.encoders import make_encoder
from benchmarks.generate import franchise_columns
from benchmarks.stress.soak_child import Soak
from routing_engine import Encoder, RoutingEngine, RoutingError
from routing_engine.catalog.columns import LocationColumns, StringColumn
from routing_engine.encoders.protocol import Vectors
from routing_engine.errors import SnapshotError, UnknownLocationError

__all__ = ["LOOK_ALIKE", "STRANGERS", "FaultyEncoder"]

LOOK_ALIKE: Final = (
    "Caf\u00e9-{}",
    "Cafe\u0301-{}",
    "caf\u00e9-{}",
    "CAF\u00c9-{}",
    "Caf\u00e9\u200b-{}",
    "\u0421af\u00e9-{}",
    "\uff23af\u00e9-{}",
    "Caf\u00e9\u2010{}",
)
"""Ids that look alike: composed and not, in another case, with a zero-width space, a Cyrillic C, a
full-width C and another hyphen."""

STRANGERS: Final = (
    "Cafe-{}",
    "Caf\u00e9-{}\u2060",
    "Caf\u00e9\u2011{}",
    "Caf\u00e9-0{}",
    "\u200bCaf\u00e9-{}",
)
"""Ids that look like these and are nobody's."""

FAULT_EVERY: Final = 5_000
STRANGER_EVERY: Final = 50
HURRY_EVERY: Final = 200


class FaultyEncoder:
    """An encoder that fails now and then, while it is told to.

    Args:
        encoder: that does the work.
        seed: of when it fails.

    Attributes:
        fails: whether it does at present.
        n_failed: how often it has.
    """

    def __init__(self, encoder: Encoder, seed: int) -> None:
        self._encoder = encoder
        self._chance = random.Random(f"faults {seed}")
        self.fails = False
        self.n_failed = 0

    @property
    def fingerprint(self) -> str:
        """That of the encoder."""
        return self._encoder.fingerprint

    @property
    def dimension(self) -> int:
        """That of the encoder."""
        return self._encoder.dimension

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return vectors, or fail."""
        if self.fails and self._chance.randrange(FAULT_EVERY) < len(texts):
            self.n_failed += 1
            raise MemoryError("a fault of the benchmark")
        return self._encoder.encode(texts)


class _Endurance(Soak):
    """The soak, with everything that goes wrong."""

    def made(self, n: int) -> tuple[LocationColumns, LocationColumns]:
        numbers = franchise_columns(2 * n, seed=self.seed)
        ids = [LOOK_ALIKE[i % len(LOOK_ALIKE)].format(i // len(LOOK_ALIKE)) for i in range(n)]
        assert len(set(ids)) == n
        assert len({_seen(name) for name in ids}) <= n // 4
        first = replace(franchise_columns(n, seed=self.seed), ids=StringColumn.from_strings(ids))
        n_rules = len(first.destinations) // n
        changes = np.arange(n) % 2 == 1
        of_slots = np.repeat(changes, n_rules)
        odd, even = (
            numbers.destinations[: n * n_rules],
            numbers.destinations[n * n_rules : 2 * n * n_rules],
        )
        return (
            replace(first, destinations=odd.copy(), defaults=numbers.defaults[:n].copy()),
            replace(
                first,
                destinations=np.where(of_slots, even, odd),
                defaults=np.where(changes, numbers.defaults[n:], numbers.defaults[:n]),
            ),
        )

    def encoding(self) -> Encoder:
        self.faulty = FaultyEncoder(make_encoder(self.request["encoder"]), self.seed)
        return self.faulty

    def goes_on(self, elapsed_s: float) -> bool:
        del elapsed_s
        self.faulty.fails = True
        n: int = self.counts["route"] + self.counts["aroute"]
        return n < int(self.request["decisions"])

    def caller(self, k: int) -> None:
        chance = random.Random(f"endurance {self.seed} {k}")
        while not self.stopping.is_set():
            i, said = chance.randrange(len(self.ids)), chance.choice(self.said)
            if chance.randrange(STRANGER_EVERY) == 0:
                family = i // len(LOOK_ALIKE)
                stranger = chance.choice(STRANGERS).format(family)
                self._ask_as(stranger, said)
            hurry = 1e-6 if chance.randrange(HURRY_EVERY) == 0 else None
            self.check("route", i, self.engine.route(self.ids[i], said, deadline_s=hurry))

    def _ask_as(self, stranger: str, said: str) -> None:
        """Ask by an id that is nobody's: it must be an error."""
        try:
            self.engine.route(stranger, said)
            is_wrong = True
        except UnknownLocationError:
            is_wrong = False
        with self.lock:
            self.counts["strangers"] += 1
            self.counts["wrong"] += is_wrong

    def writer(self) -> None:
        changing = [
            columns.without(frozenset(range(0, len(self.ids), 2))) for columns in self.catalogs
        ]
        chance = random.Random(f"endurance {self.seed} writer")
        while not self.stopping.wait(self.request["replace_every_s"]):
            before = self.engine.catalog_version
            at = before % 2  # the version after an odd one is of the second catalog
            kind = chance.choice(("replace", "apply", "refused"))
            if kind == "replace":
                version = self.engine.replace(self.catalogs[at])
            elif kind == "apply":
                version = self.engine.apply(changing[at])
            else:
                version = self._refused()
            expected = before if kind == "refused" else before + 1
            if not version == expected == self.engine.catalog_version:
                raise RuntimeError(f"{kind} led from version {before} to {version}")
            with self.lock:
                self.counts[kind] += 1

    def _refused(self) -> int:
        """Change what cannot be: nothing may come of it."""
        try:
            self.engine.apply(self.catalogs[1], remove=["nobody's"])
        except UnknownLocationError:
            return self.engine.catalog_version
        raise RuntimeError("a location that is not there was removed")

    def saver(self) -> None:
        chance = random.Random(f"endurance {self.seed} saver")
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            while not self.stopping.wait(self.request["save_every_s"]):
                self.engine.save(folder)
                loaded = RoutingEngine.load(folder, encoder=self.encoder)
                for _ in range(20):
                    i = chance.randrange(len(self.ids))
                    self.check("route", i, loaded.route(self.ids[i], chance.choice(self.said)))
                is_refused = self._damaged(Path(folder), chance)
                with self.lock:
                    self.counts["save_and_load"] += 1
                    self.counts["damaged"] += 1
                    self.counts["wrong"] += not is_refused

    def _damaged(self, folder: Path, chance: random.Random) -> bool:
        """Whether a snapshot of which one byte is another is refused."""
        path = chance.choice(sorted(folder.iterdir()))
        content = bytearray(path.read_bytes())
        if not content:
            return True
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        # Beside it, and then in its place: what is mapped by others keeps what it had.
        beside = path.with_name(".damaged")
        beside.write_bytes(content)
        beside.replace(path)
        try:
            RoutingEngine.load(folder, encoder=self.encoder)
        except SnapshotError:
            return True
        except RoutingError:
            return False
        return False


def _seen(name: str) -> str:
    """An id as it is seen."""
    folded = unicodedata.normalize("NFKC", name.replace("\u200b", "")).casefold()
    return folded.replace("\u0441", "c").replace("\u2010", "-")


def _main(asked: str, answered: str) -> None:
    request = json.loads(Path(asked).read_text(encoding="utf-8"))
    soak = _Endurance(request)
    answer = soak.run()
    answer["counts"]["faults"] = soak.faulty.n_failed
    Path(answered).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    threading.stack_size(1 << 20)
    _main(sys.argv[1], sys.argv[2])
