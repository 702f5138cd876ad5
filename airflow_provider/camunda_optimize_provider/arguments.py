"""Arguments of operators: which can be judged while a DAG is parsed, and what a rendered template means."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from camunda_optimize import Variable
    from camunda_optimize.export import AllCollections, SnapshotOptions

_NOTHINGS = frozenset({"None", "null"})
_NOTHING = "a template, an XCom or another task came to nothing, which does not mean everything. "
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WEB = re.compile(r"https?://[^/\s?#]", re.IGNORECASE)
_BRACKETS = "[("
_NO_ID = re.compile(r"""[\s,;"'{}]""")


def is_template(value: object) -> bool:
    """Whether the value is known only when the task runs: a Jinja template, or another task's result.

    :param value: an operator's argument.
    """
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    if isinstance(value, (list, tuple)):
        return any(is_template(item) for item in value)
    if _is_path(value):
        return is_template(str(value))
    return comes_from_a_task(value)


def comes_from_a_task(value: object) -> bool:
    """Whether the value is another task's result, which Airflow resolves; paths have a ``resolve`` of their own.

    :param value: an operator's argument, or a part of it.
    """
    return hasattr(value, "resolve") and not _is_path(value)


def _is_path(value: object) -> bool:
    return isinstance(value, os.PathLike) or hasattr(value, "joinpath")  # an ObjectStoragePath is no PathLike


def place_as_text(value: Any) -> Any:
    """The text of a path, which Airflow would not render; all else as it is, an ``ObjectStoragePath`` too.

    :param value: an argument that names a place.
    """
    if not _is_path(value) or hasattr(value, "bucket"):
        return value
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)


def as_text(value: Any) -> Any:
    """A text that a DAG with ``render_template_as_native_obj`` took for a whole number; all else as it is.

    :param value: as rendered, of an argument that is a text.
    """
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def in_a_task() -> bool:
    """Whether a task is running here, and not a DAG file being read."""
    from airflow.sdk import get_current_context

    try:
        get_current_context()
    except RuntimeError:
        return False
    return True


def snapshot_options(**options: Any) -> SnapshotOptions:
    """The options of a snapshot, checked by the export engine. A template without a value yet is left out.

    :param options: as the operator got them, or as they were rendered.
    :raises camunda_optimize.ConfigurationError: names the option and what it may be.
    """
    from camunda_optimize.export.options import check_options

    known = {name: value for name, value in options.items() if not is_template(value)}
    guard = known.get("shrink_guard")
    if isinstance(guard, str):  # rendered
        known["shrink_guard"] = None if guard in ("", "None") else _number(guard)
    return check_options(**known)


def check_flag(value: Any, setting: str) -> None:
    """Refuse what is neither ``True`` nor ``False``.

    :param value: as the operator got it.
    :param setting: what the argument is called.
    :raises camunda_optimize.ConfigurationError: says so.
    """
    from camunda_optimize import _validate

    _validate.flag(value, setting)


def check_seconds(value: Any, setting: str, *, least: float = 0.0) -> None:
    """Judge a number of seconds.

    :param value: as the operator or trigger got it.
    :param setting: what the argument is called.
    :param least: that it may be; 0 itself is none.
    :raises camunda_optimize.ConfigurationError: says what it may be.
    """
    from camunda_optimize import _validate

    _validate.seconds(value, setting, least=least)


def check_web_address(value: Any, setting: str) -> str | None:
    """The address, or ``None`` for nothing. Refuses what a browser does not open as a page, and what holds a login.

    :param value: as the operator got it, or as it was rendered.
    :param setting: what the argument is called.
    :raises camunda_optimize.ConfigurationError: says how to write it.
    """
    from .storage import logins_in

    if value in (None, "", "None"):
        return None
    if not isinstance(value, str) or not _WEB.match(value):
        raise _refusal("is no address for a browser: it must begin with https:// or http://", setting)
    if logins_in(value):
        raise _refusal("holds a user name or a password, for all to see who see the task: leave it out", setting)
    return value


def check_concurrency(value: Any) -> None:
    """Judge a ``max_concurrency`` by the client's own rule; ``None`` leaves it to the connection.

    :param value: as the operator got it.
    :raises camunda_optimize.ConfigurationError: says what it may be.
    """
    from camunda_optimize import OptimizeConfig

    if value is not None:
        OptimizeConfig.static_token(base_url="http://localhost", token="any", max_concurrency=value)


def sql_place(**arguments: Any) -> dict[str, Any]:
    """Where rows go, checked by the export. A template without a value yet is left out of the check.

    :param arguments: as the operator got them, or as they were rendered.
    :return: the same; a schema that was rendered to nothing is none.
    :raises camunda_optimize.ConfigurationError: names the argument and what it may be.
    """
    from camunda_optimize.export.sql.place import Destination

    for name in ("table", "snapshot", "schema"):
        arguments[name] = as_text(arguments.get(name))
    if arguments["schema"] in ("", "None"):
        arguments["schema"] = None
    for name in ("table", "snapshot"):
        if arguments[name] in (None, "None"):
            raise _refusal("is empty: what should have given it?", name)
    known: dict[str, Any] = {name: "any" if is_template(value) else value for name, value in arguments.items()}
    Destination("any", **known)
    return arguments


def chosen_collections(
    collections: Any, *, none_means_all: bool, all_is: str = "None"
) -> Sequence[str] | AllCollections:
    """The collections that a rendered argument means.

    :param collections: ``None``; a list of ids; one id; or the text that a template makes of a list, as JSON or as
        Python writes it.
    :param none_means_all: whether ``None`` stands in the DAG file. Where a template or another task came to nothing,
        it does not mean everything.
    :param all_is: what is to be written for all collections there.
    :raises camunda_optimize.ConfigurationError: for nothing, for an empty list, and for what is none of these.
    """
    from camunda_optimize.export.options import ALL_COLLECTIONS, AllCollections, check_ids

    if collections is None and none_means_all:
        return ALL_COLLECTIONS
    if isinstance(collections, AllCollections):
        return collections
    _refuse_iterator(collections)
    found = _listed(collections, "collections")
    if found == [] and not none_means_all:
        raise _refusal("is empty: what should have given it? Nothing is never taken for all collections")
    if found is None or found == []:
        why = _NOTHING if found is None else ""
        raise _refusal(f"is empty: {why}For all collections write collections={all_is} in the DAG file")
    chosen = check_ids(found, "collections")
    if not _NOTHINGS.isdisjoint(chosen):
        raise _refusal("holds an id that came to nothing: what should have given it?")
    return chosen


def chosen_ids(ids: Any, setting: str) -> tuple[str, ...]:
    """The ids that a rendered argument means: a list, one id, or the text that a template makes of a list.

    :param ids: as rendered.
    :param setting: what the argument is called.
    :raises camunda_optimize.ConfigurationError: for nothing, for an empty list, and for what is none of these.
    """
    from camunda_optimize.export.options import check_ids

    _refuse_iterator(ids, setting)
    found = _listed(ids, setting)
    nothing = found is None or (isinstance(found, (list, tuple)) and None in found)
    if not nothing and _NOTHINGS.isdisjoint(chosen := check_ids(found, setting)):
        return chosen
    raise _refusal("is empty, or holds an id that came to nothing: what should have given it?", setting)


def chosen_variables(variables: Any) -> list[Variable]:
    """Variables from mappings with our names or Optimize's own, or from the text that a template makes of their list.

    :param variables: as rendered.
    :raises camunda_optimize.ConfigurationError: says which entry is wrong, and how.
    """
    from camunda_optimize import Variable

    found = variables
    if isinstance(variables, str) and (text := variables.strip()) not in ("", *_NOTHINGS):
        if text[0] not in _BRACKETS:
            raise _refusal("is a text that is no list: write the variables as a list in JSON or in Python", "variables")
        found = _parsed(text, "variables")
    if not isinstance(found, (list, tuple)):
        raise _refusal("must be a list of variables", "variables")
    known = {field.name for field in dataclasses.fields(Variable)}
    made: list[Variable] = []
    for number, item in enumerate(found):
        if not isinstance(item, Mapping):
            raise _refusal(f"entry {number} is no mapping", "variables")
        named = {_HUMP.sub("_", str(name)).lower(): value for name, value in item.items()}
        if unknown := named.keys() - known:
            raise _refusal(f"entry {number} has a field {min(unknown)!r}; there are {sorted(known)}", "variables")
        try:
            made.append(Variable(**{name: as_text(value) for name, value in named.items()}))
        except TypeError:
            lacking = sorted(known - named.keys() - {"serialization_data_format"})
            raise _refusal(f"entry {number} lacks {', '.join(lacking)}", "variables") from None
    return made


def _listed(ids: Any, setting: str) -> Any:
    """The list in a text, or the only id; whole numbers in it are ids."""
    ids = as_text(ids)
    if isinstance(ids, str):
        ids = from_text(ids.strip(), setting)
    return [as_text(one) for one in ids] if isinstance(ids, (list, tuple)) else ids


def from_text(text: str, setting: str = "collections") -> Any:
    """The list that a template wrote, as JSON or as Python does; or its only id; ``None`` for nothing.

    :param text: as rendered, without spaces around it.
    :param setting: what the argument is called.
    :raises camunda_optimize.ConfigurationError: for a text that is neither.
    """
    if not text or text in _NOTHINGS:
        return None
    if text[0] in _BRACKETS:
        return _parsed(text, setting)
    if _NO_ID.search(text):
        raise _refusal("is a text that is neither one id nor a list: write ids as a list in JSON or in Python", setting)
    return [text]


def _parsed(text: str, setting: str) -> Any:
    for parse in (json.loads, ast.literal_eval):
        with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            found = parse(text)
            if isinstance(found, (list, tuple)):
                return found
    problem = f"is a text that begins with {text[0]} like a list, but is none, neither in JSON nor in Python"
    raise _refusal(problem, setting)


def _refuse_iterator(value: Any, setting: str = "collections") -> None:
    if isinstance(value, Iterator):
        raise _refusal("must be a list: a generator has nothing left when the task runs", setting)


def _refusal(problem: str, setting: str = "collections") -> Exception:
    from camunda_optimize import ConfigurationError

    return ConfigurationError(problem, setting=setting)


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text
