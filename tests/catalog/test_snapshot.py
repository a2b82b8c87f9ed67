"""Saving and loading: identity, every kind of damage, and writers that die half-way."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import (
    HashingEncoder,
    Outcome,
    RoutingEngine,
    RoutingPolicy,
    SnapshotError,
    UnknownLocationError,
)
from routing_engine.catalog.snapshot import _DTYPES, FORMAT_VERSION, _digest, load_snapshot
from routing_engine.matching.profiles import ARRAYS
from tests.support.decisions import without_id
from tests.support.examples import examples
from tests.support.strategies import (
    a_location,
    a_rule,
    location_lists,
    number,
    sentences,
    texts,
    with_lines,
)
from tests.support.versions import ENCODER, version_of

MANIFEST = "manifest.json"
SAID = ("caller asks about billing", "charged twice", "")


def small_engine():
    """Two locations that use every file of a snapshot."""
    return RoutingEngine(
        [
            a_location(
                "a",
                a_rule(examples=("charged twice",), fallback=("+14155550121",), threshold=0.0),
                name="Aé",
                timezone="UTC",
            ),
            a_location("b", a_rule("Leak", "+14155550112;ext=5"), default_destination="sip:b.com"),
        ],
        encoder=ENCODER,
    )


def load(folder, **options):
    return RoutingEngine.load(folder, encoder=ENCODER, **options)


def stem_of(path):
    return path.name.partition("-")[0].partition(".")[0]


def stems():
    """What the files of a snapshot are called, without their hashes."""
    with tempfile.TemporaryDirectory() as name:
        small_engine().save(name)
        return sorted({stem_of(path) for path in Path(name).iterdir()} - {""})


STEMS = stems()


def answers(engine):
    """All that an engine says, so that a wrong answer cannot hide."""
    ids = engine.location_ids()
    return (
        ids,
        engine.catalog_version,
        [engine.location(name).model_dump_json() for name in ids],
        [without_id(engine.route(name, said)) for name in ids for said in SAID],
    )


def file_of(folder, stem):
    (path,) = [path for path in folder.iterdir() if stem_of(path) == stem]
    return path


def signed(manifest):
    return json.dumps({"manifest": manifest, "sha256": _digest(manifest)})


def rewrite_manifest(folder, change):
    """Change the manifest as someone would who can also sign it."""
    path = folder / MANIFEST
    manifest = json.loads(path.read_bytes())["manifest"]
    change(manifest)
    path.write_text(signed(manifest))


def replace_file(folder, stem, content):
    """Put other content in place of a file, and sign for it."""
    sha256 = hashlib.sha256(content).hexdigest()
    suffix = file_of(folder, stem).suffix
    name = f"{stem}-{sha256[:16]}{suffix}"
    (folder / name).write_bytes(content)
    entry = {"name": name, "bytes": len(content), "sha256": sha256}
    rewrite_manifest(folder, lambda manifest: manifest["files"].update({stem: entry}))


def npy(array, version=(1, 0)):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version)
    return file.getvalue()


@pytest.fixture(scope="module")
def expected():
    return answers(small_engine())


@pytest.fixture
def folder(tmp_path):
    small_engine().save(tmp_path / "snapshot")
    return tmp_path / "snapshot"


class TestRoundTrip:
    @examples(30)
    @given(
        with_lines(location_lists),
        st.lists(sentences | texts, max_size=3),
        st.sampled_from((8, 33)),
    )
    def test_loading_what_was_saved_is_identity(self, locations, said, dimension):
        encoder = HashingEncoder(dimension)
        engine = RoutingEngine(locations, encoder=encoder)
        with tempfile.TemporaryDirectory() as name:
            engine.save(name)
            before = encoder.n_encoded
            loaded = RoutingEngine.load(name, encoder=encoder)
            assert encoder.n_encoded == before, "loading embeds nothing"
            assert loaded.location_ids() == engine.location_ids()
            assert loaded.catalog_version == engine.catalog_version
            for location in locations:
                assert loaded.location(location.location_id) == location
                for utterance in said:
                    query = (location.location_id, utterance)
                    assert loaded.route(*query) == engine.route(*query)
            with pytest.raises(UnknownLocationError):
                loaded.route("no such location", "hello")
            del loaded

    def test_the_example_of_this_file_comes_back_whole(self, folder, expected):
        assert answers(load(folder)) == expected

    def test_what_was_saved_before_there_were_hours_is_open_at_any(self, folder):
        body = json.loads(file_of(folder, "tables").read_bytes())
        assert body.pop("hours") == []
        for table in body["tables"]:
            for rule in table:
                assert rule.pop("hours") is None
        replace_file(folder, "tables", json.dumps(body).encode())
        loaded, saved = load(folder), small_engine()
        for name in saved.location_ids():
            location = loaded.location(name)
            assert (location.business_hours, location.after_hours) == (None, None)
            assert {rule.hours for rule in location.rules} == {"always"}
            for said in SAID:
                before, after = loaded.route(name, said), saved.route(name, said)
                assert without_id(before) == without_id(after)

    @pytest.mark.parametrize("number", [5, -1, "0", None, [0]])
    def test_hours_that_are_not_there_are_refused(self, folder, number):
        body = json.loads(file_of(folder, "tables").read_bytes())
        body["sites"][0]["hours"] = number
        body["hours"] = [{"timezone": "UTC", "weekly": "24/7"}]
        replace_file(folder, "tables", json.dumps(body).encode())
        if number is None:
            assert load(folder).location("a").business_hours is None
            return
        with pytest.raises(SnapshotError, match="malformed"):
            load(folder)

    def test_after_hours_numbers_are_kept_in_a_file_of_their_own(self, folder, tmp_path):
        assert not list(folder.glob("after_hours-*"))
        number = "sip:night@example.com"
        made = a_location("a", after_hours=number), a_location("b", after_hours="+14155550133")
        RoutingEngine([*made, a_location("c")], encoder=ENCODER).save(tmp_path / "new")
        loaded = load(tmp_path / "new")
        assert [loaded.location(name) for name in "ab"] == list(made)
        assert loaded.location("c").after_hours is None
        replace_file(tmp_path / "new", "after_hours", npy(np.zeros(2, np.uint64)))
        with pytest.raises(SnapshotError, match="after_hours"):
            load(tmp_path / "new")

    def test_a_loaded_engine_can_be_changed_and_saved_where_it_came_from(self, folder, expected):
        engine = load(folder)
        engine.replace([*map(engine.location, engine.location_ids()), a_location("c")])
        engine.save(folder)
        assert load(folder).location_ids() == ("a", "b", "c")
        assert load(folder).catalog_version == 2
        assert answers(engine) == answers(load(folder))

    def test_readers_of_the_old_snapshot_keep_it(self, folder, expected):
        old = load(folder)
        RoutingEngine([a_location("c")], encoder=ENCODER).save(folder)
        assert answers(old) == expected
        assert load(folder).location_ids() == ("c",)

    def test_saving_the_same_catalog_again_gives_the_same_files(self, folder):
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        load(folder).save(folder)
        small_engine().save(folder)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before

    def test_policy_and_default_destination_are_the_loader_s(self, folder):
        policy = RoutingPolicy(threshold=0.25)
        engine = load(folder, policy=policy, default_destination="+14155550199")
        assert engine.policy == policy
        assert str(engine.route("nowhere", "hello").destination) == "+14155550199"
        assert load(folder).default_destination is None

    def test_a_path_may_be_text(self, tmp_path, expected):
        small_engine().save(str(tmp_path / "deep" / "er"))
        assert answers(load(str(tmp_path / "deep" / "er"))) == expected

    def test_an_engine_without_locations_comes_back(self, tmp_path):
        RoutingEngine([], encoder=ENCODER).save(tmp_path)
        engine = load(tmp_path)
        assert (len(engine), engine.location_ids()) == (0, ())
        assert engine.replace([a_location("a")]) == 2


class TestEncoder:
    def test_another_encoder_is_refused(self, folder):
        with pytest.raises(SnapshotError) as caught:
            RoutingEngine.load(folder, encoder=HashingEncoder(16))
        assert "built with encoder hashing-1-8, this engine has hashing-1-16" in str(caught.value)

    def test_another_encoder_may_embed_again(self, folder, expected):
        encoder = HashingEncoder(64)
        engine = RoutingEngine.load(folder, encoder=encoder, reembed=True)
        assert encoder.n_encoded == len(load_snapshot(folder).catalog.texts())
        assert engine.catalog_version == 1
        assert answers(engine)[:3] == expected[:3]
        assert engine.route("a", "charged twice").candidates[0].similarity == pytest.approx(1.0)

    def test_the_same_encoder_has_nothing_to_embed_again(self, folder, expected):
        encoder = HashingEncoder(8)
        engine = RoutingEngine.load(folder, encoder=encoder, reembed=True)
        assert encoder.n_encoded == 0
        assert answers(engine) == expected


class TestMapping:
    def test_arrays_are_memory_mapped(self, folder):
        snapshot = load_snapshot(folder)
        columns = snapshot.catalog.columns
        for array in (columns.destinations, columns.ids.blob, snapshot.catalog.ids.hashes):
            base = array
            while base is not None and not isinstance(base, np.memmap):
                base = base.base
            assert isinstance(base, np.memmap)
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0

    @pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="Linux only")
    def test_vectors_are_memory_mapped(self, folder):
        snapshot = load_snapshot(folder)
        maps = Path("/proc/self/maps").read_text()
        assert str(file_of(folder, "vectors")) in maps
        assert str(file_of(folder, "destinations")) in maps
        del snapshot


def load_or_explain(folder):
    """Answers of what is there, or None where it is refused; anything else is a failure."""
    try:
        engine = load(folder)
    except SnapshotError:
        return None
    return answers(engine)


def test_the_damage_below_is_done_to_every_file(folder):
    files = json.loads((folder / MANIFEST).read_bytes())["manifest"]["files"]
    assert {"manifest", *files} == set(STEMS) >= {"tables", "vectors", *_DTYPES}


@pytest.mark.parametrize("stem", STEMS)
class TestDamage:
    """Each file in turn, so that they can be shared out among processes."""

    def test_a_flipped_bit_in_any_byte_is_found_or_changes_nothing(self, folder, stem, expected):
        path = file_of(folder, stem)
        original = path.read_bytes()
        for at, byte in enumerate(original):
            with path.open("r+b") as file:
                file.seek(at)
                file.write(bytes([byte ^ (1 << (at % 8))]))
            found = load_or_explain(folder)
            assert found is None or (stem == "manifest" and found == expected), at
            with path.open("r+b") as file:
                file.seek(at)
                file.write(bytes([byte]))
        assert load_or_explain(folder) == expected

    def test_a_file_cut_at_any_length_is_refused(self, folder, stem, expected):
        path = file_of(folder, stem)
        original = path.read_bytes()
        for length in reversed(range(len(original))):
            os.truncate(path, length)
            assert load_or_explain(folder) is None, length
        path.write_bytes(original)
        assert load_or_explain(folder) == expected

    def test_a_missing_file_is_refused(self, folder, stem):
        path = file_of(folder, stem)
        path.unlink()
        with pytest.raises(SnapshotError, match=path.name):
            load(folder)
        path.mkdir()
        with pytest.raises(SnapshotError, match=path.name):
            load(folder)

    def test_a_longer_file_is_refused(self, folder, stem):
        path = file_of(folder, stem)
        path.write_bytes(path.read_bytes() + b"x")
        with pytest.raises(SnapshotError, match=path.name):
            load(folder)

    def test_another_file_in_its_place_is_refused(self, folder, stem, tmp_path, expected):
        other = tmp_path / "other"
        RoutingEngine(
            [a_location("x"), a_location("y", a_rule("Else", number(5), when="z"), name="q")],
            encoder=ENCODER,
        ).save(other)
        shutil.copyfile(file_of(other, stem), file_of(folder, stem))
        found = load_or_explain(folder)
        assert found is None or found == expected


class TestManifest:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"null",
            b"{}",
            b"[]",
            b"[[1]]",
            b'"manifest"',
            b'{"name": "some web app", "icons": []}',
            b'{"manifest": [], "sha256": ""}',
            b'{"manifest": {}, "sha256": null}',
            b'{"manifest": {"format": NaN}, "sha256": 1e999}',
            b'{"manifest": {"n": ' + b"9" * 5000 + b'}, "sha256": ""}',
            b"[" * 100_000,
            b"\xff\xfe\x00",
            b"\xef\xbb\xbf{}",
            b"\x00" * 64,
            b"PK\x03\x04 not JSON at all",
        ],
        ids=lambda content: repr(content[:20]),
    )
    def test_a_foreign_manifest_is_refused(self, folder, content):
        (folder / MANIFEST).write_bytes(content)
        with pytest.raises(SnapshotError, match=r"manifest\.json"):
            load(folder)

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"format": "another program's snapshot"}, "is not a routing-engine snapshot"),
            ({"format_version": FORMAT_VERSION + 1}, "format version 2; this library reads"),
            ({"format_version": None}, "format version None"),
            ({"scoring": "another"}, "was built for scoring 'another'"),
            ({"dimension": 16}, r"rows of dimension 8, not \d+ of 16"),
            ({"dimension": "wide"}, "malformed"),
            ({"files": {}}, "malformed"),
            ({"files": []}, "malformed"),
            ({"files": None}, "malformed"),
        ],
    )
    def test_a_signed_manifest_that_says_something_else_is_refused(self, folder, change, reason):
        rewrite_manifest(folder, lambda manifest: manifest.update(change))
        with pytest.raises(SnapshotError, match=reason):
            load(folder)

    @pytest.mark.parametrize(
        "missing", ["format", "format_version", "catalog_version", "encoder", "dimension"]
    )
    def test_a_signed_manifest_that_lacks_something_is_refused(self, folder, missing):
        rewrite_manifest(folder, lambda manifest: manifest.pop(missing))
        with pytest.raises(SnapshotError):
            load(folder)

    @pytest.mark.parametrize("version", ["one", None, [1], 1.5])
    def test_a_catalog_version_that_is_no_number_is_refused(self, folder, version):
        rewrite_manifest(folder, lambda manifest: manifest.update(catalog_version=version))
        with pytest.raises(SnapshotError):
            load(folder)

    @pytest.mark.parametrize(
        "name", ["../secret.npy", "/etc/passwd", "site.npy", "", "site-0123456789abcdef.pkl"]
    )
    def test_a_manifest_cannot_name_files_elsewhere(self, folder, name):
        rewrite_manifest(folder, lambda manifest: manifest["files"]["site"].update(name=name))
        with pytest.raises(SnapshotError, match="names a file that is not a snapshot's"):
            load(folder)

    def test_a_manifest_that_changed_is_said_to_be_altered(self, folder):
        path = folder / MANIFEST
        path.write_text(path.read_text().replace('"catalog_version": 1', '"catalog_version": 2'))
        with pytest.raises(SnapshotError, match="was altered: its checksum does not match"):
            load(folder)

    @pytest.mark.parametrize("place", ["missing", "empty", "a file"])
    def test_where_no_snapshot_is_there_is_none_to_load(self, tmp_path, place):
        path = tmp_path / place
        if place == "empty":
            path.mkdir()
        if place == "a file":
            path.write_text("hello")
        with pytest.raises(SnapshotError, match=place):
            load(path)


class TestContent:
    """Files that are what their checksums say and still not what they should be."""

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"not an array",
            npy(np.zeros(2, np.int64)),
            npy(np.zeros((2, 1), np.int32)),
            npy(np.zeros((), np.int32)),
            npy(np.zeros(2, np.int32), version=(2, 0)),
            npy(np.zeros(2, ">i4")),
            npy(np.zeros(2, np.int32))[:-1],
            npy(np.array([{"a": 1}], object)),
        ],
        ids=range(9),
    )
    def test_an_array_of_another_kind_is_refused(self, folder, content):
        replace_file(folder, "site", content)
        with pytest.raises(SnapshotError, match="is not the array it should be"):
            load(folder)

    @pytest.mark.parametrize("stem", sorted(_DTYPES))
    def test_an_array_that_is_one_element_short_is_refused(self, folder, stem):
        array = np.load(file_of(folder, stem))
        if not len(array):
            pytest.skip("the fake encoder's background has no axes, so there is nothing to cut")
        replace_file(folder, stem, npy(array[:-1]))
        with pytest.raises(SnapshotError):
            load(folder)

    @pytest.mark.parametrize("stem", ["site", "table", "order", "first_slot", "defaults"])
    def test_an_array_that_points_nowhere_is_refused(self, folder, stem):
        array = np.load(file_of(folder, stem))
        array[-1] = (1 << 63) + 7 if stem == "defaults" else 77
        replace_file(folder, stem, npy(array))
        with pytest.raises(SnapshotError):
            load(folder)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"[]",
            b"{}",
            b'{"tables": [[{"label": ""}]], "sites": [], "specials": []}',
            b'{"tables": [[5]], "sites": [], "specials": []}',
            b'{"tables": [], "sites": [{"colour": 1}], "specials": []}',
            b'{"tables": [], "sites": [], "specials": ["911"]}',
        ],
    )
    def test_tables_that_make_no_sense_are_refused(self, folder, content):
        replace_file(folder, "tables", content)
        with pytest.raises(SnapshotError):
            load(folder)

    def test_vectors_that_are_no_index_are_refused(self, folder):
        replace_file(folder, "vectors", b"IxFI and nothing else")
        with pytest.raises(SnapshotError, match="is not a faiss index"):
            load(folder)

    def test_vectors_of_other_rules_are_refused(self, folder, tmp_path):
        rule = a_rule(examples=("one", "two", "three"))
        RoutingEngine([a_location("x", rule)], encoder=ENCODER).save(tmp_path / "other")
        for stem in ("vectors", *ARRAYS):
            replace_file(folder, stem, file_of(tmp_path / "other", stem).read_bytes())
        with pytest.raises(SnapshotError, match="vectors that do not fit its rules"):
            load(folder)


class TestWriting:
    def names(self, folder):
        return {path.name for path in folder.iterdir()}

    def own(self, folder):
        files = json.loads((folder / MANIFEST).read_bytes())["manifest"]["files"]
        return {entry["name"] for entry in files.values()} | {MANIFEST, ".lock"}

    def test_nothing_is_left_over(self, folder):
        assert self.names(folder) == self.own(folder)
        for path in (".writing-0123456789abcdef", "site-0123456789abcdef.npy"):
            (folder / path).write_bytes(b"left by a process that died")
        RoutingEngine([a_location("c", a_rule("Sales"))], encoder=ENCODER).save(folder)
        assert self.names(folder) == self.own(folder)

    def test_files_of_others_are_left_alone(self, folder):
        others = {"README.md", ".keep", "site-notes.npy", "vectors.faiss"}
        for name in others:
            (folder / name).write_text("mine")
        RoutingEngine([a_location("c")], encoder=ENCODER).save(folder)
        assert self.names(folder) == self.own(folder) | others
        assert load(folder).location_ids() == ("c",)

    def test_a_folder_with_other_things_in_it_is_refused(self, tmp_path):
        (tmp_path / "thesis.tex").write_text("years of work")
        with pytest.raises(SnapshotError, match=r"holds no snapshot \(thesis\.tex\); choose a new"):
            small_engine().save(tmp_path)
        assert self.names(tmp_path) == {"thesis.tex"}

    def test_the_manifest_of_another_program_is_not_overwritten(self, tmp_path):
        theirs = '{"name": "some web app", "icons": []}'
        (tmp_path / MANIFEST).write_text(theirs)
        (tmp_path / "icon.png").write_bytes(b"png")
        with pytest.raises(SnapshotError):
            small_engine().save(tmp_path)
        assert (tmp_path / MANIFEST).read_text() == theirs

    def test_a_first_save_that_was_interrupted_can_be_repeated(self, folder, expected):
        (folder / MANIFEST).unlink()  # written last, so this is how a killed first save looks
        (folder / ".writing-0123456789abcdef").write_bytes(b"half")
        small_engine().save(folder)
        assert answers(load(folder)) == expected
        assert self.names(folder) == self.own(folder)

    def test_a_damaged_snapshot_can_be_saved_over(self, folder, expected):
        path = file_of(folder, "vectors")
        path.write_bytes(path.read_bytes()[:-1])
        small_engine().save(folder)
        assert answers(load(folder)) == expected

    @pytest.mark.parametrize("place", ["a file", "a file/below it"])
    def test_a_place_that_is_no_folder_is_refused(self, tmp_path, place):
        (tmp_path / "a file").write_text("mine")
        with pytest.raises(SnapshotError, match="cannot write a snapshot to"):
            small_engine().save(tmp_path / place)
        assert (tmp_path / "a file").read_text() == "mine"

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
    def test_a_folder_that_cannot_be_written_is_an_error(self, tmp_path):
        tmp_path.chmod(0o500)
        with pytest.raises(SnapshotError, match="cannot write a snapshot"):
            small_engine().save(tmp_path)


def check_whole(engine):
    """All that was loaded is of one version; returns it."""
    version = engine.catalog_version
    made = version_of(version)
    assert engine.location_ids() == tuple(location.location_id for location in made)
    for location in made:
        assert engine.location(location.location_id) == location
        decision = engine.route(location.location_id, f"caller asks about rule {version}")
        assert str(decision.destination) == str(location.default_destination)
        assert [candidate.label for candidate in decision.candidates] == [f"Rule {version}"]
    return version


def test_a_reader_sees_the_old_or_the_new_while_a_writer_saves(tmp_path):
    engine = RoutingEngine(version_of(1), encoder=ENCODER)
    engine.save(tmp_path)
    done = threading.Event()
    failures = []

    def write():
        try:
            for version in range(2, 50):
                engine.replace(version_of(version))
                engine.save(tmp_path)
        except BaseException as error:
            failures.append(error)
        finally:
            done.set()

    seen = set()

    def read():
        last = 0
        try:
            while not done.is_set():
                version = check_whole(load(tmp_path))
                assert version >= last
                last = version
                seen.add(version)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for work in (write, read, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    assert check_whole(load(tmp_path)) == 49
    assert len(seen) > 3


def test_writers_of_one_folder_take_turns(tmp_path):
    failures = []

    def write():
        try:
            for _ in range(4):
                RoutingEngine(version_of(1), encoder=ENCODER).save(tmp_path)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert check_whole(load(tmp_path)) == 1


_SAVER = """
import sys
from routing_engine import RoutingEngine
from tests.support.versions import ENCODER, version_of

folder = sys.argv[1]
engine = RoutingEngine.load(folder, encoder=ENCODER)
while True:
    engine.replace(version_of(engine.catalog_version + 1))
    engine.save(folder)
    print("saved", flush=True)
"""

N_KILLS = 20


@pytest.mark.slow
def test_a_writer_that_is_killed_leaves_the_old_snapshot_or_the_new(tmp_path):
    rng = random.Random(7)
    folder = tmp_path / "snapshot"
    RoutingEngine(version_of(1), encoder=ENCODER).save(folder)
    versions = [1]
    for _ in range(N_KILLS):
        saver = subprocess.Popen(
            [sys.executable, "-c", _SAVER, str(folder)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).resolve().parents[2],
        )
        try:
            assert saver.stdout.readline() == b"saved\n"
            time.sleep(rng.uniform(0.0, 0.1))
        finally:
            saver.kill()
            saver.wait()
            saver.stdout.close()
        versions.append(check_whole(load(folder)))
    assert all(later > earlier for earlier, later in pairwise(versions))
    load(folder).save(folder)
    writing = TestWriting()
    assert writing.names(folder) == writing.own(folder)


def test_a_snapshot_written_before_the_rooms_still_loads():
    folder = Path(__file__).parent / "fixtures" / "before-rooms"
    engine = RoutingEngine.load(folder, encoder=HashingEncoder())
    assert engine.location_ids() == ("store-0", "store-1", "store-2")
    assert [rule.label for rule in engine.location("store-2").rules] == [
        *("Billing", "Emergency", "Jobs"),
    ]
    decision = engine.route("store-0", "my invoice is wrong")
    assert (decision.outcome, str(decision.destination)) == (Outcome.TRANSFER, "+14155550111")
    assert str(engine.location("store-1").rules[1].fallback[0]) == "+14155550113"
