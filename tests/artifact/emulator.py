"""AWS's own runtime for a built function, without Docker.

SAM CLI brings `aws-lambda-rie`, the emulator of Lambda's runtime API that AWS puts into its base images. It starts
`awslambdaric`, the loop of Lambda's Python runtime, which imports the handler and calls it.
"""

from __future__ import annotations

import os
import platform
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import distribution
from typing import TYPE_CHECKING, Any, Final, Self

import urllib3

from local.lambda_service import FunctionError, environment_variables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.stack import DeployedFunction

_RUNTIME: Final = ("awslambdaric", "simplejson", "snapshot-restore-py")
_PROCESSORS: Final = {"x86_64": "x86_64", "amd64": "x86_64", "arm64": "arm64", "aarch64": "arm64"}
_START_SECONDS: Final = 15


@dataclass(frozen=True, slots=True)
class Build:
    """The folder that `sam build` wrote."""

    folder: Path

    def layer(self) -> Path:
        """What becomes /opt/python."""
        return self.folder / "CommonLayer" / "python"

    def function(self, logical_id: str) -> Path:
        """What becomes /var/task."""
        return self.folder / logical_id


def isolated_python(folder: Path) -> list[str]:
    """Gives the command of a Python that sees PYTHONPATH and its standard library only, none of our environment.

    `folder` is filled with what AWS's runtime brings along, to be put on PYTHONPATH.
    """
    folder.mkdir(exist_ok=True)
    for name in _RUNTIME:
        installed = distribution(name)
        for top in {file.parts[0] for file in installed.files or ()}:
            link = folder / top
            if not top.endswith((".dist-info", "__pycache__")) and not link.exists():
                link.symlink_to(str(installed.locate_file(top)))
    return [sys.executable, "-S"]


class RuntimeEmulator:
    """A running function. Use it as a context manager."""

    def __init__(self, function: DeployedFunction, build: Build, *, sam: Path, folder: Path) -> None:
        self._function = function
        self._task = build.function(function.logical_id)
        self._layer = build.layer()
        self._emulator = sam / "local" / "rapid" / f"aws-lambda-rie-{_PROCESSORS[platform.machine().lower()]}"
        self._runtime = folder / "runtime"
        self._log = folder / f"{function.logical_id}.log"
        self._address = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        python = isolated_python(self._runtime)
        self._address, runtime_api = f"127.0.0.1:{_free_port()}", f"127.0.0.1:{_free_port()}"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [
                    *(str(self._emulator), "--log-level", "error"),
                    *("--runtime-interface-emulator-address", self._address),
                    *("--runtime-api-address", runtime_api),
                    *(*python, "-m", "awslambdaric", self._function.handler),
                ],
                cwd=self._task,
                env=self._environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                # A group of its own: stopping the emulator alone would leave Python behind.
                start_new_session=True,
            )
        self._wait_until_ready(self._process)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def invoke(self, event: Any) -> Any:
        """Sends an event and gives the handler's answer.

        Raises:
            FunctionError: The function failed.
        """
        answer = urllib3.request(
            "POST",
            f"http://{self._address}/2015-03-31/functions/function/invocations",
            json=event,
            timeout=self._function.timeout + 5,
            retries=False,
        ).json()
        if isinstance(answer, dict) and "errorMessage" in answer:
            raise FunctionError(answer["errorType"], answer["errorMessage"], answer.get("stackTrace", []))
        return answer

    @property
    def log(self) -> str:
        """What emulator and function have printed."""
        return self._log.read_text()

    def _environment(self) -> Mapping[str, str]:
        return {
            **environment_variables(self._function),
            "LAMBDA_TASK_ROOT": str(self._task),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(self._function.timeout),
            "PATH": os.defpath,
            # Lambda's order: the function, its layers, the runtime.
            "PYTHONPATH": os.pathsep.join(map(str, (self._task, self._layer, self._runtime))),
            # As in Lambda, where the code cannot be written to. Here it would change the build.
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        host, port = self._address.split(":")
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                socket.create_connection((host, int(port)), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError(f"The runtime emulator did not start:\n{self.log}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
