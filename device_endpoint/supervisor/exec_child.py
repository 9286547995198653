"""Execute a program that ends with its parent process; run as a script, without our imports.

``python -I -S exec_child.py PARENT_PID SIGNAL IDENTITY PROGRAM [ARGUMENT…]``: when the process
PARENT_PID ends for any reason, the kernel sends SIGNAL (a number) to PROGRAM. IDENTITY selects the
user it runs as: ``same``; ``namespace``: user 1000 of a new user namespace, which outside of it is
still the starting user (PostgreSQL refuses to run as root, but can own root's files this way);
``nobody``: the system user of that name.

If ``LISTENER_ON_STDIN`` is set, standard input is a listening socket, which PROGRAM receives as
from systemd (sd_listen_fds).

Exit status 126: IDENTITY is not available here; 127: PROGRAM could not be started.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
INSIDE_ID = 1000
NOBODY_ID = 65534
FIRST_LISTENER = 3

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _write(path: str, text: str) -> None:
    handle = os.open(path, os.O_WRONLY)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)


def _enter_namespace() -> None:
    user, group = os.geteuid(), os.getegid()
    _check(_libc.unshare(CLONE_NEWUSER))
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{INSIDE_ID} {user} 1")
    _write("/proc/self/gid_map", f"{INSIDE_ID} {group} 1")


def _become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY_ID)
    os.setuid(NOBODY_ID)


def _pass_listener() -> None:
    if os.environ.pop("LISTENER_ON_STDIN", None) is None:
        return
    os.dup2(0, FIRST_LISTENER)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.environ["LISTEN_FDS"] = "1"
    os.environ["LISTEN_PID"] = str(os.getpid())


def main(arguments: list[str]) -> int:
    """Execute the program in ``arguments``; return an exit status only if that fails."""
    parent, end_signal, identity, *program = arguments
    try:
        if identity == "namespace":
            _enter_namespace()
        elif identity == "nobody":
            _become_nobody()
    except OSError as error:
        os.write(2, f"cannot run as {identity}: {error.strerror}\n".encode())
        return 126
    # After the change of user, which resets it.
    _check(_libc.prctl(PR_SET_PDEATHSIG, int(end_signal), 0, 0, 0))
    if os.getppid() != int(parent):
        return 0  # the parent has ended in the meantime
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    _pass_listener()
    try:
        os.execvp(program[0], program)  # noqa: S606 - no shell is wanted
    except OSError as error:
        os.write(2, f"{program[0]}: {error.strerror}\n".encode())
    return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
