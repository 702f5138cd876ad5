"""Takes secrets out of what was recorded: those that are known, and whatever looks like one."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote_plus

from ..redact import HIDDEN, pattern_of, strike_credentials
from .wire import as_list, as_object

_SECRET_FIELDS = frozenset(
    ("access_token", "refresh_token", "id_token", "client_secret", "client_assertion", "password", "authorization")
)
_SECRET_NAME = re.compile(f'"({"|".join(_SECRET_FIELDS)})"', re.IGNORECASE)
_TOKEN_ANSWER_FIELDS = ("token_type", "expires_in", "error", "error_description", "error_codes")
"""All that is kept of what a token endpoint says."""


class Cleaner:
    """Learns secrets from the requests that pass by, and strikes them out wherever they turn up.

    Client secrets are found in any encoding that servers use, tokens (which have no characters to encode but ``+``,
    ``/`` and ``=``) as they are and percent-encoded. JWTs and ``Bearer ...`` go even if nobody knows them.
    """

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        self._secrets = set(filter(None, secrets))
        self._tokens: set[str] = set()
        self._secret_pattern = pattern_of(self._secrets)
        self._token_pattern: re.Pattern[str] | None = None

    def learn_from_request(self, authorization: str, form: bytes) -> None:
        """Secrets in the ``Authorization`` header of a request, and in the form of one for a token."""
        kind, _, value = authorization.partition(" ")
        if kind.lower() == "bearer":
            self.learn_token(value.strip())
        elif kind.lower() == "basic":
            self._learn_secret(value.strip())
            try:
                pair = base64.b64decode(value).decode()
            except (binascii.Error, UnicodeDecodeError):
                pair = ""
            self._learn_secret(pair.partition(":")[2])
            self._learn_secret(unquote_plus(pair.partition(":")[2]))
        for name, text in parse_qsl(form.decode("utf-8", "replace")):
            if name in _SECRET_FIELDS:
                self._learn_secret(text)

    def learn_token(self, token: object) -> None:
        """A token that was issued or used."""
        if isinstance(token, str) and token and token not in self._tokens:
            self._tokens.add(token)
            forms = {form for one in self._tokens for form in (one, quote(one, safe=""), quote_plus(one))}
            self._token_pattern = re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True))))

    def _learn_secret(self, secret: str) -> None:
        if secret and secret not in self._secrets:
            self._secrets.add(secret)
            self._secret_pattern = pattern_of(self._secrets)

    def text(self, text: str) -> str:
        """The text without them."""
        for pattern in (self._token_pattern, self._secret_pattern):
            if pattern is not None:
                text = pattern.sub(HIDDEN, text)
        return strike_credentials(text)

    def value(self, value: Any) -> Any:
        """A JSON value without them; what a field such as ``access_token`` holds is one of them."""
        if isinstance(value, str):
            return self.text(value)
        items, fields = as_list(value), as_object(value)
        if items is not None:
            return [self.value(item) for item in items]
        if fields is None:
            return value
        return {
            self.text(name): HIDDEN if isinstance(item, str) and name.lower() in _SECRET_FIELDS else self.value(item)
            for name, item in fields.items()
        }

    def body(self, body: bytes) -> bytes:
        """A body without them: value by value where it is JSON, else as text. As it is if there are none."""
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return body
        if not _SECRET_NAME.search(text) and self.text(text) == text:
            return body
        try:
            return json.dumps(self.value(json.loads(text)), ensure_ascii=False, separators=(",", ":")).encode()
        except ValueError:
            return self.text(text).encode()

    def token_answer(self, body: Any) -> Any:
        """A token endpoint's answer: a placeholder for the token, and no field that nobody knows."""
        fields: Mapping[str, Any] = as_object(body) or {}
        kept = {name: self.value(fields[name]) for name in _TOKEN_ANSWER_FIELDS if name in fields}
        return {"access_token": HIDDEN, **kept} if "access_token" in fields else kept
