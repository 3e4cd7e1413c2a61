"""The torch device that a person named."""

import torch

from robotd.core.errors import ConfigError


def find_device(name: str) -> torch.device:
    """Return the device; a fault comes now rather than in the middle of the work.

    Raises:
        ConfigError: No such device here, or torch was built without it.
    """
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # torch built without CUDA asserts
        reason = str(error).partition("\n")[0]
        raise ConfigError(
            "torch",
            "device",
            got=f"{name!r} ({reason})",
            expected="a device of this machine, such as cpu or cuda",
        ) from error
    return device
