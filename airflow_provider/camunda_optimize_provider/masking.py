"""Makes secrets known to Airflow's secrets masker, which strikes them out of logs."""

from __future__ import annotations

import sys
import threading

_SECONDS = 0.003


def mask(secret: str) -> None:
    """Mask a secret in this process and in Airflow's supervisor, which writes the task's log.

    :param secret: may be masked already.
    """
    if _mask_here(secret) and _is_enough():
        return
    from airflow.sdk.log import mask_secret

    mask_secret(secret)


def mask_token(token: str) -> None:
    """Mask an access token. To be called in the event loop that the client runs in, as soon as the token is there.

    :param token: as the client got it.
    """
    # The supervisor answers over a socket that a coroutine of the same loop may be waiting on: from the loop's own
    # thread Airflow refuses to send then. Another thread may always send. The short wait is for the order, masked
    # first and used afterwards; it is short because the loop stands still, and this process masks already.
    if _mask_here(token) and _is_enough():
        return
    thread = threading.Thread(target=mask, args=(token,), name="camunda-optimize-mask", daemon=True)
    thread.start()
    thread.join(_SECONDS)


def asks_for_itself() -> bool:
    """Whether only a coroutine may ask Airflow for something here: in the triggerer before Airflow 3.2, where a call
    from a thread takes the answer that the triggerer itself is waiting for, and ends it.
    """
    comms = _comms()
    return type(comms).__name__ == "TriggerCommsDecoder" and not hasattr(comms, "start_reader")


def _is_enough() -> bool:
    """Whether nobody but this process writes its log."""
    # ``dag.test()`` has but one process, and its stand-in for a supervisor writes all it is sent to the log, at level
    # DEBUG: a secret too.
    return type(_comms()).__name__ == "InProcessSupervisorComms" or asks_for_itself()


def _mask_here(secret: str) -> bool:
    """Mask in this process; it takes no answer from anybody."""
    try:
        from airflow.sdk._shared.secrets_masker import mask_secret
    except ImportError:  # another version keeps it elsewhere
        return False
    mask_secret(secret)
    return True


def _comms() -> object:
    task_runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    return getattr(task_runner, "SUPERVISOR_COMMS", None)
