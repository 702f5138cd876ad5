"""Operators that bring something into Camunda Optimize."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..links.optimize import leave_link
from ._base import OptimizeOperator, Work, with_client

if TYPE_CHECKING:
    from airflow.sdk import Context

    from camunda_optimize import OptimizeClient


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

    def prepare(self, context: Context) -> Work:
        """See :class:`OptimizeOperator`.

        :param context: of the task.
        """
        from ..arguments import chosen_variables

        variables = chosen_variables(self.variables)
        hook, config = self.open_hook()
        leave_link(context, config.base_url, None)
        self.log.info("Sending %s variables to %s", f"{len(variables):,}", config.base_url)
        return with_client(hook, lambda optimize: optimize.variables.ingest(variables))

    def execute(self, context: Context) -> dict[str, Any]:
        """Send.

        :param context: of the task.
        :return: the counts.
        """
        count, stats = self.run_to_end(context)
        self.log.info("Optimize has taken %s variables", f"{count:,}")
        return {"variables": count, "requests": stats["requests"]}


class OptimizeImportEntitiesOperator(OptimizeOperator):
    """Imports dashboards and reports into a collection, from files that an export of definitions made.

    Each run makes new entities. The request is never sent twice, and Airflow should not try again either: leave
    ``retries`` at 0, its default here.

    The return value is ``{"imported": how many, "ids": {old id: new id}}``.

    :param collection_id: the collection that gets them. (templated)
    :param source: where the definitions are: a destination of :class:`OptimizeExportDefinitionsOperator`, or a
        directory of files. (templated)
    :param optimize_conn_id: the connection. (templated)
    :param max_concurrency: requests under way at once; ``None`` leaves it to the connection.
    """

    template_fields: Sequence[str] = ("collection_id", "source", "optimize_conn_id")
    stopped_message = "The import was stopped from outside: look into the collection whether it had been done."

    def __init__(self, *, collection_id: str, source: str, retries: int = 0, **kwargs: Any) -> None:
        super().__init__(retries=retries, **kwargs)
        self.collection_id = collection_id
        self.source = source

    def prepare(self, context: Context) -> Work:
        """See :class:`OptimizeOperator`.

        :param context: of the task.
        """
        from camunda_optimize.export.definitions import ImportResult, import_definitions

        from ..arguments import chosen_ids
        from ..storage import find_destination

        [collection_id] = chosen_ids([self.collection_id], "collection_id")
        source = find_destination(self.source, setting="source")
        hook, config = self.open_hook()
        leave_link(context, config.base_url, [collection_id])
        self.log.info("Importing the definitions at %s into collection %s", source.url, collection_id)

        async def run(optimize: OptimizeClient) -> ImportResult:
            return await import_definitions(optimize, collection_id, source.url, filesystem=source.filesystem)

        return with_client(hook, run)

    def execute(self, context: Context) -> dict[str, Any]:
        """Import.

        :param context: of the task.
        :return: what was made of what.
        """
        result, _ = self.run_to_end(context)
        for group in result.ambiguous:
            self.log.warning("These could be exchanged in the map of ids, so alike are they: %s", ", ".join(group))
        self.log.info("Imported %s entities into collection %s", f"{len(result.created):,}", result.collection_id)
        return {"imported": len(result.created), "ids": dict(result.ids)}
