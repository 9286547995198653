"""What can go wrong for a device, as classes that say what to do about it."""

from __future__ import annotations

from device_client.responses import Problem


class DeviceError(Exception):
    """Base of all errors of this package; its text is one line for a person."""


class StateError(DeviceError):
    """The state folder cannot be used."""


class DamagedFile(StateError):
    """A waiting file is not what was added: the disk has failed."""


class TrustError(DeviceError):
    """A file of trusted certificates cannot be used."""


class Untrusted(DeviceError):
    """The server's certificate was not accepted. Trying again changes nothing."""


class Unreachable(DeviceError):
    """No whole answer arrived: what was sent may or may not have been taken. Send it again."""


class BadAnswer(DeviceError):
    """An answer arrived that this protocol does not know. Nothing counts as received."""


class Refused(DeviceError):
    """The server answered with an error; ``problem`` is what it said."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.summary())
