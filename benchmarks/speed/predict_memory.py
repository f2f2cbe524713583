"""Peak memory of segmenting a 512×512×300 volume with 2 and with 100 classes: they must differ by less than 20 %.

The insight: a tool that keeps the logits of the whole volume needs 0.6 GB for 2 classes and 31 GB for 100. Each run is
a process of its own, because a process never gives its peak back; this one imports no torch, so that none is inherited.

    python -m benchmarks.speed.predict_memory
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

from benchmarks.record import record

SHAPE = (300, 512, 512)  # (z, y, x)
PATCH = (64, 128, 128)
CLASSES = (2, 100)
BAR = 0.20


def peak_mb() -> float:
    """Largest resident set of this process so far, in megabytes (2^20 bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def measure(n_classes: int) -> dict[str, float]:
    """Predict a volume of noise with a small 3-D network; to be called once per process."""
    import numpy as np
    import torch

    from septum.net.architecture.unet import UNet, UNetConfig
    from septum.net.engines.torch import torch_engine
    from septum.net.inference.predict import TileSettings, predict_classes
    from septum.workflows.quality.looks import Look

    torch.manual_seed(0)
    kernels = ((1, 3, 3), (3, 3, 3))
    network = UNet(UNetConfig(3, 1, n_classes, features=(8, 16), strides=((2, 2, 2),), kernels=kernels))
    volume = np.random.default_rng(0).standard_normal((1, *SHAPE), dtype=np.float32)
    before, started = peak_mb(), time.perf_counter()
    settings = TileSettings(PATCH, overlap=0.25)
    look = Look(n_classes)  # what the estimate of quality rests on, as `septum predict` gathers it
    classes = predict_classes(torch_engine([network]), volume, settings=settings, evidence=look.evidence)
    look.see(volume, classes, spacing=(1.0, 1.0, 1.0))
    if classes.shape != SHAPE or len(np.unique(classes[::50])) < 2:
        raise SystemExit("the prediction is not what it should be")
    seconds = time.perf_counter() - started
    return {"before_mb": before, "peak_mb": peak_mb(), "seconds": seconds, "memory_mb_setting": settings.memory_mb}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker", type=int, metavar="CLASSES", help=argparse.SUPPRESS)
    worker = parser.parse_args().worker
    if worker:
        print(json.dumps(measure(worker)))
        return 0
    runs = {}
    for n_classes in CLASSES:
        command = [sys.executable, "-m", "benchmarks.speed.predict_memory", "--worker", str(n_classes)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        runs[n_classes] = json.loads(done.stdout.splitlines()[-1])
        print(f"{n_classes:4d} classes: peak {runs[n_classes]['peak_mb']:.0f} MB in {runs[n_classes]['seconds']:.0f} s")
    few, many = (runs[n]["peak_mb"] for n in CLASSES)
    difference = many / few - 1
    path = record(
        "predict_memory",
        {
            "shape": SHAPE,
            "patch": PATCH,
            "runs": runs,
            "difference": difference,
            "bar": BAR,
            "met": abs(difference) < BAR,
        },
    )
    print(f"difference {difference:+.1%} (bar: below {BAR:.0%}); {path}")
    return 0 if abs(difference) < BAR else 1


if __name__ == "__main__":
    raise SystemExit(main())
