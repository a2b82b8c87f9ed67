"""The process of one contender of ``peer``.

``engine``   ``RoutingEngine.route``.
``router``   the peer's ``IndexedRouter(encoder, routes, LocalIndex())``, one a location, called
             as ``router(text)``; all of them share one ``LocalEncoder``.
``index``    one ``LocalIndex`` of all locations' routes: ``encoder([text])`` and then
             ``index.query(vector, top_k=5, route_filter=[the location's routes])``, from whose
             scores the best route is taken as ``IndexedRouter`` does it (mean a route). The
             router itself has no filter.
``encode``   ``SentenceTransformer.encode([text])`` and nothing else.

A rule is a route whose utterances are the rule's ``when`` and examples.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy import Answers, ask
from benchmarks.cases import CaseFile, read_cases
from benchmarks.encoders import make_encoder
from benchmarks.generate import franchise_columns
from benchmarks.processes import rss_mb
from benchmarks.timing import no_garbage_collection
from benchmarks.workers import serve
from routing_engine import RoutingEngine
from routing_engine.encoders.source import find_model

__all__: list[str] = []

TOP_K = 5
"""Number of texts that the peer retrieves: its own default."""

Table = Sequence[tuple[str, Sequence[str]]]
"""Label and texts of each rule of a location."""


class _Contender(ABC):
    """Something that decides. ``locations`` is filled by :meth:`build`."""

    @abstractmethod
    def build(self, locations: dict[str, Table]) -> None: ...

    @abstractmethod
    def route(self, location_id: str, text: str) -> object: ...


class _Encode(_Contender):
    def __init__(self) -> None:
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(_model_folder(), device="cpu")

    def build(self, locations: dict[str, Table]) -> None:
        pass

    def route(self, location_id: str, text: str) -> object:  # noqa: ARG002
        return self._model.encode([text])


class _Routers(_Contender):
    def __init__(self) -> None:
        peer = import_module("semantic_router")
        self._peer = peer
        self._index = import_module("semantic_router.index").LocalIndex
        encoders = import_module("semantic_router.encoders")
        self._encoder: Any = encoders.LocalEncoder(name=_model_folder())
        self.routers: dict[str, Any] = {}

    def build(self, locations: dict[str, Table]) -> None:
        for location_id, table in locations.items():
            self.routers[location_id] = self.router(self._encoder, table)

    def router(self, encoder: Any, table: Table) -> Any:
        routes = [self._peer.Route(name=label, utterances=list(texts)) for label, texts in table]
        return self._peer.IndexedRouter(encoder=encoder, routes=routes, index=self._index())

    def route(self, location_id: str, text: str) -> object:
        return self.routers[location_id](text)

    def remembering(self, texts: Sequence[str]) -> Any:
        """Return the peer's encoder with the vectors of some texts precomputed."""
        base = import_module("semantic_router.encoders").DenseEncoder
        known = dict(zip(texts, self._encoder(list(texts)), strict=True))

        class Remembering(base):  # type: ignore[misc,valid-type]
            def __call__(self, docs: list[str]) -> list[list[float]]:
                return [known[text] for text in docs]

        return Remembering(name="remembering")


class _Index(_Routers):
    def build(self, locations: dict[str, Table]) -> None:
        texts = list(
            dict.fromkeys(
                text for table in locations.values() for _, said in table for text in said
            )
        )
        # Once each: better than its router, which encodes what two locations share twice.
        vectors = dict(zip(texts, self._encoder(texts), strict=True))
        self._routes_of = {
            location_id: [f"{location_id}/{label}" for label, _ in table]
            for location_id, table in locations.items()
        }
        rows = [
            (f"{location_id}/{label}", text)
            for location_id, table in locations.items()
            for label, said in table
            for text in said
        ]
        self._one = self._index()
        self._one.add(
            embeddings=[vectors[text] for _, text in rows],
            routes=[name for name, _ in rows],
            utterances=[text for _, text in rows],
        )

    def route(self, location_id: str, text: str) -> object:
        vector = np.array(self._encoder([text])[0])
        scores, names = self._one.query(
            vector=vector, top_k=TOP_K, route_filter=self._routes_of[location_id]
        )
        by_route: dict[str, list[float]] = defaultdict(list)
        for score, name in zip(scores, names, strict=True):
            by_route[name].append(float(score))
        return max((float(np.mean(found)), name) for name, found in by_route.items())


def _model_folder() -> str:
    return str(find_model(None).folder)


class _Engine:
    """This engine; not a `_Contender`, as it is built from columns."""

    def __init__(self, encoder: str) -> None:
        self.encoder = make_encoder(encoder)

    def route(self, location_id: str, text: str) -> object:
        return self._engine.route(location_id, text)

    def build_franchise(self, **franchise: int) -> None:
        self._engine = RoutingEngine(
            franchise_columns(**franchise), encoder=self.encoder, cache_size=0
        )


_PEER = {"router": _Routers, "index": _Index, "encode": _Encode}


class _Served:
    """Steps that the measuring process requests."""

    contender: Any

    def start(self, contender: str, encoder: str) -> dict[str, Any]:
        before_s = time.perf_counter()
        self.contender = _Engine(encoder) if contender == "engine" else _PEER[contender]()
        spent_s = time.perf_counter() - before_s
        fingerprint = getattr(getattr(self.contender, "encoder", None), "fingerprint", None)
        return {"start_s": spent_s, "started_mb": rss_mb(), "fingerprint": fingerprint}

    def build(self, franchise: dict[str, int], said: list[str]) -> dict[str, Any]:
        columns = franchise_columns(**franchise)
        self.ids = list(columns.ids)
        self.said = said
        tables = [
            [(rule.label, (rule.when, *rule.examples)) for rule in table]
            for table in columns.tables
        ]
        of = {
            location_id: tables[table]
            for location_id, table in zip(self.ids, columns.table.tolist(), strict=True)
        }
        del columns
        before_mb, before_s = rss_mb(), time.perf_counter()
        if isinstance(self.contender, _Engine):
            self.contender.build_franchise(**franchise)
        else:
            self.contender.build(of)
        spent_s = time.perf_counter() - before_s
        return {"build_s": spent_s, "before_mb": before_mb, "built_mb": rss_mb()}

    def turn(self, first: int, n: int) -> dict[str, Any]:
        """Time each of n consecutive decisions, in nanoseconds."""
        clock = time.perf_counter_ns
        taken: list[int] = []
        with no_garbage_collection():
            for query in self._queries(first, n):
                before = clock()
                self.contender.route(*query)
                taken.append(clock() - before)
        return {"ns": taken}

    def together(self, n_callers: int, n: int) -> dict[str, Any]:
        """Time n decisions by as many threads, in seconds."""
        queries = list(self._queries(0, n))
        with ThreadPoolExecutor(n_callers) as pool:
            list(pool.map(lambda query: self.contender.route(*query), queries[:n_callers]))
            before_s = time.perf_counter()
            list(pool.map(lambda query: self.contender.route(*query), queries))
            return {"spent_s": time.perf_counter() - before_s, "resident_mb": rss_mb()}

    def _queries(self, first: int, n: int) -> Iterator[tuple[str, str]]:
        for k in range(first, first + n):
            yield self.ids[k * 7919 % len(self.ids)], self.said[k % len(self.said)]

    def quality(self, path: str, fit_path: str, with_examples: bool) -> dict[str, Any]:
        """Measure a case file, one entry per way of calling."""
        cases = read_cases(Path(path))
        if isinstance(self.contender, _Engine):
            locations = cases.locations(with_examples=with_examples)
            engine = RoutingEngine(locations, encoder=self.contender.encoder)
            return {"shipped default": ask(engine, cases).metrics()}
        fit_on = cases if fit_path == path else read_cases(Path(fit_path))
        return _peer_quality(self.contender, cases, fit_on, with_examples=with_examples)


def _peer_quality(
    peer: _Routers, cases: CaseFile, fit_on: CaseFile, *, with_examples: bool
) -> dict[str, Any]:
    """Measure the peer's routers: uncalibrated, and calibrated on other cases.

    Its ``fit`` belongs to one router and wants labelled queries for that router's location. These
    locations have none, so what ``fit`` does (score, pick the top route, fit a ``Calibrator`` on
    whether it is right) is done once over all locations of ``fit_on``, and every router gets that
    calibrator.
    """
    calibration = import_module("semantic_router.calibration")
    raw, label_of_top = _top_routes(peer, fit_on, with_examples=with_examples)
    labels = [query.label for query in fit_on.queries]
    correct = np.array([top == label for top, label in zip(label_of_top, labels, strict=True)])
    calibrator = calibration.Calibrator.fit(raw, correct.astype(float))
    fitted = _answers(fit_on, calibrator(raw), label_of_top)
    best = _best_threshold(fitted)
    if cases is not fit_on:
        raw, label_of_top = _top_routes(peer, cases, with_examples=with_examples)
    calibrated = calibrator(raw)
    return {
        "default, no threshold": _metrics(_answers(cases, raw, label_of_top), -np.inf),
        "fit, threshold 0.5": _metrics(_answers(cases, calibrated, label_of_top), 0.5),
        "fit, best threshold": {
            **_metrics(_answers(cases, calibrated, label_of_top), best),
            "threshold": best,
        },
    }


def _top_routes(
    peer: _Routers, cases: CaseFile, *, with_examples: bool
) -> tuple[np.ndarray[Any, np.dtype[np.float64]], list[str]]:
    """Return raw confidence and name of each query's top route, as ``router(text)`` does."""
    tables: dict[str, Table] = {
        location_id: [
            (label, (rule["when"], *(rule.get("examples", ()) if with_examples else ())))
            for label, rule in rules.items()
        ]
        for location_id, rules in cases.rules.items()
    }
    said = [query.text for query in cases.queries]
    texts = [text for table in tables.values() for _, listed in table for text in listed]
    encoder = peer.remembering(list(dict.fromkeys([*texts, *said])))
    routers = {location_id: peer.router(encoder, table) for location_id, table in tables.items()}
    choices = [routers[query.location_id](query.text) for query in cases.queries]
    return (
        np.array([choice.confidence for choice in choices], np.float64),
        [choice.name for choice in choices],
    )


def _answers(
    cases: CaseFile, confidence: np.ndarray[Any, np.dtype[np.float64]], tops: Sequence[str]
) -> Answers:
    """Return the answers without any threshold."""
    labels = [query.label for query in cases.queries]
    is_best = np.array([top == label for top, label in zip(tops, labels, strict=True)], np.bool_)
    return Answers(
        kind=np.array([query.kind for query in cases.queries], np.str_),
        is_best=is_best,
        is_picked=np.ones(len(labels), np.bool_),
        is_right=is_best,
        confidence=confidence,
    )


def _metrics(answers: Answers, threshold: float) -> dict[str, Any]:
    is_picked = answers.confidence >= threshold
    return Answers(
        kind=answers.kind,
        is_best=answers.is_best,
        is_picked=is_picked,
        is_right=answers.is_best & is_picked,
        confidence=answers.confidence,
    ).metrics()


def _best_threshold(answers: Answers) -> float:
    """Find the threshold with the best balanced score."""
    in_scope = answers.kind == "in"
    candidates = np.unique(answers.confidence)
    right = np.sort(answers.confidence[in_scope & answers.is_best])
    out = np.sort(answers.confidence[~in_scope])
    picked_right = 1 - np.searchsorted(right, candidates, side="left") / max(len(right), 1)
    share_right = picked_right * len(right) / max(int(in_scope.sum()), 1)
    held = np.searchsorted(out, candidates, side="left") / max(len(out), 1)
    return float(candidates[int((share_right + held).argmax())])


def _main() -> None:
    served = _Served()
    names = ("start", "build", "turn", "together", "quality")
    serve({name: getattr(served, name) for name in names})


if __name__ == "__main__":
    _main()
