"""The exception tree: every message says what is wrong, the offending value, and what to do about it.

The command line turns any `SeptumError` into a message without a traceback and exit code 2 (bad input); anything
else that escapes is our bug. `Cancelled` stands beside the tree: nothing is wrong, somebody asked to stop.
"""


class Cancelled(Exception):  # noqa: N818 - no error: a person's wish
    """Somebody asked to stop, and the work stopped where that is safe; what it was about to change is as it was.

    The one word for it in every room. It is no `SeptumError`, so that code which lists what went wrong with a case does
    not list a wish; and it is an `Exception`, so that a worker of a server lives on, which `KeyboardInterrupt` would
    end. The command line exits with code 130.
    """

    def __init__(self, message: str = "stopped on request; start it again to get a result") -> None:
        super().__init__(message)


class SeptumError(Exception):
    """Base of every error that a user can mend."""


class FormatError(SeptumError):
    """A file cannot be read or written: unknown format, truncated, unsupported content."""


class GeometryError(SeptumError):
    """Two things that must share a grid do not, or a grid is impossible (zero spacing, singular affine)."""


class MismatchError(GeometryError):
    """An image and its labels contradict each other: a person must say which of them is right."""


class DatasetError(SeptumError):
    """A data set is incomplete or inconsistent: missing partner, unknown label value, no labelled case."""


class ConfigError(SeptumError):
    """An option, plan or configuration value breaks its rule."""


class CheckpointError(SeptumError):
    """A model folder cannot be used: missing, damaged, or written by a newer format version."""


class SessionError(SeptumError):
    """An editing session cannot go on: nothing to undo, a damaged journal, labels changed by someone else."""


def install_extra(extra: str) -> str:
    """How to bring an optional part of Septum, which is on no package index: said where it is missing.

    >>> install_extra("engines")
    'pip install ".[engines]" in the folder of Septum'
    """
    return f'pip install ".[{extra}]" in the folder of Septum'
