"""What all operators have in common: a client in a loop of its own, an end on request, errors in Airflow's terms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from ..arguments import in_a_task, place_as_text
from ..connection_form import DEFAULT_CONN_ID
from ..links.optimize import LeavesLinks, OptimizeCollectionLink
from ..masked_rendering import PLACES, MaskedRendering
from ._mapped import Partial

if TYPE_CHECKING:
    from airflow.sdk import BaseOperatorLink, Context

    from camunda_optimize import OptimizeClient, OptimizeConfig
    from camunda_optimize.export import Timeline

    from ..hooks.optimize import OptimizeHook
    from ..runner import LoopThread

Work = Callable[[], Coroutine[Any, Any, Any]]


class LoopOperator(MaskedRendering):
    """The base of the operators: a subclass says in :meth:`prepare` what is to be done."""

    ui_color = "#f2e6d9"
    if not TYPE_CHECKING:  # for type checkers it is Airflow's
        partial = Partial()

    stopped_message = "The task was stopped from outside."
    """What the log says after a kill, about what that means for the data."""
    _running: LoopThread[Any] | None = None
    _killed = False

    def check_early(self) -> None:
        """A misspelt argument breaks the DAG's import, not the run at night. To be called at the end of ``__init__``.

        A mapped task is made while it runs; there Airflow would try again after an error, and the run judges for good.
        What its ``partial()`` and ``expand()`` say has been judged before.
        """
        for name in PLACES:
            if hasattr(self, name):
                setattr(self, name, place_as_text(getattr(self, name)))
        if not in_a_task():
            self.check_arguments()

    def check_arguments(self) -> None:
        """What can be judged while a DAG is parsed: whatever is no template. Overrides call this one too."""

    def prepare(self, context: Context) -> Work:
        """Everything that asks Airflow for something: done here, in the task's own thread.

        :param context: of the task.
        :return: what makes the coroutine that does the work, in another thread's event loop.
        """
        raise NotImplementedError

    def run_to_end(self, context: Context) -> Any:
        """Prepare, run, and turn every error into what it means for Airflow.

        :param context: of the task.
        """
        from camunda_optimize import OptimizeError

        from ..failures import fail_at_once, not_found_errors, ordinary_failure, task_failure, timeout_errors
        from ..runner import LoopThread, Stopped

        try:
            self._go_on_unless_killed()
            self._running = LoopThread(self.prepare(context))
            self._go_on_unless_killed()  # from here on on_kill() finds something to stop
            return self._running.run()
        except Stopped:
            raise ordinary_failure(self.stopped_message) from None
        except timeout_errors():  # of which Airflow says no more than that
            self.tell_timeout()
            raise
        except OptimizeError as error:
            raise task_failure(error) from None
        except not_found_errors() as error:  # a connection, ours or the storage's
            raise fail_at_once(str(error)) from None
        finally:
            self._running = None

    def tell_timeout(self) -> None:
        """Say in the log what an ``execution_timeout`` means for the data."""
        self.log.warning(self.stopped_message)

    def on_kill(self) -> None:
        """Stop the work and wait for its clean-up."""
        self._killed = True
        if self._running is not None:
            self._running.stop()

    def _go_on_unless_killed(self) -> None:
        from ..runner import Stopped

        if self._killed:
            raise Stopped("stopped from outside before it began")


class OptimizeOperator(LeavesLinks, LoopOperator):
    """An operator that asks Optimize.

    :param optimize_conn_id: the connection. (templated)
    :param max_concurrency: requests under way at once; ``None`` leaves it to the connection.
    """

    operator_extra_links: tuple[BaseOperatorLink, ...] = (OptimizeCollectionLink(),)

    def __init__(
        self, *, optimize_conn_id: str = DEFAULT_CONN_ID, max_concurrency: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.optimize_conn_id = optimize_conn_id
        self.max_concurrency = max_concurrency

    def check_arguments(self) -> None:
        """See :class:`LoopOperator`."""
        from ..arguments import check_concurrency, is_template
        from ..conn_ids import check_conn_id

        super().check_arguments()
        check_concurrency(self.max_concurrency)
        if not is_template(self.optimize_conn_id):
            check_conn_id(self.optimize_conn_id, "optimize_conn_id")

    def open_hook(self) -> tuple[OptimizeHook, OptimizeConfig]:
        """The hook, its connection read and its secrets masked."""
        from ..hooks.optimize import OptimizeHook

        hook = OptimizeHook(self.optimize_conn_id, max_concurrency=self.max_concurrency)
        return hook, hook.get_config()


def with_client(
    hook: OptimizeHook, work: Callable[[OptimizeClient], Awaitable[Any]], timeline: Timeline | None = None
) -> Work:
    """Work that gets an open client; its outcome comes with what the client counted.

    :param hook: opens the client.
    :param work: gets it.
    :param timeline: records what happens meanwhile.
    """

    async def run() -> tuple[Any, dict[str, int | float]]:
        async with (
            hook.client(on_event=timeline.on_event if timeline else None) as optimize,
            timeline.recording(optimize) if timeline else nullcontext(),
        ):
            return await work(optimize), optimize.stats.as_dict()

    return run
