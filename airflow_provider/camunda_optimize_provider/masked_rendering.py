"""Templates that render to a URL with a password: Airflow stores what was rendered before any task may refuse it."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator

PLACES = ("destination", "source", "timeline")
"""Arguments that name a place in a store, of whichever operator."""
_CONN_IDS = ("conn_id", "optimize_conn_id")
_ADDRESSES = ("timeline_url",)
"""Those for a browser; what stands in their query is for everybody's eyes."""


class MaskedRendering(BaseOperator):
    """For operators, and for sensors, which name it before Airflow's own class: masks what may be secret in fields.

    An operator itself, because Airflow's metaclass takes a plain mixin before its class for one with an ``__init__``.
    """

    def render_template(self, content: Any, *args: Any, **kwargs: Any) -> Any:
        """Render, and mask credentials before Airflow stores what was rendered: ``execute`` refuses them.

        :param content: of a templated field, or a part of it.
        """
        rendered = super().render_template(content, *args, **kwargs)
        if self._is(content, PLACES):  # elsewhere a URL may have a query
            from .storage import mask_credentials

            mask_credentials(rendered)
        elif isinstance(rendered, str) and self._is(content, _CONN_IDS):
            from .conn_ids import secrets_in

            _mask_all(secrets_in(rendered))
        elif isinstance(rendered, str) and "@" in rendered and self._is(content, _ADDRESSES):
            from .storage import logins_in

            _mask_all(logins_in(rendered))
        return rendered

    def _is(self, content: Any, names: tuple[str, ...]) -> bool:
        return any(content is getattr(self, name, None) for name in names)


def _mask_all(secrets: tuple[str, ...]) -> None:
    from .masking import mask

    for secret in secrets:
        mask(secret)
