"""Whether any request gets an answer that the OpenAPI document does not describe.

Schemathesis makes the requests and judges the answers: of every operation the document's own
examples, generated requests, right ones and wrong ones, and walks along the document's links, in
which what one answer made is what the next request is about. The server is a process of its own.
"""

from __future__ import annotations

import importlib.util
import random
from argparse import ArgumentParser, Namespace
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.benchmark import Benchmark, new_plot, save_plot
from benchmarks.report import Document, Table, machine, setting
from benchmarks.served import (
    DATABASES,
    Client,
    Server,
    databases,
    scratch_database,
    why_no_postgres,
)
from routing_engine.server.wire.hours import DAYS

if TYPE_CHECKING:
    from schemathesis import Case
    from schemathesis.core.transport import Response

__all__ = ["BENCHMARK", "measure"]

N_CASES = 3000
N_QUICK = 150
CASES_OF_ONE_OPERATION = 20
STEPS = 25
"""Steps of a walk."""

SHEET = (
    b"location_id,default_destination,label,when,destination\n"
    b"store-7,+14155550100,Billing,caller asks about an invoice,+14155550111\n"
)
ALWAYS_OPEN = {"weekly": {day: ["00:00-24:00"] for day in DAYS}, "holidays": []}
_KINDS = {"agt": "agentId", "skl": "skillId", "imp": "importId", "key": "keyId"}
"""Prefix of an id -> its path parameter."""

# The document cannot say that fields fit together, or that a number can be dialled: what it allows
# may be refused as invalid, or as not what is there now, but never as unreadable.
_CHECKS = {
    "positive_data_acceptance": {"expected-statuses": ["2xx", "401", "404", "409", "412", "422"]},
    "negative_data_rejection": {
        "expected-statuses": [*("400", "401", "404", "405", "409", "412", "413", "415", "422")]
    },
}


class _Fuzzing:
    """One run against one server.

    Attributes:
        statuses: operation -> status -> how often.
        broken: name of what went wrong -> how often.
        examples: of each kind of what went wrong, one.
    """

    def __init__(self, base_url: str, token: str, own_key: str, *, seed: int) -> None:
        import schemathesis
        from schemathesis.config import SchemathesisConfig
        from schemathesis.core.result import Ok

        self._chance = random.Random(f"fuzz api {seed}")
        self._token = token
        self._own_key = own_key
        self._seed = seed
        config = SchemathesisConfig.from_dict(
            {
                "seed": seed,
                "checks": _CHECKS,
                "generation": {"with-security-parameters": False},
            }
        )
        self._schema = schemathesis.openapi.from_url(f"{base_url}/openapi.json", config=config)
        self._operations: list[Any] = [
            found.ok() for found in self._schema.get_all_operations() if isinstance(found, Ok)
        ]
        self._known: defaultdict[str, list[Any]] = defaultdict(list)
        self._deleted: set[str] = set()
        self.statuses: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self.broken: Counter[str] = Counter()
        self.examples: dict[str, str] = {}

    @property
    def n_cases(self) -> int:
        """Number of requests that were checked."""
        return sum(counted.total() for counted in self.statuses.values())

    def tell(self) -> None:
        """Send the examples of the document: agents, then calls, deletions last."""
        paths = list(self._schema.raw_schema["paths"])
        for operation in sorted(
            self._operations,
            key=lambda item: (
                item.method == "delete",
                # The document has calls first; there are none before an agent is published.
                "calls" in item.definition.raw["tags"],
                -item.path.count("{") if item.method == "delete" else paths.index(item.path),
                # A PUT before its GET, as a POST before its list.
                item.method == "get",
            ),
        ):
            bodies = self._bodies(operation) or [None]
            for body in bodies:
                case = operation.Case()
                case.path_parameters = {
                    item.name: self._aimed(item.name) for item in operation.path_parameters
                }
                if body is not None:
                    case.body, case.media_type = body, self._media_type(operation)
                self.judge(self.call(case), case)

    def draw(self, n: int) -> None:
        """Send generated requests, equally of each operation, some of them invalid."""
        from hypothesis import HealthCheck, Phase, given, seed, settings
        from hypothesis import strategies as st
        from schemathesis.generation import GenerationMode

        for operation in self._operations:
            made = st.one_of(
                *(operation.as_strategy(generation_mode=mode) for mode in GenerationMode)
            )

            def one(case: Case[Any]) -> None:
                self.aim(case)
                self.judge(self.call(case), case)

            run = given(made)(one)
            run = settings(
                max_examples=n, phases=[Phase.generate], database=None, deadline=None,
                suppress_health_check=list(HealthCheck),
            )(run)  # fmt: skip
            seed(f"{self._seed} {operation.label}")(run)()

    def walk(self, n: int) -> None:
        """Follow links until enough requests were checked."""
        from hypothesis import HealthCheck, Phase, seed, settings
        from hypothesis.errors import Flaky
        from schemathesis.generation.stateful import run_state_machine_as_test

        fuzzing = self

        class Walk(self._schema.as_state_machine()):  # type: ignore[misc]
            def before_call(self, case: Case[Any]) -> None:
                fuzzing.aim(case)

            def call(self, case: Case[Any], **_: Any) -> Response:
                return fuzzing.call(case)

            def validate_response(self, response: Response, case: Case[Any], **_: Any) -> None:
                fuzzing.judge(response, case, recorder=self.recorder)

        options = settings(
            max_examples=10, stateful_step_count=STEPS, phases=[Phase.generate], deadline=None,
            database=None, suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        turn = 0
        while self.n_cases < n:
            turn += 1
            seed(f"{self._seed} {turn}")(Walk)
            try:
                run_state_machine_as_test(Walk, settings=options)
            except Flaky:
                # The server has a memory, which Hypothesis may stumble over: walk on elsewhere.
                continue

    def aim(self, case: Case[Any]) -> None:
        """Point valid requests at existing objects."""
        from schemathesis.generation import GenerationMode

        if case.meta is not None and case.meta.generation.mode is not GenerationMode.POSITIVE:
            return
        bodies = self._bodies(case.operation)
        if bodies and self._chance.random() < 0.4:
            case.body = self._chance.choice(bodies)
        if case.method == "DELETE":
            return
        for name, value in case.path_parameters.items():
            known = self._known[name]
            if known and value not in known and self._chance.random() < 0.8:
                case.path_parameters[name] = self._chance.choice(known[-4:])

    def call(self, case: Case[Any]) -> Response:
        """Send a request; sheets get a suitable file name."""
        options: dict[str, Any] = {}
        case.headers["Authorization"] = f"Bearer {self._token}"
        # A check sends what succeeded again without the key, and with another.
        case._has_explicit_auth = True
        if case.path_parameters.get("keyId") == self._own_key:
            case.path_parameters["keyId"] = "key_another"  # without its own it can ask nothing
        if _is_sheet(case):
            options["files"] = {"file": ("stores.csv", SHEET)}
        response = case.call(**options)
        self.statuses[case.operation.label][response.status_code] += 1
        if case.method == "DELETE" and response.status_code == 200:
            self._deleted.update(map(str, case.path_parameters.values()))
        if case.method == "POST" and response.status_code < 300:
            made = response.json()
            self._note(made.get("data", made))
        return response

    def judge(self, response: Response, case: Case[Any], **options: Any) -> None:
        """Check an answer and count what is wrong."""
        from schemathesis.core.failures import FailureGroup
        from schemathesis.specs.openapi.checks import negative_data_rejection

        if _is_sheet(case):
            # To the check a file of bytes is no string.
            options["excluded_checks"] = [
                *options.get("excluded_checks", ()), negative_data_rejection,
            ]  # fmt: skip
        try:
            case.validate_response(response, **options)
        except FailureGroup as group:
            for failure in group.exceptions:
                kind = type(failure).__name__
                names = set(map(str, case.path_parameters.values()))
                if kind == "EnsureResourceAvailability" and names & self._deleted:
                    continue  # by another branch of the walk
                self.broken[kind] += 1
                self.examples.setdefault(
                    kind,
                    f"{case.as_curl_command()[:2000]}\n{failure}\n{response.content[:500]!r}",
                )

    def _note(self, data: dict[str, Any]) -> None:
        for name in ("agentId", "callId", "locationId", "version"):
            if data.get(name) is not None:
                self._known[name].append(data[name])
        named = data.get("answer", {}).get("destination_id")
        if named is not None:
            self._known["destinationId"].append(named)
        kind = _KINDS.get(str(data.get("id"))[:3])
        if kind is not None:
            self._known[kind].append(data["id"])

    def _aimed(self, name: str) -> Any:
        return self._known[name][-1] if self._known[name] else "nothing"

    @staticmethod
    def _media_type(operation: Any) -> str:
        return str(next(iter(operation.definition.raw["requestBody"]["content"])))

    def _bodies(self, operation: Any) -> list[Any]:
        body = operation.definition.raw.get("requestBody")
        if body is None:
            return []
        if "multipart/form-data" in body["content"]:
            return [{"file": SHEET}]
        examples = self._examples(body["content"]["application/json"]["schema"])
        return [self._pointed(example) for example in examples]

    def _pointed(self, body: dict[str, Any]) -> dict[str, Any]:
        """Name in an example what exists here, and keep open, so that the hour does not decide."""
        named = {"called": "locationId", "destinationId": "destinationId"}
        pointed = body | {
            name: self._aimed(name)
            for field, name in named.items()
            if field in body and self._known[name]
        }
        if "businessHours" in body:
            pointed["businessHours"] = body["businessHours"] | ALWAYS_OPEN
        return pointed

    def _examples(self, schema: dict[str, Any]) -> Iterator[Any]:
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            schema = self._schema.raw_schema["components"]["schemas"][name]
        for part in schema.get("anyOf", ()):
            yield from self._examples(part)
        if "anyOf" not in schema:
            yield from schema.get("examples", ())


def _is_sheet(case: Case[Any]) -> bool:
    body: Any = case.body
    return isinstance(body, dict) and body.get("file") == SHEET


def measure(database: str, *, n: int, n_each: int, seed: int) -> dict[str, Any]:
    """Send about n requests to a server on an empty database, and check the answers.

    Args:
        database: ``sqlite`` or ``postgresql``.
        n: requests in all.
        n_each: of them generated for each operation by itself.
        seed: of what is generated.

    Returns:
        Counts: of cases, of statuses by operation, of what was broken.
    """
    with (
        scratch_database(database) as url,
        Server(url, {"encoder": "hashing", "max_body_bytes": 1 << 16}) as server,
    ):
        server.start()
        with Client(server.port, server.token) as client:
            own_key = client.ask("GET", "/keys")["items"][0]["id"]
        address = f"http://127.0.0.1:{server.port}"
        fuzzing = _Fuzzing(address, server.token, own_key, seed=seed)
        fuzzing.tell()
        fuzzing.draw(n_each)
        fuzzing.walk(n)
        said = server.said()
    statuses = {
        label: {str(status): n for status, n in sorted(counted.items())}
        for label, counted in sorted(fuzzing.statuses.items())
    }
    return {
        "database": database,
        "cases": fuzzing.n_cases,
        "statuses": statuses,
        "never_2xx": [
            label for label, counted in statuses.items() if not any(s[0] == "2" for s in counted)
        ],
        "broken": dict(sorted(fuzzing.broken.items())),
        "examples": fuzzing.examples,
        "internal_errors": said.count("internal error"),
    }


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--cases", type=int, metavar="N", help=f"requests a database ({N_CASES:,})")
    parser.add_argument(
        "--database", choices=tuple(DATABASES), action="append", help="only this; may be repeated"
    )


def _databases(options: Namespace) -> list[str]:
    if options.database:
        return list(options.database)
    return databases()


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    n: int = options.cases or (N_QUICK if quick else N_CASES)
    n_each = 1 if quick else CASES_OF_ONE_OPERATION
    runs = [
        measure(database, n=n, n_each=n_each, seed=options.seed) for database in _databases(options)
    ]
    parameters = {"quick": quick, "n": n, "n_each": n_each}
    return Document("fuzz-api", machine(seed=options.seed), parameters, {"runs": runs})


def _unavailable(options: Namespace) -> str | None:
    if importlib.util.find_spec("schemathesis") is None:
        return 'schemathesis is not installed: pip install "routing-engine[dev]"'
    if "postgresql" in (getattr(options, "database", None) or ()):
        return why_no_postgres()
    return None


def _table(document: Document) -> Table:
    rows = [
        [
            DATABASES[run["database"]],
            f"{run['cases']:,}",
            f"{len(run['statuses']) - len(run['never_2xx'])} of {len(run['statuses'])}",
            f"{_answers(run, '2'):,}",
            f"{_answers(run, '4'):,}",
            f"{_answers(run, '5'):,}",
            f"{sum(run['broken'].values()):,}",
        ]
        for run in document.results["runs"]
    ]
    columns = (
        *("database", "requests", "operations that succeeded", "2xx", "4xx", "5xx"),
        "not as documented",
    )
    note = (
        "Requests are generated by schemathesis "
        f"{document.meta['versions'].get('schemathesis')} from the OpenAPI document: its examples, "
        "right and wrong requests of each operation, and walks along its links. Not as documented: "
        "a status, media type, header or body that the document does not name, a wrong request "
        "that is taken, an unreadable right one, an answer without a key, or something deleted "
        f"that is still there. Seed {document.meta['seed']}; {setting(document.meta)}."
    )
    return Table("Generated requests to the control plane", columns, rows, note)


def _answers(run: dict[str, Any], first: str) -> int:
    return sum(
        n
        for counted in run["statuses"].values()
        for status, n in counted.items()
        if status[0] == first
    )


def _plot(document: Document, path: Path) -> None:
    figure, (ax,) = new_plot()
    run = document.results["runs"][0]
    labels = list(run["statuses"])
    left = [0] * len(labels)
    for first in "24":
        counts = [
            sum(n for status, n in run["statuses"][label].items() if status[0] == first)
            for label in labels
        ]
        ax.barh(labels, counts, left=left, label=f"{first}xx")
        left = [a + b for a, b in zip(left, counts, strict=True)]
    ax.set(title="Answers to generated requests", xlabel="requests")
    ax.tick_params(axis="y", labelsize=5)
    ax.legend()
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="fuzz-api",
    summary="whether generated requests get answers that the OpenAPI document does not name",
    add_options=_add_options,
    run=_run,
    tables={"fuzz-api": _table},
    plot=_plot,
    unavailable=_unavailable,
)
