"""No secret and no token leaves the client, whatever goes wrong."""

import asyncio
import base64
import logging
import pickle
import traceback
from urllib.parse import quote, quote_plus

import pytest

from camunda_optimize import OptimizeClient, OptimizeError
from camunda_optimize.testing import Fault

SECRET = 'pä$$ &"word\\=+/<x>%41-' + "0123456789"

FAULTS = {
    "the refusal echoes the request": Fault(on="token", echo_request=True),
    "the refusal echoes it with 500": Fault(on="token", echo_request=True, status=500),
    "token endpoint resets": Fault(on="token", reset=True),
    "token endpoint answers HTML": Fault(on="token", html=True, status=200),
    "token endpoint redirects": Fault(on="token", redirect="http://127.0.0.1:1/"),
    "the API refuses the token": Fault(path="/api/public", status=401),
    "the API echoes": Fault(path="/api/public", echo_request=True, status=400),
    "the API fails": Fault(path="/api/public", status=500),
    "the API resets": Fault(path="/api/public", reset=True),
    "the API loses the answer": Fault(path="/api/public", lost=True),
    "the API hangs": Fault(path="/api/public", hang=True),
    "the API answers half": Fault(path="/api/public", truncate=3),
    "the API redirects": Fault(path="/api/public", redirect=True),
}


def all_that_hangs_on(error):
    """Every text that a logger, a pickle or a debugger could draw out of an exception."""
    seen, todo, texts = set(), [error], []
    while todo:
        item = todo.pop()
        if id(item) in seen or item is None:
            continue
        seen.add(id(item))
        texts += [str(item), repr(item)]
        if isinstance(item, BaseException):
            texts.append("".join(traceback.format_exception(item)))
            todo += [item.__cause__, item.__context__, *item.args, *vars(item).values()]
        elif isinstance(item, dict):
            todo += [*item, *item.values()]
        elif isinstance(item, (list, tuple, set)):
            todo += list(item)
    return "\n".join(texts)


def forms_of(secret):
    return {
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        quote_plus(secret).lower(),
        secret.replace("\\", "\\\\").replace('"', '\\"'),
        base64.b64encode(secret.encode()).decode(),
    }


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_nothing_secret_shows(optimize_simulator_factory, fault, caplog):
    simulator = optimize_simulator_factory(client_secret=SECRET)
    simulator.add_fault(fault)
    config = simulator.config(request_timeout=0.2, max_attempts=2, retry_backoff=0.01)
    with caplog.at_level(logging.DEBUG):
        async with OptimizeClient(config) as optimize:
            ids = simulator.organisation.collection_ids
            results = await asyncio.gather(
                *(optimize.dashboards.list_ids(one) for one in ids),
                optimize.dashboards.export_definitions(["a"]),
                optimize.dashboards.delete("a"),
                optimize.collections.list_ids(),
                return_exceptions=True,
            )
            check = await optimize.check()
            shown = [repr(optimize), repr(optimize.stats)]
    errors = [result for result in results if isinstance(result, BaseException)]
    assert errors
    assert all(isinstance(error, OptimizeError) for error in errors)
    shown += [all_that_hangs_on(error) for error in errors]
    shown += [repr(pickle.dumps(error)) for error in errors]
    shown += [repr(check), all_that_hangs_on(check.error), repr(config), str(config)]
    shown += [record.getMessage() + (record.exc_text or "") for record in caplog.records]
    everything = "\n".join(shown)
    assert simulator.root_url in everything
    for token in simulator.issued_tokens:
        assert token not in everything
        assert token.split(".")[-1] not in everything
    for form in forms_of(SECRET):
        assert form not in everything


async def test_the_echo_would_have_shown_the_secret(optimize_simulator_factory):
    """The fault above is no straw man: the server's answer does hold the secret."""
    import aiohttp

    simulator = optimize_simulator_factory(client_secret=SECRET)
    simulator.add_fault(Fault(on="token", echo_request=True))
    async with (
        aiohttp.ClientSession() as session,
        session.post(simulator.oauth_url, data={"client_secret": SECRET}) as answer,
    ):
        assert quote_plus(SECRET) in await answer.text()


async def test_no_task_carries_a_token_in_its_name(optimize_simulator):
    optimize_simulator.add_fault(Fault(latency=0.1))
    async with OptimizeClient(optimize_simulator.config()) as optimize:
        call = asyncio.create_task(optimize.dashboards.list_ids("x"))
        await asyncio.sleep(0.05)
        tasks = " ".join(map(repr, asyncio.all_tasks()))
        await call
    assert not any(token in tasks for token in optimize_simulator.issued_tokens)


async def test_each_new_token_is_told_to_who_masks_it(optimize_simulator):
    told = []
    async with OptimizeClient(optimize_simulator.config(), on_token=told.append) as optimize:
        await optimize.dashboards.list_ids("x")
        optimize_simulator.revoke_all_tokens()
        await optimize.dashboards.list_ids("x")
    assert told == optimize_simulator.issued_tokens
