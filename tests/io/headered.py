"""Headers with one entry changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SAMPLES = np.arange(120, dtype="<u2")


def nrrd(
    path: Path, extra: str = "", *, step: float = 380, data: bytes = SAMPLES.tobytes(), sizes: str = "6 5 4"
) -> Path:
    directions = " ".join(f"({','.join(str(step) if a == b else '0' for b in range(3))})" for a in range(3))
    head = (
        f"NRRD0005\ntype: uint16\ndimension: 3\nsizes: {sizes}\nendian: little\nencoding: raw\n"
        f"space: left-posterior-superior\nspace directions: {directions}\nspace origin: (0,0,0)\n{extra}\n"
    )
    path.write_bytes(head.encode() + data)
    return path


def meta(path: Path, *lines: str, name: str = "LOCAL", sizes: str = "6 5 4", dims: str = "3") -> Path:
    head = ["ObjectType = Image", f"NDims = {dims}", f"DimSize = {sizes}", "ElementType = MET_USHORT", *lines]
    path.write_bytes("\n".join([*head, f"ElementDataFile = {name}", ""]).encode() + SAMPLES.tobytes())
    return path
