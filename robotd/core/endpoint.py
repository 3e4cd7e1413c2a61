"""Which addresses messages may travel by: this machine alone, while they are not encrypted."""

import ipaddress
import re

from robotd.core.errors import ConfigError

_TCP = re.compile(r"^tcp://(\[[0-9a-fA-F:]+\]|[^:/\[\]]+):(\d{1,5}|\*)$")
MAX_IPC_PATH_BYTES = 107
"""Length of a Unix socket's path on Linux, without its final zero (man 7 unix)."""


def check_endpoint(endpoint: str, *, source: str = "command line", key: str = "endpoint") -> str:
    """Return the endpoint in the form that sockets take.

    Args:
        endpoint: `ipc:///path` or `tcp://127.0.0.1:port`; port 0 or `*` lets the system choose.
        source: File or place that it came from, for the message.
        key: Its name there.

    Raises:
        ConfigError: Another transport, or a TCP address off loopback.
    """
    expected = "ipc:///path or tcp://127.0.0.1:PORT"
    if endpoint.startswith("ipc://"):
        path = endpoint.removeprefix("ipc://")
        # `@` would be an abstract name, which has no rights; `*` one that nobody can know.
        if path.startswith(("@", "*")) or not path.isprintable():
            raise ConfigError(source, key, got=repr(endpoint), expected=expected)
        size = len(path.encode())
        if not 1 <= size <= MAX_IPC_PATH_BYTES:
            raise ConfigError(
                source, key, got=f"a path of {size} bytes", expected=f"1 to {MAX_IPC_PATH_BYTES}"
            )
        return endpoint
    match = _TCP.match(endpoint)
    if match is None or (match.group(2) != "*" and int(match.group(2)) > 65535):
        raise ConfigError(source, key, got=repr(endpoint), expected=expected)
    host, port = match.group(1).strip("[]"), match.group(2)
    if host == "localhost":
        host = "127.0.0.1"
    if not _is_loopback(host):
        hint = "unencrypted TCP does not leave this machine; tunnel it, for example with ssh -L"
        raise ConfigError(source, key, got=repr(endpoint), expected=expected, hint=hint)
    bracketed = f"[{host}]" if ":" in host else host
    return f"tcp://{bracketed}:{'*' if port == '0' else port}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
