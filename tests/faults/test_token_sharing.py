"""One token for all clients of a process and, by files, for all processes of a host."""

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import select
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from camunda_optimize import (
    AuthenticationError,
    ClientClosedError,
    OptimizeClient,
    ReadTimeout,
    TransportError,
    UnauthorizedError,
    shared_token,
)
from camunda_optimize import tokens as token_module
from camunda_optimize.testing import Fault
from camunda_optimize.token_stores import (
    FileStore,
    MemoryStore,
    Pause,
    ProcessPauses,
    base,
    open_store,
    pause_key,
    token_key,
)
from camunda_optimize.token_stores.documents import found_in, pause_document, pause_in
from camunda_optimize.tokens import STALE_AFTER

PROGRAM = Path(__file__).with_name("many_processes.py")


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "tokens"


@pytest.fixture
def config(optimize_simulator, directory):
    return optimize_simulator.config(token_cache="file", token_cache_dir=str(directory))


def run_processes(simulator, directory, number=64, fetches=1):
    settings = {
        "base_url": simulator.base_url,
        "oauth_url": simulator.oauth_url,
        "client_id": simulator.client_id,
        "client_secret": simulator.client_secret,
        "audience": simulator.audience,
        "token_cache": "file",
        "token_cache_dir": str(directory),
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", PROGRAM, str(number), str(fetches), json.dumps(settings)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert len(results) == number
    assert all(result and result["failures"] == [] for result in results), results
    return sum(result["token_requests"] for result in results)


async def fetch(config, number=1):
    async with OptimizeClient(config) as optimize:
        for _ in range(number):
            await optimize.dashboards.list_ids("x")
        return optimize.stats.token_requests


def token_file(directory):
    (path,) = directory.glob("token-*.json")
    return path


def test_64_processes_that_start_together_make_one_token_request(optimize_simulator, directory):
    optimize_simulator.add_fault(Fault(on="token", latency=0.2))
    assert run_processes(optimize_simulator, directory) == 1
    assert run_processes(optimize_simulator, directory, number=16) == 0
    assert optimize_simulator.counters.token_requests == 1


def test_16_processes_of_10_fetches_make_one_token_request(optimize_simulator, directory):
    assert run_processes(optimize_simulator, directory, number=16, fetches=10) == 1
    assert run_processes(optimize_simulator, directory, number=16, fetches=10) == 0
    assert optimize_simulator.counters.token_requests == 1
    assert optimize_simulator.counters.requests == 320


def test_a_revoked_token_is_replaced_once_for_all_processes(optimize_simulator, directory):
    assert run_processes(optimize_simulator, directory, number=4) == 1
    optimize_simulator.revoke_all_tokens()
    assert run_processes(optimize_simulator, directory, number=32, fetches=3) == 1
    assert optimize_simulator.counters.token_requests == 2


def test_processes_renew_a_short_token_together(optimize_simulator_factory, directory):
    simulator = optimize_simulator_factory(token_life=2)
    started = time.monotonic()
    requests = run_processes(simulator, directory, number=8, fetches=250)  # about 3 s where nobody else is at work
    assert 2 <= requests <= 2 + (time.monotonic() - started) / (2 * STALE_AFTER)


@pytest.mark.parametrize(
    ("setting", "variables", "below"),
    [
        ("~/tokens", {}, "tokens"),
        (None, {}, ".cache/camunda-optimize-connector"),
        (None, {"XDG_CACHE_HOME": "{home}/elsewhere"}, "elsewhere/camunda-optimize-connector"),
        (None, {"XDG_CACHE_HOME": "relative"}, ".cache/camunda-optimize-connector"),
    ],
)
async def test_a_directory_may_be_below_the_home_directory(config, tmp_path, monkeypatch, setting, variables, below):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    for name, value in {"HOME": str(tmp_path), **variables}.items():
        monkeypatch.setenv(name, value.format(home=tmp_path))
    await fetch(config.replace(token_cache_dir=setting))
    assert token_file(tmp_path / below).exists()
    assert not (tmp_path / "~").exists()


async def test_nobody_else_can_read_the_file(config, directory):
    old = os.umask(0)
    try:
        await fetch(config)
    finally:
        os.umask(old)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}


async def test_no_secret_is_in_the_files_nor_in_their_names(config, directory, optimize_simulator):
    await fetch(config)
    content = " ".join(f"{path.name} {path.read_text()}" for path in directory.iterdir())
    assert optimize_simulator.issued_tokens[0] in content
    assert optimize_simulator.client_secret not in content
    assert optimize_simulator.client_id not in content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"access_token": null, "requested_at": 1, "life": 2}',
        b'{"access_token": "x", "requested_at": "soon", "life": 300}',
        b'{"access_token": "x", "requested_at": 1e999, "life": 300}',
        b'{"access_token": "x"}',
        b"x" * 100_000,
        b"[" * 60_000,
        b'{"access_token": "a\\nb", "requested_at": %d, "life": 3000}' % time.time(),
        b'{"access_token": "\\u20ac", "requested_at": %d, "life": 3000}' % time.time(),
    ],
    ids=lambda content: content[:40].decode("latin1"),
)
async def test_a_damaged_file_is_no_token(config, directory, content):
    await fetch(config)
    token_file(directory).write_bytes(content)
    assert await fetch(config) == 1
    assert await fetch(config) == 0  # and it was mended


@pytest.mark.parametrize("damage", ["world-readable", "a link", "a directory"])
async def test_a_file_that_others_could_have_written_is_not_trusted(config, directory, tmp_path, damage):
    await fetch(config)
    path = token_file(directory)
    if damage == "world-readable":
        path.chmod(0o644)
    elif damage == "a link":
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.unlink()
        path.mkdir()
    assert await fetch(config) == 1


@pytest.mark.parametrize("damage", ["open to all", "a file", "a link"])
async def test_a_directory_that_is_not_private_is_not_used(config, directory, tmp_path, damage):
    if damage == "open to all":
        directory.mkdir(mode=0o755)
        directory.chmod(0o755)
    elif damage == "a file":
        directory.write_text("")
    else:
        (tmp_path / "real").mkdir(mode=0o700)
        directory.symlink_to(tmp_path / "real")
    assert await fetch(config) == 1
    assert not list(tmp_path.rglob("token-*.json"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another user's")
@pytest.mark.parametrize("what", ["directory", "file"])
async def test_another_users_files_are_not_trusted(config, directory, what):
    await fetch(config)
    os.chown(directory if what == "directory" else token_file(directory), 12345, -1)
    assert await fetch(config) == 1


async def test_a_directory_that_cannot_be_made_means_no_cache(optimize_simulator):
    config = optimize_simulator.config(token_cache="file", token_cache_dir="/proc/nowhere/tokens")
    assert await fetch(config) == 1


# Runs as another user, or with a limit on what it may write; then says how many token requests five fetches made. A
# first client is for all that Python imports late: another user may not be allowed to read it.
CONFINED = """
import asyncio, json, os, resource, signal, sys
from camunda_optimize import OptimizeClient, OptimizeConfig
settings, user, most = json.loads(sys.argv[1])
config = OptimizeConfig(**settings)
async def fetch(config):
    async with OptimizeClient(config) as optimize:
        for _ in range(5):
            await optimize.dashboards.list_ids("x")
        return optimize.stats.token_requests
asyncio.run(fetch(config.replace(token_cache_dir="/proc/nowhere")))
if user is not None:
    os.setgroups([]), os.setgid(user), os.setuid(user)
if most is not None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
print(asyncio.run(fetch(config)))
"""


def confined_fetch(config, *, user=None, most=None):
    names = ("base_url", "oauth_url", "client_id", "client_secret", "audience", "token_cache", "token_cache_dir")
    settings = {name: getattr(config, name) for name in names}
    command = [sys.executable, "-W", "error", "-c", CONFINED, json.dumps([settings, user, most])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("most", [0, 20])
def test_a_full_disk_means_no_cache(config, directory, most):
    """No byte may be written, or too few: what is left is no token, and no half-written file."""
    assert confined_fetch(config, most=most) == 1
    assert {path.suffix for path in directory.iterdir()} == {".lock"}
    assert confined_fetch(config) == 1
    assert confined_fetch(config, most=most) == 0  # reading takes no room


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("mode", [0o555, 0o700, 0o777], ids=oct)
def test_a_directory_of_another_user_s_means_no_cache(config, directory, mode, tmp_path):
    """Unwritable, not even to be entered, or open to all."""
    for parent in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(0o755)
    directory.mkdir()
    directory.chmod(mode)
    assert confined_fetch(config, user=12345) == 1
    assert not list(directory.iterdir())


async def test_a_disk_that_fills_up_before_the_file_is_in_its_place(config, directory, monkeypatch):
    def no_space(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_space)
    assert await fetch(config, 5) == 1
    monkeypatch.undo()
    assert {path.suffix for path in directory.iterdir()} == {".lock"}
    assert await fetch(config) == 1
    assert await fetch(config) == 0


@pytest.mark.parametrize("hours", [-30, -1, 1, 30])
async def test_a_clock_that_jumps_costs_a_request_at_most(config, monkeypatch, hours, optimize_simulator):
    await fetch(config)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + hours * 3600)
    assert await fetch(config) <= 1
    assert await fetch(config) == 0
    monkeypatch.undo()
    assert await fetch(config) <= 1
    assert optimize_simulator.counters.unauthorized == 0


@pytest.mark.parametrize(("ahead", "age"), [(3600, None), (6, None), (2, 0.0), (0, 0.0), (-100, 100.0)])
def test_a_token_from_the_future_has_no_known_age(ahead, age):
    """The clock was set back since it was stored; a few seconds are two processes' rounding."""
    now = time.time()
    found = found_in(json.dumps({"access_token": "x", "requested_at": now + ahead, "life": 300}).encode(), now)
    assert (None if found is None else found.age) == (None if age is None else pytest.approx(age))


@pytest.mark.parametrize("setting", ["oauth_url", "client_id", "audience", "scope", "client_secret"])
def test_whatever_makes_another_token_makes_another_key(optimize_simulator, setting):
    config = optimize_simulator.config()
    other = config.replace(**{setting: "http://elsewhere/token" if setting == "oauth_url" else "another"})
    assert token_key(other) != token_key(config)
    assert token_key(config.replace(max_concurrency=1, base_url="http://elsewhere")) == token_key(config)


async def test_a_lock_that_is_held_for_ever_only_delays(config, directory):
    await fetch(config)
    token_file(directory).unlink()
    (lock,) = directory.glob("*.lock")
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        started = time.monotonic()
        assert await fetch(config.replace(token_timeout=0.3)) == 1
        assert 0.25 < time.monotonic() - started < 20


async def test_a_wrong_secret_does_not_find_the_token_of_the_right_one(config):
    await fetch(config)
    with pytest.raises(AuthenticationError):
        await fetch(config.replace(client_secret="not-the-secret"))


async def test_clients_of_one_process_share_the_token(optimize_simulator):
    config = optimize_simulator.config()
    requests = await asyncio.gather(*(fetch(config, 3) for _ in range(20)))
    assert sum(requests) == 1
    optimize_simulator.revoke_all_tokens()
    requests = await asyncio.gather(*(fetch(config, 3) for _ in range(20)))
    assert sum(requests) == 1
    assert optimize_simulator.counters.token_requests == 2


@pytest.mark.parametrize("cache", ["memory", "file"])
def test_loops_in_several_threads_share_the_token(optimize_simulator, directory, cache):
    """Eight threads with a loop each and three clients in it; what one learns, a revocation too, all of them use."""
    config = optimize_simulator.config(max_concurrency=4, token_cache=cache, token_cache_dir=str(directory))
    optimize_simulator.add_fault(Fault(on="token", latency=0.1))
    revoked = threading.Barrier(8, optimize_simulator.revoke_all_tokens)

    async def work(clients):
        async with contextlib.AsyncExitStack() as stack:
            opened = [await stack.enter_async_context(OptimizeClient(config)) for _ in range(clients)]
            for wave in range(2):
                await asyncio.gather(*(one.dashboards.list_ids("x") for one in opened for _ in range(5)))
                if not wave:
                    await asyncio.to_thread(revoked.wait, 30)
            return sum(one.stats.token_requests for one in opened)

    with ThreadPoolExecutor(8) as threads:
        requests = list(threads.map(lambda _: asyncio.run(work(3)), range(8)))
    assert sum(requests) == 2
    assert optimize_simulator.counters.token_requests == 2
    assert optimize_simulator.counters.requests >= 240


async def test_the_last_client_that_closes_forgets_the_token(optimize_simulator):
    config = optimize_simulator.config()
    async with OptimizeClient(config) as one:
        await one.dashboards.list_ids("x")
        assert await fetch(config) == 0
        assert await fetch(config) == 0
    assert token_key(config) not in MemoryStore._shared
    assert await fetch(config) == 1


async def test_a_client_that_closes_while_it_opens_the_lock_keeps_no_descriptor(config, monkeypatch):
    """The thread that opens it cannot be cancelled."""
    begun, go_on = threading.Event(), threading.Event()
    opened = []
    open_lock = FileStore._open_lock

    def slowly(store):
        begun.set()
        go_on.wait(5)
        opened.append(open_lock(store))
        return opened[0]

    monkeypatch.setattr(FileStore, "_open_lock", slowly)
    async with OptimizeClient(config) as optimize:
        call = asyncio.create_task(optimize.get_token())
        await asyncio.to_thread(begun.wait, 5)
    with pytest.raises(ClientClosedError):
        await call
    go_on.set()
    while not opened:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])


def test_a_forked_process_waits_for_no_lock_of_its_parent(optimize_simulator):
    """Another thread may have held it, and that thread is not in the child."""
    config = optimize_simulator.config()
    store = MemoryStore(token_key(config), ProcessPauses(pause_key(config, None), ""))
    with store._mine.lock, MemoryStore._guard, ProcessPauses._guard:
        child = os.fork()
        if not child:
            signal.alarm(10)
            began = time.monotonic()
            failed = asyncio.run(fetch(config)) != 1 or time.monotonic() - began > 5
            store.close()
            os._exit(failed)
    store.close()
    assert os.waitpid(child, 0)[1] == 0
    assert token_key(config) not in MemoryStore._shared


WRONG = "wrong-secret-0123456789"


@pytest.mark.parametrize("cache", ["memory", "file"])
async def test_a_refusal_is_remembered_for_all_clients(optimize_simulator, directory, cache):
    config = optimize_simulator.config(client_secret=WRONG, token_cache=cache, token_cache_dir=str(directory))

    async def refused():
        with pytest.raises(AuthenticationError) as caught:
            await fetch(config)
        return caught.value

    first, *others = [await refused() for _ in range(4)]
    others += await asyncio.gather(*(refused() for _ in range(8)))
    assert optimize_simulator.counters.token_requests == 1
    for other in others:
        assert other is not first
        assert (str(other), other.status, other.hint) == (str(first), 401, first.hint)
        assert (other.error, other.description, other.transient) == (first.error, first.description, False)
        assert other.settings == first.settings == ("client_id", "client_secret")
    assert (
        await fetch(optimize_simulator.config(token_cache=cache, token_cache_dir=str(directory))) == 1
    )  # the right one


@pytest.mark.parametrize("cache", ["memory", "file"])
async def test_when_the_memory_of_a_refusal_is_over_one_asks_again(optimize_simulator, directory, cache, monkeypatch):
    monkeypatch.setattr(shared_token, "REFUSAL_MEMORY", 0.4)
    config = optimize_simulator.config(token_cache=cache, token_cache_dir=str(directory))
    optimize_simulator.add_fault(Fault(on="token", status=403, times=1))
    for _ in range(3):
        with pytest.raises(AuthenticationError, match="403"):
            await fetch(config)
    await asyncio.sleep(0.5)
    assert await fetch(config) == 1
    assert optimize_simulator.counters.token_requests == 2


@pytest.mark.parametrize("cache", ["memory", "file"])
async def test_a_long_retry_after_is_remembered_for_all_clients(optimize_simulator, directory, cache):
    limited = optimize_simulator.add_fault(Fault(on="token", status=429, headers={"Retry-After": "600"}))
    config = optimize_simulator.config(token_cache=cache, token_cache_dir=str(directory))
    for _ in range(3):
        with pytest.raises(AuthenticationError, match="429") as caught:
            await fetch(config)
        assert caught.value.transient
    assert limited.fired == 1


def distances(simulator):
    return [later - earlier for earlier, later in pairwise(simulator.counters.token_request_times)]


@pytest.mark.parametrize("cache", ["memory", "file"])
async def test_one_of_many_clients_asks_again_when_the_server_said_when(optimize_simulator, directory, cache):
    """None loses patience while one waits, and none that has waited asks for what another has got by then."""
    optimize_simulator.add_fault(Fault(on="token", status=429, headers={"Retry-After": "3"}, times=2))
    config = optimize_simulator.config(token_cache=cache, token_cache_dir=str(directory), token_timeout=1)
    requests = await asyncio.gather(*(fetch(config) for _ in range(12)))
    assert 3 <= sum(requests) <= 6  # more than three only where the machine does not bring the answer within the second
    assert all(distance >= 0.95 for distance in distances(optimize_simulator))


def test_processes_wait_together_when_the_server_said_when(optimize_simulator, directory):
    optimize_simulator.add_fault(Fault(on="token", status=503, headers={"Retry-After": "3"}, times=1))
    assert run_processes(optimize_simulator, directory, number=16) == 2
    assert distances(optimize_simulator)[0] >= 2.9


@pytest.mark.parametrize("cache", ["memory", "file"])
async def test_whoever_may_not_wait_so_long_says_so_while_others_wait(optimize_simulator, directory, cache):
    limited = optimize_simulator.add_fault(Fault(on="token", status=429, headers={"Retry-After": "90"}))
    config = optimize_simulator.config(token_cache=cache, token_cache_dir=str(directory))
    async with OptimizeClient(config) as patient:
        waiting = asyncio.create_task(patient.get_token())
        while not limited.fired:
            await asyncio.sleep(0.01)
        with pytest.raises(AuthenticationError, match="429"):
            await asyncio.wait_for(fetch(config.replace(max_retry_wait=20)), 35)
        assert not waiting.done()
    with pytest.raises(ClientClosedError):
        await waiting
    assert limited.fired == 1


@pytest.mark.parametrize("cache", ["memory", "file"])
async def test_no_answer_is_news_for_all_clients_too(optimize_simulator, directory, cache):
    optimize_simulator.add_fault(Fault(on="token", reset=True, times=2))
    config = optimize_simulator.config(token_cache=cache, token_cache_dir=str(directory), max_attempts=1)
    for _ in range(2):
        with pytest.raises(TransportError):
            await fetch(config)
    await fetch(config)
    assert [distance >= 0.95 for distance in distances(optimize_simulator)] == [True, True]


@pytest.mark.parametrize("cache", ["memory", "file"])
async def test_what_no_attempt_can_mend_is_asked_for_once(optimize_simulator, directory, cache):
    wrong = optimize_simulator.oauth_url.replace("http:", "https:")  # where nobody speaks TLS
    config = optimize_simulator.config(token_cache=cache, token_cache_dir=str(directory), oauth_url=wrong)

    async def ask():
        async with OptimizeClient(config) as optimize:
            with pytest.raises(TransportError, match="does not speak TLS"):
                await optimize.get_token()
            return optimize.stats.token_requests

    assert sum(await asyncio.gather(*(ask() for _ in range(12)))) == 1


@pytest.mark.parametrize("cache", ["memory", "file"])
async def test_the_attempts_of_others_count(optimize_simulator, directory, cache):
    down = optimize_simulator.add_fault(Fault(on="token", status=503))
    config = optimize_simulator.config(token_cache=cache, token_cache_dir=str(directory), max_attempts=3)

    async def ask():
        with pytest.raises(AuthenticationError, match="503"):
            await fetch(config)

    await asyncio.gather(*(ask() for _ in range(12)))
    assert 3 <= down.fired <= 12  # and not three each, one after the other


@pytest.mark.parametrize("cache", ["memory", "file"])
async def test_a_stale_token_in_the_store_makes_nobody_wait(optimize_simulator_factory, directory, cache, monkeypatch):
    simulator = optimize_simulator_factory(token_life=3600)
    config = simulator.config(token_cache=cache, token_cache_dir=str(directory))
    async with OptimizeClient(config) as first:
        await first.get_token()
        monkeypatch.setattr(token_module, "STALE_AFTER", 0.0)
        monkeypatch.setattr(token_module, "LONGEST_MARGIN", 3600.0)
        hanging = simulator.add_fault(Fault(on="token", hang=True))
        async with OptimizeClient(config) as second:
            await asyncio.wait_for(second.get_token(), 30)
            while not hanging.fired:  # its renewal has begun behind it
                await asyncio.wait_for(second.get_token(), 30)
                await asyncio.sleep(0.01)


async def test_a_renewal_that_somebody_else_cancels_is_no_end_of_the_client(optimize_simulator):
    hanging = optimize_simulator.add_fault(Fault(on="token", hang=True))
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        call = asyncio.create_task(optimize.get_token())
        while not hanging.fired:
            await asyncio.sleep(0.01)
        optimize._transport._tokens._renewal.cancel()
        with pytest.raises(TransportError, match="the renewal of the token was cancelled"):
            await call
        optimize_simulator.clear_faults()
        await optimize.get_token()


FORKING = """
import asyncio, os, sys
from camunda_optimize.token_stores import FileStore

async def main():
    store = FileStore(sys.argv[1], "k" * 40, "p" * 40)
    async with store.exclusive(60):
        if (pid := os.fork()) == 0:
            os.read(0, 1)
            os._exit(0)
    async with store.exclusive(60):
        print("released", flush=True)
    os.waitpid(pid, 0)

asyncio.run(main())
"""


def test_a_lock_ends_with_its_block_whoever_was_forked_meanwhile(directory):
    command = [sys.executable, "-c", FORKING, directory]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert select.select([program.stdout], [], [], 30)[0]
            assert program.stdout.readline() == "released\n"
        finally:
            program.stdin.close()


@pytest.mark.parametrize("cache", ["memory", "file"])
async def test_no_pause_is_as_long_as_a_server_that_is_mended_sooner(optimize_simulator, directory, cache, monkeypatch):
    monkeypatch.setattr(base, "LONGEST_PAUSE", 0.3)
    limited = optimize_simulator.add_fault(Fault(on="token", status=503, headers={"Retry-After": "86400"}, times=1))
    config = optimize_simulator.config(token_cache=cache, token_cache_dir=str(directory))
    async with OptimizeClient(config) as optimize:
        with pytest.raises(AuthenticationError, match="503"):
            await optimize.get_token()
        await asyncio.sleep(0.4)
        assert await fetch(config) == 1  # one that comes
        await optimize.get_token()  # and the one that was told
    assert limited.fired == 1
    assert Pause(86_400, AuthenticationError("no")).seconds == base.LONGEST_PAUSE


@pytest.mark.parametrize("cache", ["memory", "file"])
async def test_a_token_ends_the_pause(optimize_simulator, directory, cache):
    config = optimize_simulator.config(token_cache=cache, token_cache_dir=str(directory))
    store = open_store(config, None)
    try:
        await store.pause(Pause(50, AuthenticationError("no")))
        assert (await store.paused()).seconds > 10
        await store.save("x", 0.0, 300.0)
        assert await store.paused() is None
        assert not list(directory.glob("pause-*"))
    finally:
        store.close()


@pytest.mark.parametrize("cache", ["memory", "file"])
async def test_clients_of_a_failing_authorization_server_keep_their_distance(optimize_simulator, directory, cache):
    optimize_simulator.add_fault(Fault(on="token", status=500, times=2))
    config = optimize_simulator.config(token_cache=cache, token_cache_dir=str(directory), max_attempts=1)
    for _ in range(2):
        with pytest.raises(AuthenticationError, match="500"):
            await fetch(config)
    await fetch(config)
    times = optimize_simulator.counters.token_request_times
    assert [later - earlier >= 0.95 for earlier, later in pairwise(times)] == [True, True]


@pytest.mark.parametrize("cache", ["memory", "file"])
async def test_clients_whose_tokens_are_never_accepted_keep_their_distance(optimize_simulator, directory, cache):
    optimize_simulator.add_fault(Fault(path="/api/public", status=401))
    config = optimize_simulator.config(token_cache=cache, token_cache_dir=str(directory))
    async with OptimizeClient(config):
        for _ in range(2):
            with pytest.raises(UnauthorizedError):
                await fetch(config)
    times = optimize_simulator.counters.token_request_times
    assert len(times) == 3  # what the second one found was the first one's
    assert all(later - earlier >= 0.95 for earlier, later in pairwise(times))


@pytest.mark.parametrize("cache", ["memory", "file"])
async def test_whoever_mends_the_way_to_the_server_asks_again_at_once(optimize_simulator, directory, cache):
    config = optimize_simulator.config(client_secret=WRONG, token_cache=cache, token_cache_dir=str(directory))
    mended = [config, config.replace(verify=False), config.replace(verify=ssl.create_default_context())]
    for one in [*mended, *mended]:
        with pytest.raises(AuthenticationError):
            await fetch(one)
    assert optimize_simulator.counters.token_requests == 3
    # No other process can know that context, so that a file about it would be of no use to anybody.
    assert len(list(directory.glob("pause-*"))) == (2 if cache == "file" else 0)


async def test_whoever_sets_another_proxy_in_the_environment_asks_again_at_once(optimize_simulator, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    config = optimize_simulator.config(client_secret=WRONG, trust_env=True, max_attempts=1)
    with pytest.raises(AuthenticationError):
        await fetch(config)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        with pytest.raises(TransportError, match="the proxy cannot be reached"):
            await fetch(config)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with pytest.raises(AuthenticationError):  # the way from before, and what is remembered of it
            await fetch(config)
    assert optimize_simulator.counters.token_requests == 1


def test_contexts_are_never_taken_for_one_another(optimize_simulator):
    """Python gives the place of one that is gone, and with it its ``id``, to the next."""

    def key_of(context):
        return pause_key(optimize_simulator.config(verify=context), None)

    assert len({key_of(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) for _ in range(20)}) == 20
    kept = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert key_of(kept) == key_of(kept)


@pytest.mark.parametrize("cache", ["memory", "file"])
async def test_the_path_of_a_bundle_may_be_no_utf_8(optimize_simulator, directory, cache, tmp_path):
    odd, other = (str(tmp_path / os.fsdecode(name)) for name in (b"caf\xe9.pem", b"caf\xe8.pem"))
    for path in (odd, other):
        Path(path).touch()
    config = optimize_simulator.config(verify=odd, token_cache=cache, token_cache_dir=str(directory))
    assert await fetch(config) == 1
    assert pause_key(config, None) != pause_key(config.replace(verify=other), None)


async def test_what_is_remembered_of_a_refusal_is_private_and_holds_no_secret(optimize_simulator, directory):
    config = optimize_simulator.config(client_secret=WRONG, token_cache="file", token_cache_dir=str(directory))
    answer = json.dumps({"error": "invalid_client", "error_description": f"{WRONG} is wrong"})
    optimize_simulator.add_fault(Fault(on="token", status=401, body=answer))
    with pytest.raises(AuthenticationError):
        await fetch(config)
    (path,) = directory.glob("pause-*.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "is wrong" in path.read_text()
    assert WRONG not in path.read_text()


@pytest.mark.parametrize(
    "failure",
    [
        AuthenticationError(
            "no", status=429, error="e", description="d", hint="h", settings=("scope",), transient=True
        ),
        ReadTimeout("silence", method="POST", url="http://h/token", attempts=3, settings=("oauth_url",)),
        TransportError("no TLS", transient=False),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_a_failure_is_the_same_for_another_process(failure):
    pause = pause_in(pause_document(Pause(10.0, failure), 1000.0), 1002.0)
    assert pause.seconds == 8.0
    assert (type(pause.failure), str(pause.failure)) == (type(failure), str(failure))
    assert vars(pause.failure) == vars(failure)


async def test_a_store_that_cannot_write_a_failure_down_is_none(config, directory):
    store = open_store(config, None)
    await store.pause(Pause(10.0, AuthenticationError("caf\udce9")))
    assert await store.paused() is None
    assert not list(directory.glob("pause-*"))


GOOD = {"noted_at": 1000.0, "seconds": 10.0, "message": "no", "status": 401, "transient": False}


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({}, 8.0),
        ({"seconds": 86_400}, 598.0),  # a file outlives the mistake of a proxy
        ({"seconds": 1}, None),
        ({"noted_at": 2000.0}, None),
        ({"noted_at": None}, None),
        ({"seconds": "10"}, None),
        ({"seconds": float("nan")}, None),
        ({"message": 1}, None),
        ({"error": ["x"]}, None),
        ({"status": "401"}, 8.0),
        ({"kind": ["x"]}, 8.0),
        ({"kind": "ReadTimeout", "attempts": "x", "url": 1}, None),
    ],
)
def test_a_damaged_pause_is_none(change, left):
    pause = pause_in(json.dumps({**GOOD, **change}).encode(), 1002.0)
    assert (pause and pause.seconds) == left
    assert pause is None or isinstance(pause.failure, AuthenticationError)
    assert pause_in(b"[1]", 1002.0) is pause_in(b"{", 1002.0) is None


async def test_the_first_token_of_a_directory_is_no_trouble(config, caplog):
    with caplog.at_level(logging.INFO, "camunda_optimize"):
        assert await fetch(config) == 1
    assert "not shared" not in caplog.text
