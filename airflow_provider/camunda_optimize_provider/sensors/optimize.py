"""A sensor that waits until Optimize can be used."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator

from ..arguments import in_a_task
from ..connection_form import DEFAULT_CONN_ID
from ..masked_rendering import MaskedRendering
from ..operators._mapped import Partial

if TYPE_CHECKING:
    from airflow.sdk import Context

    from camunda_optimize.checks import ConnectionCheck

    from ..runner import LoopThread


_STOPPED = "The sensor was stopped from outside."


class _Killed(BaseException):
    """A kill, on its way past the base class, which would make a skip or another look of an ordinary error."""


class OptimizeReadySensor(MaskedRendering, BaseSensorOperator):
    """Waits until Optimize is ready, an access token is issued, and one harmless call succeeds with it.

    An outage is waited out. What does not mend itself, such as a wrong secret, fails the task at once. With
    ``deferrable=True`` the task looks once, and leaves the waiting to the triggerer, where all sensors of a connection
    share one session and one token. ``soft_fail``, ``never_fail``, ``silent_fail``, ``exponential_backoff`` and
    ``max_wait`` mean the same in both modes; a deferred one looks never more often than every five seconds.

    :param optimize_conn_id: the connection. (templated)
    :param deferrable: whether the triggerer waits; by default as Airflow's ``[operators] default_deferrable`` says.
    :raises camunda_optimize.ConfigurationError: while the DAG is parsed, for an argument that cannot be meant so.
    """

    template_fields: Sequence[str] = ("optimize_conn_id",)
    ui_color = "#f2e6d9"
    if not TYPE_CHECKING:  # for type checkers it is Airflow's
        partial = Partial()

    _running: LoopThread[Any] | None = None
    _killed = False

    def __init__(
        self, *, optimize_conn_id: str = DEFAULT_CONN_ID, deferrable: bool | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.optimize_conn_id = optimize_conn_id
        self.deferrable: bool = _default_deferrable() if deferrable is None else deferrable
        if not in_a_task():  # a mapped sensor is made there, and what its DAG file says has been judged before
            self.check_arguments()

    def check_arguments(self) -> None:
        """What can be judged while a DAG is parsed: whatever is no template."""
        from ..arguments import check_flag, is_template
        from ..conn_ids import check_conn_id

        if self.deferrable is not None:  # of a mapped one, where it is not said yet
            check_flag(self.deferrable, "deferrable")
        if not is_template(self.optimize_conn_id):
            check_conn_id(self.optimize_conn_id, "optimize_conn_id")

    def execute(self, context: Context) -> None:
        """Wait.

        :param context: of the task.
        """
        from ..failures import ordinary_failure

        if self._killed:  # while Airflow rendered the templates
            raise ordinary_failure(_STOPPED)
        try:
            super().execute(context)
        except _Killed:
            raise ordinary_failure(_STOPPED) from None

    def execute_complete(self, context: Context, event: Mapping[str, str]) -> None:  # noqa: ARG002 - Airflow's
        """What the trigger found.

        :param context: of the task.
        :param event: its payload.
        """
        from ..failures import fail_at_once, ordinary_failure

        if event.get("status") != "ready":
            message = event.get("message") or "the trigger fired without saying why"
            named = f"connection '{self.optimize_conn_id}'"
            message = message if named in message else f"{named}: {message}"
            if event.get("status") != "failed":
                raise fail_at_once(message)
            # For soft_fail Airflow would make a skip of its own exceptions here, and does not where the task looks.
            raise RuntimeError(message) if self.soft_fail else ordinary_failure(message)
        self.log.info("%s", event.get("message"))

    def poke(self, context: Context) -> bool:  # noqa: ARG002 - Airflow's
        """Look once. In vain, and with ``deferrable=True``, the triggerer goes on.

        :param context: of the task.
        """
        from ..failures import is_final
        from ..runner import in_words

        try:
            ready = self._look()
        except Exception as error:
            if is_final(error) or not (self.deferrable and self.silent_fail):
                raise
            self.log.warning("This look failed, and the next one is the triggerer's: %s", in_words(error))
            ready = False
        if not ready and self.deferrable:
            self._defer()
        return ready

    def _defer(self) -> None:
        """From within the base class, which does with errors of the first look as it does with those of any other."""
        from ..triggers.optimize import OptimizeReadyTrigger

        longest = self.max_wait.total_seconds() if self.max_wait else float(self.timeout)
        self.defer(
            # Its first wait is there: a trigger that fires at once may overtake the deferral.
            trigger=OptimizeReadyTrigger(
                self.optimize_conn_id,
                float(self.poke_interval),
                max_wait=longest if self.exponential_backoff else None,
                deadline=time.time() + self.timeout,
                silent_fail=bool(self.silent_fail),
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout),
        )

    def _look(self) -> bool:
        from camunda_optimize import OptimizeError

        from ..failures import fail_at_once, not_found_errors, task_failure
        from ..hooks.optimize import OptimizeHook
        from ..runner import LoopThread, Stopped

        try:
            hook = OptimizeHook(self.optimize_conn_id)
            hook.get_config()  # here, and not in the loop's thread

            async def look() -> ConnectionCheck:
                async with hook.client() as optimize:
                    return hook.explain(await optimize.check())

            self._running = LoopThread(look)
            if self._killed:  # meanwhile
                raise _Killed
            check: ConnectionCheck = self._running.run()
        except Stopped:
            raise _Killed from None
        except OptimizeError as error:
            raise task_failure(error) from None
        except not_found_errors() as error:
            raise fail_at_once(str(error)) from None
        finally:
            self._running = None
        self.log.info("%s", check.message)
        if not check.ok and not (check.error and check.error.transient):
            raise fail_at_once(f"connection '{self.optimize_conn_id}': {check.message}")
        return check.ok

    def on_kill(self) -> None:
        """Stop a look that is under way."""
        self._killed = True
        if self._running is not None:
            self._running.stop()


def _default_deferrable() -> bool:
    try:
        from airflow.sdk import conf
    except ImportError:  # before Airflow 3.2
        from airflow.configuration import conf  # type: ignore[assignment,unused-ignore]
    return bool(conf.getboolean("operators", "default_deferrable", fallback=False))
