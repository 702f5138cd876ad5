"""An Airflow of several processes on this machine: PostgreSQL, Redis, all of Airflow's servers, two Celery workers."""

from __future__ import annotations

import base64
import contextlib
import glob
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from member import ClusterError, Member

WORKERS = ("worker-1", "worker-2")
SLOTS = 4
"""Tasks that one worker runs at once."""
WHO = '''"""What a worker calls itself: both run on one machine, and would have its name."""

import os


def am_i():
    return os.environ["CLUSTER_MEMBER"]
'''


def find_programs() -> dict[str, Path]:
    """PostgreSQL's and Redis' programs; Debian does not put PostgreSQL's on the PATH.

    :raises ClusterError: names the packages to install.
    """
    versions = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", *versions[-1:]])
    packages = {
        "initdb": "postgresql",
        "postgres": "postgresql",
        "createdb": "postgresql",
        "redis-server": "redis-server",
    }
    found = {name: shutil.which(name, path=path) for name in packages}
    if missing := sorted({packages[name] for name, where in found.items() if where is None}):
        raise ClusterError(f"needs PostgreSQL and Redis: apt-get install {' '.join(missing)}")
    return {name: Path(where) for name, where in found.items() if where}


class Cluster:
    """Starts the members one by one, and stops them in the opposite order.

    :param folder: Airflow's home and all logs; it is made anew.
    :param python: of the environment with Airflow, its Celery and Postgres providers, and the project.
    :param dag_file: the only one that this Airflow knows.
    :param variables: what tasks find in their environment, such as connections.
    """

    def __init__(self, folder: Path, python: Path, dag_file: Path, variables: Mapping[str, str]) -> None:
        self.folder, self.python = folder, python
        self.programs = find_programs()
        self.members: list[Member] = []
        self._stack = contextlib.ExitStack()
        self._ports = dict(zip(("postgres", "redis", "api"), _free_ports(3), strict=True))
        self._password = secrets.token_hex(16)
        shutil.rmtree(folder, ignore_errors=True)
        for name in ("dags", "logs", "modules"):
            (folder / name).mkdir(parents=True)
        shutil.copy(dag_file, folder / "dags")
        (folder / "modules" / "who.py").write_text(WHO)
        self._environment = self._inherited() | self._settings() | dict(variables)

    @property
    def api(self) -> str:
        """The address of the API server."""
        return f"http://127.0.0.1:{self._ports['api']}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for member in self.members:  # all are asked at once, before one after the other is waited for
            if member.name not in {"postgres", "redis"}:
                with contextlib.suppress(ProcessLookupError):
                    member.process.terminate()
        self._stack.close()

    def start_stores(self) -> None:
        """PostgreSQL and Redis, both with a password and on the loopback interface only; then Airflow's tables."""
        self._stack.enter_context(self._postgres())
        settings = f'bind 127.0.0.1\nport {self._ports["redis"]}\nrequirepass {self._password}\nsave ""\n'
        redis = self._start("redis", self.programs["redis-server"], "-", given=settings.encode())
        redis.wait_until(lambda: _accepts(self._ports["redis"]))
        log = self.folder / "logs" / "migrate.log"
        with log.open("wb") as output:
            command = [str(self.python), "-m", "airflow", "db", "migrate"]
            done = subprocess.run(command, env=self._environment, stdout=output, stderr=output, check=False)
        if done.returncode:
            raise ClusterError(f"airflow db migrate failed: see {log}")

    def start_servers(self) -> None:
        """API server, scheduler, DAG processor, triggerer and the workers; returns when all work."""
        api = self._airflow("api-server", "--host", "127.0.0.1", "--port", str(self._ports["api"]))
        servers = [self._airflow("scheduler"), self._airflow("dag-processor")]
        servers.append(self._airflow("triggerer", "--skip-serve-logs"))
        workers = [
            self._airflow("celery", "worker", "--skip-serve-logs", "-H", f"{name}@%h", name=name) for name in WORKERS
        ]
        api.wait_until(lambda: self.ask("GET", "/api/v2/version", authorized=False))
        for worker in workers:
            worker.wait_until(lambda worker=worker: " ready." in worker.said())
        for server in servers:
            server.wait_until(lambda: True)

    def member(self, name: str) -> Member:
        """The process of this name."""
        return next(member for member in self.members if member.name == name)

    def ask(self, method: str, path: str, body: Any = None, *, authorized: bool = True) -> Any:
        """What Airflow's API answers.

        :raises OSError: for a status that is no success, or no answer.
        """
        headers = {"Content-Type": "application/json"}
        if authorized:
            headers["Authorization"] = f"Bearer {self._token()}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.api + path, data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def _token(self) -> str:
        if not hasattr(self, "_jwt"):
            self._jwt: str = self.ask("GET", "/auth/token", authorized=False)["access_token"]
        return self._jwt

    def _airflow(self, *arguments: str, name: str | None = None) -> Member:
        return self._start(name or arguments[0], self.python, "-m", "airflow", *arguments)

    def _start(self, name: str, *command: str | Path, given: bytes = b"", **how: Any) -> Member:
        log = self.folder / "logs" / f"{name}.log"
        with log.open("wb") as output, tempfile.TemporaryFile() as stdin:
            stdin.write(given)
            stdin.seek(0)
            process = subprocess.Popen(
                [str(part) for part in command],
                env={**self._environment, "CLUSTER_MEMBER": name},
                cwd=how.pop("cwd", self.folder),
                stdin=stdin,
                stdout=output,
                stderr=output,
                start_new_session=True,
                **how,
            )
        member = Member(name, process, log)
        self.members.append(member)
        self._stack.callback(member.stop, 10)
        return member

    @contextlib.contextmanager
    def _postgres(self) -> Iterator[None]:
        account = _account()
        # Not in the checkout: the server runs as another user where this runs as root, and may not be able to get there.
        with tempfile.TemporaryDirectory(prefix="optimize-cluster-") as name:
            place, password = Path(name), Path(name, "password")
            password.write_text(self._password)
            if account:
                for path in (place, password):
                    shutil.chown(path, account["user"])
            command = [self.programs["initdb"], "-D", place / "data", "-U", "airflow", "-E", "UTF8", "--locale=C", "-N"]
            command += ["--auth=scram-sha-256", f"--pwfile={password}"]
            subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, cwd="/", **account)
            server = self._start(
                "postgres", self.programs["postgres"], "-D", place / "data", "-p", str(self._ports["postgres"]),
                "-k", place, "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300", "-c", "fsync=off",
                cwd="/", **account,
            )  # fmt: skip
            server.wait_until(lambda: _accepts(self._ports["postgres"]))
            create = [str(self.programs["createdb"]), "-h", "127.0.0.1", "-p", str(self._ports["postgres"])]
            login = {**self._environment, "PGPASSWORD": self._password}
            server.wait_until(
                lambda: (
                    not subprocess.run(
                        [*create, "-U", "airflow", "airflow"], env=login, stderr=subprocess.DEVNULL, check=False
                    ).returncode
                )
            )
            yield
            server.stop(10)

    def _inherited(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(("AIRFLOW", "PG"))}
        return kept | {"NO_COLOR": "1", "NO_PROXY": "127.0.0.1,localhost", "PYTHONWARNINGS": "ignore"}

    def _settings(self) -> dict[str, str]:
        database = f"airflow:{self._password}@127.0.0.1:{self._ports['postgres']}/airflow"
        settings = {
            "core.executor": "CeleryExecutor",
            "core.dags_folder": self.folder / "dags",
            "core.load_examples": False,
            "core.dags_are_paused_at_creation": False,
            "core.execution_api_server_url": f"{self.api}/execution/",
            "core.fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "core.simple_auth_manager_all_admins": True,
            "core.hostname_callable": "who.am_i",
            "core.max_active_tasks_per_dag": SLOTS * len(WORKERS),
            "core.default_task_retry_delay": 5,
            "database.sql_alchemy_conn": f"postgresql+psycopg2://{database}",
            "celery.broker_url": f"redis://:{self._password}@127.0.0.1:{self._ports['redis']}/0",
            "celery.result_backend": f"db+postgresql://{database}",
            "celery.worker_concurrency": SLOTS,
            "celery.worker_prefetch_multiplier": 1,
            "api.secret_key": secrets.token_hex(32),
            "api_auth.jwt_secret": secrets.token_hex(32),
            # How soon Airflow notices that a worker is gone; by default it is minutes.
            "scheduler.task_instance_heartbeat_timeout": 20,
            "scheduler.task_instance_heartbeat_timeout_detection_interval": 5,
            "scheduler.task_queued_timeout": 40,
            "scheduler.task_queued_timeout_check_interval": 5,
            "logging.base_log_folder": self.folder / "logs" / "tasks",
        }
        named = {f"AIRFLOW__{name.replace('.', '__').upper()}": str(value) for name, value in settings.items()}
        return named | {"AIRFLOW_HOME": str(self.folder), "PYTHONPATH": str(self.folder / "modules")}


def _account() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for user in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return {"user": pwd.getpwnam(user).pw_name}
    raise ClusterError("PostgreSQL does not run as root, and there is no other user: run this as another one")


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]


def _accepts(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
