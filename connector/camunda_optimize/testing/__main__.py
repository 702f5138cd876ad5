"""Serve a simulated Optimize from a terminal: ``python -m camunda_optimize.testing --help``."""

from __future__ import annotations

import argparse
import json
import logging
import shlex
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from .._environment import rivals
from . import recording_command
from .addresses import Mode
from .authorization import DERIVED
from .background import log
from .ignored import check_static, refuse_ignored
from .organisation import Organisation
from .recorder import OptimizeRecorder
from .replay import OptimizeReplay
from .settings import ServerQuirks
from .simulator import OptimizeSimulator
from .wire import GENERATIONS, an_object, as_list, read_json


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; the exit code."""
    return serve(build_parser(), argv)


def serve(parser: argparse.ArgumentParser, argv: Sequence[str] | None = None) -> int:
    """The same with a parser of :func:`build_parser`."""
    arguments = parser.parse_args(argv)
    if arguments.verbose:
        _log_requests()
    recorded = arguments.record is not None or arguments.replay is not None
    try:
        refuse_ignored(parser, arguments)
        handle = recording_command.handle_of(arguments) if recorded else _simulator(arguments)
    except (OSError, RuntimeError, ValueError) as error:
        parser.error(str(error))
    stop = threading.Event()

    def end(_signal: int, _frame: object) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    try:
        handle.start()
    except OSError as error:
        ports = f"port {arguments.port}" if recorded else f"ports {arguments.port} and {arguments.oauth_port}"
        parser.exit(1, f"cannot listen on {ports}: {error.strerror}. Choose others; 0 takes a free one.\n")
    if isinstance(handle, OptimizeSimulator):
        described, welcome = description(handle), _welcome(handle)
    else:
        described, welcome = recording_command.description(handle), _recording_welcome(handle)
    details = json.dumps(described, indent=2) + "\n"
    try:
        if arguments.ready_file is not None:
            _write_whole(arguments.ready_file, details)
        sys.stdout.write(details if arguments.json else welcome)
        sys.stdout.flush()
        stop.wait()
    finally:
        handle.stop()
        if arguments.save_organisation is not None and isinstance(handle, OptimizeSimulator):
            handle.organisation.save(arguments.save_organisation)
    return 0


def _log_requests() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s.%(msecs)03d %(message)s", "%H:%M:%S"))
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    log.propagate = False


def description(simulator: OptimizeSimulator) -> dict[str, Any]:
    """What ``--ready-file`` holds and ``--json`` prints."""
    return {
        "base_url": simulator.base_url,
        "oauth_url": simulator.oauth_url,
        "root_url": simulator.root_url,
        "control_url": f"{simulator.root_url}/_simulator",
        "mode": simulator.mode,
        "generation": simulator.generation,
        "collections": len(simulator.organisation.collections),
        "environment": simulator.environment(),
    }


def _simulator(arguments: argparse.Namespace) -> OptimizeSimulator:
    if arguments.save_organisation is not None and not arguments.save_organisation.absolute().parent.is_dir():
        raise ValueError(f"there is no folder {arguments.save_organisation.absolute().parent}")
    quirks = _quirks(arguments.quirks)
    check_static(arguments, quirks)
    return OptimizeSimulator(
        _organisation(arguments),
        generation=arguments.generation,
        mode=arguments.mode,
        token_life=arguments.token_life,
        expires_in=DERIVED if arguments.expires_in is None else arguments.expires_in,
        token_latency=arguments.token_latency,
        latency=arguments.latency,
        collections_endpoint=not arguments.no_collections_endpoint,
        token_rate_limit=arguments.token_rate_limit,
        refusal_delay=arguments.refusal_delay,
        quirks=quirks,
        jwks_url=arguments.jwks_url,
        jwt_audience=arguments.jwt_audience,
        jwt_issuer=arguments.jwt_issuer,
        cluster_claim=arguments.cluster_claim,
        jwt_clock_skew=arguments.jwt_clock_skew,
        port=arguments.port,
        oauth_port=arguments.oauth_port,
    )


def _quirks(text: str) -> ServerQuirks:
    try:
        fields = an_object(read_json(text.encode()))
        if (owners := as_list(fields.get("owners"))) is not None:
            fields["owners"] = frozenset(owners)
        return ServerQuirks(**fields)
    except (TypeError, ValueError) as error:
        raise ValueError(f"--quirks must be an object with fields of ServerQuirks: {error}") from None


def _organisation(arguments: argparse.Namespace) -> Organisation:
    organisation = _usual_organisation(arguments)
    if arguments.rows is not None:
        organisation.add_large_report(arguments.rows)
    return organisation


def _usual_organisation(arguments: argparse.Namespace) -> Organisation:
    if arguments.organisation is not None:
        return Organisation.load(arguments.organisation)
    if arguments.dashboards is not None:
        return Organisation.uniform(arguments.collections, arguments.dashboards, seed=arguments.seed)
    return Organisation.seeded(arguments.collections, seed=arguments.seed)


def _welcome(simulator: OptimizeSimulator) -> str:
    organisation = simulator.organisation
    exports = _connection(simulator.environment())
    counts = f"{len(organisation.collections)} collections, {len(organisation.dashboards)} dashboards"
    modes: tuple[Mode, ...] = () if simulator.outside_issuer else ("saas", "keycloak", "entra")
    lines = [
        f"Simulated Optimize {simulator.generation} ({simulator.mode}): {counts}, {len(organisation.reports)} reports",
        "",
        f"  Optimize             {simulator.base_url}",
        *(f"  Token, {mode:<13} {simulator.token_url(mode)}" for mode in modes),
        f"  Control              {simulator.root_url}/_simulator/counters",
        "",
        *exports,
    ]
    # The documentation's curl commands use these names.
    if simulator.mode == "keycloak" and modes:
        names = {"CLIENT_ID": simulator.client_id, "CLIENT_SECRET": simulator.client_secret}
        lines += _exports(names)
    if organisation.collections:
        lines.append(f"export COLLECTION_ID={organisation.collection_ids[0]}")
    lines += _for_airflow(simulator.environment(), "saas" if simulator.mode == "saas" else "self_managed")
    return "\n".join([*lines, "", "Ctrl+C stops it.", ""])


def _recording_welcome(handle: OptimizeRecorder | OptimizeReplay) -> str:
    variables = handle.environment()
    lines = [recording_command.title(handle), "", *_connection(variables), *_for_airflow(variables, "self_managed")]
    return "\n".join([*lines, "", "Ctrl+C stops it.", ""])


def _connection(variables: Mapping[str, str]) -> list[str]:
    """Lines for a shell in which another simulator may have been used before."""
    others = rivals(variables)
    return [*([f"unset {' '.join(others)}"] if others else []), *_exports(variables)]


_FIELDS = {
    "CAMUNDA_OPTIMIZE_BASE_URL": "host",
    "CAMUNDA_CLIENT_ID": "login",
    "CAMUNDA_CLIENT_SECRET": "password",
    "CAMUNDA_OAUTH_TOKEN": "password",
}
_EXTRAS = {
    "CAMUNDA_OAUTH_URL": "oauth_url",
    "CAMUNDA_OPTIMIZE_OAUTH_AUDIENCE": "audience",
    "CAMUNDA_TOKEN_SCOPE": "scope",
}


def _for_airflow(variables: Mapping[str, str], deployment: str) -> list[str]:
    """A line for a shell with the same as an Airflow connection; none if the client brings its own credentials.

    Words stand before it, not a comment: zsh takes none that is typed or pasted.
    """
    fields = {name: variables[variable] for variable, name in _FIELDS.items() if variable in variables}
    if "password" not in fields:
        return []
    extra = {name: variables[variable] for variable, name in _EXTRAS.items() if variable in variables}
    if "login" not in fields:
        deployment = "static_token"
    connection = {"conn_type": "camunda_optimize", **fields, "extra": {"deployment": deployment, **extra}}
    exports = _exports({"AIRFLOW_CONN_CAMUNDA_OPTIMIZE_DEFAULT": json.dumps(connection)})
    return ["", "The same as an Airflow connection (its secret is made up, and opens nothing but this):", "", *exports]


def _exports(variables: Mapping[str, str]) -> list[str]:
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]


def _write_whole(path: Path, text: str) -> None:
    """Renamed into place, so that a script that waits for the file never reads half of it."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def build_parser(
    prog: str = "python -m camunda_optimize.testing", kind: type[argparse.ArgumentParser] = argparse.ArgumentParser
) -> argparse.ArgumentParser:
    """The options of the simulator, for whatever program offers them."""
    parser = kind(
        prog=prog,
        description="Serves a simulated Camunda Optimize with its authorization server on the loopback interface.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--port", type=int, default=8083, help="port of Optimize; 0 takes a free one")
    add("--oauth-port", type=int, default=18080, help="second port that serves the same; 0 takes a free one")
    add("--mode", choices=get_args(Mode), default="saas", help="what the printed URLs and variables describe")
    add("--generation", choices=GENERATIONS, default="8.9", help="server version")
    add("--collections", type=int, default=200, help="number of collections")
    add("--dashboards", type=int, help="exactly so many dashboards in every collection (default: 0 to 12, with names)")
    add("--rows", type=int, help="one more collection, with a raw data report 'large-report' of so many rows")
    add("--seed", type=int, default=1, help="the same seed makes the same organisation")
    add("--organisation", type=Path, metavar="FILE", help="the organisation in a JSON file instead")
    add("--save-organisation", type=Path, metavar="FILE", help="write it there at the end, with all that was changed")
    add("--token-life", type=float, default=300, help="seconds that a token is accepted")
    add("--expires-in", type=json.loads, help="what token answers say instead, as JSON")
    add("--token-latency", type=float, default=0, help="seconds that every token request takes")
    add("--latency", type=float, default=0, help="seconds that every API request takes")
    add("--token-rate-limit", type=float, help="token requests a second and address, above that 429 (SaaS: 1)")
    add("--refusal-delay", type=float, default=0, help="seconds to refuse wrong credentials (SaaS: 30)")
    add("--no-collections-endpoint", action="store_true", help="without the undocumented collection endpoints")
    add("--quirks", default="{}", metavar="JSON", help="what differs in this build: fields of ServerQuirks")
    add("--jwks-url", help="keys of an outside authorization server: only its tokens are accepted")
    add("--jwt-audience", default="optimize", help="audience that its tokens must have")
    add("--jwt-issuer", help="issuer that its tokens must have")
    add("--cluster-claim", help="claim of its tokens that must be the cluster id")
    add("--jwt-clock-skew", type=float, default=60, help="seconds by which exp and nbf may be missed")
    recording_command.add_options(parser)
    add("--ready-file", type=Path, help="write URLs and variables there as JSON once connections are accepted")
    add("-v", "--verbose", action="count", default=0, help="log every request to standard error")
    add("--json", action="store_true", help="print that JSON instead of lines for a shell")
    return parser


if __name__ == "__main__":
    sys.exit(main())
