"""Exceptions of the device client; the class says how the device should react."""

from __future__ import annotations

from device_client.responses import Problem


class DeviceError(Exception):
    """Base class; the text is one line for a person."""


class StateError(DeviceError):
    """The state folder cannot be used."""


class DamagedFile(StateError):
    """A waiting file has lost its header: the disk has failed."""


class CaBundleError(DeviceError):
    """A file of certificate authorities cannot be used."""


class CertificateNotTrusted(DeviceError):
    """The server's certificate was rejected. A retry does not help."""


class ServerUnreachable(DeviceError):
    """No complete response arrived. The server may have stored the data; send it again."""


class ProtocolError(DeviceError):
    """The response does not follow the protocol. Nothing counts as received."""


class ProblemResponse(DeviceError):
    """The server answered with an error, ``problem``."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.summary())
