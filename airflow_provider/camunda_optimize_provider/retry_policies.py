"""A retry policy for tasks that use Optimize. Airflow 3.3 and newer.

The operators of this package need none to fail at once over what does not mend itself. A policy also does that for a
TaskFlow task that uses the hook, and makes waits fit the trouble.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

try:
    from airflow.sdk import RetryDecision, RetryPolicy
except ImportError:
    raise ImportError(
        "retry policies need Airflow 3.3 or newer: leave retry_policy out, and set retries and retry_delay"
    ) from None

from .failures import not_found_errors

if TYPE_CHECKING:
    from airflow.sdk import Context

    from camunda_optimize import OptimizeError

_PATH = f"{__name__}.OptimizeRetryPolicy"


class OptimizeRetryPolicy(RetryPolicy):
    """Fails at once over what does not mend itself, and waits for what may: as long as the server asks for, or else
    longer and longer.

    A wrong setting, a refused secret, missing rights, and a connection, collection or report that does not exist fail
    the task, whatever its ``retries`` say. An outage is tried again after ``delay``, twice that, four times that … up
    to ``max_delay``, ``retries`` times at the most. Errors of other origin are left to Airflow.

    :param delay: before the second try.
    :param max_delay: the longest wait, also where the server asks for a longer one.
    """

    def __init__(self, delay: timedelta = timedelta(seconds=30), max_delay: timedelta = timedelta(minutes=15)) -> None:
        from camunda_optimize import ConfigurationError

        for name, value in (("delay", delay), ("max_delay", max_delay)):
            if not isinstance(value, timedelta):
                problem = f"must be a timedelta, such as timedelta(seconds=30), not {value!r}"
                raise ConfigurationError(problem, setting=name)
        if not timedelta(0) <= delay <= max_delay:
            raise ConfigurationError(f"must be from 0 to max_delay ({max_delay}), not {delay}", setting="delay")
        self.delay = delay
        self.max_delay = max_delay

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,  # noqa: ARG002 - Airflow's; it counts by itself
        context: Context | None = None,  # noqa: ARG002 - Airflow's, too
    ) -> RetryDecision:
        """Decide about one failure.

        :param exception: that the task failed with.
        :param try_number: of this try, from 1.
        :param max_tries: of the task.
        :param context: of the task.
        """
        from camunda_optimize import OptimizeError

        kind = type(exception).__name__
        if isinstance(exception, not_found_errors()):
            return RetryDecision.fail(reason=f"{kind}: another try cannot find it either")
        if not isinstance(exception, OptimizeError):
            return RetryDecision.default()
        if not exception.transient:
            return RetryDecision.fail(reason=f"{kind} does not mend itself")
        asked = _asked_for(exception)
        # A float, because a timedelta overflows at try 40.
        seconds = min(self.delay.total_seconds() * 2.0 ** min(try_number - 1, 60), self.max_delay.total_seconds())
        wait = timedelta(seconds=min(max(asked, seconds), self.max_delay.total_seconds()))
        reason = f"{kind} may be over in {wait.total_seconds():g} s" + (", the server says" if asked > seconds else "")
        return RetryDecision.retry(delay=wait, reason=reason)

    def serialize(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "__type": _PATH,
            "delay": self.delay.total_seconds(),
            "max_delay": self.max_delay.total_seconds(),
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Self:
        """The policy that was serialized.

        :param data: its values.
        """
        return cls(timedelta(seconds=data["delay"]), timedelta(seconds=data["max_delay"]))


def _asked_for(error: OptimizeError) -> float:
    """Seconds that the server wants to be left alone for; an export's error holds those of its collections."""
    asked = [getattr(each, "retry_after", None) for each in (error, *getattr(error, "failures", {}).values())]
    return max((seconds for seconds in asked if seconds is not None), default=0.0)
