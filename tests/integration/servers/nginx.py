"""A real nginx in front of something else."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from .certificates import Certificate
from .programs import accepts, find, free_port, running

CONFIGURATION = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr info;
{user}
events {{ worker_connections 256; }}
http {{
    log_format test '$status gzip=$gzip_ratio connection=$connection "$request"';
    access_log {folder}/access.log test;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    {http}
{servers}
}}
"""
SERVER = """\
    server {{
        listen {address}{ssl};
        server_name _;
        {directives}
        {root}
    }}
"""


class Nginx:
    """Where its servers listen, by name."""

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None:
        self.ports = ports
        self._folder = folder

    @property
    def log(self) -> list[str]:
        """A line for each request that was answered: status, ``gzip=`` ratio, connection, request."""
        return (self._folder / "access.log").read_text().splitlines()


def tls(certificate: Certificate) -> str:
    """The directives of a server with this certificate."""
    return f"ssl_certificate {certificate.certificate}; ssl_certificate_key {certificate.key};"


@contextlib.contextmanager
def nginx(
    upstream: str,
    servers: Mapping[str, str],
    *,
    host: str = "127.0.0.1",
    http: str = "",
    location: str = "",
    root_location: bool = True,
) -> Iterator[Nginx]:
    """Servers that pass everything on to ``upstream``, each with directives of its own.

    :param servers: directives by name; with those of :func:`tls` the server speaks TLS
    :param http: directives for all of them
    :param location: directives beside ``proxy_pass``
    :param root_location: ``False`` where the servers say themselves what goes where
    """
    program = find("nginx")
    ports = {name: free_port(host) for name in servers}
    address = f"[{host}]" if ":" in host else host
    # Not pytest's folder: nginx's workers need a path that is short and theirs.
    with tempfile.TemporaryDirectory(prefix="nginx-") as name:
        folder = Path(name)
        blocks = "".join(
            SERVER.format(
                address=f"{address}:{ports[name]}",
                ssl=" ssl" if "ssl_certificate" in directives else "",
                directives=directives,
                root=f"location / {{ proxy_pass {upstream}; {location} }}" if root_location else "",
            )
            for name, directives in servers.items()
        )
        user = "user root;" if os.geteuid() == 0 else ""
        text = CONFIGURATION.format(folder=folder, user=user, http=http, servers=blocks)
        (folder / "nginx.conf").write_text(text)

        def ready() -> bool:
            return all(accepts(port, host) for port in ports.values())

        with running(
            program, "-c", folder / "nginx.conf", "-e", "stderr", "-p", folder, folder=folder, ready=ready, seconds=15
        ):
            yield Nginx(folder, ports)
