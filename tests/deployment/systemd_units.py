"""A replacement for systemd where it does not run: starts units from their files.

Sockets are opened here and passed on (``LISTEN_FDS``), ``Type=notify`` is supported, users,
environment files and signals are those of the unit. Sandboxing is not imitated.
"""

from __future__ import annotations

import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections import defaultdict
from pathlib import Path

UNITS = Path("/etc/systemd/system")
LOG = Path("/var/log/units.log")
NOTIFY = Path("/run/stand-in-notify")
TIMEOUT_SECONDS = 120.0
# bash, since only it can move descriptors above 9; systemd passes them from 3 on.
PASS_SOCKET = 'exec 3<&{fd}; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"'

Settings = dict[str, list[str]]


def read_unit(name: str) -> Settings:
    """Return each setting of a unit with all of its values, without sections."""
    found: Settings = defaultdict(list)
    for line in (UNITS / name).read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith(("#", ";")):
            found[key].append(value)
    return found


class Systemd:
    """The running units, by name without suffix."""

    def __init__(self) -> None:
        self._sockets: dict[str, socket.socket] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        NOTIFY.unlink(missing_ok=True)
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(NOTIFY))
        NOTIFY.chmod(0o777)

    def systemctl(self, *arguments: str) -> None:
        """Do what ``systemctl`` does with these arguments; raise if that fails."""
        verb, units = arguments[0], [unit for unit in arguments[1:] if not unit.startswith("-")]
        if verb == "daemon-reload":
            return
        act = {"enable": self._start, "restart": self._restart, "reload": self._reload}[verb]
        for unit in units:
            assert unit in {path.name for path in UNITS.glob("device-endpoint-*")}, unit
            act(unit)

    def stop_all(self) -> None:
        """Stop every service."""
        for name in list(self._processes):
            self._stop(name, read_unit(f"{name}.service"))

    def _start(self, unit: str) -> None:
        name, _, kind = unit.rpartition(".")
        if kind == "socket":
            self._listen(name, read_unit(unit))
        elif kind == "timer":
            self._run_once(read_unit(f"{name}.service"))
        else:
            self._start_service(name, read_unit(unit))

    def _restart(self, unit: str) -> None:
        name = unit.removesuffix(".service")
        self._stop(name, read_unit(unit))
        self._start_service(name, read_unit(unit))

    def _reload(self, unit: str) -> None:
        settings, main = read_unit(unit), self._processes[unit.removesuffix(".service")]
        for command in settings["ExecReload"]:
            subprocess.run(
                shlex.split(command.replace("$MAINPID", str(main.pid))),
                cwd=settings["WorkingDirectory"][0],
                env=_environment(settings),
                check=True,
                capture_output=True,
            )

    def _listen(self, name: str, settings: Settings) -> None:
        path = settings["ListenStream"][0]
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(path)
        listening.listen(int(settings["Backlog"][0]))
        shutil.chown(path, settings["SocketUser"][0], settings["SocketGroup"][0])
        Path(path).chmod(int(settings["SocketMode"][0], 8))
        self._sockets[name] = listening

    def _run_once(self, settings: Settings) -> None:
        assert settings["Type"] == ["oneshot"]
        process = self._spawn(settings, settings["ExecStart"][0], None)
        assert process.wait(TIMEOUT_SECONDS) == 0, LOG.read_text()[-2000:]

    def _start_service(self, name: str, settings: Settings) -> None:
        for folder, root in (("StateDirectory", "/var/lib"), ("LogsDirectory", "/var/log")):
            for made in settings[folder]:
                Path(root, made).mkdir(exist_ok=True)
        for command in settings["ExecStartPre"]:
            assert self._spawn(settings, command, None).wait(TIMEOUT_SECONDS) == 0, LOG.read_text()[
                -2000:
            ]
        process = self._spawn(settings, settings["ExecStart"][0], self._sockets.get(name))
        self._processes[name] = process
        if settings["Type"] == ["notify"]:
            self._wait_until_ready(process)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        self._notify.settimeout(0.2)
        while True:
            assert process.poll() is None, LOG.read_text()[-2000:]
            assert time.monotonic() < deadline, "no READY=1"
            try:
                if b"READY=1" in self._notify.recv(4096):
                    return
            except TimeoutError:
                continue

    def _stop(self, name: str, settings: Settings) -> None:
        process = self._processes.pop(name)
        process.send_signal(signal.Signals[(settings["KillSignal"] or ["SIGTERM"])[0]])
        process.wait(float(settings["TimeoutStopSec"][0]))

    def _spawn(
        self, settings: Settings, command: str, listening: socket.socket | None
    ) -> subprocess.Popen[bytes]:
        arguments, fds = shlex.split(command), []
        if listening is not None:
            fds = [listening.fileno()]
            arguments = ["bash", "-c", PASS_SOCKET.format(fd=fds[0]), "bash", *arguments]
        user = settings["User"][0] if settings["User"] else None
        with LOG.open("ab") as log:
            return subprocess.Popen(
                arguments,
                cwd=settings["WorkingDirectory"][0],
                env=_environment(settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=user,
                group=settings["Group"][0] if user else None,
                extra_groups=[] if user else None,
                pass_fds=fds,
                start_new_session=True,
            )


def _environment(settings: Settings) -> dict[str, str]:
    # systemd passes on nothing of its own environment.
    found = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LANG": "C.UTF-8"}
    for file in settings["EnvironmentFile"]:
        for line in Path(file).read_text().splitlines():
            name, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                found[name] = value.strip('"')
    for line in settings["Environment"]:
        found |= dict(word.split("=", 1) for word in shlex.split(line))
    if settings["User"]:
        found["HOME"] = pwd.getpwnam(settings["User"][0]).pw_dir
    if settings["Type"] == ["notify"]:
        found["NOTIFY_SOCKET"] = str(NOTIFY)
    return found
