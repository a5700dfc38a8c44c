"""nginx with the configuration that is shipped, on ports of the loopback. As a command, installs one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from string import Template

from tests.support.installing import apt_install
from tests.support.processes import ROOT, free_port

TEMPLATE = ROOT / "deploy" / "nginx" / "sentinai.conf.template"
_MAIN = """
daemon off;
master_process on;
worker_processes 1;
pid $folder/nginx.pid;
error_log $folder/error.log;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path $folder/body;
    proxy_temp_path $folder/proxy;
    fastcgi_temp_path $folder/fastcgi;
    uwsgi_temp_path $folder/uwsgi;
    scgi_temp_path $folder/scgi;
    include $folder/sentinai.conf;
}
"""


def executable() -> str | None:
    """The path of nginx on this machine; None where there is none."""
    return shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")


class Nginx:
    """nginx in front of matchers and executors, which are given by their URLs."""

    def __init__(self, folder: Path, matchers: Sequence[str], executors: Sequence[str]) -> None:
        self._folder = folder
        ports = {"matcher": free_port(), "executor": free_port()}
        self.matcher_url, self.executor_url = (f"http://127.0.0.1:{port}" for port in ports.values())
        given = {
            "MATCHER_LISTEN": f"127.0.0.1:{ports['matcher']}",
            "EXECUTOR_LISTEN": f"127.0.0.1:{ports['executor']}",
            "MATCHER_SERVERS": _servers(matchers),
            "EXECUTOR_SERVERS": _servers(executors),
        }
        # As envsubst does it: what is not given stays, for it is nginx's own.
        (folder / "sentinai.conf").write_text(Template(TEMPLATE.read_text()).safe_substitute(given))
        (folder / "nginx.conf").write_text(Template(_MAIN).substitute(folder=folder))

    def check(self) -> str:
        """What nginx says of its configuration; empty when it is well."""
        done = subprocess.run([*self._command(), "-t", "-q"], capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else done.stderr

    def __enter__(self) -> Nginx:
        self._process = subprocess.Popen(self._command())
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)

    def _command(self) -> list[str]:
        return [str(executable()), "-p", str(self._folder), "-c", str(self._folder / "nginx.conf")]


def _servers(urls: Sequence[str]) -> str:
    return " ".join(f"server {url.removeprefix('http://')};" for url in urls)


if __name__ == "__main__":
    trouble = None if executable() else apt_install("nginx")
    print(f"Tests with nginx will be skipped: {trouble}." if trouble else f"nginx: {executable()}")
