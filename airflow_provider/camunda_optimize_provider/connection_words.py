"""What is said of a connection when something fails behind it: its name, its fields, and what of it was not used.

Imports no Airflow, and holds no secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from camunda_optimize import ConfigurationError, OptimizeError

from .connection_form import CONN_TYPE, field_label
from .connection_values import ConnectionFields

if TYPE_CHECKING:
    from camunda_optimize.checks import ConnectionCheck

    from .connection import ReadConnection


@dataclass(frozen=True, slots=True)
class ConnectionWords:
    """How a failure is told to the person who keeps the connection.

    :param conn_id: its id; ``None`` leaves it out.
    :param fields: where settings of the client come from, if not from the field of their own name.
    :param unused: a sentence about fields that do not count beside a complete URL; empty if there are none.
    :param other_type: a sentence about a type of connection that is not ours; empty if it is.
    """

    conn_id: str | None
    fields: Mapping[str, tuple[str, ...]]
    unused: str = ""
    other_type: str = ""

    @property
    def subject(self) -> str | None:
        """What errors of the client begin with."""
        return f"connection '{self.conn_id}'" if self.conn_id else None

    def remark_on(self, error: OptimizeError) -> None:
        """Have an error about the address of this connection say what of the connection was not used.

        :param error: that ends the use of a client; of which one, its subject says.
        """
        if self.unused and error.subject == self.subject and _is_about_the_address(error):
            error.remark = self.unused

    def of_opening(self, error: ConfigurationError) -> ConfigurationError:
        """An error of a client that could not open, about the field that is wrong.

        :param error: about a setting.
        """
        if error.setting is None:
            return error
        name = next(iter(self._fields_of(error.setting)), error.setting)
        return ConnectionFields(conn_id=self.conn_id).problem(name, error.problem)

    def explain(self, check: ConnectionCheck) -> ConnectionCheck:
        """The same outcome, with the fields to look at.

        :param check: of the client.
        """
        parts = [check.message]
        if labels := self._labels(check.settings):
            parts.append(f"Look at {' and '.join(labels)}.")
        if check.error is not None and self.unused and _is_about_the_address(check.error):
            parts.append(f"{self.unused}.")
        if self.other_type:
            parts.append(f"{self.other_type}.")
        return replace(check, message=" ".join(parts))

    def _labels(self, settings: Sequence[str]) -> list[str]:
        names = (name for setting in settings for name in self._fields_of(setting))
        return [f"Field '{field_label(name)}'" for name in dict.fromkeys(names)]

    def _fields_of(self, setting: str) -> tuple[str, ...]:
        return self.fields.get(setting, (setting,))


def _is_about_the_address(error: OptimizeError) -> bool:
    """Whether another server may have been meant: no answer, or one that is not Optimize's."""
    return any("base_url" in each.settings for each in _each(error))


def _each(error: OptimizeError) -> Iterator[OptimizeError]:
    yield error
    yield from getattr(error, "failures", {}).values()


def words_of(fields: ConnectionFields, read: ReadConnection) -> ConnectionWords:
    """What to say of a connection that has been read.

    :param fields: of the connection.
    :param read: what was read from them.
    """
    return ConnectionWords(fields.conn_id, read.fields, _unused(read), other_type(fields))


def other_type(fields: ConnectionFields) -> str:
    """A sentence about a connection that was made for something else; empty for ours and where no type is said.

    :param fields: of the connection.
    """
    if not fields.conn_type or fields.conn_type == CONN_TYPE:
        return ""
    named = f" '{fields.conn_id}'" if fields.conn_id else ""
    return (
        f"The connection{named} is of type '{fields.conn_type}', not '{CONN_TYPE}': it is read as if it were one, and"
        " its form does not show the fields of Optimize"
    )


def _unused(read: ReadConnection) -> str:
    """People who split a URL themselves do not expect that port and schema do not count beside a complete one."""
    parts, port, schema = urlsplit(read.config.base_url), read.unused_port, read.unused_schema
    names = [f"Field 'Port' ({port})"] * bool(port) + ["what stands in 'Schema'"] * schema
    if not names:
        return ""
    host = parts.netloc.rpartition("@")[2].removesuffix(f":{parts.port}")
    root = f"{parts.scheme}://{host}:{port or parts.port or (443 if parts.scheme == 'https' else 80)}"
    whole, behind = (f"{root}/<what stands in 'Schema'>", "%2F…") if schema else (f"{root}{parts.path}", "")
    uri = quote(root if schema else whole, safe="") + behind
    return (
        f"{' and '.join(names)} {'are' if len(names) > 1 else 'is'} not used, because Field '{field_label('host')}'"
        f" holds a complete URL: write {whole} there (in a connection URI, as its host: {uri})"
    )
