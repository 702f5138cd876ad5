"""Makes secrets known to Airflow's secrets masker, which strikes them out of logs."""

from __future__ import annotations

import contextlib
import sys
import threading

_SECONDS = 0.05


def mask(secret: str) -> None:
    """Mask a secret in this process and in Airflow's supervisor, which writes the task's log.

    :param secret: may be masked already.
    """
    if _in_process():
        # ``dag.test()`` has but one process, and its stand-in for a supervisor writes all it is sent to the log, at
        # level DEBUG: a secret too. The masker of this process is enough there.
        with contextlib.suppress(ImportError):
            from airflow.sdk._shared.secrets_masker import mask_secret as mask_here

            mask_here(secret)
            return
    from airflow.sdk.log import mask_secret

    mask_secret(secret)


def mask_token(token: str) -> None:
    """Mask an access token. To be called in the event loop that the client runs in, as soon as the token is there.

    :param token: as the client got it.
    """
    # The supervisor answers over a socket that a coroutine of the same loop may be waiting on: from the loop's own
    # thread Airflow refuses to send then. Another thread may always send. The short wait is for the order: masked
    # first, used afterwards.
    thread = threading.Thread(target=mask, args=(token,), name="camunda-optimize-mask", daemon=True)
    thread.start()
    thread.join(_SECONDS)


def _in_process() -> bool:
    task_runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    comms = getattr(task_runner, "SUPERVISOR_COMMS", None)
    return type(comms).__name__ == "InProcessSupervisorComms"
