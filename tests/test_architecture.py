"""The shape of the package: which module may import which, and what is public."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
from pathlib import Path

import pytest

import routing_engine
from routing_engine import RoutingEngine, RoutingError
from tests.support.processes import run

PACKAGE = Path(routing_engine.__file__).parent

# A room imports only from rows above its own, type-only imports counted; rooms that share a row
# know nothing of each other.
ROWS = (
    ("reports",),
    ("errors",),
    ("text", "validation", "workbooks"),
    ("hours",),
    ("model",),
    ("encoders",),
    ("matching",),
    ("catalog",),
    ("deciding", "sheets"),
    ("calls", "quality", "frames"),
    ("engine", "integrations"),
    ("store", "gateways", "distributed"),
    ("server",),
    ("cli", "training"),
)
ROW_OF = {name: row for row, names in enumerate(ROWS) for name in names}

PUBLIC = {
    "BusinessHours",
    "CalibrationBin",
    "Call",
    "CallPolicy",
    "Caller",
    "Candidate",
    "Case",
    "Changes",
    "Comparison",
    "CompiledEncoder",
    "Confusion",
    "Context",
    "ContextRule",
    "Decision",
    "Destination",
    "DialPolicy",
    "Encoder",
    "EncoderError",
    "Evaluation",
    "Event",
    "Feed",
    "Finding",
    "Fitting",
    "Following",
    "Handoff",
    "HandoffPolicy",
    "HashingEncoder",
    "Holiday",
    "ImportReport",
    "InvalidValueError",
    "LearnedRule",
    "Learning",
    "LintReport",
    "Location",
    "LocationColumns",
    "MissingExtraError",
    "ModelIntegrityError",
    "Move",
    "MovedCall",
    "Outcome",
    "Problem",
    "Proposal",
    "Publisher",
    "Reason",
    "RoutedTo",
    "RoutingEngine",
    "RoutingError",
    "RoutingPolicy",
    "RuleResult",
    "RuleText",
    "SentenceTransformerEncoder",
    "SharedSettings",
    "SheetError",
    "SheetIssue",
    "Skill",
    "SnapshotError",
    "StringColumn",
    "Suggestion",
    "Suggestions",
    "SweepPoint",
    "TimeRange",
    "TransferOutcome",
    "UnknownLocationError",
    "Verification",
    "read_cases",
}

HEAVY = (
    *("torch", "transformers", "sentence_transformers", "onnxruntime", "tokenizers"),
    *("pandas", "openpyxl", "python_calamine", "faiss", "matplotlib", "typer", "lingua"),
    *("sqlalchemy", "alembic", "psycopg", "cryptography"),
)


def module_files():
    return sorted(PACKAGE.rglob("*.py"))


def module_name(path):
    """The dotted name of a file of the package."""
    parts = ("routing_engine", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in module_files()}


def room_of(module):
    """The first name after the package's; the package itself for what it holds directly."""
    return [*module.split("."), "", ""][1] or "the package itself"


def imported_modules(tree):
    """Modules of this package that a module imports: anywhere in it, for types alone too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in names}
    return {name for name in found if name.split(".")[0] == "routing_engine"}


@pytest.mark.parametrize("path", module_files(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_room_imports_only_from_rows_above_its_own(path):
    room = room_of(module_name(path))
    if room == "the package itself":
        return
    assert room in ROW_OF, f"{room} has no row in the table"
    for other in map(room_of, imported_modules(ast.parse(path.read_text(encoding="utf-8")))):
        if other == "the package itself":
            assert ROW_OF[room] >= ROW_OF["server"], f"{room} imports the package that imports it"
        elif other != room:
            assert ROW_OF[other] < ROW_OF[room], f"{room} must not import {other}"


def test_no_module_imports_itself_by_way_of_others():
    imports = {
        name: imported_modules(ast.parse(path.read_text(encoding="utf-8"))) & set(MODULES)
        for name, path in MODULES.items()
    }
    # A package that runs one of its modules as a program is no circle.
    imports = {name: others - {name, "routing_engine"} for name, others in imports.items()}
    left = dict(imports)
    while free := {name for name, others in left.items() if not others & set(left)}:
        left = {name: others for name, others in left.items() if name not in free}
    assert left == {}


def test_the_root_holds_few_modules():
    assert len([path for path in module_files() if path.parent == PACKAGE]) <= 8


def test_the_walk_finds_lazy_typed_and_aliased_imports():
    source = """
import routing_engine.engine as e
from routing_engine.matching import scoring
from routing_engine import Location
if TYPE_CHECKING:
    from routing_engine.sheets import issues
def f():
    from routing_engine.reports import ImportReport
    if x:
        import numpy, routing_engine.catalog.lookup
"""
    assert imported_modules(ast.parse(source)) == {
        *("routing_engine.engine", "routing_engine.matching.scoring", "routing_engine"),
        *("routing_engine.sheets.issues", "routing_engine.reports"),
        "routing_engine.catalog.lookup",
    }


def test_the_ground_floor_imports_nothing_of_the_package_but_types():
    for name in ("errors", "reports"):
        tree = ast.parse((PACKAGE / f"{name}.py").read_text(encoding="utf-8"))
        assert imported_modules(tree) <= {"routing_engine.reports"}


def test_sheets_know_nothing_of_engines():
    for path in (PACKAGE / "sheets").glob("*.py"):
        rooms = set(map(room_of, imported_modules(ast.parse(path.read_text(encoding="utf-8")))))
        assert rooms <= {"sheets", "errors", "reports", "model", "catalog", "hours", "workbooks"}


def test_the_public_names_are_these():
    assert set(routing_engine.__all__) == PUBLIC
    assert list(routing_engine.__all__) == sorted(routing_engine.__all__)
    for name in PUBLIC:
        assert getattr(routing_engine, name).__module__.startswith("routing_engine.")


def test_type_checkers_and_the_interpreter_see_the_same_names():
    tree = ast.parse(Path(routing_engine.__file__).read_text(encoding="utf-8"))
    seen = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(seen) == PUBLIC
    for name, module in seen.items():
        assert getattr(routing_engine, name) is getattr(importlib.import_module(module), name)


def test_every_public_name_is_listed_and_no_other_is_there():
    assert set(dir(routing_engine)) >= PUBLIC
    with pytest.raises(AttributeError, match="no attribute 'RoutingEngin'"):
        routing_engine.RoutingEngin  # noqa: B018


def test_the_engine_has_these_public_members():
    members = {name for name in vars(RoutingEngine) if not name.startswith("_")}
    assert members == {
        *("from_csv", "load", "save", "replace", "route", "apply", "aroute", "route_many"),
        *(
            "location",
            "location_for",
            "location_ids",
            "catalog_version",
            "columns",
            "lint",
            "evaluate",
            "fit",
        ),
        *("open_call", "resume_call", "follow", "skill", "suggest", "learn"),
        *("from_frame", "to_frame", "route_frame", "compare"),
    }


def test_the_engine_is_called_like_this():
    def shape(function):
        return [
            f"{'*' if p.kind is p.KEYWORD_ONLY else ''}{p.name}"
            for p in inspect.signature(function).parameters.values()
            if p.name not in ("self", "cls")
        ]

    routing = ["location_id", "utterance", "*verified", "*confirmed", "*now"]
    options = ["*encoder", "*policy", "*default_destination"]
    for function, names in {
        RoutingEngine: ["locations", *options, "*progress"],
        RoutingEngine.from_csv: ["path", "*region", "*dial_policy", "*template", "*on_error"],
        RoutingEngine.route: routing,
        RoutingEngine.aroute: routing,
        RoutingEngine.route_many: ["queries", "*now"],
        RoutingEngine.replace: ["locations", "*progress"],
        RoutingEngine.save: ["directory"],
        RoutingEngine.load: ["directory", *options, "*reembed"],
        RoutingEngine.location: ["location_id"],
        RoutingEngine.evaluate: ["cases"],
        RoutingEngine.follow: ["feed", "*since"],
        RoutingEngine.fit: ["cases", "*seed"],
    }.items():
        found = shape(function)
        assert set(names) <= set(found)
        assert all(name.startswith("*") for name in set(found) - set(names)), "options by keyword"
    assert inspect.iscoroutinefunction(RoutingEngine.aroute)


def loaded_by(code):
    """Return the top-level modules that a new process has loaded after running code."""
    names = "sorted({name.partition('.')[0] for name in sys.modules})"
    return set(json.loads(run(f"import json, sys\n{code}\nprint(json.dumps({names}))")))


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_by("import routing_engine") & {*HEAVY, "numpy", "pydantic"} == set()


def test_the_engine_itself_loads_nothing_heavy():
    assert loaded_by("from routing_engine import *") & set(HEAVY) == set()


def library_modules():
    for found in pkgutil.walk_packages([str(PACKAGE)], "routing_engine."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def test_every_error_of_the_library_is_a_routing_error():
    for module in library_modules():
        for name, value in vars(module).items():
            if (
                isinstance(value, type)
                and issubclass(value, BaseException)
                and value.__module__ == module.__name__
            ):
                assert issubclass(value, RoutingError), f"{module.__name__}.{name}"


def test_everything_in_all_exists():
    for module in library_modules():
        for name in getattr(module, "__all__", ()):
            assert hasattr(module, name), f"{module.__name__}.{name}"


def test_modules_log_under_their_own_name_and_set_no_handlers():
    for path in module_files():
        text = path.read_text(encoding="utf-8")
        assert "basicConfig" not in text
        assert "addHandler" not in text
        for line in text.splitlines():
            if line.startswith(("_logger =", "logger =")):
                assert line.endswith("getLogger(__name__)"), path


def undocumented(path):
    """Public classes and functions of a file that have no docstring, and the file itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    name = str(path.relative_to(PACKAGE))
    body = [node for node in tree.body if not isinstance(node, ast.ImportFrom)]
    if body and ast.get_docstring(tree) is None:
        yield name
    for node in tree.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if not node.name.startswith("_") and ast.get_docstring(node) is None:
            yield f"{name}:{node.name}"


def test_every_public_module_class_and_function_says_what_it_is():
    assert [item for path in module_files() for item in undocumented(path)] == []


def test_every_public_method_of_the_engine_says_what_it_does():
    for name, member in vars(RoutingEngine).items():
        if not name.startswith("_"):
            assert inspect.getdoc(member), name


def test_each_migration_follows_another_and_one_is_the_last():
    folder = PACKAGE / "store" / "migrations" / "versions"
    follows = {}
    for path in folder.glob("r*.py"):
        names = {
            node.targets[0].id: ast.literal_eval(node.value)
            for node in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id in ("revision", "down_revision")
        }  # fmt: skip
        assert names["revision"] not in follows, path.name
        follows[names["revision"]] = names["down_revision"]
    assert len(set(follows.values())) == len(follows)  # nothing is followed by two
