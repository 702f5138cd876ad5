"""What an error of the client means for an Airflow task: fail at once, or let Airflow try again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from camunda_optimize import OptimizeError


def task_failure(error: OptimizeError) -> Exception:
    """The exception to raise in a task.

    A wrong secret or a missing collection does not mend itself: such a task fails at once, whatever its ``retries``
    say. An outage may be over at the next try, so that the error itself goes to Airflow, which counts the tries.

    :param error: what the client raised. Its text holds no secrets.
    """
    return error if error.transient else fail_at_once(str(error))


def fail_at_once(message: str) -> Exception:
    """An exception that Airflow does not retry.

    :param message: for the task's log.
    """
    try:
        from airflow.sdk.exceptions import AirflowFailException
    except ImportError:  # before Airflow 3.2
        from airflow.exceptions import AirflowFailException  # type: ignore[no-redef,attr-defined,unused-ignore]
    return AirflowFailException(message)


def is_final(error: BaseException) -> bool:
    """Whether Airflow does not retry after this exception, whatever it is about.

    :param error: that ends a task.
    """
    return isinstance(error, type(fail_at_once("")))


def not_found_errors() -> tuple[type[Exception], ...]:
    """What Airflow raises when a connection does not exist."""
    try:
        from airflow.sdk.exceptions import AirflowNotFoundException
    except ImportError:  # before Airflow 3.2
        from airflow.exceptions import AirflowNotFoundException  # type: ignore[no-redef,attr-defined,unused-ignore]
    return (AirflowNotFoundException,)


def timeout_errors() -> tuple[type[BaseException], ...]:
    """What Airflow raises in a task whose ``execution_timeout`` is over, wherever it is just then."""
    try:
        from airflow.sdk.exceptions import AirflowTaskTimeout
    except ImportError:  # before Airflow 3.2
        from airflow.exceptions import AirflowTaskTimeout  # type: ignore[no-redef,attr-defined,unused-ignore]
    return (AirflowTaskTimeout,)


def ordinary_failure(message: str) -> Exception:
    """An exception that leaves it to Airflow whether the task is tried again.

    :param message: for the task's log.
    """
    from airflow.sdk.exceptions import AirflowException

    return AirflowException(message)
