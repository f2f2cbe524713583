"""The numerical tests under lower instruction sets than this processor's, with one thread and with two.

    python tools/portable.py                    all rooms under all sets that this processor has
    python tools/portable.py --quick            a few tests under the lowest set: CI's part
    python tools/portable.py --sets avx2 --threads 1 tests/metrics

The insight: people's processors differ from the developers', and every library chooses its loops by what it finds. All
of them can be told to find less, so one machine stands for many. Results that differ by more than rounding are faults.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

ROOMS = ("geometry", "metrics", "classical", "lessons", "instances", "interactive", "net")
"""Rooms of `tests` whose results are numbers."""

QUICK = (
    "tests/interactive/pixels/test_features.py::test_any_block_is_what_the_whole_image_gives",
    "tests/lessons/test_convolution.py",
    "tests/metrics/test_overlap.py",
    "tests/geometry/test_resample.py",
)

LOWER = {
    "sse": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OPENCV_CPU_DISABLE": "SSE4.1,SSE4.2,AVX,FP16,AVX2,AVX512-SKX",
        "OPENBLAS_CORETYPE": "Nehalem",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "NUMBA_CPU_NAME": "nehalem",
    },
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENCV_CPU_DISABLE": "AVX512-SKX",
        "OPENBLAS_CORETYPE": "Haswell",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "NUMBA_CPU_NAME": "haswell",
    },
    "avx512": {
        "ATEN_CPU_CAPABILITY": "avx512",
        "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
        "OPENBLAS_CORETYPE": "SkylakeX",
        "MKL_ENABLE_INSTRUCTIONS": "AVX512",
        "NUMBA_CPU_NAME": "skylake-avx512",
    },
}
"""Switches of PyTorch, oneDNN, OpenCV, OpenBLAS, MKL and numba; lowest set first. NumPy's follow from its own list."""

NUMPY_ABOVE = {
    "sse": ("X86_V3", "AVX2", "FMA3", "AVX", "F16C", "X86_V4", "AVX512"),
    "avx2": ("X86_V4", "AVX512"),
    "avx512": ("AVX512_SPR", "AVX512_ICL"),
}
"""Beginnings of the names of NumPy's loops that a set does not have."""

NEEDS = {"sse": "sse4_2", "avx2": "avx2", "avx512": "avx512f"}


def main() -> int:
    """0 when every run passed; the first failure of each run is printed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tests", nargs="*", help="files or folders instead of all numerical rooms")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--sets", nargs="+", choices=list(LOWER), default=list(LOWER))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    given = parser.parse_args()
    sets = [name for name in given.sets if NEEDS[name] in _flags()]
    if not sets:
        print("this processor has none of these instruction sets: only the number of threads is varied")
        sets = [""]
    tests = given.tests or [f"tests/{room}" for room in ROOMS]
    if given.quick:
        sets, given.threads, tests = sets[:1], [2], list(QUICK)
    failed = [f"{name or 'as it is'}, {threads} threads" for name in sets for threads in given.threads
              if _run(name, threads, tests=tests)]  # fmt: skip
    print(f"failed under: {'; '.join(failed)}" if failed else f"the same under {', '.join(sets)}")
    return int(bool(failed))


def _run(name: str, threads: int, *, tests: list[str]) -> int:
    """The tests in a process of its own; its exit status."""
    print(f"== {name or 'as it is'}, {threads} threads", flush=True)
    counted = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    environment = {**os.environ, **LOWER.get(name, {}), **counted}
    if name:
        environment["NPY_DISABLE_CPU_FEATURES"] = " ".join(_numpy_loops(NUMPY_ABOVE[name]))
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def _numpy_loops(above: tuple[str, ...]) -> list[str]:
    """NumPy's loops for sets above this one, by the names of the NumPy that is installed."""
    from numpy._core import _multiarray_umath as loops

    return [name for name in loops.__cpu_dispatch__ if name.startswith(above) and loops.__cpu_features__.get(name)]


def _flags() -> set[str]:
    """The processor's own instruction sets; nothing where it is not an x86 under Linux."""
    if platform.machine().lower() not in ("x86_64", "amd64") or not Path("/proc/cpuinfo").exists():
        return set()
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())


if __name__ == "__main__":
    sys.exit(main())
