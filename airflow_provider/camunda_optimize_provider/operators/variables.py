"""The operator that sends external variables to Camunda Optimize."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..counting import counted
from ._base import OptimizeOperator, Work, with_client

if TYPE_CHECKING:
    from airflow.sdk import Context


class OptimizeIngestVariablesOperator(OptimizeOperator):
    """Sends external variables to Optimize. Sending one again does no harm: the latest counts.

    The return value is ``{"variables": how many, "requests": how many}``.

    :param variables: of process instances, each with ``id``, ``name``, ``type``, ``value`` (a text),
        ``process_instance_id``, ``process_definition_key``; Optimize's own names for them do as well. (templated)
    :param optimize_conn_id: the connection. (templated)
    :param max_concurrency: requests under way at once; ``None`` leaves it to the connection.
    """

    template_fields: Sequence[str] = ("variables", "optimize_conn_id")
    template_fields_renderers = {"variables": "json"}  # noqa: RUF012 - as Airflow declares it
    stopped_message = (
        "The task was stopped from outside: some of the variables may have arrived. Send all of them again."
    )

    def __init__(self, *, variables: Sequence[Mapping[str, Any]] | str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.variables = variables
        self.check_early()

    def check_arguments(self) -> None:
        """See :class:`OptimizeOperator`."""
        from camunda_optimize import ConfigurationError

        from ..arguments import chosen_variables, is_template

        super().check_arguments()
        # Another task may well find that there is nothing to send.
        if not is_template(self.variables) and not chosen_variables(self.variables):
            raise ConfigurationError("is empty: there is nothing to send", setting="variables")

    def prepare(self, context: Context) -> Work:
        """See :class:`OptimizeOperator`.

        :param context: of the task.
        """
        from ..arguments import chosen_variables

        variables = chosen_variables(self.variables)
        hook, config = self.open_hook()
        self.leave_link(context, config.base_url, None)
        self.log.info("Sending %s to %s", counted(len(variables), "variables"), config.base_url)
        return with_client(hook, lambda optimize: optimize.variables.ingest(variables))

    def execute(self, context: Context) -> dict[str, Any]:
        """Send.

        :param context: of the task.
        :return: the counts.
        """
        count, stats = self.run_to_end(context)
        self.log.info("Optimize has taken %s", counted(count, "variables"))
        return {"variables": count, "requests": stats["requests"]}
