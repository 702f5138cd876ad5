"""The shared token while somebody sets the clock, by hours, forward and back. Needs libfaketime."""

import json
import sys
from pathlib import Path

import pytest

from servers.programs import find, run

SCRIPT = Path(__file__).parent / "servers" / "clock_jumps.py"
HOURS = ["+5h", "-5h", "+0", "-9h", "+9h"]


@pytest.fixture(scope="module")
def library():
    find("faketime")
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        pytest.skip("no libfaketimeMT.so.1 in /usr/lib: apt-get install faketime")
    return found[0]


@pytest.fixture
def fetch(library, tmp_path):
    """Fetches in a process of its own while its wall clock jumps; what came of it."""

    def fetch(simulator, cache, jumps, seconds=0.0):
        stamp = tmp_path / "offset"
        stamp.write_text(f"{jumps[0]}\n")
        env = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(stamp),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
        settings = {
            "base_url": simulator.base_url,
            "oauth_url": simulator.oauth_url,
            "client_id": simulator.client_id,
            "client_secret": simulator.client_secret,
            "audience": simulator.audience,
            "token_cache": cache,
            "token_cache_dir": str(tmp_path / "tokens"),
        }
        said = run(sys.executable, SCRIPT, json.dumps(settings), str(seconds), json.dumps(jumps), env=env)
        return json.loads(said.splitlines()[-1])

    return fetch


@pytest.mark.parametrize("cache", ["memory", "file"])
def test_a_living_token_is_used_on(fetch, optimize_simulator, cache):
    result = fetch(optimize_simulator, cache, HOURS, seconds=2)
    assert {abs(jump) for jump in result["jumps"]} >= {5.0, 10.0, 9.0, 18.0}  # it did happen
    assert result["failures"] == []
    assert result["token_requests"] == 1
    assert optimize_simulator.counters.unauthorized == 0


@pytest.mark.parametrize("cache", ["memory", "file"])
def test_a_dying_token_is_renewed_in_time(fetch, optimize_simulator_factory, cache):
    life = 2
    simulator = optimize_simulator_factory(token_life=life)
    result = fetch(simulator, cache, HOURS, seconds=5)
    assert result["failures"] == []
    assert 3 <= result["token_requests"] <= 5
    assert simulator.counters.unauthorized == 0


def test_the_next_process_after_a_jump_asks_once(fetch, optimize_simulator):
    asked = []
    for offset in ("+0", "+5h", "+5h", "+0", "-5h", "-5h", "+0", "+0"):
        result = fetch(optimize_simulator, "file", [offset])
        assert result["failures"] == []
        asked.append(result["token_requests"])
    assert asked == [1, 1, 0, 1, 1, 0, 1, 0]
    assert optimize_simulator.counters.unauthorized == 0


def test_a_dead_token_that_the_clock_makes_young_again_costs_one_refusal(fetch, optimize_simulator_factory):
    """400 s have passed; the clock, set back by 200, says that it were 200."""
    simulator = optimize_simulator_factory(token_life=300)
    assert fetch(simulator, "file", ["+0"])["token_requests"] == 1
    simulator.advance(400)
    result = fetch(simulator, "file", ["+200"])
    assert result["failures"] == []
    assert result["token_requests"] == 1
    assert 1 <= simulator.counters.unauthorized <= 8  # all that went out together, and none a second time
