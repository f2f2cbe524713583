"""What runs in the process of a job: it trains, predicts or measures, and tells what happens through a pipe.

The insight: a network that runs out of memory takes its process with it, and nothing else. So long work never runs in
the server; what it tells are plain dictionaries, and it opens the project by itself.
"""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from septum.errors import Cancelled, SeptumError

_ALONE = 3
"""Exit code of a process whose server is gone."""


def work(folder: str, kind: str, settings: dict[str, Any], pipe: Connection) -> None:
    """Do a job and tell its end: `{"end": "done"|"stopped"|"failed", "result"|"error"}`.

    Whatever comes through the pipe is the wish to stop. Where the server is gone the process ends at once, in silence.
    """
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the server decides
    stop = threading.Event()
    threading.Thread(target=_listen, args=(pipe, stop), name="septum-server", daemon=True).start()

    def tell(said: dict[str, Any]) -> None:
        try:
            pipe.send(said)
        except OSError:
            os._exit(_ALONE)

    try:
        result = _run(Path(folder), kind, settings=settings, tell=tell, stop=stop.is_set)
        tell({"end": "stopped" if result.get("stopped") else "done", "result": result})
    except Cancelled as error:
        tell({"end": "stopped", "error": str(error)})
    except SeptumError as error:
        tell({"end": "failed", "error": str(error)})
    except Exception as error:  # noqa: BLE001 - whatever it is, the page must hear of it
        last = traceback.extract_tb(error.__traceback__)[-1]
        tell({"end": "failed", "error": f"{type(error).__name__} in {last.name}: {error}"[:500]})


def _listen(pipe: Connection, stop: threading.Event) -> None:
    """Hear the wish to stop, and the end of the server: nobody would hear what this process finds, and it can be done
    again or gone on with, as after any other end without warning."""
    try:
        while True:
            pipe.recv()
            stop.set()
    except (EOFError, OSError):
        os._exit(_ALONE)


def _run(
    folder: Path,
    kind: str,
    *,
    settings: dict[str, Any],
    tell: Callable[[dict[str, Any]], None],
    stop: Callable[[], bool],
) -> dict[str, Any]:
    import math

    from septum.workflows.model.settings import TrainSettings, TrainStatus
    from septum.workflows.projects import learning, pipelines
    from septum.workflows.projects.project import open_project
    from septum.workflows.runs.hooks import Hooks

    def on_status(status: TrainStatus) -> None:
        plain = {k: v for k, v in vars(status).items() if not isinstance(v, float) or math.isfinite(v)}
        tell({"status": plain, "progress": min(1.0, status.step / max(1, status.steps))})

    hooks = Hooks(
        lambda what, share: tell({"message": what, "progress": share}), lambda note: tell({"message": note}), stop
    )
    project = open_project(folder)
    try:
        if kind == "train":
            chosen = TrainSettings(
                network=settings["network"], minutes=settings["minutes"], steps=settings["steps"],
                prompts=settings["prompts"],
            )  # fmt: skip
            return learning.train_model(
                project, settings["model"], settings=chosen, hooks=hooks, on_status=on_status,
                resume=bool(settings.get("resume")),
            )  # fmt: skip
        if kind == "predict":
            return learning.predict_others(
                project, settings["model"], hooks=hooks, on_case=lambda case: tell({"case": case}),
                probabilities=bool(settings.get("probabilities")),
            )  # fmt: skip
        if kind == "segment":
            return pipelines.segment_others(
                project, settings["pipeline"], hooks=hooks, on_case=lambda case: tell({"case": case})
            )
        return learning.evaluate_model(project, settings["model"], hooks=hooks)
    finally:
        project.close()
