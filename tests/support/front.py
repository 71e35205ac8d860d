"""Debian's nginx before several gateways, as a process of the test's own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.support.store_server import free_port

PATIENCE = 20.0

_CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream gateways {{ {servers} }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://gateways;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_buffering off;
      proxy_read_timeout 60s;
    }}
  }}
}}
"""


class Front:
    """Use as a context manager. Requests go round the `ports` of loopback, which it has from then on."""

    def __init__(self, folder: Path, ports: Sequence[int]) -> None:
        found = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
        if found is None:
            pytest.skip("there is no nginx (apt-get install nginx-light)")
        self._folder = folder
        self._program = found
        self._ports = ports
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        servers = " ".join(f"server 127.0.0.1:{port} max_fails=0;" for port in self._ports)
        path = self._folder / "nginx.conf"
        path.write_text(
            _CONFIGURATION.format(folder=self._folder, servers=servers, port=self.port), encoding="utf-8"
        )
        self._process = subprocess.Popen(
            [self._program, "-p", str(self._folder), "-c", str(path)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                assert self._process.poll() is None, "nginx has ended"
                assert time.monotonic() < deadline, "nginx does not listen"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)
