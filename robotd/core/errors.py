"""The one error tree.

Every message is one line: what, where, got, expected, what to do.

    RobotdError
    ├── ConfigError            a configuration file or command-line value
    ├── DatasetError           missing, truncated, of another layout
    ├── CheckpointError        missing, damaged, wrong tensors, NaN
    ├── WireError              a message that breaks the protocol
    │   └── PolicyRefusedError    the server answered with an error code
    ├── SpecMismatchError      policy and cell do not fit each other
    ├── CorruptRecordError     shared memory: torn or damaged bytes
    ├── BusyError              a port, a lock or a name is taken
    ├── RealtimeError          no right to real-time scheduling
    ├── SupervisorError        a command that the present state does not allow
    ├── ProcessDiedError       a child process ended or never became ready
    └── DeviceError            a device refused, vanished or lied
        ├── AbsentDeviceError     it is not connected, or not yet usable
        ├── LinkLostError         its connection broke, or it acknowledges nothing
        ├── StaleDataError        it answered, but too long ago
        ├── SkewedDataError       nothing was captured near the instant wanted
        └── EnvelopeError         a pose or setpoint outside the safety envelope
"""


def one_line(message: str) -> str:
    """Return the message with line breaks and terminal controls written out.

    Keys, names of files and the words of a server may hold them.
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in message)


class RobotdError(Exception):
    """Root of all errors that this project raises on purpose."""


class ConfigError(RobotdError):
    """A configuration value is wrong; names file, key, value and what was expected."""

    def __init__(self, source: str, key: str, *, got: str, expected: str, hint: str = "") -> None:
        self.source, self.key, self.got, self.expected, self.hint = source, key, got, expected, hint
        tail = f"; {hint}" if hint else ""
        super().__init__(one_line(f"{source}: {key}: got {got}, expected {expected}{tail}"))


class DatasetError(RobotdError):
    """A data set cannot be read as what it claims to be."""


class CheckpointError(RobotdError):
    """A checkpoint folder is missing something, damaged, or not what its manifest says."""


class WireError(RobotdError):
    """A message breaks the protocol; `code` is the wire's error code."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class PolicyRefusedError(WireError):
    """The policy server answered a request with an error."""


class SpecMismatchError(RobotdError):
    """The policy's spec does not fit the cell; names both sides."""


class CorruptRecordError(RobotdError):
    """A record in shared memory is torn or damaged."""


class BusyError(RobotdError):
    """A port, a lock or a name is taken by somebody else."""


class RealtimeError(RobotdError):
    """The operating system refused real-time scheduling or locked memory."""


class SupervisorError(RobotdError):
    """The present state does not allow the command."""


class ProcessDiedError(RobotdError):
    """A child process ended or never became ready; carries its last words."""


class DeviceError(RobotdError):
    """A device refused, vanished or answered nonsense."""


class AbsentDeviceError(DeviceError):
    """A device is not connected or may not be opened; worth another try."""


class LinkLostError(DeviceError):
    """The connection to a device broke, or the device acknowledges nothing any more."""


class StaleDataError(DeviceError):
    """A device answered, but too long ago."""

    def __init__(self, device: str, *, age_s: float, limit_s: float) -> None:
        self.device, self.age_s, self.limit_s = device, age_s, limit_s
        super().__init__(
            f"{device}: newest sample is {age_s * 1e3:.0f} ms old, limit {limit_s * 1e3:.0f} ms; "
            f"check that its process runs and its cable, or raise its max_age_s"
        )


class SkewedDataError(DeviceError):
    """A device has no sample near the instant that an observation needs."""

    def __init__(self, device: str, *, skew_s: float, limit_s: float) -> None:
        self.device, self.skew_s, self.limit_s = device, skew_s, limit_s
        super().__init__(
            f"{device}: nearest sample is {skew_s * 1e3:.0f} ms from the row wanted, limit "
            f"{limit_s * 1e3:.0f} ms; check for dropped samples, or raise observe.max_skew_s"
        )


class EnvelopeError(DeviceError):
    """A pose or setpoint lies outside the safety envelope."""
