"""A simulator with everything on it that the cases ask for."""

from __future__ import annotations

from urllib.parse import quote

from ..organisation import Organisation
from ..simulator import OptimizeSimulator
from . import endpoints as at
from .endpoints import PUBLIC
from .server import Server


class LocalServer(Server):
    """One version of the simulator."""

    def __init__(self, version: str) -> None:
        made = organisation()
        self.simulator: OptimizeSimulator = OptimizeSimulator(made, generation=version).start()
        super().__init__(self.simulator.config(), version=version, collection=made.collection_ids[0])

    def find_management_report(self) -> str:
        return "management"

    def find_expired_scroll(self) -> str:
        """The id of an export that was left alone for too long."""
        page = self.ask(
            "GET", f"{PUBLIC}/export/report/{self.find_raw()}/result/json?limit=1&paginationTimeout=60"
        ).json
        self.simulator.advance(61)
        return quote(page["searchRequestId"], safe="")

    def find_definition_number(self) -> str:
        return next(iter(self.simulator.organisation.definitions.values())).version_keys[0]

    def find_queued_definition(self) -> str:
        """A definition whose data is being deleted already."""
        key = self.find_definition_number()
        self.ask("DELETE", at.DEFINITION_DATA.path.replace("{}", key))
        return key


def organisation() -> Organisation:
    """A report of every kind, and dashboards that show some of them."""
    made = Organisation()
    home = made.add_collection("Conformance", dashboards=3, reports=8)
    made.add_report(home.id, "Both", kind="combined", parts=list(home.reports)[2:4])
    made.add_report(home.id, "Odd", kind="broken")
    made.add_report(None, "Management", id="management", management=True)
    return made
