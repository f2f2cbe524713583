"""traccuracy, in an environment of its own (`pip install traccuracy`): scores folders of the challenge.

    python score_traccuracy.py FOLDER...

Each FOLDER holds 01_GT/TRA and 01_RES; FOLDER/traccuracy.json is written: TRA, DET, LNK, and F1 of divisions without
tolerance.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

from traccuracy import run_metrics
from traccuracy.loaders import load_ctc_data
from traccuracy.matchers import CTCMatcher
from traccuracy.metrics import CTCMetrics, DivisionMetrics


def main() -> None:
    for folder in map(Path, sys.argv[1:]):
        truth = load_ctc_data(str(folder / "01_GT/TRA"), str(folder / "01_GT/TRA/man_track.txt"), name="truth")
        found = load_ctc_data(str(folder / "01_RES"), str(folder / "01_RES/res_track.txt"), name="found")
        ((challenge,), _) = run_metrics(truth, found, matcher=CTCMatcher(), metrics=[CTCMetrics()])
        told = {name: challenge["results"][name] for name in ("TRA", "DET", "LNK")}
        told["divisions"] = None
        with contextlib.suppress(TypeError):  # it counts no divisions where an object covers several of the truth
            ((divisions,), _) = run_metrics(truth, found, matcher=CTCMatcher(), metrics=[DivisionMetrics()])
            told["divisions"] = divisions["results"]["Frame Buffer 0"]["Division F1"]
        (folder / "traccuracy.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
