"""What the machine was, and how figures are reduced."""

import os
import platform
from pathlib import Path

import numpy as np


def describe() -> dict[str, object]:
    """Name processor, cores, kernel, load and versions."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average_1min": round(os.getloadavg()[0], 2),
    }


def quantiles(values, unit: str, *, factor: float = 1.0) -> dict[str, float]:
    """Return p50, p99, p99.9 and the largest, the unit in the names."""
    array = np.asarray(values, dtype=np.float64) * factor
    names = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
    return {f"{name}_{unit}": round(float(np.quantile(array, q)), 4) for name, q in names.items()}
