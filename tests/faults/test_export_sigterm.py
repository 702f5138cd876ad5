"""SIGTERM in programs that do more than one export: with handlers, children and event loops of their own."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys

import pytest

LIMIT = 60

PRELUDE = f"""
import sys
sys.path[:0] = {sys.path!r}
import asyncio, multiprocessing, os, signal, threading, time, warnings
from camunda_optimize.export.terminations import heeding_sigterm

warnings.simplefilter("ignore", DeprecationWarning)  # to fork beside threads is what is tried here

def say(*words):
    print(*words, flush=True)

def sigterm():
    os.kill(os.getpid(), signal.SIGTERM)

async def export(seconds=600):
    # What an export does about SIGTERM, without the rest of it.
    with heeding_sigterm():
        say("begun")
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            await asyncio.sleep(0.1)
            say("cleaned up")
            raise
    say("ended")
"""


@pytest.fixture
def begin():
    """Begin a program; what it says is read line by line."""
    begun = []

    def begin(program, *, within=()):
        process = subprocess.Popen(
            [*within, sys.executable, "-c", PRELUDE + program],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        begun.append(process)
        return process

    yield begin
    for process in begun:
        with contextlib.suppress(ProcessLookupError):  # it is gone, and its children are
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


@pytest.fixture
def run(begin):
    """Run a program to its end: what it said, and its return code."""

    def run(program, **settings):
        process = begin(program, **settings)
        said, _ = process.communicate(timeout=LIMIT)
        return said.splitlines(), process.returncode

    return run


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_loop_that_waits_for_something_else_is_woken(begin, loop):
    pytest.importorskip(loop)
    process = begin(f"import {loop}\n{loop}.run(export())\n")
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=LIMIT)
    assert said == "cleaned up\n"
    assert process.returncode == -signal.SIGTERM


@pytest.mark.parametrize("thread", ["main", "other"])
def test_a_child_of_an_exporting_process_ends_by_its_sigterm_alone(run, thread):
    """However early it comes: Python forgets in a child what signals came before it was ready."""
    said, code = run(f"""
def terminated_at_once():
    child = os.fork()
    if not child:
        time.sleep({2 * LIMIT})
    os.kill(child, signal.SIGTERM)
    for _ in range({LIMIT} * 10):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return -os.waitstatus_to_exitcode(status)
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "it went on"

async def main():
    with heeding_sigterm():
        for _ in range(10):
            if "{thread}" == "main":
                code = terminated_at_once()
            else:
                code = await asyncio.to_thread(terminated_at_once)
            await asyncio.sleep(0)
            if code != signal.SIGTERM:
                say("a child:", code)
                break
    say("the export ended,", signal.pthread_sigmask(signal.SIG_BLOCK, ()))

asyncio.run(main())
""")
    assert said == ["the export ended, set()"]
    assert code == 0


def test_an_export_in_a_forked_child_takes_care_of_itself(run):
    said, code = run("""
def child(pipe):
    async def begin():
        exporting = asyncio.create_task(export())
        await asyncio.sleep(0)
        pipe.send("begun")
        await exporting
    asyncio.run(begin())

async def main():
    with heeding_sigterm():
        ours, its = multiprocessing.Pipe()
        process = multiprocessing.get_context("fork").Process(target=child, args=[its])
        process.start()
        await asyncio.to_thread(ours.recv)
        process.terminate()
        await asyncio.to_thread(process.join)
        say(process.exitcode)
    say("ours ended")

asyncio.run(main())
""")
    assert said == ["begun", "cleaned up", f"-{signal.SIGTERM:d}", "ours ended"]
    assert code == 0


def test_a_sigterm_after_the_last_await_is_not_lost(run):
    """An export's last steps await nothing: its threads end, and its staging files are removed."""
    said, code = run("""
async def main():
    with heeding_sigterm():
        await asyncio.sleep(0)
        sigterm()
        say("removed")
    say("went on")

asyncio.run(main())
""")
    assert said == ["removed"]
    assert code == -signal.SIGTERM


INSTALLED = {
    "for the process": "signal.signal(signal.SIGTERM, lambda *_: say('told'))",
    "for the loop": "asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, say, 'told')",
}


@pytest.mark.parametrize("handler", INSTALLED.values(), ids=list(INSTALLED))
def test_a_handler_that_was_installed_meanwhile_stays(run, handler):
    said, code = run(f"""
async def main():
    exporting = asyncio.create_task(export(0.1))
    await asyncio.sleep(0)
    {handler}
    sigterm()
    await exporting
    sigterm()
    await asyncio.sleep(0.1)
    await export(0)
    sigterm()
    await asyncio.sleep(0.1)

asyncio.run(main())
""")
    assert said == ["begun", "told", "ended", "told", "begun", "ended", "told"]
    assert code == 0


@pytest.mark.parametrize("handler", INSTALLED.values(), ids=list(INSTALLED))
def test_a_handler_that_was_installed_during_the_clean_up_is_told_once(run, handler):
    said, code = run(f"""
async def main():
    exporting = asyncio.create_task(export())
    await asyncio.sleep(0)
    sigterm()
    while not exporting.cancelling():
        await asyncio.sleep(0)
    {handler}
    await asyncio.wait({{exporting}})
    await asyncio.sleep(0.1)
    say("went on")

asyncio.run(main())
""")
    assert said == ["begun", "cleaned up", "told", "went on"]
    assert code == 0


def test_a_handler_that_calls_what_it_found_has_the_process_ended(run):
    """As Python's own effect of SIGTERM would have done, which it found in effect: an export was under way."""
    said, code = run("""
async def main():
    exporting = asyncio.create_task(export())
    await asyncio.sleep(0)
    def handle(number, frame):
        say("told")
        found(number, frame)
    found = signal.signal(signal.SIGTERM, handle)
    sigterm()
    await exporting

asyncio.run(main())
""")
    assert said == ["begun", "told", "cleaned up", "told"]
    assert code == -signal.SIGTERM


def test_a_handler_that_puts_back_what_it_found_puts_back_nothing_of_ours(run):
    said, code = run("""
async def main():
    exporting = asyncio.create_task(export(0.1))
    await asyncio.sleep(0)
    found = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    await exporting
    signal.signal(signal.SIGTERM, found)

asyncio.run(main())
sigterm()
time.sleep(0.1)
say("went on")
""")
    assert said == ["begun", "ended"]
    assert code == -signal.SIGTERM


@pytest.mark.parametrize("other", ["runs", "stands still"])
def test_an_export_in_a_loop_that_stands_still_holds_up_nothing(run, other):
    said, code = run(f"""
one, other = asyncio.new_event_loop(), asyncio.new_event_loop()
pending = one.create_task(export())
one.run_until_complete(asyncio.sleep(0))

if {other!r} == "runs":
    other.call_later(0.1, sigterm)
    other.run_until_complete(export())
else:
    sigterm()
time.sleep(0.1)
say("went on")
""")
    assert said == (["begun", "begun", "cleaned up"] if other == "runs" else ["begun"])
    assert code == -signal.SIGTERM


def test_exports_of_two_loops_one_after_the_other(run):
    said, code = run("""
one, other = asyncio.new_event_loop(), asyncio.new_event_loop()
pending = one.create_task(export(0.1))
one.run_until_complete(asyncio.sleep(0))
other.run_until_complete(export(0))
one.run_until_complete(pending)
say(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
""")
    assert said == ["begun", "begun", "ended", "ended", "True"]
    assert code == 0


def test_an_export_that_begins_after_the_sigterm_is_cancelled(run):
    """And waited for by nobody: a program that always begins the next one would never end."""
    said, code = run("""
async def next_one():
    with heeding_sigterm():
        try:
            await asyncio.sleep(600)
        finally:
            say("the next one was cancelled")
            await asyncio.sleep(600)

async def main():
    loop = asyncio.get_running_loop()
    with heeding_sigterm():
        loop.call_later(0.1, sigterm)
        try:
            await asyncio.sleep(600)
        finally:
            begun = asyncio.create_task(next_one())
            await asyncio.sleep(0.1)
            sigterm()
            await asyncio.sleep(0.1)
            say("cleaned up")

asyncio.run(main())
""")
    assert said == ["the next one was cancelled", "cleaned up"]
    assert code == -signal.SIGTERM


def test_an_export_whose_loop_goes_to_another_thread(run):
    said, code = run("""
loop = asyncio.new_event_loop()
exporting = loop.create_task(export(0.1))
loop.run_until_complete(asyncio.sleep(0))
thread = threading.Thread(target=loop.run_until_complete, args=[exporting])
thread.start()
thread.join()
say(exporting.exception())
sigterm()
time.sleep(0.1)
say("went on")
""")
    assert said == ["begun", "ended", "None"]
    assert code == -signal.SIGTERM


@pytest.fixture
def container():
    """What makes a program the first process of its own process namespace, as in a container."""
    if not (unshare := shutil.which("unshare")):
        pytest.skip("no unshare here")
    within = [unshare, "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]
    tried = subprocess.run([*within, "true"], check=False, capture_output=True, text=True, timeout=LIMIT)
    if tried.returncode:
        pytest.skip(f"no process namespace here: {tried.stderr.strip()}")
    return within


def test_the_first_process_of_a_container_ends_too(run, container):
    """The kernel lets no signal end it that it does not handle."""
    said, code = run(
        """
async def main():
    say("process", os.getpid())
    asyncio.get_running_loop().call_later(0.1, sigterm)
    for _ in range(2):
        await asyncio.wait({asyncio.create_task(export())})
    say("went on")

asyncio.run(main())
""",
        within=container,
    )
    assert said == ["process 1", "begun", "cleaned up"]
    assert code == 128 + signal.SIGTERM
