"""The simulator as a command."""

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import urllib3

from local.qonto_simulator.__main__ import main

COMMAND = [sys.executable, "-m", "local.qonto_simulator", "--port", "0", "--files-port", "0", "--plain-files"]


@contextmanager
def running(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the command and give it with what it printed."""
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        assert process.stdout is not None
        printed = ""
        while "Ctrl-C" not in printed:
            line = process.stdout.readline()
            assert line, "the command ended early"
            printed += line
        try:
            yield process, printed
        finally:
            process.terminate()


def curl(command: str) -> urllib3.BaseHTTPResponse:
    """Do what a printed curl line does."""
    words = shlex.split(command)
    headers = dict(words[number + 1].split(": ", 1) for number, word in enumerate(words) if word == "-H")
    (url,) = [word for word in words if word.startswith("http")]
    with urllib3.PoolManager() as pool:
        if "-d" not in words:
            return pool.request("GET", url, headers=headers)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return pool.request("POST", url, headers=headers | form, body=words[words.index("-d") + 1])


def test_the_command_serves_until_terminated() -> None:
    """Every printed curl line works, and a signal ends the process cleanly."""
    with running("--invoices", "20") as (process, printed):
        lines = [line.strip() for line in printed.splitlines() if line.strip().startswith("curl")]
        assert [curl(line).status for line in lines] == [200, 200, 200, 200, 200, 201, 200]
        assert "20 invoices" in printed
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_the_world_goes_on() -> None:
    """Started again with what it printed, the command serves the same invoices."""
    listings = []
    options = ["--invoices", "30", "--activity", "0", "--seed", "9"]
    for _ in range(2):
        with running(*options) as (_, printed):
            line = next(line for line in printed.splitlines() if "per_page=2" in line)
            listings.append(curl(line).data)
            options = shlex.split(re.findall(r"go on with +(.*)", printed)[0])
    assert listings[0] == listings[1]
    assert b'"number"' in listings[0]


def test_the_list_endpoint_behaves_as_told() -> None:
    """Wrong counts and a limit on results are options, too."""
    options = ("--invoices", "20", "--ties", "by_page", "--extra-count", "3")
    for more, status in (("--search-limit", "100"), 200), (("--search-limit", "5"), 422):
        with running(*options, *more) as (_, printed):
            response = curl(next(line for line in printed.splitlines() if "per_page=2" in line))
            assert response.status == status
            assert (b'"total_count": 23' if status == 200 else b"search_limit_reached") in response.data


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--started-at", "2026-11-02T09:00:00"], "has no offset"),
        (["--started-at", "soon"], "invalid"),
        (["--fault-rate", "5"], "not between 0 and 1"),
        (["--meta", "odd"], "invalid choice"),
        (["--ties", "odd"], "invalid choice"),
        (["--extra-count", "-1"], "not a whole number from 0"),
        (["--search-limit", "many"], "not a whole number from 0"),
    ],
)
def test_mistakes_are_explained(capsys: pytest.CaptureFixture[str], options: list[str], complaint: str) -> None:
    """A bad option ends the command with its reason."""
    with pytest.raises(SystemExit, match="2"):
        main(options)
    assert complaint in capsys.readouterr().err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """The help names every group of options, and the endpoints that change the simulator."""
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    printed = capsys.readouterr().out
    for group in ("server", "world", "what the documentation leaves open", "trouble"):
        assert f"\n{group}:\n" in printed
    for endpoint in ("faults", "invoices/ID/poison", "phantoms", "create_many", "touch_many"):
        assert f"\n  {endpoint} " in printed
