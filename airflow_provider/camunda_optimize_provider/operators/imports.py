"""The operator that imports definitions into Camunda Optimize."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..arguments import chosen_ids, is_template
from ..counting import counted
from ._base import OptimizeOperator, Work, with_client

if TYPE_CHECKING:
    from airflow.sdk import Context

    from camunda_optimize import OptimizeClient
    from camunda_optimize.export.definitions import ImportResult

    from ..sent_once import SentOnce


class OptimizeImportEntitiesOperator(OptimizeOperator):
    """Imports dashboards and reports into a collection, from files that an export of definitions made.

    Each import makes new entities, and so its request is sent once. A try that ends before anything was sent, or whose
    request was surely not carried out, is tried again as ``retries`` say (0 by default here). Once an import may have
    been done, by an answer that was lost, a timeout or a kill, the task fails for good, whatever ``retries`` say, and
    its log names what is new in the collection. Airflow 3.3 and later remember it also if the worker dies; before, use
    no ``retries``. Clear the task once it has ended to import again.

    The return value is ``{"imported": how many, "ids": {old id: new id}}``.

    :param collection_id: the collection that gets them. (templated)
    :param source: where the definitions are: a destination of :class:`OptimizeExportDefinitionsOperator`, or a
        directory of files. (templated)
    :param optimize_conn_id: the connection. (templated)
    :param max_concurrency: requests under way at once; ``None`` leaves it to the connection.
    """

    template_fields: Sequence[str] = ("collection_id", "source", "optimize_conn_id")
    stopped_message = "The import was stopped from outside before anything was sent."

    _sent: SentOnce | None = None

    def __init__(self, *, collection_id: str, source: str, retries: int = 0, **kwargs: Any) -> None:
        super().__init__(retries=retries, **kwargs)
        self.collection_id = collection_id
        self.source = source
        self.check_early()

    def check_arguments(self) -> None:
        """See :class:`OptimizeOperator`."""
        from ..storage import check_url

        super().check_arguments()
        if not is_template(self.collection_id):
            chosen_ids([self.collection_id], "collection_id")
        if not is_template(self.source):
            check_url(self.source, setting="source")

    def prepare(self, context: Context) -> Work:
        """See :class:`OptimizeOperator`.

        :param context: of the task.
        """
        from camunda_optimize import ConflictError
        from camunda_optimize.export.definitions import import_definitions

        from ..conflicts import with_reasons
        from ..failures import fail_at_once
        from ..sent_once import ImportsOnce, SentOnce
        from ..storage import find_destination

        [collection_id] = chosen_ids([self.collection_id], "collection_id")
        source = find_destination(self.source, setting="source")
        hook, config = self.open_hook()
        self.leave_link(context, config.base_url, [collection_id])
        sent = SentOnce(context)
        if sent.by_an_earlier_try():
            raise fail_at_once(f"An earlier try of this task ended after it had sent the import. {self._advice()}")
        self._sent = sent
        self.log.info("Importing the definitions at %s into collection %s", source.url, collection_id)

        async def run(optimize: OptimizeClient) -> ImportResult:
            client = ImportsOnce(optimize, sent)
            try:
                with source.reached():
                    return await import_definitions(client, collection_id, source.url, filesystem=source.filesystem)
            except ConflictError as error:
                raise await with_reasons(error, optimize, collection_id, source) from None

        return with_client(hook, run)

    def tell_timeout(self) -> None:
        """See :class:`OptimizeOperator`; once it was sent, :meth:`execute` says more."""
        if self._sent is None or not self._sent.sent:
            super().tell_timeout()

    def execute(self, context: Context) -> dict[str, Any]:
        """Import.

        :param context: of the task.
        :return: what was made of what.
        """
        from ..failures import fail_at_once, is_final

        try:
            result, _ = self.run_to_end(context)
        except BaseException as error:
            if self._sent is None or not self._sent.sent or is_final(error):
                raise
            # A timeout or a kill in the middle of it, after which Airflow would try again.
            problem = f"The import was ended ({type(error).__name__}) after it had been sent. {self._advice()}"
            raise fail_at_once(problem) from None
        for group in result.ambiguous:
            self.log.warning("These could be exchanged in the map of ids, so alike are they: %s", ", ".join(group))
        imported = counted(len(result.created), "entities")
        self.log.info("Imported %s into collection %s", imported, result.collection_id)
        return {"imported": len(result.created), "ids": dict(result.ids)}

    def _advice(self) -> str:
        return (
            f"Whether it was done is not known: look into collection {self.collection_id}, keep or delete what is new"
            " there, and clear this task if it is to import again."
        )
