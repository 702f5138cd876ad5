from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import threading
import time

import pytest

from camunda_optimize import DestinationError
from camunda_optimize.export import publish
from camunda_optimize_provider import runner
from camunda_optimize_provider.runner import LoopThread, Stopped, run_in_thread


def test_gives_the_result():
    async def work():
        await asyncio.sleep(0)
        return threading.current_thread().name

    assert run_in_thread(work) == "camunda-optimize"


def test_raises_the_error():
    async def work():
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        run_in_thread(work)


async def test_works_inside_a_running_loop():
    async def work():
        return 1

    assert run_in_thread(work) == 1


def test_the_context_goes_along():
    variable = contextvars.ContextVar("variable")
    variable.set("here")

    async def work():
        return variable.get()

    assert run_in_thread(work) == "here"


class Work:
    """Waits for long, and takes its time to clean up."""

    def __init__(self, clean_up=0.2):
        self.clean_up = clean_up
        self.begun = threading.Event()
        self.cleaned = False

    async def __call__(self):
        try:
            self.begun.set()
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(self.clean_up)
            self.cleaned = True


class Alarm(Exception):
    pass


@pytest.fixture
def alarm():
    """Raises in the main thread after a while, as Airflow's timeout does."""

    def ring(signum, frame):
        raise Alarm

    previous = signal.signal(signal.SIGALRM, ring)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)


def test_an_exception_in_the_waiting_thread_stops_the_work_and_lets_it_clean_up(alarm):
    work = Work()
    alarm(0.2)
    with pytest.raises(Alarm):
        LoopThread(work).run()
    assert work.cleaned


def test_the_wait_for_the_clean_up_is_bounded(alarm, monkeypatch):
    work, started = Work(clean_up=30), time.monotonic()
    thread = LoopThread(work)
    alarm(0.1)

    monkeypatch.setattr(runner, "PATIENT_SECONDS", 0.3)
    with pytest.raises(Alarm):
        thread.run()
    assert 0.3 < time.monotonic() - started < 20
    assert not work.cleaned
    thread._loop.call_soon_threadsafe(thread._task.cancel)


def test_a_clean_up_that_nobody_is_about_to_kill_may_take_its_time_until_somebody_is(alarm):
    assert runner.PATIENT_SECONDS > publish.CLEANUP_SECONDS > runner.CLEAN_UP_SECONDS
    work, stopped = Work(clean_up=30), []
    thread = LoopThread(work)

    def terminate(signum, frame):
        begun = time.monotonic()
        thread.stop(0.3)
        stopped.append(time.monotonic() - begun)

    previous = signal.signal(signal.SIGTERM, terminate)
    try:
        alarm(0.1)  # as a timeout does
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()  # as a user does
        begun = time.monotonic()
        with pytest.raises(Alarm):
            thread.run()
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert 0.3 <= stopped[0] < 10
    assert time.monotonic() - begun < 20
    thread._loop.call_soon_threadsafe(thread._task.cancel)


def test_a_signal_handler_may_stop_it_twice():
    work = Work()
    thread = LoopThread(work)
    ended = []

    def handle(signum, frame):
        ended.append(thread.stop())
        ended.append(thread.stop())

    previous = signal.signal(signal.SIGTERM, handle)
    try:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
        with pytest.raises(Stopped):
            thread.run()
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert ended == [True, True]
    assert work.cleaned


def test_a_second_signal_waits_for_the_clean_up_as_well(alarm):
    work = Work(clean_up=0.6)
    thread = LoopThread(work)

    def terminate(signum, frame):
        thread.stop()

    previous = signal.signal(signal.SIGTERM, terminate)
    try:
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
        alarm(0.3)  # in the middle of stop()
        with pytest.raises(Alarm):
            thread.run()
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert work.cleaned


def test_a_second_stop_does_not_interrupt_the_clean_up():
    work = Work(clean_up=0.6)
    thread = LoopThread(work)

    def twice():
        work.begun.wait()
        thread.stop(0.1)  # in vain: the clean-up takes longer
        thread.stop()

    threading.Thread(target=twice, daemon=True).start()
    with pytest.raises(Stopped):
        thread.run()
    assert work.cleaned


def test_two_exceptions_wait_for_the_clean_up_as_well(alarm):
    work = Work(clean_up=0.6)

    def interrupt(signum, frame):
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGUSR1, interrupt)
    try:
        alarm(0.1)
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        with pytest.raises(KeyboardInterrupt):
            LoopThread(work).run()
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert work.cleaned


class Failing(Work):
    """Fails while it cleans up."""

    def __init__(self, error):
        super().__init__(clean_up=0)
        self.error = error

    async def __call__(self):
        try:
            await super().__call__()
        finally:
            raise self.error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (DestinationError("the disk is full"), "DestinationError: the disk is full"),
        (RuntimeError("a-secret-perhaps"), "RuntimeError"),
    ],
)
def test_what_went_wrong_while_it_was_stopped_is_told(error, words, caplog):
    thread = LoopThread(Failing(error))
    threading.Timer(0.1, thread.stop).start()
    with pytest.raises(Stopped) as caught:
        thread.run()
    assert caplog.messages[-1] == f"While it was being stopped: {words}"
    assert "a-secret-perhaps" not in caplog.text
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_an_ordinary_stop_tells_nothing(caplog):
    thread = LoopThread(Work(clean_up=0))
    threading.Timer(0.1, thread.stop).start()
    with pytest.raises(Stopped):
        thread.run()
    assert [record for record in caplog.records if record.name.startswith("camunda")] == []


@pytest.mark.parametrize("fails", [False, True])
def test_the_result_does_not_wait_for_threads_that_were_left_behind(fails):
    release = threading.Event()

    async def work():
        asyncio.get_running_loop().run_in_executor(None, release.wait, 20)
        await asyncio.sleep(0)
        if fails:
            raise LookupError("mine")
        return 1

    thread, started = LoopThread(work), time.monotonic()
    try:
        if fails:
            with pytest.raises(LookupError, match="mine"):
                thread.run()
        else:
            assert thread.run() == 1
        assert time.monotonic() - started < 15
        assert thread.stop()
    finally:
        release.set()
        thread._thread.join()


def test_what_is_stopped_before_it_began_does_not_begin():
    work = Work()
    thread = LoopThread(work)
    thread.stop(0)
    with pytest.raises(Stopped):
        thread.run()
    assert not work.begun.is_set()


def test_a_stop_after_the_end_changes_nothing():
    async def work():
        return 1

    thread = LoopThread(work)
    assert thread.run() == 1
    assert thread.stop()


@pytest.mark.parametrize("delay", [0.0, 0.0005, 0.001, 0.002, 0.005])
def test_stopping_at_any_moment_ends_it(delay):
    work = Work(clean_up=0)
    thread = LoopThread(work)
    stopper = threading.Timer(delay, thread.stop)
    stopper.start()
    with pytest.raises(Stopped):
        thread.run()
    assert work.cleaned or not work.begun.is_set()
    stopper.join()
