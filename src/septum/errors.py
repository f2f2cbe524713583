"""The exception tree: every message says what is wrong, the offending value, and what to do about it.

The command line turns any `SeptumError` into a message without a traceback and exit code 2 (bad input); anything
else that escapes is our bug.
"""


class SeptumError(Exception):
    """Base of every error that a user can mend."""


class FormatError(SeptumError):
    """A file cannot be read or written: unknown format, truncated, unsupported content."""


class GeometryError(SeptumError):
    """Two things that must share a grid do not, or a grid is impossible (zero spacing, singular affine)."""


class DatasetError(SeptumError):
    """A data set is incomplete or inconsistent: missing partner, unknown label value, no labelled case."""


class ConfigError(SeptumError):
    """An option, plan or configuration value breaks its rule."""


class CheckpointError(SeptumError):
    """A model folder cannot be used: missing, damaged, or written by a newer format version."""


class SessionError(SeptumError):
    """An editing session cannot go on: nothing to undo, a damaged journal, labels changed by someone else."""
