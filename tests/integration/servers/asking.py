"""Ask a simulator by way of something, and look that what goes wrong is said well and gives nothing away."""

from __future__ import annotations

import logging
import traceback
from typing import Any, Literal
from urllib.parse import quote

import pytest

from camunda_optimize import OptimizeClient, OptimizeConfig, OptimizeError
from camunda_optimize.testing import OptimizeSimulator

Part = Literal["api", "token"]
QUICK = {"max_attempts": 2, "retry_backoff": 0.01, "connect_timeout": 5.0, "request_timeout": 20.0}


class Asking:
    """Fetches the dashboard ids of one collection, the way that a configuration names."""

    def __init__(self, simulator: OptimizeSimulator, log: pytest.LogCaptureFixture) -> None:
        self.simulator = simulator
        self._log = log
        self._collection = max(simulator.organisation.collection_ids, key=lambda id_: len(self._dashboards_of(id_)))

    def config(self, url: str | None, part: Part | None = None, **knobs: Any) -> OptimizeConfig:
        """The configuration with one part, or both, of the simulator behind ``url``."""
        simulator = self.simulator
        settings: dict[str, Any] = {**QUICK, **knobs}
        if url is not None and part in ("api", None):
            settings["base_url"] = url + simulator.base_url.removeprefix(simulator.root_url)
        if url is not None and part in ("token", None):
            settings["oauth_url"] = url + simulator.oauth_url.removeprefix(simulator.root_url)
        return simulator.config(**settings)

    async def succeeds(self, config: OptimizeConfig, times: int = 1) -> None:
        """The right ids come, every time."""
        async with OptimizeClient(config) as optimize:
            for _ in range(times):
                ids = await optimize.dashboards.list_ids(self._collection)
                assert sorted(ids) == sorted(self._dashboards_of(self._collection))

    async def fails(self, config: OptimizeConfig) -> OptimizeError:
        """The error, after a look that neither it nor the log holds a secret or a token."""
        with self._log.at_level(logging.DEBUG), pytest.raises(OptimizeError) as caught:
            async with OptimizeClient(config) as optimize:
                await optimize.dashboards.list_ids(self._collection)
        secrets = {*config.secrets, *self.simulator.issued_tokens}
        texts = [*_texts(caught.value), self._log.text]
        for secret in secrets | {quote(secret, safe="") for secret in secrets}:
            assert not any(secret in text for text in texts)
        assert "object at 0x" not in str(caught.value)
        return caught.value

    def _dashboards_of(self, collection_id: str) -> list[str]:
        return [one.id for one in self.simulator.organisation.dashboards.values() if one.collection_id == collection_id]


def _texts(error: BaseException | None) -> list[str]:
    """All that a log or a debugger could draw out of an exception and those behind it."""
    texts: list[str] = []
    while error is not None:
        texts += [str(error), repr(error), repr(error.args), repr(vars(error)), *traceback.format_exception(error)]
        error = error.__cause__ or error.__context__
    return texts
