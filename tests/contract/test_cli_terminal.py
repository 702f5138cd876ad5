"""The installed command as a program of its own: at a terminal, in a pipe, under signals, without its extra."""

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
import urllib.request
from pathlib import Path

import pytest

from camunda_optimize.export import read_snapshot, verify
from camunda_optimize.testing import Fault

PROGRAM = str(Path(sys.executable).with_name("camunda-optimize"))
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def environment(sim=None, **more):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CAMUNDA_", "ZEEBE_"))}
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        inherited.pop(name, None)
    return {**inherited, "TERM": "xterm-256color", **(sim.environment() if sim else {}), **more}


def run(*arguments, sim=None, **more):
    command = [PROGRAM, *map(str, arguments)]
    return subprocess.run(
        command,
        env=environment(sim, **more),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def at_terminal(*arguments, sim=None, columns=80, answer=None, **more):
    """What a person sees, and the exit code; ``answer`` is typed at the first prompt."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    command = [PROGRAM, *map(str, arguments)]
    program = subprocess.Popen(
        command, env=environment(sim, **more), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while block := os.read(ours, 65536):
            seen += block
            if answer is not None and seen.rstrip().endswith(b":"):
                os.write(ours, answer.encode() + b"\n")
                answer = None
    os.close(ours)
    return seen.decode().replace("\r\n", "\n"), program.wait(30)


# --- at a terminal ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [80, 120])
def test_tables_fit_the_terminal_and_every_id_is_whole(optimize_simulator, columns):
    seen, code = at_terminal("dashboards", "--names", sim=optimize_simulator, columns=columns)
    assert code == 0
    lines = COLOUR.sub("", seen).splitlines()
    assert max(map(len, lines)) <= columns
    ids = dashboard_ids(optimize_simulator)
    assert all(any(id_ in line for line in lines) for id_ in ids)
    assert "(none)" in seen


def test_a_terminal_narrower_than_an_id_breaks_it_and_cuts_nothing(optimize_simulator):
    seen, code = at_terminal("dashboards", sim=optimize_simulator, columns=30)
    assert code == 0
    lines = COLOUR.sub("", seen).splitlines()
    assert max(map(len, lines)) <= 30
    joined = "".join(line.strip() for line in lines)
    assert all(id_ in joined for id_ in dashboard_ids(optimize_simulator))


def dashboard_ids(sim):
    organisation = sim.organisation
    ids = [id_ for collection in organisation.collection_ids for id_ in organisation.dashboard_ids(collection)]
    assert len(ids) > 20
    return ids


def test_colours_are_for_terminals_that_want_them(optimize_simulator):
    assert COLOUR.search(at_terminal("check", sim=optimize_simulator)[0])
    assert not COLOUR.search(
        at_terminal("check", sim=optimize_simulator, NO_COLOR="1")[0].replace("\x1b[1m", "").replace("\x1b[0m", "")
    )
    assert not COLOUR.search(run("check", sim=optimize_simulator).stdout)
    assert not COLOUR.search(run("check").stderr)


def test_progress_is_drawn_at_a_terminal_only(optimize_simulator, tmp_path):
    optimize_simulator.add_fault(Fault(path="/api/public/dashboard", latency=0.3))
    arguments = ["export", "dashboard-ids", tmp_path / "x", "--all", "--concurrency", "2"]
    seen, code = at_terminal(*arguments, sim=optimize_simulator)
    assert code == 0
    assert "Fetching" in seen
    assert "/8" in seen
    piped = run(*arguments, sim=optimize_simulator)
    assert (piped.returncode, piped.stderr) == (0, "")
    assert "Fetching" not in piped.stdout


def test_a_secret_is_asked_for_and_not_shown(optimize_simulator):
    env = optimize_simulator.environment()
    secret = env.pop("CAMUNDA_CLIENT_SECRET")
    seen, code = at_terminal("check", answer=secret, **env)
    assert code == 0
    assert f"Client secret of {env['CAMUNDA_CLIENT_ID']}:" in seen
    assert "the prompt" in seen
    assert secret not in seen
    seen, code = at_terminal("check", "--ask-secret", sim=optimize_simulator, answer="wrong")
    assert code == 3
    assert "wrong" not in seen.replace("wrong secret", "").replace("wrong client", "")


def test_a_static_token_is_asked_for_and_outranks_credentials(optimize_simulator_factory):
    sim = optimize_simulator_factory(mode="static")
    seen, code = at_terminal(
        "check", "--ask-token", "--base-url", sim.base_url, answer=sim.static_token, CAMUNDA_CLIENT_ID="other"
    )
    assert code == 0
    assert sim.static_token not in seen


def test_nothing_is_asked_where_nobody_sits(optimize_simulator):
    env = optimize_simulator.environment()
    del env["CAMUNDA_CLIENT_SECRET"]
    said = run("check", **env)
    assert said.returncode == 2
    assert said.stderr.startswith("Error: client_secret: is missing or empty")
    said = run("check", "--ask-token", **env)
    assert said.returncode == 2
    assert "asks at a terminal, and there is none" in said.stderr


@pytest.mark.parametrize("option", ["--client-secret", "--token", "--password"])
def test_a_secret_as_an_argument_is_refused_and_not_repeated(optimize_simulator, option):
    for arguments in ([f"{option}=hunter22"], [option, "hunter22"]):
        said = run("check", *arguments, sim=optimize_simulator)
        assert (said.returncode, said.stdout) == (2, "")
        assert "would show the secret" in said.stderr
        assert "CAMUNDA_CLIENT_SECRET" in said.stderr
        assert "hunter22" not in said.stderr
    assert f"{option} " not in run("check", "--help").stdout


def test_a_proxy_s_password_is_refused_too(optimize_simulator):
    said = run("check", "--proxy", "http://me:hunter22@proxy:3128", sim=optimize_simulator)
    assert said.returncode == 2
    assert "--trust-env" in said.stderr
    assert "hunter22" not in said.stderr


# --- in a pipe -------------------------------------------------------------------------------------------------------


def test_a_reader_that_has_seen_enough_is_no_error(optimize_simulator):
    command = [PROGRAM, "dashboards"]
    program = subprocess.Popen(
        command, env=environment(optimize_simulator), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    program.stdout.close()
    assert program.stderr.read() == ""
    program.stderr.close()
    assert program.wait(30) == 141


@pytest.mark.parametrize("arguments", [["check", "--json"], ["collections"], ["--help"]], ids=" ".join)
def test_a_full_disk_behind_the_output_is_one_line(optimize_simulator, arguments):
    with open("/dev/full", "w", encoding="utf-8") as full:
        said = subprocess.run(
            [PROGRAM, *arguments],
            env=environment(optimize_simulator),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert said.returncode == 6
    assert len(said.stderr.splitlines()) == 1
    assert said.stderr.startswith("Error: ")
    assert said.stderr.endswith("No space left on device\n")


@pytest.mark.parametrize(
    ("closed", "code", "words"),
    [
        (">&-", 6, "Error: standard output: it is closed; >/dev/null is for output that nobody wants\n"),
        (">&- 2>&-", 6, ""),
        ("2>&-", 0, ""),
        ("<&-", 0, ""),
    ],
)
def test_streams_that_a_script_has_closed(optimize_simulator, closed, code, words):
    command = f"'{PROGRAM}' collections --json {closed}"
    said = subprocess.run(
        command, shell=True, env=environment(optimize_simulator), capture_output=True, text=True, check=False
    )
    assert (said.returncode, said.stderr) == (code, words)
    assert bool(said.stdout) is (code == 0)


def test_files_that_cannot_be_written_are_named(optimize_simulator, tmp_path):
    report = next(iter(optimize_simulator.organisation.reports))
    missing = tmp_path / "missing" / "file.jsonl"
    said = run("reports", "data", report, "-o", missing, sim=optimize_simulator)
    assert (said.returncode, said.stderr) == (6, f"Error: {missing}: No such file or directory\n")
    assert run("export", "dashboard-ids", tmp_path / "a", "--all", sim=optimize_simulator).returncode == 0
    said = run("diff", tmp_path / "a", tmp_path / "a", "--html", "/dev/full")
    assert (said.returncode, said.stderr) == (6, "Error: /dev/full: No space left on device\n")


def test_what_is_no_file_is_written_to_and_never_replaced(optimize_simulator, tmp_path):
    report = next(id_ for id_, one in optimize_simulator.organisation.reports.items() if one.kind == "raw")

    def instances(printed):
        return sorted(json.loads(line)["processInstanceId"] for line in printed.splitlines())

    wanted = instances(run("reports", "data", report, sim=optimize_simulator).stdout)
    said = run("reports", "data", report, "-o", "/dev/stdout", sim=optimize_simulator)
    assert (said.returncode, instances(said.stdout)) == (0, wanted)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with open(tmp_path / "read", "wb") as read, subprocess.Popen(["cat", pipe], stdout=read) as reader:
        assert run("reports", "data", report, "-o", pipe, sim=optimize_simulator).returncode == 0
        assert reader.wait(timeout=60) == 0
    assert instances((tmp_path / "read").read_text()) == wanted
    assert pipe.is_fifo()


def test_what_is_behind_a_redirection_stays(optimize_simulator, tmp_path):
    report = next(iter(optimize_simulator.organisation.reports))
    log = tmp_path / "log"
    log.write_text("before\n")
    command = f"'{PROGRAM}' reports data '{report}' --json -o /dev/stdout >> '{log}'"
    said = subprocess.run(command, shell=True, env=environment(optimize_simulator), check=False)
    assert said.returncode == 0
    before, rest = log.read_text().split("\n", 1)
    assert before == "before"
    rows, document = rest.split("\n{\n", 1)
    assert json.loads("{" + document)["total"] == len(rows.splitlines())


def test_a_file_that_is_replaced_is_open_to_nobody_else_than_before(optimize_simulator, tmp_path):
    report = next(iter(optimize_simulator.organisation.reports))
    file = tmp_path / "rows"
    file.write_text("old")
    file.chmod(0o600)
    assert run("reports", "data", report, "-o", file, sim=optimize_simulator).returncode == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() != "old"


@pytest.mark.parametrize(
    ("path", "words"), [("s3://key:hunter2@lake/x", "is a URL, and this writes local files only"), ("", "is empty")]
)
def test_what_is_no_local_file_is_not_repeated(optimize_simulator, tmp_path, path, words):
    for command in (["reports", "data", "x", "-o"], ["diff", tmp_path, tmp_path, "--html"]):
        said = run(*command, path, sim=optimize_simulator)
        assert said.returncode == 2
        assert words in said.stderr
        assert "hunter2" not in said.stderr


def test_a_reader_of_a_named_output_that_goes_away(optimize_simulator):
    report = next(id_ for id_, one in optimize_simulator.organisation.reports.items() if one.kind == "raw")
    for name in ("/dev/stdout", "-"):
        command = f"'{PROGRAM}' reports data '{report}' -o {name} | head -c 5; exit ${{PIPESTATUS[0]}}"
        environ = environment(optimize_simulator)
        said = subprocess.run(["bash", "-c", command], env=environ, capture_output=True, text=True, check=False)
        assert (said.returncode, said.stdout, said.stderr) == (141, '{"pro', "")


def test_a_link_goes_on_to_lead_to_the_file(optimize_simulator, tmp_path):
    report = next(iter(optimize_simulator.organisation.reports))
    link, file = tmp_path / "link", tmp_path / "file"
    file.write_text("old")
    link.symlink_to("file")
    assert run("reports", "data", report, "-o", link, sim=optimize_simulator).returncode == 0
    assert link.is_symlink()
    assert json.loads(file.read_text().splitlines()[0])
    assert {one.name for one in tmp_path.iterdir()} == {"link", "file"}


def test_a_page_that_cannot_be_written_leaves_the_one_before(optimize_simulator, tmp_path):
    assert run("export", "dashboard-ids", tmp_path / "a", "--all", sim=optimize_simulator).returncode == 0
    page = tmp_path / "page.html"
    page.write_text("the one before")
    command = f"ulimit -f 1; exec '{PROGRAM}' diff '{tmp_path}/a' '{tmp_path}/a' --html '{page}'"
    said = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; {command}"],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, said.stderr) == (6, f"Error: {page}: File too large\n")
    assert page.read_text() == "the one before"


def test_a_full_disk_under_a_report_is_named(optimize_simulator, tmp_path):
    report = next(id_ for id_, one in optimize_simulator.organisation.reports.items() if one.kind == "raw")
    command = f"ulimit -f 0; exec '{PROGRAM}' reports data '{report}' -o '{tmp_path}/rows'"
    said = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; {command}"],
        env=environment(optimize_simulator, PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, said.stderr) == (6, f"Error: {tmp_path}/rows: File too large\n")
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_no_directory_can_be_made(optimize_simulator):
    said = run("export", "dashboard-ids", "/proc/x", "--all", sim=optimize_simulator)
    assert said.returncode == 6
    assert len(said.stderr.splitlines()) == 1
    assert "no directory can be made there" in said.stderr


# --- under signals ---------------------------------------------------------------------------------------------------


def started(sim, *arguments):
    command = [PROGRAM, *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment(sim), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


@pytest.mark.parametrize("machine", [[], ["--json"]], ids=["people", "json"])
@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated"), (signal.SIGHUP, 129, "hung up")],
)
def test_a_signal_ends_an_export_cleanly(optimize_simulator, tmp_path, number, code, word, machine):
    sim = optimize_simulator
    assert run("export", "dashboard-ids", tmp_path, "--all", sim=sim).returncode == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    sim.reset_counters()
    sim.add_fault(Fault(path="/api/public/dashboard", hang=True))
    program = started(sim, "export", "dashboard-ids", tmp_path, "--all", *machine)
    while sim.counters.max_in_flight < 8:
        time.sleep(0.02)
    program.send_signal(number)
    out, err = program.communicate(timeout=30)

    assert program.returncode == code
    if machine:
        assert json.loads(out)["error"]["exit_code"] == code
        assert err == ""
    else:
        assert (out, err) == ("", f"Error: {word}\n")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert verify(tmp_path).ok


WORDS = {129: "hung up", 130: "interrupted", 143: "terminated"}
SLOW = """
import sys, time
from camunda_optimize.export.destinations.local import LocalDestination
put = LocalDestination._put
def slow(*arguments, **settings):
    put(*arguments, **settings)
    sys.stderr.write("put\\n")
    time.sleep(0.2)
LocalDestination._put, LocalDestination.threads, LocalDestination.chunk = slow, 1, 1
from camunda_optimize.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_objects_are_put_removes_them(optimize_simulator, tmp_path, number, code):
    place = tmp_path / "new"
    command = [sys.executable, "-c", SLOW, "export", "dashboard-ids", str(place), "--all"]
    program = subprocess.Popen(
        command, env=environment(optimize_simulator), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert program.stderr.readline() == "put\n"
    assert program.stderr.readline() == "put\n"
    program.send_signal(number)
    out, err = program.communicate(timeout=30)
    assert program.returncode == code
    assert out == ""
    assert "Traceback" not in err
    assert [line for line in err.splitlines() if line != "put"] == [
        "Error: interrupted" if code == 130 else "Error: terminated"
    ]
    assert not place.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_temporary_file_beside_the_output(optimize_simulator, tmp_path, number):
    report = next(id_ for id_, one in optimize_simulator.organisation.reports.items() if one.kind == "raw")
    optimize_simulator.add_fault(Fault(path="/result/json", hang=True))
    program = started(optimize_simulator, "reports", "data", report, "-o", tmp_path / "rows")
    while not optimize_simulator.counters.max_in_flight or not list(tmp_path.iterdir()):
        time.sleep(0.02)
    program.send_signal(number)
    program.communicate(timeout=30)
    assert program.returncode == 128 + number
    assert list(tmp_path.iterdir()) == []


def test_nohup_keeps_a_command_alive(optimize_simulator, tmp_path):
    fault = optimize_simulator.add_fault(Fault(path="/api/public/dashboard", latency=1.0, times=1))
    command = f"trap '' HUP; exec '{PROGRAM}' export dashboard-ids '{tmp_path}' --all"
    program = subprocess.Popen(
        ["bash", "-c", command], env=environment(optimize_simulator), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    while not fault.fired:
        time.sleep(0.02)
    program.send_signal(signal.SIGHUP)
    program.communicate(timeout=30)
    assert program.returncode == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_while_nothing_is_sent(optimize_simulator, number, code):
    # It waits for its standard input, outside of any event loop.
    program = subprocess.Popen(
        [PROGRAM, "import", "x"],
        env=environment(optimize_simulator),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_channel = Path(f"/proc/{program.pid}/syscall")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not wait_channel.read_text().startswith("0 0x0 "):
        time.sleep(0.05)
    program.send_signal(number)
    out, err = program.communicate(timeout=30)
    assert (program.returncode, out) == (code, "")
    assert err.strip() == f"Error: {WORDS[code]}"


# --- the simulator, and what is there without Optimize ---------------------------------------------------------------


def test_simulate_serves_what_the_other_commands_ask(tmp_path):
    options = ["--port", "0", "--oauth-port", "0", "--collections", "3", "--json"]
    program = started(None, "simulate", *options)
    try:
        text = ""
        while not text.endswith("}\n") or text.count("{") != text.count("}"):
            text += program.stdout.readline()
        details = json.loads(text)
        with urllib.request.urlopen(details["base_url"] + "/api/readyz") as answer:
            assert answer.status == 200
        said = run("export", "dashboard-ids", tmp_path, "--all", "--json", **details["environment"])
        assert said.returncode == 0
        assert len(list(read_snapshot(tmp_path))) == json.loads(said.stdout)["rows"] > 0
    finally:
        program.send_signal(signal.SIGTERM)
        assert program.communicate(timeout=20) == ("", "")
    assert program.returncode == 0


def test_simulate_has_the_options_of_the_simulator_and_refuses_as_all_commands_do():
    def options(text):
        return set(re.findall(r"--[a-z][a-z-]+", text))

    module = subprocess.run(
        [sys.executable, "-m", "camunda_optimize.testing", "--help"], capture_output=True, text=True, check=True
    )
    ours = run("simulate", "--help")
    assert ours.returncode == 0
    assert options(ours.stdout) == options(module.stdout) > {"--generation", "--token-life", "--json"}
    said = run("simulate", "--generation", "9", "--json")
    assert (said.returncode, said.stderr) == (2, "")
    assert "--generation" in json.loads(said.stdout)["error"]["message"]


def test_version_and_completion():
    import camunda_optimize

    assert run("--version").stdout == f"camunda-optimize, version {camunda_optimize.__version__}\n"
    assert "complete" in run(_CAMUNDA_OPTIMIZE_COMPLETE="bash_source").stdout
    words = run(
        _CAMUNDA_OPTIMIZE_COMPLETE="bash_complete", COMP_WORDS="camunda-optimize export dash", COMP_CWORD="2"
    ).stdout
    assert words.split(",")[1].strip() == "dashboard-ids"
    choices = run(
        _CAMUNDA_OPTIMIZE_COMPLETE="bash_complete",
        COMP_WORDS="camunda-optimize export dashboard-ids --layout ",
        COMP_CWORD="4",
    ).stdout
    assert choices.split() == ["plain,per_collection", "plain,single"]
