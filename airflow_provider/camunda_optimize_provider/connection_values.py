"""The single fields of a connection: which are set, what type they have, and how an error speaks of them.

No error quotes what a field holds, unless it is a URL or a path: people paste secrets into the wrong field.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from camunda_optimize import ConfigurationError

from .connection_form import EXTRA_FIELDS, field_label

_VERBS = ("is ", "has ", "holds ", "must ", "may ", "belongs ")
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def unset(value: object) -> bool:
    """Whether a field counts as empty: Airflow shows, and sometimes stores, ``***`` in place of a secret."""
    return value is None or (isinstance(value, str) and value.strip() in ("", "***"))


@dataclass(frozen=True, slots=True)
class ConnectionFields:
    """The fields of a connection as Airflow hands them out.

    :param conn_id: named in errors; ``None`` leaves it out (the Test button runs under a random one).
    :param conn_type: what Airflow takes it for; ``None`` where nobody said it.
    :param schema: may hold a whole URI, secret included, which Airflow has not understood.
    :param extra: the extras, as JSON text or already parsed.
    """

    conn_id: str | None = None
    conn_type: str | None = None
    host: str | None = None
    login: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    schema: str | None = field(default=None, repr=False)
    port: int | None = None
    extra: str | Mapping[str, Any] | None = field(default=None, repr=False)

    def problem(self, name: str, problem: str) -> ConfigurationError:
        """An error about one field.

        :param name: the field's name; the error uses its label.
        :param problem: what is wrong, as the rest of the sentence.
        """
        connection = f" of connection '{self.conn_id}'" if self.conn_id else ""
        joint = " " if problem.startswith(_VERBS) else ": "
        return ConfigurationError(f"Field '{field_label(name)}'{connection}{joint}{problem}")

    def extras(self) -> dict[str, Any]:
        """The extras that are set.

        :raises ConfigurationError: for what is no JSON object and for unknown names.
        """
        raw: Any = self.extra
        if isinstance(raw, str):
            try:
                raw = json.loads(raw) if raw.strip() else {}
            except ValueError:
                raw = None
            if raw is None:  # outside the handler: the parser's error holds the whole text
                raise self.problem("Extra Fields JSON", "is not valid JSON")
        if raw is not None and not isinstance(raw, Mapping):
            raise self.problem("Extra Fields JSON", 'must be a JSON object like {"deployment": "saas"}')
        extras = {str(name): value for name, value in (raw or {}).items() if not unset(value)}
        for name in extras.keys() - EXTRA_FIELDS.keys():
            near = difflib.get_close_matches(name, EXTRA_FIELDS, n=1)
            known = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(EXTRA_FIELDS)}"
            raise self.problem("Extra Fields JSON", f"has an unknown name: {known}")
        return extras

    def text(self, name: str, value: object) -> str | None:
        """A text, or ``None`` when the field is not set."""
        if unset(value):
            return None
        if not isinstance(value, str):
            raise self.problem(name, f"must be a text, not {type(value).__name__}")
        return value

    def choice(self, name: str, value: object, among: Sequence[str]) -> str | None:
        """One of a few words, or ``None`` when the field is not set."""
        given = self.text(name, value)
        if given is None:
            return None
        word = given.strip().lower().replace("-", "_")
        if word not in among:
            raise self.problem(name, f"must be one of {', '.join(among)}")
        return word

    def count(self, name: str, value: object) -> int:
        """A whole number within the form's limits."""
        number, schema = _number(value), EXTRA_FIELDS[name]["schema"]
        if number is None or not number.is_integer():
            raise self.problem(name, "must be a whole number")
        if not schema["minimum"] <= number <= schema["maximum"]:
            raise self.problem(name, f"must be from {schema['minimum']} to {schema['maximum']}")
        return int(number)

    def seconds(self, name: str, value: object) -> float:
        """A number of seconds."""
        number = _number(value)
        if number is None:
            raise self.problem(name, "must be a number of seconds")
        if number <= 0:
            raise self.problem(name, "must be more than 0 seconds")
        return number

    def pace(self, name: str, value: object) -> float:
        """Requests a second."""
        number, schema = _number(value), EXTRA_FIELDS[name]["schema"]
        if number is None or not schema["minimum"] <= number <= schema["maximum"]:
            raise self.problem(name, f"must be a number from {schema['minimum']} to {schema['maximum']}, or empty")
        return number

    def flag(self, name: str, value: object) -> bool:
        """True or false, as JSON, as 1 or 0, or as a text."""
        found = _FLAGS.get(str(value).strip().lower()) if isinstance(value, (str, int)) else None
        if found is None:
            raise self.problem(name, "must be true or false")
        return found


def _number(value: object) -> float | None:
    """The extras of a connection URI are all texts."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
