"""How large a network may be that a file describes: a plan or a checkpoint comes from anywhere.

One insight: whatever a person can train has fewer than a tenth of these numbers, so a file beyond them is damaged or
hostile, and building it would take the machine's memory before anything else could be checked.
"""

from __future__ import annotations

from septum.errors import ConfigError

MOST_CHANNELS = 4096
"""Of the input; hyperspectral images have some hundreds."""

MOST_CLASSES = 65_000

MOST_FEATURES = 8192

MOST_LEVELS = 12

LARGEST_KERNEL = 63

LARGEST_STRIDE = 16

MOST_WEIGHTS = 500_000_000
"""Two gigabytes. The widest network that `auto` derives has 30 million."""


def check_between(name: str, value: float, *, low: float, high: float) -> None:
    """Nothing, when a number lies from `low` to `high`.

    Raises:
        ConfigError: it does not, or is not a number.

    >>> check_between("channels", 3, low=1, high=MOST_CHANNELS)
    """
    if not low <= value <= high:
        raise ConfigError(f"{name} must lie between {low:.10g} and {high:.10g}, got {value!r:.40}; correct the file")
