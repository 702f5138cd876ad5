"""Options of the command line that would change nothing beside others: refused, so that nobody waits for them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from .settings import ServerQuirks

_ANYWHERE = frozenset(("port", "ready_file", "json", "verbose"))
_RECORDING = _ANYWHERE | {"record", "upstream_base_url", "upstream_oauth_url"}
_REPLAY = _ANYWHERE | {"replay", "token_life"}
_UPSTREAM = ("upstream_base_url", "upstream_oauth_url")
_JWT = ("jwt_audience", "jwt_issuer", "cluster_claim", "jwt_clock_skew")
_MADE_UP = ("collections", "dashboards", "seed")


def refuse_ignored(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """:raises ValueError: names the options that go together with nothing else that is there."""
    given = {name: value for name, value in vars(arguments).items() if value != parser.get_default(name)}
    if "record" in given:
        _refuse(given.keys() - _RECORDING, "--record passes requests on to a real server, for which")
    elif "replay" in given:
        _refuse(given.keys() - _REPLAY, "--replay answers as the recording does, for which")
    else:
        _refuse(given.keys() & {*_UPSTREAM}, "without --record")
    if "organisation" in given:
        _refuse(given.keys() & {*_MADE_UP}, "--organisation brings its own collections, for which")
    if "jwks_url" not in given:
        _refuse(given.keys() & {*_JWT}, "without --jwks-url")


def check_static(arguments: argparse.Namespace, quirks: ServerQuirks) -> None:
    """:raises ValueError: there would be no way to log in."""
    outside = arguments.jwks_url is not None
    if arguments.mode == "static" and arguments.generation == "8.10" and not (outside or quirks.legacy_security):
        raise ValueError(
            "8.10 has no static token, so that it would refuse everything: give another --mode or --generation, or "
            """--quirks '{"legacy_security": true}'"""
        )


def _refuse(names: Iterable[str], why: str) -> None:
    options = ", ".join("--" + name.replace("_", "-") for name in sorted(names))
    if options:
        raise ValueError(f"{why} {options} would change nothing: leave it out")
