from __future__ import annotations

import sys
from datetime import timedelta

import pytest

import camunda_optimize as core
from camunda_optimize import errors as tree

try:
    from camunda_optimize_provider.retry_policies import OptimizeRetryPolicy
except ImportError as error:
    OptimizeRetryPolicy = None
    WHY = str(error)

needs_policies = pytest.mark.skipif(OptimizeRetryPolicy is None, reason="retry policies come with Airflow 3.3")


@pytest.mark.skipif(OptimizeRetryPolicy is not None, reason="this Airflow has retry policies")
def test_an_older_airflow_is_told_what_to_do():
    assert WHY == "retry policies need Airflow 3.3 or newer: leave retry_policy out, and set retries and retry_delay"


@needs_policies
def test_a_missing_feature_is_told_in_words(monkeypatch):
    monkeypatch.delitem(sys.modules, "camunda_optimize_provider.retry_policies")
    monkeypatch.setitem(sys.modules, "airflow.sdk", type(sys)("airflow.sdk"))
    with pytest.raises(ImportError, match=r"need Airflow 3\.3 or newer: leave retry_policy out"):
        import camunda_optimize_provider.retry_policies  # noqa: F401


def limited(seconds):
    error = core.RateLimitedError("too many", status=429)
    error.retry_after = seconds
    return error


def waits(error, try_number=1, **arguments):
    decision = OptimizeRetryPolicy(**arguments).evaluate(error, try_number, 5)
    assert decision.action.value == "retry", decision
    return decision.retry_delay.total_seconds()


@needs_policies
@pytest.mark.parametrize(
    "kind",
    [
        name
        for name in core.__all__
        if isinstance(getattr(core, name), type) and issubclass(getattr(core, name), core.OptimizeError)
    ],
)
def test_every_error_of_the_client_is_judged_by_what_the_client_says_of_it(kind):
    error = getattr(core, kind)("what happened")
    decision = OptimizeRetryPolicy().evaluate(error, 1, 5)
    assert decision.action.value == ("retry" if error.transient else "fail")
    assert kind in decision.reason


@needs_policies
def test_waits_longer_each_time_up_to_a_limit():
    error = core.ServerError("bad", status=502)
    assert [waits(error, number) for number in (1, 2, 3, 4)] == [30, 60, 120, 240]
    assert waits(error, 1000) == 900
    assert waits(error, 3, delay=timedelta(0)) == 0


@needs_policies
def test_waits_as_long_as_the_server_asks():
    assert waits(limited(200)) == 200
    assert waits(limited(2)) == 30
    assert waits(limited(None)) == 30
    assert waits(limited(10_000)) == 900
    export = tree.ExportError(
        "nothing was published", failures={"a": limited(70), "b": core.ServerError("bad", status=503)}
    )
    assert waits(export) == 70


@needs_policies
def test_what_does_not_exist_fails_and_what_is_not_ours_is_airflows():
    from camunda_optimize_provider.failures import not_found_errors

    policy = OptimizeRetryPolicy()
    assert policy.evaluate(not_found_errors()[0]("no such connection"), 1, 5).action.value == "fail"
    assert policy.evaluate(ValueError("ours?"), 1, 5).action.value == "default"


@needs_policies
def test_survives_serialization_and_refuses_nonsense():
    policy = OptimizeRetryPolicy(timedelta(seconds=3), timedelta(seconds=5))
    again = OptimizeRetryPolicy.deserialize(policy.serialize())
    assert (again.delay, again.max_delay) == (policy.delay, policy.max_delay)
    with pytest.raises(ValueError, match="max_delay"):
        OptimizeRetryPolicy(timedelta(hours=1))
    for arguments in ({"delay": 30}, {"max_delay": 900}):
        with pytest.raises(
            core.ConfigurationError, match=r"delay: must be a timedelta, such as timedelta\(seconds=30\)"
        ):
            OptimizeRetryPolicy(**arguments)


@needs_policies
def test_in_a_taskflow_task(run_dag, optimize_simulator, optimize_connection):
    from airflow.sdk import DAG, task

    from camunda_optimize.testing import Fault
    from camunda_optimize_provider.hooks.optimize import OptimizeHook

    policy = OptimizeRetryPolicy(timedelta(0), timedelta(seconds=1))
    with DAG("with_a_policy", schedule=None) as dag:

        async def count(method):
            async with OptimizeHook().client() as optimize:
                return len(await getattr(optimize.collections, method)())

        again = task(task_id="again", retries=3, retry_delay=timedelta(hours=1), retry_policy=policy)(count)
        never = task(task_id="never", retries=3, retry_delay=timedelta(0), retry_policy=policy)(missing)
        again("list_ids")
        never()
    optimize_simulator.add_fault(
        Fault(on="api", status=429, path="/collection$", headers={"Retry-After": "1000"}, times=1)
    )
    run = run_dag(dag)
    assert run.states == {"again": "success", "never": "failed"}
    assert run.tries == {"again": 2, "never": 1}


async def missing():
    from camunda_optimize_provider.hooks.optimize import OptimizeHook

    async with OptimizeHook().client() as optimize:
        await optimize.collections.get("no-such-collection")
