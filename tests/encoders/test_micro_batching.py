"""Many callers in front of one encoder: who is encoded when, with whom, and who is not."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import (
    EncoderError,
    HashingEncoder,
    InvalidValueError,
    Outcome,
    Reason,
    RoutingEngine,
    RoutingError,
)
from routing_engine.encoders.micro_batching import (
    DeadlineExceededError,
    MicroBatcher,
    OverloadedError,
    usable_cores,
)
from tests.support.examples import examples
from tests.support.strategies import FakeEncoder, a_location, a_rule, number, sentences, texts

PATIENCE_S = 30.0
"""How long a test waits for what must happen; no test passes because time went by."""


class GatedEncoder(HashingEncoder):
    """Encodes only while its gate is open; keeps what it was asked and by which thread."""

    def __init__(self, dimension=64):
        super().__init__(dimension)
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.calls = []
        self.threads = []

    def encode(self, texts):
        self.calls.append(list(texts))
        self.threads.append(threading.current_thread())
        self.entered.release()
        assert self.gate.wait(PATIENCE_S)
        return super().encode(texts)


class Held:
    """A batcher or engine whose every slot is taken by a caller that the encoder holds."""

    def __init__(self, ask, encoder, n_slots):
        self.encoder = encoder
        self._callers = [
            threading.Thread(target=ask, args=(f"holder {i}",)) for i in range(n_slots)
        ]

    def __enter__(self):
        self.encoder.gate.clear()
        while self.encoder.entered.acquire(blocking=False):
            pass
        for caller in self._callers:
            caller.start()
        for _ in self._callers:
            assert self.encoder.entered.acquire(timeout=PATIENCE_S)
        self.encoder.calls.clear()
        return self

    def let_go(self):
        self.encoder.gate.set()

    def __exit__(self, *_):
        self.let_go()
        for caller in self._callers:
            caller.join(PATIENCE_S)
            assert not caller.is_alive()


def held(batcher):
    return Held(batcher.encode, batcher.encoder, batcher.n_slots)


async def started(*coroutines):
    """Tasks that have all run up to where they wait, in this order."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    await asyncio.sleep(0)
    return tasks


async def settled():
    """The loop has passed on what it was told, a cancellation through all its futures."""
    for _ in range(10):
        await asyncio.sleep(0)


def single(text):
    return HashingEncoder(64).encode([text])[0]


@pytest.fixture
def encoder():
    return GatedEncoder()


class TestAlone:
    def test_a_caller_is_served_in_its_own_thread(self, encoder):
        batcher = MicroBatcher(encoder)
        for text in ("one", "two", "three"):
            assert np.array_equal(batcher.encode(text), single(text))
            assert batcher.n_waiting == 0
        assert encoder.calls == [["one"], ["two"], ["three"]]
        assert encoder.threads == [threading.current_thread()] * 3

    def test_as_many_callers_as_there_are_slots_are(self, encoder):
        batcher = MicroBatcher(encoder, n_slots=3)
        with held(batcher):
            assert batcher.n_waiting == 0
        assert {thread.name[:8] for thread in encoder.threads}.isdisjoint({"encoder-"})
        assert len(set(encoder.threads)) == 3

    def test_an_event_loop_is_never_blocked(self, encoder):
        batcher = MicroBatcher(encoder, n_slots=1)

        async def ask():
            encoder.gate.clear()
            (task,) = await started(batcher.aencode("one"))
            encoder.gate.set()  # reached only if the loop runs while the encoder does
            return await task

        assert np.array_equal(asyncio.run(ask()), single("one"))
        assert encoder.threads[0] is not threading.current_thread()

    def test_a_slot_is_given_back_by_a_caller_whose_text_fails(self):
        failing = FakeEncoder(lambda _: None)
        batcher = MicroBatcher(failing, n_slots=1)
        for _ in range(3):
            with pytest.raises(EncoderError):
                batcher.encode("one")
        assert failing.calls == [["one"]] * 3
        assert batcher.n_waiting == 0


class TestBatches:
    def test_those_that_wait_go_together_in_the_order_they_came(self, encoder):
        batcher = MicroBatcher(encoder, n_slots=1)
        said = [f"text {i}" for i in range(20)]

        async def ask():
            with held(batcher) as holding:
                tasks = await started(*map(batcher.aencode, said))
                assert batcher.n_waiting == 20
                assert encoder.calls == []
                holding.let_go()
                return await asyncio.gather(*tasks)

        vectors = asyncio.run(ask())
        assert encoder.calls == [said]
        assert batcher.n_waiting == 0
        for text, vector in zip(said, vectors, strict=True):
            assert np.array_equal(vector, single(text))

    @pytest.mark.parametrize(
        ("max_batch", "sizes"), [(1, [1] * 7), (3, [3, 3, 1]), (7, [7]), (8, [7])]
    )
    def test_a_batch_is_no_larger_than_allowed(self, encoder, max_batch, sizes):
        batcher = MicroBatcher(encoder, n_slots=1, max_batch=max_batch)
        said = [f"text {i}" for i in range(7)]

        async def ask():
            with held(batcher) as holding:
                tasks = await started(*map(batcher.aencode, said))
                holding.let_go()
                await asyncio.gather(*tasks)

        asyncio.run(ask())
        assert [len(call) for call in encoder.calls] == sizes
        assert [text for call in encoder.calls for text in call] == said

    def test_the_same_text_is_encoded_once_in_a_batch(self, encoder):
        batcher = MicroBatcher(encoder, n_slots=1)

        async def ask():
            with held(batcher) as holding:
                tasks = await started(*map(batcher.aencode, ["a", "b", "a", "a", "b"]))
                holding.let_go()
                return await asyncio.gather(*tasks)

        vectors = asyncio.run(ask())
        assert encoder.calls == [["a", "b"]]
        for text, vector in zip("abaab", vectors, strict=True):
            assert np.array_equal(vector, single(text))

    def test_threads_and_event_loops_share_batches(self, encoder):
        batcher = MicroBatcher(encoder, n_slots=1)
        found = {}

        def from_a_thread(text):
            found[text] = batcher.encode(text)

        async def ask():
            with held(batcher) as holding:
                (task,) = await started(batcher.aencode("from a loop"))
                thread = threading.Thread(target=from_a_thread, args=("from a thread",))
                thread.start()
                wait_until(lambda: batcher.n_waiting == 2)
                holding.let_go()
                found["from a loop"] = await task
                thread.join(PATIENCE_S)

        asyncio.run(ask())
        assert encoder.calls == [["from a loop", "from a thread"]]
        for text in ("from a loop", "from a thread"):
            assert np.array_equal(found[text], single(text))

    @examples(30)
    @given(st.lists(sentences | texts, max_size=12), st.integers(1, 4), st.integers(1, 3))
    def test_every_caller_gets_what_it_would_get_alone(self, said, max_batch, n_slots):
        batcher = MicroBatcher(HashingEncoder(64), max_batch=max_batch, n_slots=n_slots)

        async def ask():
            return await asyncio.gather(*map(batcher.aencode, said))

        for text, vector in zip(said, asyncio.run(ask()), strict=True):
            assert vector.dtype == np.float32
            assert vector.shape == (64,)
            assert np.array_equal(vector, single(text))


def wait_until(condition):
    """Wait for another thread to get where it must get."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


class TestBound:
    def test_one_more_than_may_wait_is_refused_and_encoded_by_nobody(self, encoder):
        batcher = MicroBatcher(encoder, n_slots=1, max_waiting=3)

        async def ask():
            with held(batcher) as holding:
                tasks = await started(*map(batcher.aencode, "abc"))
                for _ in range(2):
                    with pytest.raises(OverloadedError, match="3 texts are waiting"):
                        await batcher.aencode("one too many")
                    with pytest.raises(OverloadedError):
                        batcher.encode("one too many")
                assert batcher.n_waiting == 3
                holding.let_go()
                await asyncio.gather(*tasks)

        asyncio.run(ask())
        assert encoder.calls == [["a", "b", "c"]]
        assert np.array_equal(batcher.encode("afterwards"), single("afterwards"))

    def test_both_errors_are_this_librarys_own(self):
        assert issubclass(OverloadedError, RoutingError)
        assert issubclass(DeadlineExceededError, RoutingError)

    @pytest.mark.parametrize("name", ["max_waiting", "max_batch", "n_slots"])
    @pytest.mark.parametrize("value", [0, -1, 1.5, "1", True])
    def test_a_bound_below_one_is_refused(self, name, value):
        with pytest.raises(InvalidValueError, match=f"{name} must be .*at least 1"):
            MicroBatcher(HashingEncoder(), **{name: value})

    def test_there_are_as_many_slots_as_cores_unless_it_is_said(self):
        assert MicroBatcher(HashingEncoder()).n_slots == usable_cores() >= 1
        assert MicroBatcher(HashingEncoder(), n_slots=5).n_slots == 5


class TestDeadline:
    def test_a_caller_waits_no_longer_for_an_encoder_that_is_stuck(self, encoder):
        batcher = MicroBatcher(encoder, n_slots=1)
        encoder.gate.clear()
        with pytest.raises(
            DeadlineExceededError, match=r"not encoded within 0\.01 s|deadline passed"
        ):
            batcher.encode("one", deadline_s=0.01)
        with pytest.raises(
            DeadlineExceededError, match=r"not encoded within 0\.01 s|deadline passed"
        ):
            asyncio.run(batcher.aencode("two", deadline_s=0.01))
        assert not encoder.gate.is_set()
        encoder.gate.set()
        assert np.array_equal(batcher.encode("three"), single("three"))

    @pytest.mark.parametrize("deadline_s", [0.0, -1.0])
    def test_a_deadline_that_has_passed_is_one(self, encoder, deadline_s):
        batcher = MicroBatcher(encoder, n_slots=1)
        encoder.gate.clear()
        with pytest.raises(DeadlineExceededError):
            batcher.encode("one", deadline_s=deadline_s)
        with pytest.raises(DeadlineExceededError):
            asyncio.run(batcher.aencode("two", deadline_s=deadline_s))
        encoder.gate.set()

    def test_one_that_is_far_is_none(self, encoder):
        batcher = MicroBatcher(encoder)
        for _ in range(3):
            assert np.array_equal(batcher.encode("one", deadline_s=PATIENCE_S), single("one"))
        vector = asyncio.run(batcher.aencode("one", deadline_s=PATIENCE_S))
        assert np.array_equal(vector, single("one"))

    def test_a_text_whose_caller_left_is_not_encoded(self, encoder):
        batcher = MicroBatcher(encoder, n_slots=1)
        with held(batcher):
            with pytest.raises(DeadlineExceededError):
                batcher.encode("left", deadline_s=0.01)
            with pytest.raises(DeadlineExceededError):
                asyncio.run(batcher.aencode("left too", deadline_s=0.01))
        batcher.encode("stayed", deadline_s=PATIENCE_S)  # taken after those that left
        assert encoder.calls == [["stayed"]]
        assert batcher.n_waiting == 0

    def test_a_text_that_is_late_is_not_encoded_even_if_its_caller_has_not_noticed(self, encoder):
        batcher = MicroBatcher(encoder, n_slots=1)

        async def ask():
            with held(batcher):
                (late,) = await started(batcher.aencode("late", deadline_s=0.01))
                time.sleep(0.02)  # noqa: ASYNC251  the loop is kept from seeing its own timer
            batcher.encode("in time", deadline_s=PATIENCE_S)
            with pytest.raises(DeadlineExceededError):
                await late

        asyncio.run(ask())
        assert encoder.calls == [["in time"]]

    def test_a_text_without_a_deadline_outlives_one_with(self, encoder):
        batcher = MicroBatcher(encoder, n_slots=1)

        async def ask():
            with held(batcher) as holding:
                (patient,) = await started(batcher.aencode("patient"))
                with pytest.raises(DeadlineExceededError):
                    await batcher.aencode("hurried", deadline_s=0.01)
                holding.let_go()
                return await patient

        assert np.array_equal(asyncio.run(ask()), single("patient"))
        assert encoder.calls == [["patient"]]


class TestCancelled:
    def test_a_cancelled_caller_is_not_encoded_and_its_neighbours_are(self, encoder):
        batcher = MicroBatcher(encoder, n_slots=1)

        async def ask():
            with held(batcher) as holding:
                tasks = await started(*map(batcher.aencode, "abcde"))
                tasks[1].cancel()
                tasks[3].cancel()
                await settled()
                holding.let_go()
                return await asyncio.gather(*tasks, return_exceptions=True)

        answers = asyncio.run(ask())
        assert encoder.calls == [["a", "c", "e"]]
        assert isinstance(answers[1], asyncio.CancelledError)
        assert isinstance(answers[3], asyncio.CancelledError)
        for i in (0, 2, 4):
            assert np.array_equal(answers[i], single("abcde"[i]))

    def test_where_all_are_cancelled_nothing_is_encoded(self, encoder):
        batcher = MicroBatcher(encoder, n_slots=1)

        async def ask():
            with held(batcher):
                tasks = await started(*map(batcher.aencode, "abc"))
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await settled()

        asyncio.run(ask())
        assert np.array_equal(batcher.encode("d", deadline_s=PATIENCE_S), single("d"))
        assert encoder.calls == [["d"]]

    def test_one_cancelled_while_it_is_encoded_harms_nobody(self, encoder, caplog):
        batcher = MicroBatcher(encoder, n_slots=1)

        async def ask():
            encoder.gate.clear()
            tasks = await started(batcher.aencode("a"))
            await asyncio.to_thread(encoder.entered.acquire)
            tasks[0].cancel()
            tasks += await started(batcher.aencode("b"))
            encoder.gate.set()
            return await asyncio.gather(*tasks, return_exceptions=True)

        first, second = asyncio.run(ask())
        assert isinstance(first, asyncio.CancelledError)
        assert np.array_equal(second, single("b"))
        assert not caplog.records


class TestFailures:
    @pytest.mark.parametrize("poisoned", [{"b"}, {"a", "e"}, set("abcde")])
    def test_a_text_that_cannot_be_encoded_fails_alone(self, poisoned):
        class Poisoned(GatedEncoder):
            def encode(self, texts):
                vectors = super().encode(texts)
                if poisoned & set(texts):
                    raise LookupError("no such word")
                return vectors

        batcher = MicroBatcher(Poisoned(), n_slots=1)

        async def ask():
            with held(batcher) as holding:
                tasks = await started(*map(batcher.aencode, "abcdeb"))
                holding.let_go()
                return await asyncio.gather(*tasks, return_exceptions=True)

        for text, answer in zip("abcdeb", asyncio.run(ask()), strict=True):
            if text in poisoned:
                assert isinstance(answer, LookupError)
            else:
                assert np.array_equal(answer, single(text))
        assert batcher.encoder.calls[0] == list("abcde")

    @pytest.mark.parametrize("error", [RuntimeError, MemoryError, KeyboardInterrupt, TimeoutError])
    def test_what_the_encoder_raises_its_caller_gets(self, error):
        def fail(texts):
            raise error("broken")

        batcher = MicroBatcher(FakeEncoder(fail), n_slots=1)
        for deadline_s in (None, PATIENCE_S):
            with pytest.raises(error, match="broken"):
                batcher.encode("one", deadline_s=deadline_s)
        batcher.encoder.answer = HashingEncoder(8).encode
        assert batcher.encode("two", deadline_s=PATIENCE_S).shape == (8,)

    @pytest.mark.parametrize("error", [RuntimeError, MemoryError, TimeoutError])
    @pytest.mark.parametrize("deadline_s", [None, PATIENCE_S])
    def test_what_the_encoder_raises_a_caller_in_a_loop_gets(self, error, deadline_s):
        def fail(texts):
            raise error("broken")

        batcher = MicroBatcher(FakeEncoder(fail), n_slots=1)
        with pytest.raises(error, match="broken"):
            asyncio.run(batcher.aencode("one", deadline_s=deadline_s))

    def test_an_error_that_no_future_can_hold_leaves_no_caller_waiting(self):
        def fail(texts):
            raise StopIteration

        batcher = MicroBatcher(FakeEncoder(fail), n_slots=1)

        async def ask():
            task = asyncio.ensure_future(batcher.aencode("one"))
            done, _ = await asyncio.wait([task], timeout=2.0)
            task.cancel()
            return done

        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda *_: None)
        try:
            done = loop.run_until_complete(ask())
        finally:
            loop.close()
        assert done, "the caller is still waiting"
        assert isinstance(done.pop().exception(), Exception)

    @pytest.mark.parametrize(
        "answer",
        [
            lambda texts: None,
            lambda texts: np.zeros((len(texts), 8), np.float32),
            lambda texts: np.full((len(texts), 8), np.nan, np.float32),
            lambda texts: np.eye(len(texts), 9, dtype=np.float32),
            lambda texts: np.empty((0, 8), np.float32),
        ],
        ids=["nothing", "zeros", "nan", "other dimension", "too few"],
    )
    def test_vectors_are_checked_on_every_path(self, answer):
        batcher = MicroBatcher(FakeEncoder(answer), n_slots=1)
        for deadline_s in (None, PATIENCE_S):
            with pytest.raises(EncoderError):
                batcher.encode("one", deadline_s=deadline_s)
            with pytest.raises(EncoderError):
                asyncio.run(batcher.aencode("one", deadline_s=deadline_s))


class TestThreads:
    def test_there_are_never_more_than_slots(self, encoder):
        batcher = MicroBatcher(encoder, n_slots=2)

        async def ask():
            await asyncio.gather(*(batcher.aencode(f"text {i}") for i in range(50)))

        for _ in range(10):
            asyncio.run(ask())
        for _ in range(10):
            batcher.encode("one", deadline_s=PATIENCE_S)
        assert len(set(encoder.threads)) <= 2
        assert {thread.name for thread in encoder.threads} <= {"encoder-0", "encoder-1"}

    @pytest.mark.process
    def test_they_do_not_keep_a_process_alive(self):
        code = (
            "import asyncio\n"
            "from routing_engine import HashingEncoder\n"
            "from routing_engine.encoders.micro_batching import MicroBatcher\n"
            "batcher = MicroBatcher(HashingEncoder())\n"
            "asyncio.run(batcher.aencode('one'))\n"
            "batcher.encode('two', deadline_s=30.0)\n"
            "print('done')\n"
        )
        ended = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
        )
        assert (ended.stdout, ended.stderr) == ("done\n", "")

    def test_they_end_with_their_batcher(self):
        """A service that opens a snapshot anew each hour must not gather threads and encoders."""
        encoder = GatedEncoder()
        batcher = MicroBatcher(encoder, n_slots=2)
        asyncio.run(batcher.aencode("one"))
        (worker,) = encoder.threads
        assert worker.is_alive()
        gone = weakref.ref(batcher)
        encoder.threads.clear()
        del batcher, encoder
        gc.collect()
        worker.join(2.0)
        assert gone() is None
        assert not worker.is_alive()


SAID = ("a bill", "the invoice", "a leak", "flooding", "book a visit", "something else")


def an_engine(encoder=None, **options):
    locations = [
        a_location(
            f"store-{i}",
            a_rule("Billing", number(100 + i), when="asks about a bill or an invoice"),
            a_rule("Leak", number(200 + i), when="a leak or flooding"),
            default_destination=number(i),
        )
        for i in range(8)
    ]
    return RoutingEngine(locations, encoder=encoder or HashingEncoder(64), **options)


class TestEngine:
    def test_64_callers_at_once_are_answered_as_one_by_one(self):
        alone = an_engine()
        together = an_engine()
        asked = [(f"store-{i % 8}", SAID[i % len(SAID)]) for i in range(64)]

        async def ask():
            return await asyncio.gather(*(together.aroute(*query) for query in asked))

        assert asyncio.run(ask()) == [alone.route(*query) for query in asked]

    def test_threads_are_answered_as_one_by_one(self):
        alone = an_engine()
        together = an_engine(cache_size=0)
        asked = [(f"store-{i % 8}", SAID[i % len(SAID)]) for i in range(64)]
        found = {}

        def ask(first):
            for i in range(first, 64, 8):
                found[i] = together.route(*asked[i])

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert [found[i] for i in range(64)] == [alone.route(*query) for query in asked]

    def test_one_caller_too_many_goes_to_its_own_default(self, encoder):
        engine = an_engine(encoder, max_waiting=2)
        holding = Held(lambda said: engine.route("store-1", said), encoder, usable_cores())

        async def ask():
            with holding:
                tasks = await started(
                    engine.aroute("store-1", "a bill"), engine.aroute("store-2", "a leak")
                )
                refused = [
                    engine.route("store-3", "a leak"),
                    await engine.aroute("store-4", "a bill"),
                    engine.route("store-5", "a bill", deadline_s=PATIENCE_S),
                ]
                holding.let_go()
                return refused, await asyncio.gather(*tasks)

        refused, answered = asyncio.run(ask())
        for i, decision in enumerate(refused, 3):
            assert (decision.outcome, decision.reason) == (Outcome.DEFAULT, Reason.OVERLOADED)
            assert str(decision.destination) == number(i)
            assert decision.location_id == f"store-{i}"
            assert (decision.confidence, decision.threshold, decision.rule) == (0.0, None, None)
        assert answered == [engine.route("store-1", "a bill"), engine.route("store-2", "a leak")]
        assert engine.route("store-3", "a leak").reason is not Reason.OVERLOADED

    def test_a_caller_of_an_encoder_that_is_stuck_goes_to_its_own_default(self, encoder, caplog):
        engine = an_engine(encoder)
        encoder.gate.clear()
        decisions = [
            engine.route("store-3", "a private leak", deadline_s=0.01),
            asyncio.run(engine.aroute("store-4", "a private leak", deadline_s=0.01)),
        ]
        assert not encoder.gate.is_set()
        for i, decision in enumerate(decisions, 3):
            assert (decision.outcome, decision.reason) == (
                Outcome.DEFAULT,
                Reason.DEADLINE_EXCEEDED,
            )
            assert str(decision.destination) == number(i)
        assert caplog.text.count("deadline_exceeded") == 2
        assert "private" not in caplog.text
        encoder.gate.set()
        decision = engine.route("store-3", "a private leak")
        assert decision.reason in (Reason.RULE_MATCHED, Reason.BELOW_THRESHOLD)

    def test_a_deadline_that_is_kept_changes_nothing(self):
        engine = an_engine(cache_size=0)
        for said in SAID:
            without = engine.route("store-1", said)
            assert engine.route("store-1", said, deadline_s=PATIENCE_S) == without
            assert asyncio.run(engine.aroute("store-1", said, deadline_s=PATIENCE_S)) == without

    def test_an_encoder_that_times_out_by_itself_is_no_missed_deadline(self):
        encoder = FakeEncoder(HashingEncoder(64).encode, dimension=64)
        encoder.background = HashingEncoder(64).background
        engine = an_engine(encoder)

        def time_out(texts):
            raise TimeoutError("the embedding service did not answer")

        encoder.answer = time_out
        assert engine.route("store-1", "a bill").reason is Reason.ENGINE_DEGRADED
        assert asyncio.run(engine.aroute("store-1", "a bill")).reason is Reason.ENGINE_DEGRADED

    def test_a_caller_that_hangs_up_is_not_encoded(self, encoder):
        engine = an_engine(encoder)
        holding = Held(lambda said: engine.route("store-1", said), encoder, usable_cores())

        async def ask():
            with holding:
                tasks = await started(
                    engine.aroute("store-1", "a bill"), engine.aroute("store-2", "a leak")
                )
                tasks[0].cancel()
                await settled()
                holding.let_go()
                return await asyncio.gather(*tasks, return_exceptions=True)

        cancelled, decision = asyncio.run(ask())
        assert isinstance(cancelled, asyncio.CancelledError)
        assert decision == engine.route("store-2", "a leak")
        assert encoder.calls == [["a leak"]]


FORKED = """
import asyncio, os, signal, sys, time
from tests.encoders.test_micro_batching import an_engine

engine = an_engine(cache_size=0)
before = engine.route("store-1", "a bill")
codes = set()
for _ in range({n_children}):
    {first}
    child = os.fork()
    if not child:
        signal.alarm(20)
        right = False
        try:
            right = (
                engine.route("store-1", "a bill") == before
                and engine.route_many([("store-1", "a bill")]) == [before]
                and all(
                    asyncio.run(engine.aroute("store-1", "a bill", deadline_s=4.0)) == before
                    and engine.route("store-1", "a bill", deadline_s=4.0) == before
                    for _ in range(5)
                )
            )
        finally:
            os._exit(0 if right else 1)
    _, status = os.waitpid(child, 0)
    assert engine.route("store-1", "a bill") == before
    codes.add(os.waitstatus_to_exitcode(status))
    if codes != {{0}}:
        break
print(*codes)
"""

FORKED_UNDER_LOAD = """
import asyncio, os, signal, threading
from routing_engine.encoders.micro_batching import MicroBatcher
from tests.encoders.test_micro_batching import GatedEncoder, held, started

encoder = GatedEncoder()
batcher = MicroBatcher(encoder, n_slots=1, max_waiting=2)

async def ask():
    with held(batcher):
        tasks = await started(batcher.aencode("a"), batcher.aencode("b"))
        child = os.fork()
        if not child:
            signal.alarm(20)
            right = False
            try:
                encoder.gate = threading.Event()
                encoder.gate.set()
                right = batcher.encode("c", deadline_s=4.0).shape == (64,)
                right = right and batcher.encode("d").shape == (64,)
            finally:
                os._exit(0 if right else 1)
        _, status = os.waitpid(child, 0)
    await asyncio.gather(*tasks)
    return status

print(os.waitstatus_to_exitcode(asyncio.run(ask())))
"""

ASKED = 'asyncio.run(engine.aroute("store-1", "a bill"))'


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
@pytest.mark.parametrize(
    "script",
    [
        FORKED.format(n_children=1, first=""),
        FORKED.format(n_children=5, first=ASKED),
        FORKED.format(n_children=1, first=f"{ASKED}; time.sleep(0.5)"),  # for threads to rest
        FORKED_UNDER_LOAD,
    ],
    ids=["before any thread", "just after a batch", "at rest", "under load"],
)
def test_a_child_process_still_answers(script):
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.stdout == "0\n", ended.stderr
