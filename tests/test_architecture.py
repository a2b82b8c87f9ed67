"""The shape of the package: which module may import which, and what is public."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import routing_engine
from routing_engine import RoutingEngine, RoutingError

PACKAGE = Path(routing_engine.__file__).parent

# A module imports only from rows above its own; what shares a row knows nothing of each other,
# but for modules of one subpackage.
LEVELS = (
    ("errors", "explanation", "languages", "metrics", "parameters", "text", "wording"),
    ("caller", "signals", "values"),
    ("background", "destinations", "schedule", "turns"),
    ("models",),
    ("columns",),
    ("sheets", "encoders", "index", "scoring", "decision", "identification", "recent"),
    ("catalog", "profiles", "cases", "handoff"),
    ("lint", "snapshot", "evaluation"),
    ("conversation", "fitting", "following", "plotting", "skill"),
    ("engine",),
    ("store",),
    ("server",),
    ("integrations", "cli", "demo", "__main__"),
)
LEVEL_OF = {name: level for level, names in enumerate(LEVELS) for name in names}

PUBLIC = {
    "BusinessHours",
    "Candidate",
    "Case",
    "CompiledEncoder",
    "ContextRule",
    "Decision",
    "Destination",
    "DialPolicy",
    "Encoder",
    "EncoderError",
    "Evaluation",
    "Fitting",
    "HashingEncoder",
    "Holiday",
    "InvalidValueError",
    "Location",
    "MissingExtraError",
    "ModelIntegrityError",
    "Outcome",
    "Reason",
    "RoutingEngine",
    "RoutingError",
    "RoutingPolicy",
    "RuleText",
    "SentenceTransformerEncoder",
    "SheetError",
    "SnapshotError",
    "UnknownLocationError",
    "read_cases",
}

HEAVY = (
    *("torch", "transformers", "sentence_transformers", "onnxruntime", "tokenizers"),
    *("pandas", "openpyxl", "python_calamine", "faiss", "matplotlib", "typer", "lingua"),
    *("sqlalchemy", "alembic", "psycopg", "cryptography"),
)


def module_files():
    return sorted(PACKAGE.rglob("*.py"))


def part_of(path):
    """The module or subpackage of the table that a file belongs to; None for the package."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return None if first == "__init__" else first


def imported_parts(tree):
    """Modules of this package that a module imports when it runs, anywhere in it."""

    class Imports(ast.NodeVisitor):
        def __init__(self):
            self.found = set()

        def visit_If(self, node):
            if ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
                for child in node.orelse:
                    self.visit(child)
            else:
                self.generic_visit(node)

        def visit_Import(self, node):
            self.found |= {self.part(alias.name) for alias in node.names}

        def visit_ImportFrom(self, node):
            assert node.level == 0, "imports are absolute"
            if node.module == "routing_engine":
                self.found |= {
                    alias.name if alias.name in LEVEL_OF else "the package itself"
                    for alias in node.names
                }
            else:
                self.found.add(self.part(node.module))

        @staticmethod
        def part(name):
            first, _, rest = name.partition(".")
            if first != "routing_engine":
                return None
            return rest.partition(".")[0] or "the package itself"

    imports = Imports()
    imports.visit(tree)
    return imports.found - {None}


@pytest.mark.parametrize("path", module_files(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_from_rows_above_its_own(path):
    part = part_of(path)
    if part is None:
        return
    assert part in LEVEL_OF, f"{part} has no row in the table"
    for other in imported_parts(ast.parse(path.read_text(encoding="utf-8"))) - {part}:
        if other == "the package itself":
            assert LEVEL_OF[part] == len(LEVELS) - 1, f"{part} imports the package that imports it"
        else:
            assert LEVEL_OF[other] < LEVEL_OF[part], f"{part} must not import {other}"


def test_the_walk_finds_lazy_and_aliased_imports():
    source = """
import routing_engine.engine as e
from routing_engine import scoring, Location
if TYPE_CHECKING:
    from routing_engine.sheets import report
else:
    import routing_engine.snapshot
def f():
    from routing_engine.sheets.report import ImportReport
    if x:
        import numpy, routing_engine.catalog
"""
    assert imported_parts(ast.parse(source)) == {
        *("engine", "scoring", "the package itself", "snapshot", "sheets", "catalog"),
    }


def test_errors_imports_nothing_of_the_package():
    assert imported_parts(ast.parse((PACKAGE / "errors.py").read_text(encoding="utf-8"))) == set()


def test_sheets_know_nothing_of_engines():
    for path in (PACKAGE / "sheets").glob("*.py"):
        parts = imported_parts(ast.parse(path.read_text(encoding="utf-8")))
        assert parts <= {"sheets", "errors", "models", "destinations", "columns", "schedule"}


def test_the_public_names_are_these():
    assert set(routing_engine.__all__) == PUBLIC
    assert list(routing_engine.__all__) == sorted(routing_engine.__all__)
    for name in PUBLIC:
        assert getattr(routing_engine, name).__module__.startswith("routing_engine.")


def test_the_engine_has_these_public_members():
    members = {name for name in vars(RoutingEngine) if not name.startswith("_")}
    assert members == {
        *("from_csv", "load", "save", "replace", "route", "apply", "aroute", "route_many"),
        *("location", "location_ids", "catalog_version", "columns", "lint", "evaluate", "fit"),
        *("open_call", "resume_call", "follow", "skill"),
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


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import json, sys, routing_engine;"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=PACKAGE.parent,
    ).stdout
    assert set(json.loads(shown)) & set(HEAVY) == set()


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
