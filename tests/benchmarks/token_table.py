"""What happens to tokens and what becomes of the fetches: each experiment with its ideal and the test that holds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from measuring import Result, Row, in_fresh_process

SHARED, SHARING, RATE, SECRETS = (
    f"test_{name}.py" for name in ("shared_token", "token_sharing", "requests", "secrets")
)


class Expected(NamedTuple):
    """What an experiment should come to. ``also`` are other figures, to the letter."""

    label: str
    best: int
    """Token requests that an ideal client makes."""
    most: int
    succeeded: int | None
    """``None``: as many as there is time for."""
    test: tuple[str, str]
    """The file in ``tests/faults`` and the test that shows the same."""
    failed: int = 0
    also: Mapping[str, Any] = {}

    def met_by(self, found: Mapping[str, Any]) -> bool:
        return (
            found["token_requests"] <= self.most
            and found["failed"] == self.failed
            and (found["succeeded"] > 0 if self.succeeded is None else found["succeeded"] == self.succeeded)
            and all(found[key] == value for key, value in self.also.items())
        )

    def __str__(self) -> str:
        requests = str(self.best) if self.best == self.most else f"{self.best}-{self.most}"
        return f"{requests} and {self.failed or 'none'} failed"


def expectations(seconds: int) -> dict[str, Expected]:
    """By experiment. ``seconds`` is how long the one with short lives takes."""

    def one_clear_error(kind: str, count: int) -> Mapping[str, Any]:
        return {"errors": {kind: count}, "distinct": count, "leaked": 0}

    lives = seconds // 2
    fails_thrice = "test_an_authorization_server_that_fails_three_times"
    return {
        "cold": Expected(
            "1000 cold fetches at once", 1, 1, 1000, (SHARED, "test_a_thousand_cold_fetches_make_one_token_request")
        ),
        "short_life": Expected(
            f"tokens live 2 s, 64 workers fetch for {seconds} s",
            lives,
            lives + 2,
            None,
            (SHARED, "test_a_token_of_two_seconds_serves_many_lives_of_fetches"),
        ),
        "revoked": Expected(
            "all tokens revoked in the middle of 2000 fetches",
            2,
            2,
            2000,
            (SHARED, "test_all_tokens_revoked_in_the_middle_cost_one_new_token"),
        ),
        "unauthorized": Expected(
            "64 fetches under way get a 401 at once",
            2,
            2,
            64,
            (SHARED, "test_sixty_four_401s_at_once_cost_one_new_token"),
            also={"unauthorized": 64},
        ),
        "status_500": Expected("64 wait, authorization server: 3 x 500", 4, 4, 64, (SHARED, fails_thrice)),
        "status_429": Expected("64 wait, authorization server: 3 x 429", 4, 4, 64, (SHARED, fails_thrice)),
        "reset": Expected("64 wait, authorization server: 3 x reset", 4, 4, 64, (SHARED, fails_thrice)),
        "down": Expected(
            "64 wait, authorization server resets for ever",
            3,
            3,
            0,
            (SHARED, "test_an_authorization_server_that_is_down"),
            64,
            one_clear_error("ConnectionLost", 64),
        ),
        "refused": Expected(
            "wrong client secret, 64 wait, then 64 more",
            1,
            1,
            0,
            (SHARED, "test_a_refusal_is_final_and_shared"),
            128,
            one_clear_error("AuthenticationError", 128),
        ),
        "cancelled": Expected(
            "50 wait, the one that asked is cancelled",
            1,
            1,
            49,
            (SHARED, "test_a_cancelled_caller_takes_nobody_along"),
            also={"cancelled": 1},
        ),
        "cancelled_later": Expected(
            "50 wait, another one is cancelled",
            1,
            1,
            49,
            (SHARED, "test_a_cancelled_caller_takes_nobody_along"),
            also={"cancelled": 1},
        ),
        "no_token": Expected(
            "64 wait, the answer has no access_token, or null",
            2,
            2,
            0,
            (SHARED, "test_an_answer_without_a_token_is_never_cached"),
            128,
            {**one_clear_error("AuthenticationError", 128), "requests": 0},
        ),
        "strange_lives": Expected(
            'expires_in absent, null, "300", 0, -1, 300.5, "soon"',
            7,
            7,
            700,
            (SHARED, "test_strange_lives_are_lived_with"),
        ),
        "echo": Expected(
            "a 401 whose body echoes the request with the secret",
            1,
            1,
            0,
            (SECRETS, "test_nothing_secret_shows"),
            64,
            one_clear_error("AuthenticationError", 64),
        ),
        "processes": Expected(
            "16 processes x 10 fetches, cold, file store",
            1,
            1,
            160,
            (SHARING, "test_16_processes_of_10_fetches_make_one_token_request"),
        ),
        "processes_again": Expected(
            "16 processes x 10 fetches, once more",
            0,
            0,
            160,
            (SHARING, "test_16_processes_of_10_fetches_make_one_token_request"),
        ),
        "throttled": Expected(
            "10 of 200 answers are 429 with Retry-After: 1",
            1,
            1,
            200,
            (RATE, "test_ten_throttled_answers_cost_one_pause"),
            also={"pauses": 1},
        ),
    }


def tokens(quick: bool) -> Result:
    """How the shared token takes what happens to tokens; the experiments are in ``token_experiments.py``.

    Token requests and 401s are counted by the server, fetches by their callers. Each is one run: these are properties
    and no speeds. A second token request, where one has just been made, waits its second: the authorization server of
    Camunda SaaS blocks addresses that ask faster. The last column names the test in ``tests/faults`` that shows the
    same.
    """
    result = Result(
        "tokens",
        "Shared token, against the simulator",
        ("token requests", "401s", "succeeded", "failed", "seconds", "test"),
    )
    for name, expected in expectations(4 if quick else 10).items():
        found = in_fresh_process("token_experiments.py", experiment=name, quick=quick)
        counts = (found[key] for key in ("token_requests", "unauthorized", "succeeded", "failed"))
        cells = (*map(str, counts), f"{found['seconds']:.2f}", "::".join(expected.test))
        result.rows.append(Row(expected.label, cells, str(expected), expected.met_by(found)))
        result.data[name] = found
    return result
