"""The process that ``import`` measures: build an engine from a sheet or a snapshot."""

from __future__ import annotations

import time

_STARTED_S = time.perf_counter()  # before anything heavy is imported

import json  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TYPE_CHECKING, Any  # noqa: E402

if TYPE_CHECKING:
    from routing_engine import RoutingEngine

__all__: list[str] = []


def _build(request: dict[str, Any]) -> dict[str, Any]:
    from benchmarks.encoders import TimedEncoder, make_encoder
    from benchmarks.processes import peak_rss_mb
    from routing_engine import RoutingEngine
    from routing_engine.sheets import read_sheet

    imported_s = time.perf_counter()
    encoder = TimedEncoder(make_encoder(request["encoder"]))
    loaded_s = time.perf_counter()
    sheet = read_sheet(request["sheet"])
    read_s = time.perf_counter()
    engine = RoutingEngine(sheet.columns, encoder=encoder)
    ready_s = time.perf_counter()
    peak_mb = peak_rss_mb()
    engine.save(request["snapshot"])
    saved_s = time.perf_counter()
    report = sheet.report
    return {
        "encoder": encoder.fingerprint,
        "n_rows": report.n_rows,
        "n_warnings": report.n_warnings,
        "n_texts": encoder.n_texts,
        "imports_s": imported_s - _STARTED_S,
        "encoder_s": loaded_s - imported_s,
        "read_s": read_s - loaded_s,
        "embed_s": encoder.spent_s,
        "index_s": ready_s - read_s - encoder.spent_s,
        "ready_s": ready_s - _STARTED_S,
        "peak_mb": peak_mb,
        "save_s": saved_s - ready_s,
        "n_wrong": _n_wrong(engine, request["franchise"]),
    }


def _load(request: dict[str, Any]) -> dict[str, Any]:
    from benchmarks.encoders import make_encoder
    from benchmarks.processes import peak_rss_mb
    from routing_engine import RoutingEngine

    encoder = make_encoder(request["encoder"])
    before_s = time.perf_counter()
    engine = RoutingEngine.load(request["snapshot"], encoder=encoder)
    after_s = time.perf_counter()
    return {
        "load_s": after_s - before_s,
        "peak_mb": peak_rss_mb(),
        "n_wrong": _n_wrong(engine, request["franchise"]),
    }


def _n_wrong(engine: RoutingEngine, franchise: dict[str, int]) -> int:
    """Count locations that differ from the source of the sheet."""
    import numpy as np

    from benchmarks.generate import franchise_columns

    made, found = franchise_columns(**franchise), engine.columns
    if tuple(made.ids) != engine.location_ids() or made.n_rules != found.n_rules:
        return len(made)
    per_location = (len(made), franchise["n_rules"])
    wrong = made.defaults != found.defaults
    wrong |= (
        made.destinations.reshape(per_location) != found.destinations.reshape(per_location)
    ).any(axis=1)
    tables = [made.tables[table] for table in made.table[: len(made.tables)].tolist()]
    wrong_tables = sum(found.tables[found.table[i]] != table for i, table in enumerate(tables))
    return int(np.count_nonzero(wrong)) + wrong_tables


def _main(asked: str, answered: str) -> None:
    request = json.loads(Path(asked).read_text(encoding="utf-8"))
    answer = _load(request) if request["step"] == "load" else _build(request)
    Path(answered).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
