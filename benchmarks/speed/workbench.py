"""The workbench under a hand: how soon a slice, a stroke, a proposal, a path is seen, on the largest images.

    python -m benchmarks.speed.workbench [--only volume slide objects prompts people] [--minutes 2] [--keep FOLDER]

What the page does is measured in the page, by its own clock, in a Chromium that draws without a graphics card; what the
server does, through `septum.client`. Images are made up (seeded): a CT of 300 × 512 × 512 voxels as NIfTI and as
compressed NIfTI, a photograph of 10,000² pixels as TIFF in tiles and as PNG, 5,000 objects in 2,048² pixels. A stroke
is eight moves of the mouse. What is counted of a move is the work between the event and the picture: the handler, then
the frame; waiting for the screen's next beat is not work. A prompt is a click answered by a network that was trained
for twenty steps: its speed does not depend on what it learnt. The first picture is that of a page and a server that
never opened the image before. Twenty people draw, undo, look and save for two minutes, each in an own case, all hearing
the server's events; in the end every label of every case is compared with what its person remembers. Writes
`benchmarks/results/workbench.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from tests.browser.person import Person
from tests.browser.serving import SYSTEM, TOKEN, Server, start

from benchmarks.record import RESULTS, record
from benchmarks.speed import workbench_images as images
from benchmarks.speed.workbench_people import crowd

BARS_MS = {
    "slice": 50.0, "stroke frame": 16.0, "stroke saved": 150.0, "prompt": 300.0, "first picture": 1500.0,
    "live-wire": 50.0,
}  # fmt: skip
PAINTED = """async () => {
  const {planes} = await import('/static/look/planes.js'), frame = () => new Promise(requestAnimationFrame);
  while (!planes.all.length || !planes.all.every((one) => one.ready() && one.painted)) await frame();
  return performance.now();
}"""
TURN = """async ([by, count, pause]) => {
  const {planes} = await import('/static/look/planes.js'), frame = () => new Promise(requestAnimationFrame);
  const plane = planes.all[0], size = plane.grid.size[0], taken = [];
  for (let k = 0; k < count; k++) {
    const to = (plane.source.index + by) % size, began = performance.now();
    plane.go(to);
    while (!(plane.ready() && JSON.parse(plane.painted)[1] === to)) await frame();
    taken.push(performance.now() - began);
    await new Promise((wake) => setTimeout(wake, pause));
  }
  return taken;
}"""
WATCH = """async () => {
  const {idle} = await import('/static/transport.js'), {gesture} = await import('/static/draw/gesture.js');
  const seen = window.seen = {work: [], saved: [], wire: []}, now = () => performance.now();
  const soon = () => new Promise((wake) => {
    const c = new MessageChannel();
    c.port1.onmessage = wake;
    c.port2.postMessage(0);
  });
  const follow = async (tail, first) => {
    while (gesture.tail === tail && now() - first < 2000) await soon();
    seen.wire.push(now() - first);
  };
  let began = 0;
  addEventListener('pointermove', () => { began = now(); }, true);
  addEventListener('pointermove', (event) => {
    const handled = now() - began;
    requestAnimationFrame(() => {
      const frame = now();
      void soon().then(() => { if (event.buttons) seen.work.push(handled + now() - frame); });
    });
    if (!event.buttons && gesture.path.length) void follow(gesture.tail, began);
  });
  addEventListener('pointerup', () => { const up = now(); void idle().then(() => seen.saved.push(now() - up)); });
}"""
SEEN = "() => { const found = window.seen; window.seen = null; return found; }"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--minutes", type=float, default=2.0, help="of the twenty people")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--keep", type=Path, help="folder for the images, to be used again")
    parser.add_argument(
        "--write", action="store_true", help="write the parts that were run beside those of earlier runs"
    )
    given = parser.parse_args()
    work = given.keep or Path(tempfile.mkdtemp(prefix="septum-workbench-"))
    try:
        results = {name: PARTS[name](work, given) for name in given.only}
    finally:
        if given.keep is None:
            shutil.rmtree(work, ignore_errors=True)
    missed = [line for part in results.values() for line in report(part)]
    if given.write or set(given.only) == set(PARTS):
        print(record("workbench", {**_earlier(), **results, "bars_ms": BARS_MS}))
    return 1 if missed else 0


def _earlier() -> dict[str, Any]:
    """What earlier runs wrote of other parts; each part says the load of its machine."""
    path = RESULTS / "workbench.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))["results"]) if path.is_file() else {}


def report(part: dict[str, Any]) -> Iterator[str]:
    """Print a part's figures; what missed its bar."""
    for name, row in part.items():
        if not isinstance(row, dict) or "median" not in row:
            print(f"{name}: {row}", flush=True)
            continue
        met = row["median"] < row["bar"]
        used = ", ".join(f"{who} {ms:.1f} ms" for who, ms in row.get("processor_ms", {}).items())
        times = f"median {row['median']:.1f} ms, 95 % {row['p95']:.1f} (bar {row['bar']:.0f})"
        print(f"{name}: {times} {'met' if met else 'MISSED'} {used and f'processor: {used}'}".rstrip(), flush=True)
        if not met:
            yield name


def figures(taken: Sequence[float], bar: str) -> dict[str, float]:
    """Median, 95th percentile and worst of times in milliseconds, beside their bar."""
    return {
        "median": statistics.median(taken), "p95": float(np.percentile(taken, 95)), "worst": max(taken),
        "count": len(taken), "bar": BARS_MS[bar],
    }  # fmt: skip


def volume(work: Path, given: Any) -> dict[str, Any]:
    """Slices, strokes, the live-wire and the first picture of a CT of 300 × 512 × 512."""
    project = images.volume_project(work / "volume")
    found: dict[str, Any] = {"load before": os.getloadavg()[0]}
    with served(project) as server, seats(server) as open_page:
        for name, what in (("plain", "just after the start"), ("zipped", "another, as .nii.gz")):
            found[f"first picture, {what}"] = figures([first_picture(open_page, name)], "first picture")
            found[f"memory of the server after {name}, MB"] = round(memory_mb(server))
        page = open_page("plain")
        found["first picture, opened before"] = figures([float(page.evaluate(PAINTED))], "first picture")
        person = Person(page, server)
        person.settled()
        for what, step in (("the wheel turned", 1), ("one far away", 37)):
            with processors(page, server) as used:
                found[f"slice, {what}"] = figures(page.evaluate(TURN, [step, 40, 60]), "slice")
            found[f"slice, {what}"]["processor_ms"] = {key: ms / 40 for key, ms in used.items()}
        found |= strokes(person, "")
        person.page.evaluate("async () => (await import('/static/store.js')).update({ball: true, radius: 12})")
        found |= strokes(person, ", ball of 24 mm")
        found["live-wire"] = wire(person)
    return {**found, "load after": os.getloadavg()[0]}


def slide(work: Path, given: Any) -> dict[str, Any]:
    """The first view of a photograph of 10,000² pixels, and strokes on it."""
    project = images.slide_project(work / "slide")
    found: dict[str, Any] = {"load before": os.getloadavg()[0]}
    with served(project) as server, seats(server) as open_page:
        for name in ("png", "tiled"):
            found[f"10,000² first view, {name}"] = figures([first_picture(open_page, name)], "first picture")
            found[f"memory of the server after {name}, MB"] = round(memory_mb(server))
        page = open_page("tiled")
        found["10,000² opened before"] = figures([float(page.evaluate(PAINTED))], "first picture")
        found |= strokes(Person(page, server), " on 10,000²")
    return found


def objects(work: Path, given: Any) -> dict[str, Any]:
    """5,000 objects in 2,048² pixels: the first picture, and strokes among them."""
    project = images.objects_project(work / "objects")
    with served(project) as server, seats(server) as open_page:
        found: dict[str, Any] = {
            "first picture, 5,000 objects": figures([first_picture(open_page, "nuclei")], "first picture")
        }
        page = open_page("nuclei")
        page.evaluate(PAINTED)
        found |= strokes(Person(page, server), " among 5,000 objects")
    return found


def prompts(work: Path, given: Any) -> dict[str, Any]:
    """A click on 512² pixels answered by a trained network, as the client sees it."""
    import time

    from septum.client import Workbench

    project = images.prompts_project(work / "prompts")
    with served(project) as server, Workbench(server.home, TOKEN) as bench:
        models = [one["name"] for one in bench._ask("GET", "models")["models"]]
        if not models:
            job = bench.wait(bench.train(minutes=None, steps=20, prompts=True, predict=False))
            if job["state"] != "done":
                raise SystemExit(f"the network could not be trained: {job['error']}")
            models = [job["model"]]
        rng, taken = np.random.default_rng(0), []
        for _ in range(21):
            point = [int(n) for n in rng.integers(20, 490, 2)]
            began = time.perf_counter()
            bench.propose("image-4", "prompted", options={"model": models[0]}, points=[point])
            taken.append((time.perf_counter() - began) * 1e3)
    return {"prompt": figures(taken[1:], "prompt"), "prompt, the first (the network is loaded), ms": round(taken[0])}


def people(work: Path, given: Any) -> dict[str, Any]:
    """Twenty people at once."""
    project = images.crowd_project(work / "crowd", count=given.people)
    with served(project) as server:
        load = os.getloadavg()[0]
        found = crowd(server.home, TOKEN, seconds=60 * given.minutes)
        found |= {"memory of the server, MB": round(memory_mb(server)), "load before": load}
    return found


PARTS: dict[str, Callable[[Path, Any], dict[str, Any]]] = {
    "volume": volume, "slide": slide, "objects": objects, "prompts": prompts, "people": people,
}  # fmt: skip


@contextmanager
def served(project: Path) -> Iterator[Server]:
    """A server of a project whose sessions are forgotten first, so that every run begins alike."""
    shutil.rmtree(project / "sessions", ignore_errors=True)
    server = start(project)
    try:
        yield server
    finally:
        server.process.terminate()
        server.process.wait(60)


@contextmanager
def seats(server: Server) -> Iterator[Callable[[str], Any]]:
    """Opens a case in a new page that knows nothing; the page, without waiting for its picture."""
    from playwright import sync_api

    with sync_api.sync_playwright() as player:
        found = next((path for name in SYSTEM if (path := shutil.which(name))), None)
        browser = player.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])

        def open_page(case: str) -> Any:
            for old in browser.contexts:
                old.close()
            page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            page.goto(f"{server.home}/healthz")
            page.evaluate("(address) => fetch(address)", server.address)
            page.goto(f"{server.home}/#{case}", wait_until="commit")
            return page

        yield open_page
        browser.close()


def first_picture(open_page: Callable[[str], Any], case: str) -> float:
    """Milliseconds from the address to the picture, by the page's clock."""
    return float(open_page(case).evaluate(PAINTED))


def strokes(person: Person, name: str, *, count: int = 12) -> dict[str, Any]:
    """Work per move of the mouse, and the time until a stroke is answered, over `count` strokes of eight moves."""
    page, rng = person.page, np.random.default_rng(1)
    person.take("brush")
    person.settled()
    page.evaluate(WATCH)
    box = page.locator("canvas[data-axis='0']").bounding_box()
    with processors(page, person.server) as used:
        _draw(page, box, rng, count=count)
    person.settled()
    seen = page.evaluate(SEEN)
    page.reload(wait_until="commit")
    page.evaluate(PAINTED)
    work, saved = figures(seen["work"], "stroke frame"), figures(seen["saved"], "stroke saved")
    work["processor_ms"] = {"page": used["page"] / max(1, 8 * count)}
    saved["processor_ms"] = {"server": used["server"] / count}
    return {f"stroke, work of a move{name}": work, f"stroke, saved{name}": saved}


def _draw(page: Any, box: dict[str, float], rng: np.random.Generator, *, count: int) -> None:
    """Strokes of eight moves, each from a place in the middle of the plane."""
    for _ in range(count):
        places = np.cumsum(
            [rng.uniform(0.3, 0.6, 2) * (box["width"], box["height"]), *rng.uniform(-15, 15, (8, 2))], axis=0
        )
        page.mouse.move(box["x"] + places[0][0], box["y"] + places[0][1])
        page.mouse.down()
        for x, y in places[1:]:
            page.mouse.move(box["x"] + x, box["y"] + y)
            page.wait_for_timeout(15)
        page.mouse.up()
        page.wait_for_timeout(250)


@contextmanager
def processors(page: Any, server: Server) -> Iterator[dict[str, float]]:
    """Milliseconds of processor time that the page's main thread and the server take in the block: what a machine that
    does other things as well cannot blur."""
    told = page.context.new_cdp_session(page)
    told.send("Performance.enable", {"timeDomain": "threadTicks"})

    def now() -> tuple[float, float]:
        metrics = {one["name"]: one["value"] for one in told.send("Performance.getMetrics")["metrics"]}
        fields = Path(f"/proc/{server.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return metrics["TaskDuration"] * 1e3, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1e3

    used: dict[str, float] = {}
    before = now()
    yield used
    used["page"], used["server"] = (b - a for a, b in zip(before, now(), strict=True))
    told.send("Performance.disable")
    told.detach()


def wire(person: Person) -> dict[str, float]:
    """Milliseconds from a move of the cursor to the path that leads to it, in a slice of 512²."""
    page = person.page
    person.take("live-wire")
    box = page.locator("canvas[data-axis='0']").bounding_box()
    centre = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(centre[0] - 40, centre[1])
    page.mouse.move(centre[0] - 30, centre[1] - 10)
    page.wait_for_timeout(4000)  # the first path compiles
    page.evaluate(WATCH)
    for step in range(25):
        page.mouse.move(centre[0] - 30 + 3 * step, centre[1] - 20 - step)
        page.wait_for_timeout(160)
    found = figures(page.evaluate(SEEN)["wire"], "live-wire")
    page.keyboard.press("Escape")
    return found


def memory_mb(server: Server) -> float:
    """Resident memory of the server."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


if __name__ == "__main__":
    raise SystemExit(main())
