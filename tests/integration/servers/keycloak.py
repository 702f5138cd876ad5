"""A real Keycloak with one realm, from Maven Central."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from .programs import cache, find, free_port, running

VERSION = "26.7.3"
"""The newest that runs on Java 17."""
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
REALM = "camunda-platform"
ADMIN = {"KC_BOOTSTRAP_ADMIN_USERNAME": "admin", "KC_BOOTSTRAP_ADMIN_PASSWORD": "admin-of-the-test"}
WORDS = re.compile(r'version "(\d+)')


class Keycloak:
    """One that runs, as its administrator sees it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/auth"
        self.issuer = f"{self.url}/realms/{REALM}"
        self.token_url = f"{self.issuer}/protocol/openid-connect/token"
        self.jwks_url = f"{self.issuer}/protocol/openid-connect/certs"

    def create_realm(self, realm: Mapping[str, Any]) -> None:
        self._admin("POST", "", realm)

    def rotate_key(self) -> None:
        """From now on tokens are signed with a new key; the old one stays known."""
        realm_id = self._admin("GET", f"/{REALM}")["id"]
        key = {
            "name": "newer",
            "providerId": "rsa-generated",
            "providerType": "org.keycloak.keys.KeyProvider",
            "parentId": realm_id,
            "config": {"priority": ["200"], "keySize": ["2048"], "algorithm": ["RS256"]},
        }
        self._admin("POST", f"/{REALM}/components", key)

    def serves(self) -> bool:
        with contextlib.suppress(urllib.error.HTTPError):
            return bool(_ask("GET", f"{self.url}/realms/master"))
        return False

    def _admin(self, method: str, path: str, body: Any = None) -> Any:
        names = ADMIN.values()
        form = dict(zip(("username", "password"), names, strict=True), grant_type="password", client_id="admin-cli")
        url = f"{self.url}/realms/master/protocol/openid-connect/token"
        token = _ask("POST", url, urlencode(form).encode())["access_token"]
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return _ask(method, f"{self.url}/admin/realms{path}", data, headers)


@contextlib.contextmanager
def keycloak(folder: Path) -> Iterator[Keycloak]:
    """In development mode, its database in memory. The first start takes a minute, later ones 20 s."""
    home = _home()
    port = free_port()
    server = Keycloak(port)
    # The relative path is the one of Camunda's own installations.
    options = (
        f"start-dev --http-host=127.0.0.1 --http-port={port} --http-relative-path=/auth --db=dev-mem --cache=local"
    )
    env = {**ADMIN, "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1"}
    with running(
        home / "bin" / "kc.sh",
        *options.split(),
        folder=folder,
        ready=server.serves,
        seconds=240,
        env=env,
        name="keycloak",
    ):
        yield server


def _home() -> Path:
    """Where it is installed; fetched the first time."""
    java = find("java", package="default-jre-headless")
    said = subprocess.run([java, "-version"], capture_output=True, check=False).stderr.decode()
    found = WORDS.search(said)
    if found is None or int(found.group(1)) < 17:
        pytest.skip(f"Keycloak {VERSION} needs Java 17: {said.splitlines()[:1]}")
    home = cache("keycloak") / VERSION
    if not home.is_dir():
        _install(home)
    return home


def _install(home: Path) -> None:
    mvn = find("mvn", package="maven")
    partial = Path(tempfile.mkdtemp(dir=home.parent))
    artifact = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:tar.gz"
    command = [mvn, "-q", "-B", PLUGIN, f"-Dartifact={artifact}", f"-DoutputDirectory={partial}"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=400, check=False)
        if done.returncode != 0:
            lines = [line for line in done.stdout.decode(errors="replace").splitlines() if "ERROR" in line]
            pytest.skip(f"Maven could not fetch {artifact}: {(lines or ['no reason given'])[0]}")
        with tarfile.open(partial / f"keycloak-quarkus-dist-{VERSION}.tar.gz") as archive:
            # Python 3.11.2, Debian's, has no filters yet, and later releases warn where none is named.
            archive.extractall(partial, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
        if not home.is_dir():
            (partial / f"keycloak-{VERSION}").rename(home)
    except subprocess.TimeoutExpired:
        pytest.skip(f"Maven did not fetch {artifact} in time")
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _ask(method: str, url: str, data: bytes | None = None, headers: Mapping[str, str] | None = None) -> Any:
    request = urllib.request.Request(url, data, dict(headers or {}), method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        body = answer.read()
    return json.loads(body) if body else None
