"""What `septum edit` can be told beside the script, and `septum interpolate` beside the mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from septum.errors import ConfigError


@dataclass(frozen=True)
class EditSettings:
    """What `septum edit` can be told beside the script.

    Args:
        new: start from labels without a mark; no label file is read.
        session: start from the layers of a session's folder, as they were after its last edit; the folder is only read.
        layers: further label files by the name of their layer.
        axes: meaning of the files' axes where they do not say.
        image_output: file for the image as the last step left it (`mask-image` changes it).
        dry_run: run everything and write nothing.
        overwrite: replace files that exist; the mask that was there is kept under another name.
    """

    new: bool = False
    session: Path | None = None
    layers: Mapping[str, Path] = field(default_factory=dict)
    axes: str | None = None
    image_output: Path | None = None
    dry_run: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class InterpolateSettings:
    """What `septum interpolate` can be told beside the mask and its image.

    Args:
        drawn: drawn slices as text, an axis and slices such as "z:3,8,13", one text per axis; none takes those of
            `NAME.slices.json` beside the mask, or finds them.
        method: as of `septum.interactive.slices.interpolate.interpolate`; None is `image` where there is one, else
            `distance`.
        ends: as of the same function.
        axes: meaning of the files' axes where they do not say.
        overwrite: replace an output that exists; the mask that was there is kept under another name.
    """

    drawn: tuple[str, ...] = ()
    method: str | None = None
    ends: str = "taper"
    axes: str | None = None
    overwrite: bool = False

    def planes(self) -> dict[int, list[int]] | None:
        """The drawn slices by array axis; None where none are named.

        Raises:
            ConfigError: not an axis and slices.

        >>> InterpolateSettings(drawn=("z:3,8", "x:40")).planes()
        {0: [3, 8], 2: [40]}
        """
        found: dict[int, list[int]] = {}
        for text in self.drawn:
            axis, colon, slices = text.partition(":")
            if axis not in ("z", "y", "x") or not colon or not all(s.strip().isdigit() for s in slices.split(",")):
                raise ConfigError(f"--drawn must be an axis and slices, got {text!r}; for example z:3,8,13")
            found["zyx".index(axis)] = [int(part) for part in slices.split(",")]
        return found or None
