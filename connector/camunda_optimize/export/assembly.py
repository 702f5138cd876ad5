"""The objects of a new snapshot: what was fetched, what is kept of the previous one, what is empty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice

from ..errors import ManifestError
from .collect import Collected
from .destinations import Destination
from .fetching import Fetching
from .kinds import Kind
from .manifest import Manifest, ObjectEntry, Standing
from .snapshot import previous_objects, previous_rows
from .staging import Staged


class Assembly:
    """Makes the objects of the new snapshot of what was fetched and what is kept. Blocks."""

    def __init__(self, kind: Kind, place: Destination, run: Fetching, collected: Collected, standing: Standing) -> None:
        self._kind, self._place, self._run = kind, place, run
        self._collected, self._standing = collected, standing
        self._single = kind.layout is None and run.options.layout == "single"

    def objects(self) -> list[tuple[ObjectEntry, Staged | None]]:
        """All of them, in the order of their units; ``None`` for one that is at its place already."""
        fetched, decisions = self._collected.fetched, self._collected.decisions
        for found in (fetched.parts, fetched.standing):
            for unit_id in [unit_id for unit_id in found if decisions[unit_id].action != "write"]:
                del found[unit_id]
        keep = set(self._collected.having("keep"))
        if keep and self._standing.manifest is not None:
            for batch in self._carried(self._standing.manifest, keep):
                fetched.put(batch)
        if not self._single and self._kind.layout != "per_entity":
            empty = [
                unit_id
                for unit_id, decision in decisions.items()
                if decision.action != "skip" and unit_id not in fetched.parts and unit_id not in fetched.standing
            ]
            for unit_id in empty:
                fetched.put(self._run.stage.add(self._kind.cut(self._run.format, unit_id, (), single=False)))
        parts = [part for _, parts in sorted(fetched.parts.items()) for part in parts]
        if self._single:
            parts = [self._one_of_all(parts)]
        objects: list[tuple[ObjectEntry, Staged | None]] = [(self._entry(part), part) for part in parts]
        objects += [(entry, None) for entry in fetched.standing.values()]
        return sorted(objects, key=lambda item: (item[0].unit_id or "", item[0].path))

    def _entry(self, part: Staged) -> ObjectEntry:
        options = self._run.options
        return self._kind.object_entry(part, options.naming, self._run.format.extension)

    def _carried(self, manifest: Manifest, keep: set[str]) -> Iterator[list[Staged]]:
        """What the previous snapshot has of these, staged anew."""
        stage, options = self._run.stage, self._run.options
        if not self._kind.mixed:
            carried = previous_rows(self._place, manifest, self._kind, keep)
            while batch := list(islice(carried, 100)):
                yield stage.add(
                    piece
                    for unit_id, rows in batch
                    for piece in self._kind.cut(self._run.format, unit_id, rows, single=self._single)
                )
            return
        if (manifest.format, manifest.compression) != (options.format, options.compression):
            raise ManifestError(
                "the previous snapshot has another format or compression, so that its objects cannot be kept: "
                "export in that format, or without keeping anything"
            )
        for entry, file in previous_objects(self._place, manifest, keep):
            with file:
                yield [stage.copy(iter(partial(file.read, 1 << 20), b""), entry.rows, entry.unit_id)]
        shapes = {entry.id: entry.shape for entry in manifest.reports}
        self._collected.fetched.shapes.update({unit_id: shapes.get(unit_id) or "" for unit_id in keep})

    def _one_of_all(self, parts: Sequence[Staged]) -> Staged:
        whole = self._run.stage.begin(self._run.format)
        for part in parts:
            if part.rows:
                whole.add_encoded(part.blocks(), part.rows)
        return whole.finish()
