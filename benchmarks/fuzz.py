"""Damaged files of every format through the readers: every one is read or refused, in time and in memory.

    python -m benchmarks.fuzz --record              3,000 damaged and 200 crafted files, kept in benchmarks/results
    python -m benchmarks.fuzz --damaged 300         fewer

Seeded: file N of a seed is the same on every machine. A worker process reads the files one after another and may die;
each file is then known. Counted as failures: a crash, more than 5 s of processor time, more than 1 GB of memory on top
of the start, and any error that is no `SeptumError`. The result is one JSON; the exit status is 1 when anything failed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

SECONDS = 5.0
MEGABYTES = 1024


def seeds(folder: Path) -> list[Path]:
    """One or more whole files of every format, small."""
    import nibabel
    import PIL.Image
    import pydicom.data
    import SimpleITK
    import tifffile

    rng = np.random.default_rng(0)
    volume = rng.integers(0, 900, (6, 12, 10)).astype(np.uint16)
    grey = rng.integers(0, 255, (20, 24)).astype(np.uint8)
    for name in ("a.nii", "b.nii.gz"):
        nibabel.save(nibabel.Nifti1Image(volume.T, np.diag([1.0, 1.2, 3.0, 1.0])), folder / name)
    nibabel.save(nibabel.Nifti2Image(volume.T.astype(np.float32), np.eye(4)), folder / "c.nii")
    for name, packed in (("a.nrrd", False), ("b.nrrd", True), ("a.mha", False), ("b.mha", True)):
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(volume), str(folder / name), useCompression=packed)
    for name in ("a.png", "a.jpg", "a.bmp", "a.gif"):
        PIL.Image.fromarray(grey).save(folder / name)
    PIL.Image.fromarray(grey % 5).convert("P").save(folder / "p.png")
    tifffile.imwrite(folder / "a.tif", volume)
    tifffile.imwrite(folder / "b.tif", volume, compression="zlib", tile=(16, 16))
    tifffile.imwrite(folder / "c.ome.tif", volume, metadata={"axes": "ZYX"})
    tifffile.imwrite(folder / "d.tif", volume, imagej=True, metadata={"axes": "ZYX", "unit": "um", "spacing": 2})
    for name in ("CT_small.dcm", "MR_small.dcm", "JPEG2000.dcm", "SC_rgb_rle.dcm"):
        found = pydicom.data.get_testdata_file(name, download=False)
        if found:
            (folder / name).write_bytes(Path(str(found)).read_bytes())
    return sorted(folder.iterdir())


def damaged(raw: bytes, rng: np.random.Generator) -> bytes:
    """One of six kinds of damage: cut, flipped bits, random bytes in the header, a large number, a hole, a repeat."""
    data = bytearray(raw)
    kind = int(rng.integers(6))
    head = min(len(data), 600)
    if kind == 0:
        return bytes(data[: int(rng.integers(len(data)))])
    if kind == 1:
        for place in rng.integers(0, len(data), int(rng.integers(1, 30))):
            data[int(place)] ^= 1 << int(rng.integers(8))
    elif kind == 2:
        for place in rng.integers(0, head, int(rng.integers(1, 8))):
            data[int(place)] = int(rng.integers(256))
    elif kind == 3:
        place = int(rng.integers(max(1, head - 4)))
        data[place : place + 4] = rng.choice([b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\0\0\0\0", b"9999"])
    elif kind == 4:
        place = int(rng.integers(len(data)))
        del data[place : place + int(rng.integers(1, 200))]
    else:
        place = int(rng.integers(head))
        data[place:place] = data[place : place + int(rng.integers(1, 400))] * int(rng.integers(1, 20))
    return bytes(data)


def crafted(number: int, rng: np.random.Generator) -> tuple[str, bytes]:
    """A header that lies: huge or negative sizes, long values, foreign files, counts that nobody wrote."""
    huge = str(rng.choice(["-1", "0", "65536", "2147483647", "99999999999", "1e9", "x" * 2000, "9" * 5000]))
    outside = str(rng.choice(["/etc/passwd", "../../x.raw", "x%d/../../y 1 9 1", "LIST", "%n%n%n 1 2 1"]))
    meta = {"ObjectType": "Image", "NDims": "3", "DimSize": "4 4 4", "ElementSpacing": "1 1 1",
            "ElementType": "MET_UCHAR", "ElementDataFile": "LOCAL"}  # fmt: skip
    nrrd = {"type": "uint8", "dimension": "3", "sizes": "4 4 4", "encoding": "raw", "space origin": "(0,0,0)"}
    if number % 4 == 0:
        key = str(rng.choice(list(meta)))
        meta[key] = outside if key == "ElementDataFile" else huge
        return "m.mha", "".join(f"{k} = {v}\n" for k, v in meta.items()).encode() + bytes(64)
    if number % 4 == 1:
        key = str(rng.choice([*nrrd, "data file", "line skip", "byte skip"]))
        nrrd[key] = outside if key == "data file" else huge
        text = "NRRD0005\n" + "".join(f"{k}: {v}\n" for k, v in nrrd.items())
        return "n.nrrd", text.encode() + b"\n" + bytes(64)
    if number % 4 == 2:
        return "o.ome.tif", _ome(huge if huge.lstrip("-").isdigit() else "1000000", outside)
    header = bytearray(348)
    header[:4] = (348).to_bytes(4, "little")
    header[40:56] = rng.integers(-5, 32767, 8).astype("<i2").tobytes()
    header[40:42] = int(rng.integers(0, 8)).to_bytes(2, "little")
    header[70:74] = np.array([2, 8], "<i2").tobytes()
    header[76:108] = rng.choice([1.0, 0.0, np.nan, 1e30], 8).astype("<f4").tobytes()
    header[108:112] = np.float32(rng.choice([352, 0, 1e9])).tobytes()
    header[344:348] = b"n+1\0"
    return "h.nii", bytes(header) + bytes(300)


def _ome(count: str, outside: str) -> bytes:
    import io

    import tifffile

    text = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="4" SizeY="4" SizeZ="{count}" SizeC="1" '
        f'SizeT="1"><TiffData IFD="0" PlaneCount="{count}"><UUID FileName="{outside}">urn:uuid:1</UUID></TiffData>'
        "</Pixels></Image></OME>"
    )
    made = io.BytesIO()
    tifffile.imwrite(made, np.zeros((4, 4), np.uint8), description=text, metadata=None)
    return made.getvalue()


def cases(folder: Path, *, damaged_files: int, crafted_files: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every case, in order."""
    whole = [(path.name, path.read_bytes()) for path in seeds(folder)]
    for number in range(damaged_files):
        name, raw = whole[number % len(whole)]
        yield name, damaged(raw, np.random.default_rng([seed, number]))
    for number in range(crafted_files):
        yield crafted(number, np.random.default_rng([seed, 10**6 + number]))


def read_one(path: Path) -> str:
    """ "read", "refused", or the kind of error that should not have escaped; both doors are tried."""
    from septum import io
    from septum.errors import SeptumError

    result = "read"
    doors: tuple[Callable[[Path], Any], ...] = (io.read_image, io.read_labels, io.describe)
    for door in doors:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                door(path)
        except SeptumError:
            result = "refused"
        except Exception as error:  # noqa: BLE001 - what escapes is what is counted
            return f"{type(error).__name__}: {str(error)[:200]}"
    return result


def _worker(pipe: Any) -> None:
    while True:
        name = pipe.recv_bytes().decode()
        if not name:
            return
        start = time.process_time()
        result = read_one(Path(name))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        pipe.send_bytes(json.dumps([result, time.process_time() - start, peak]).encode())


class Reader:
    """A worker process that is started again when it dies or hangs."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=_worker, args=(other,), daemon=True)
        self.process.start()
        other.close()

    def read(self, path: Path) -> tuple[str, float, int]:
        """Result, seconds of processor time, and the peak of memory in MB so far."""
        try:
            self.pipe.send_bytes(str(path).encode())
            if self.pipe.poll(60):
                result, seconds, peak = json.loads(self.pipe.recv_bytes())
                return str(result), float(seconds), int(peak)
            result = "no answer within 60 s"
        except (EOFError, OSError):
            result = "the process died"
        self.process.kill()
        self.process.join()
        self.start()
        return result, 0.0, 0

    def close(self) -> None:
        self.pipe.send_bytes(b"")
        self.process.join(10)


def run(*, damaged_files: int, crafted_files: int, seed: int) -> dict[str, Any]:
    """Counts per format and the failures."""
    counts: dict[str, dict[str, int]] = {}
    failures: list[dict[str, Any]] = []
    slowest, peak = 0.0, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "whole").mkdir()
        reader = Reader()
        todo = cases(folder / "whole", damaged_files=damaged_files, crafted_files=crafted_files, seed=seed)
        for number, (file, data) in enumerate(todo):
            path = folder / f"{number}-{file}"
            path.write_bytes(data)
            result, seconds, memory = reader.read(path)
            path.unlink()
            bad = result not in ("read", "refused") or seconds > SECONDS or memory > MEGABYTES
            row = counts.setdefault(file.rpartition(".")[2], {"read": 0, "refused": 0, "failed": 0})
            row["failed" if bad else result] += 1
            if bad:
                failures.append({"number": number, "file": file, "result": result, "s": seconds, "MB": memory})
            slowest, peak = max(slowest, seconds), max(peak, memory)
        reader.close()
    return {"seed": seed, "formats": counts, "failures": failures, "slowest_s": slowest, "peak_MB": peak}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--damaged", type=int, default=3000)
    parser.add_argument("--crafted", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", action="store_true", help="keep the result in benchmarks/results")
    given = parser.parse_args()
    result = run(damaged_files=given.damaged, crafted_files=given.crafted, seed=given.seed)
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    if given.record:
        from benchmarks.record import record

        files = {"damaged": given.damaged, "crafted": given.crafted}
        record("fuzz", {**files, **result}, seed=given.seed)
    return 1 if result["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
