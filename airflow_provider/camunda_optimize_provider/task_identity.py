"""What tells one task's work from another's: the name of what it writes, and which tries belong together."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from airflow.sdk import Context

_LONGEST = 200
"""Bytes of a name, percent-encoded: file systems take 255, and Airflow's own ids may be longer together."""


def task_name(context: Context) -> str:
    """The same for every try of this task, and for no other task, run or DAG.

    :param context: of the task.
    """
    ti = context["ti"]
    index = "" if ti.map_index is None or ti.map_index < 0 else f".{ti.map_index}"
    name = f"{ti.dag_id}.{ti.run_id}.{ti.task_id}{index}"
    if len(quote(name, safe="")) <= _LONGEST:
        return name
    return sha256(name.encode()).hexdigest()


def life_of(task_instance: Any) -> int:
    """The same for the tries that Airflow makes by itself, and another one once an ended task was cleared.

    Who clears a task wants it done again, and Airflow sets the limit of tries anew then: to the tries so far and the
    task's ``retries``. It does not for a task that is cleared while it runs, which is only tried again: clear it once
    it has ended. The limit is the same as before, too, where somebody has taken as many ``retries`` away in the DAG
    file as there were tries.

    :param task_instance: of the task.
    """
    return getattr(task_instance, "max_tries", 0)


def tries_name(context: Context) -> str:
    """The same for those tries of this task that go on with one another's work.

    With other ``retries`` in the DAG file it is another one in any case. To begin anew does no harm here, and to go on
    with what somebody wanted done again would.

    :param context: of the task.
    """
    retries = getattr(context.get("task"), "retries", 0)
    return f"{task_name(context)}.{life_of(context['ti'])}.{retries}"
