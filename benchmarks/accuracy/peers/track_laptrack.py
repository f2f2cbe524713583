"""laptrack, in an environment of its own (`pip install laptrack`): links detections, from their centres.

    python track_laptrack.py JOBS.json

JOBS.json is a list of {"detections": NPZ, "settings": {...}, "found": NPZ}: `frame`, `centre` `(n, ndim)` and `apart`
(distance of neighbours) are read, `links` `(n, 2)` and `seconds` are written. Settings are in units of `apart`:
`cutoff` of links and of gaps, `splitting` of divisions (its default is none), `gap` frames at most.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from laptrack import LapTrack


def main() -> None:
    for job in json.loads(Path(sys.argv[1]).read_text()):
        with np.load(job["detections"]) as stored:
            frame, centre, apart = stored["frame"], stored["centre"], float(stored["apart"])
        chosen = job["settings"]
        start = time.monotonic()
        tracker = LapTrack(
            cutoff=(chosen["cutoff"] * apart) ** 2,
            gap_closing_cutoff=(chosen["cutoff"] * apart) ** 2 if chosen["gap"] else False,
            gap_closing_max_frame_count=chosen["gap"] or 1,
            splitting_cutoff=(chosen["splitting"] * apart) ** 2 if chosen["splitting"] else False,
        )
        axes = [f"axis{i}" for i in range(centre.shape[1])]
        table = pd.DataFrame(centre, columns=axes).assign(frame=frame, row=np.arange(len(frame)))
        tracks, splits, _ = tracker.predict_dataframe(table, coordinate_cols=axes, only_coordinate_cols=False)
        # rows stand in the order of frames, so that sorting by row sorts by frame
        rows_of = {number: sorted(part["row"].tolist()) for number, part in tracks.groupby("track_id")}
        links = [pair for rows in rows_of.values() for pair in itertools.pairwise(rows)]
        if len(splits):
            families = splits[["parent_track_id", "child_track_id"]].to_numpy().tolist()
            links += [(rows_of[parent][-1], rows_of[child][0]) for parent, child in families]
        seconds = time.monotonic() - start
        np.savez(job["found"], links=np.array(links, np.int64).reshape(-1, 2), seconds=seconds)


if __name__ == "__main__":
    main()
