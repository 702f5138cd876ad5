"""OpenLineage: which collections (or reports) of which Optimize went into which snapshot, and how much there is in it.

Nothing is told of an export that did not publish. Where OpenLineage's Airflow provider is not installed, nothing is
told at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import OutputDataset

    from camunda_optimize.export import ExportResult
    from camunda_optimize.export.sql import SqlResult

    from .databases import TableNames

MOST_INPUTS = 100
"""Collections, or reports, that are inputs of their own. More than these are one input, ``collections``."""
_PREFIXES = {"s3a": "s3", "gcs": "gs", "abfs": "abfss"}
_FILE_FORMATS = {"jsonl": "json"}


@dataclass(frozen=True, slots=True)
class Dataset:
    """Something that an export published.

    :param namespace: as OpenLineage names places: ``s3://bucket``, ``file``, ``postgres://host:port``.
    :param name: within it.
    :param columns: types by name; empty where there is no one table.
    :param size: bytes; ``None`` where nobody counts them.
    :param files: objects; ``None`` where there are none, as in a table.
    :param version: of the data, if they have one.
    """

    namespace: str
    name: str
    columns: Mapping[str, str]
    rows: int
    size: int | None = None
    files: int | None = None
    format: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """What an export did.

    :param source: the base URL of Optimize.
    :param unit: what the rows came from: ``collection`` or ``report``.
    :param units: how many came from each, by id.
    :param outputs: where they are now.
    """

    source: str
    unit: str
    units: Mapping[str, int]
    outputs: tuple[Dataset, ...]


def published_files(result: ExportResult) -> Published:
    """What a snapshot in files or objects is made of.

    :param result: of the export engine.
    """
    from camunda_optimize.export.formats.shapes import SHAPES
    from camunda_optimize.export.kinds import KINDS

    manifest = result.manifest
    kind = KINDS[manifest.kind]
    shapes = (
        {SHAPES.get(entry.shape or "") for entry in manifest.reports if entry.count} if kind.mixed else {kind.shape}
    )
    shape = shapes.pop() if len(shapes) == 1 else None
    types = {column.name: column.type for column in shape.columns} if shape else {}
    namespace, name = dataset_name(result.manifest_url.rpartition("/")[0])
    output = Dataset(
        namespace=namespace,
        name=name,
        columns={name: types.get(name, "json") for name in shape.names} if shape else {},
        rows=manifest.rows,
        size=sum(entry.bytes for entry in manifest.objects),
        files=len(manifest.objects),
        format=_FILE_FORMATS.get(manifest.format, manifest.format),
        version=manifest.finished,
    )
    return Published(manifest.source, kind.unit, {entry.id: entry.count for entry in manifest.units}, (output,))


def published_tables(result: SqlResult, source: str, names: TableNames) -> Published:
    """What a snapshot in tables is made of: an output for each table that has rows of it.

    :param result: of the export.
    :param source: the base URL of Optimize.
    :param names: of the database's tables.
    """
    from camunda_optimize.export.kinds import KINDS
    from camunda_optimize.export.sql.columns import DATA_TABLES, id_table

    kind = KINDS[result.kind]
    entries = result.collections if kind.unit == "collection" else result.reports
    rows: Counter[str] = Counter()
    for entry in entries:
        rows[getattr(entry, "shape", None) or kind.shape.name] += entry.count
    shapes = DATA_TABLES if kind.unit == "report" else {kind.shape.name: id_table(kind)}
    filled = [shape for shape in shapes.values() if rows[shape.shape.name] or kind.unit == "collection"]
    filled.sort(key=lambda shape: shape.shape.name)  # as the tables are
    outputs = tuple(
        Dataset(
            namespace=names.namespace,
            name=names.of(table),
            columns={column.name: column.type for column in shape.columns},
            rows=rows[shape.shape.name],
            version=result.finished,
        )
        for shape, table in zip(filled, result.tables, strict=True)
    )
    return Published(source, kind.unit, {entry.id: entry.count for entry in entries}, outputs)


def dataset_name(url: str) -> tuple[str, str]:
    """Namespace and name of a place, by OpenLineage's naming: ``s3://bucket`` and the key, ``file`` and the path.

    :param url: a URL, or the path of a local directory.
    """
    scheme, found, rest = url.partition("://")
    if not found or scheme == "file":
        return "file", rest if found else url
    bucket, _, key = rest.partition("/")
    return f"{_PREFIXES.get(scheme, scheme)}://{bucket}", key or "/"


def operator_lineage(published: Published | None) -> OperatorLineage[Any, Any] | None:
    """The lineage as OpenLineage's Airflow provider takes it; ``None`` where that is not installed.

    :param published: what was published; of nothing there is an empty lineage, because ``None`` is invalid there.
    """
    try:
        from airflow.providers.openlineage.extractors import OperatorLineage
        from openlineage.client import facet_v2 as facets
        from openlineage.client.event_v2 import InputDataset
    except ImportError:
        return None

    if published is None:
        return OperatorLineage()

    namespace = published.source

    def source(name: str, rows: int) -> InputDataset:
        count = facets.input_statistics_input_dataset.InputStatisticsInputDatasetFacet(rowCount=rows)
        return InputDataset(namespace=namespace, name=name, inputFacets={"inputStatistics": count})

    if len(published.units) > MOST_INPUTS:
        inputs = [source(f"{published.unit}s", sum(published.units.values()))]
    else:
        inputs = [source(f"{published.unit}s/{id_}", rows) for id_, rows in published.units.items()]
    return OperatorLineage(inputs=inputs, outputs=[_output(each) for each in published.outputs])


def _output(dataset: Dataset) -> OutputDataset:
    from openlineage.client import facet_v2 as facets
    from openlineage.client.event_v2 import OutputDataset

    fields = [
        facets.schema_dataset.SchemaDatasetFacetFields(name=name, type=type_) for name, type_ in dataset.columns.items()
    ]
    about: dict[str, Any] = {"schema": facets.schema_dataset.SchemaDatasetFacet(fields=fields)} if fields else {}
    if dataset.format is not None:
        about["storage"] = facets.storage_dataset.StorageDatasetFacet(
            storageLayer=dataset.namespace.partition(":")[0], fileFormat=dataset.format
        )
    if dataset.version is not None:
        about["version"] = facets.dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=dataset.version)
    counts = facets.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=dataset.rows, size=dataset.size, fileCount=dataset.files
    )
    return OutputDataset(
        namespace=dataset.namespace, name=dataset.name, facets=about, outputFacets={"outputStatistics": counts}
    )


class TellsLineage:
    """For operators: set :attr:`published` once something is published."""

    published: Published | None = None

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:  # noqa: ARG002 - theirs
        """What OpenLineage's listener asks for when the task has ended, well or not.

        :param task_instance: of the task.
        """
        return operator_lineage(self.published)
