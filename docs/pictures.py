"""Draws the pictures of the documentation with the program itself, so that they show what it does today.

The insight: a screenshot that somebody took is wrong after a month. `make docs` draws them anew, from the brain that
comes with the demo and from made-up cells, with the same functions that draw the pages; only the screenshots need
Chromium and are kept as they are where there is none.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

mpl.use("Agg")
from matplotlib import pyplot as plt

from septum import Grid, Image, LabelMap
from septum.instances.track import relabelled, track_objects
from septum.interactive.marks.wand import magic_wand
from septum.interactive.slices.interpolate import interpolate
from septum.io import read_image, write_image, write_labels
from septum.report.figures.lineage import lineage_plot
from septum.report.figures.marking import blend, differences, mark
from septum.report.figures.objects import id_colours
from septum.workflows.data.cases import Case, Source
from septum.workflows.data.template import find_template, tissue_labels
from septum.workflows.looking.page import EstimateRow, MaskPage
from septum.workflows.pipelines.pipeline import Pipeline, make_step, run_pipeline
from septum.workflows.projects.create import create_project
from septum.workflows.projects.project import PALETTE, Label

TARGET = Path(__file__).resolve().parent / "assets" / "pictures"
SIDE = 300  # px of a picture in a row
SYSTEM = ("chromium", "chromium-browser", "google-chrome")

Bytes = NDArray[np.uint8]


def brain() -> tuple[Bytes, NDArray[np.int64]]:
    """The T1 template `(z, y, x)` as bytes, front up, and its grey (1) and white (2) matter."""
    t1, grey, white = (read_image(find_template()[name]).array[0] for name in ("t1", "gm", "wm"))
    labels = tissue_labels(grey / np.float32(grey.max()), white / np.float32(white.max()))
    return np.round(255.0 * t1 / t1.max()).astype(np.uint8)[:, ::-1], np.asarray(labels, np.int64)[:, ::-1]


def cells() -> NDArray[np.float32]:
    """Made-up cells, some of which touch, blurred and noisy."""
    rng, y, x = np.random.default_rng(3), *np.mgrid[:160, :160]
    image = np.zeros((160, 160))
    for row, column, radius in [
        (40, 40, 17),
        (46, 70, 16),
        (110, 50, 19),
        (100, 105, 15),
        (122, 122, 16),
        (42, 125, 18),
    ]:
        image = np.maximum(image, 1 / (1 + np.exp((np.hypot(y - row, x - column) - radius) / 1.6)))
    return np.asarray(image * 120 + 40 + rng.normal(0, 9, image.shape), np.float32)


def shown(plane: NDArray[np.generic], labels: NDArray[np.integer] | None = None, *, side: int = SIDE) -> Bytes:
    """A plane enlarged to `side` px high, with labels over it."""
    grey = np.clip(plane, 0, 255).astype(np.uint8)
    width = round(side * plane.shape[1] / plane.shape[0])
    canvas = np.array(Picture.fromarray(grey).resize((width, side), Picture.Resampling.BICUBIC).convert("RGB"))
    return canvas if labels is None else blend(canvas, mark(labels, canvas.shape[:2], line_px=2))


def row(name: str, pictures: Sequence[tuple[str, Bytes]]) -> None:
    """Pictures of one height side by side with a caption above each, as one PNG file."""
    font, gap, top = ImageFont.load_default(17), 10, 30
    width = sum(picture.shape[1] + gap for _, picture in pictures) - gap
    sheet = Picture.new("RGB", (width, pictures[0][1].shape[0] + top), "white")
    pen, left = ImageDraw.Draw(sheet), 0
    for caption, picture in pictures:
        pen.text((left + 2, 5), caption, fill="#1f2328", font=font)
        sheet.paste(Picture.fromarray(picture), (left, top))
        left += picture.shape[1] + gap
    save(name, sheet)


def save(name: str, picture: Picture.Image) -> None:
    """Write a PNG of at most 256 colours: a page should not weigh more than its text is worth."""
    small = picture.quantize(256, method=Picture.Quantize.MEDIANCUT, dither=Picture.Dither.NONE)
    small.save(TARGET / f"{name}.png", optimize=True)


def drawn(name: str, figure: plt.Figure) -> None:
    """Write a drawing of matplotlib."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, facecolor="white", bbox_inches="tight")
    plt.close(figure)
    with Picture.open(buffer) as picture:
        save(name, picture.convert("RGB"))


def overview() -> None:
    """An image, what a person marks, and how it is shown."""
    image, labels = brain()
    plane, marks = image[80], labels[80]
    numbers = blend(np.zeros((SIDE, round(SIDE * plane.shape[1] / plane.shape[0]), 3), np.uint8), _solid(marks))
    row("overview", [("image", shown(plane)), ("mask: one number per class", numbers), ("shown", shown(plane, marks))])


def _solid(labels: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Labels as full colours: the line index of each."""
    size = (SIDE, round(SIDE * labels.shape[1] / labels.shape[0]))
    small = Picture.fromarray(labels.astype(np.uint8)).resize(size[::-1], Picture.Resampling.NEAREST)
    values = np.asarray(small)
    return np.where(values > 0, 1 + 3 * (values - 1), 0).astype(np.uint8)


def numbers() -> None:
    """What a mask is: a number at every pixel."""
    image, labels = brain()
    place = np.s_[80, 78:90, 74:88]
    figure, axes = plt.subplots(1, 2, figsize=(8.2, 3.6))
    for axis, title in zip(axes, ("twelve rows of the image", "the same rows of the mask"), strict=True):
        axis.imshow(image[place], cmap="gray", vmin=0, vmax=255)
        axis.set_title(title, fontsize=11)
        axis.set_axis_off()
    colours = np.array([[0.93, 0.93, 0.93], [0.9, 0.62, 0.0], [0.34, 0.71, 0.91]])
    axes[1].imshow(colours[labels[place]])
    for (y, x), value in np.ndenumerate(labels[place]):
        axes[1].text(x, y, str(value), ha="center", va="center", fontsize=9)
    drawn("numbers", figure)


def patches() -> None:
    """The pieces of an image that a network learns from."""
    plane = brain()[0][80]
    canvas = shown(plane, side=360)
    picture = Picture.fromarray(canvas)
    pen, scale, rng = ImageDraw.Draw(picture), 360 / plane.shape[0], np.random.default_rng(4)
    found = []
    for colour in ("#E69F00", "#56B4E9", "#CC79A7"):
        y, x = (int(rng.integers(20, n - 84)) for n in plane.shape)
        pen.rectangle((x * scale, y * scale, (x + 64) * scale, (y + 64) * scale), outline=colour, width=4)
        found.append(shown(plane[y : y + 64, x : x + 64], side=360))
    row("patches", [("three patches of an image", np.asarray(picture)), *(("", one) for one in found[:2])])


def folds() -> None:
    """Who trains and who is held out."""
    figure, axis = plt.subplots(figsize=(7.6, 2.6))
    for fold in range(5):
        for image in range(10):
            held = image // 2 == fold
            axis.add_patch(plt.Rectangle((image, -fold), 0.9, 0.82, color="#E69F00" if held else "#c9dcea"))
        axis.text(-0.25, 0.4 - fold, f"fold {fold}", ha="right", va="center")
    for image in range(10):
        axis.text(image + 0.45, 1.1, f"image {image + 1}", ha="center", fontsize=8)
    axis.text(0, -4.75, "blue: the network learns from it     orange: held out, only measured", fontsize=10)
    axis.set(xlim=(-1.2, 10), ylim=(-5.1, 1.6))
    axis.set_axis_off()
    drawn("folds", figure)


def overlap() -> None:
    """Dice, precision and sensitivity by counting pixels."""
    y, x = np.mgrid[:150, :200]
    reference = (np.hypot(y - 75, x - 82) < 48).astype(int)
    prediction = (np.hypot(y - 75, x - 118) < 36).astype(int)
    picture = shown(np.full(reference.shape, 230), differences(reference, prediction), side=260)
    right = int((reference & prediction).sum())
    missed, extra = int(reference.sum()) - right, int(prediction.sum()) - right
    lines = [
        f"right (green): {right} px", f"missed (vermilion): {missed} px", f"too much (blue): {extra} px", "",
        f"Dice = 2·right / (2·right + missed + too much) = {2 * right / (2 * right + missed + extra):.2f}",
        f"precision = right / (right + too much) = {right / (right + extra):.2f}",
        f"sensitivity = right / (right + missed) = {right / (right + missed):.2f}",
    ]  # fmt: skip
    side = Picture.new("RGB", (560, 260), "white")
    ImageDraw.Draw(side).multiline_text(
        (10, 40), "\n".join(lines), fill="#1f2328", font=ImageFont.load_default(18), spacing=8
    )
    row("overlap", [("", picture), ("", np.asarray(side))])


def errors() -> None:
    """A case as a report shows it."""
    image, labels = brain()
    plane, reference = image[80], (labels[80] == 2).astype(int)
    prediction = ((plane > 178) & (plane < 250)).astype(int)
    row(
        "errors",
        [
            ("reference", shown(plane, reference)),
            ("prediction", shown(plane, prediction)),
            ("errors", shown(plane, differences(reference, prediction))),
        ],
    )


def threshold() -> None:
    """A threshold, and touching cells cut apart."""
    image = cells()
    steps = [make_step("gaussian", {"sigma_mm": 1.5}), make_step("otsu"), make_step("split-touching")]
    found, apart = (
        run_pipeline(Pipeline(tuple(steps[:count])), image[None], spacing=(1.0, 1.0), channels=("grey",))
        for count in (2, 3)
    )
    row("threshold", [("image", shown(image)), ("otsu", shown(image, found)), ("split-touching", shown(image, apart))])


def fill() -> None:
    """Two drawn slices, and what is filled between them."""
    image, labels = brain()
    drawn_slices = (70, 82)
    sparse = np.zeros((13, *image.shape[1:]), np.int64)
    for index in drawn_slices:
        sparse[index - 70] = labels[index] == 2
    filled = interpolate(sparse, image=image[70:83].astype(np.float32), method="image")
    filled = getattr(filled, "labels", filled)
    shots = [(f"slice {i}, {'drawn' if i in drawn_slices else 'filled'}", i) for i in (70, 74, 78, 82)]
    row("fill", [(caption, shown(image[i], filled[i - 70], side=230)) for caption, i in shots])


def wand() -> None:
    """A click and three tolerances."""
    image = cells()
    pictures = []
    for tolerance in (15, 35, 75):
        labels = np.zeros(image.shape, np.int64)
        change = magic_wand(image, labels, points=[[110, 50]], tolerance=tolerance)
        place = tuple(slice(a, b) for a, b in zip(change.box.start, change.box.stop, strict=True))
        labels[place] = change.labels
        canvas = Picture.fromarray(shown(image, labels))
        x, y = 50 * SIDE / 160, 110 * SIDE / 160
        ImageDraw.Draw(canvas).ellipse((x - 5, y - 5, x + 5, y + 5), fill="#D55E00", outline="white")
        pictures.append((f"tolerance {tolerance}", np.asarray(canvas)))
    row("wand", pictures)


def dividing(*, frames: int, size: int = 160) -> list[NDArray[np.int64]]:
    """Label maps of a made-up movie: two cells that swim through each other, one that divides, one that stays."""
    rows, columns = np.mgrid[:size, :size]
    movie = []
    for t in range(frames):
        apart = max(0, t - 3)
        places = [(30, 20 + 13 * t), (56, 140 - 13 * t), (132, 26)]
        places += [(112 - 2 * apart, 110 - 5 * apart), (112 + 4 * apart, 110 + 5 * apart)]
        labels = np.zeros((size, size), np.int64)
        for number, (row, column) in enumerate(places if apart else places[:4], start=1):
            labels[np.hypot(rows - row, columns - column) < (9 if number > 3 and apart else 11)] = number
        movie.append(labels)
    return movie


def tracks() -> None:
    """Four frames of a movie with the tracks as colours, and their lineage."""
    movie = dividing(frames=10)
    found = track_objects([(labels, None) for labels in movie])
    pictures = []
    for t in (0, 3, 6, 9):
        numbered = relabelled(movie[t], found, frame=t).astype(np.int64)
        table = np.concatenate([[[25, 25, 25]], id_colours(np.arange(1, len(found.lineage) + 1))]).astype(np.uint8)
        canvas = Picture.fromarray(table[numbered]).resize((210, 210), Picture.Resampling.BICUBIC)
        pictures.append((f"frame {t}", np.asarray(canvas)))
    tree = Picture.open(io.BytesIO(lineage_plot(found.lineage, image_format="png")))
    tree = tree.convert("RGB").resize((round(tree.width * 210 / tree.height), 210), Picture.Resampling.LANCZOS)
    row("tracks", [*pictures, ("lineage", np.asarray(tree))])


def coverage() -> None:
    """What "nine of ten intervals hold the true value" means."""
    rng = np.random.default_rng(11)
    true = np.sort(rng.uniform(0.6, 0.95, 20))
    middle = true + rng.normal(0, 0.035, 20)
    outside = np.abs(middle - true) > 0.0576
    figure, axis = plt.subplots(figsize=(7.4, 2.8))
    for k in range(20):
        colour = "#D55E00" if outside[k] else "#0072B2"
        axis.plot([k, k], [middle[k] - 0.0576, middle[k] + 0.0576], color=colour, lw=3)
        axis.plot(k, true[k], "o", color="#1f2328", ms=4)
    axis.set(xlabel="mask", ylabel="Dice", xticks=[])
    axis.set_title(
        f"made-up masks. Lines: intervals, dots: what the Dice was; {20 - int(outside.sum())} of 20 are held",
        fontsize=10,
    )
    axis.spines[["top", "right"]].set_visible(False)
    drawn("coverage", figure)


def screenshots() -> None:
    """The page beside masks, as a browser shows it; kept as it is where there is no browser."""
    try:
        from playwright import sync_api
    except ImportError:
        return
    browser_file = next((path for name in SYSTEM if (path := shutil.which(name))), None)
    with tempfile.TemporaryDirectory() as folder, sync_api.sync_playwright() as player:
        address = _sample_page(Path(folder))
        try:
            browser = player.chromium.launch(executable_path=browser_file, args=["--no-sandbox"])
        except sync_api.Error:
            return
        page = browser.new_page(viewport={"width": 1180, "height": 620})
        page.goto(address)
        page.wait_for_timeout(800)
        data = page.screenshot()
        browser.close()
    with Picture.open(io.BytesIO(data)) as picture:
        save("page", picture.convert("RGB"))


def _sample_page(folder: Path) -> str:
    """A page of the brain and three of its slices, with estimates to show what they look like."""
    image, labels = brain()
    page, volume = MaskPage(folder), np.s_[40:120:2, ::-2, ::2]  # as it is stored: towards the front
    names = {1: "grey matter", 2: "white matter"}
    cases = [("head", image[volume], labels[volume])] + [(f"slice-{k}", image[k], labels[k]) for k in (60, 80, 100)]
    for name, array, marks in cases:
        grid = Grid.from_spacing(array.shape, (2.0,) * 3 if array.ndim == 3 else (1.0, 1.0))
        source = Source(Path(f"{name}.nii.gz" if array.ndim == 3 else f"{name}.png"))
        page.add(Case(name, (source,)), Image(array[None], grid), labels=LabelMap(marks, grid, names))
    reason = ("the mask of white matter is larger than any of the training",)
    rows = [EstimateRow("head", name, "look", 0.78, 0.62, 0.9, reason) for name in names.values()]
    rows += [
        EstimateRow(f"slice-{k}", name, "pass", 0.9, 0.84, 0.94, ()) for k in (60, 80, 100) for name in names.values()
    ]
    return page.write(rows, title="Masks").as_uri()


def workbench() -> None:
    """The workbench on the brain: planes and 3-D view; kept as it is where there is no browser."""
    try:
        from playwright import sync_api
    except ImportError:
        return
    browser_file = next((path for name in SYSTEM if (path := shutil.which(name))), None)
    with tempfile.TemporaryDirectory() as folder, sync_api.sync_playwright() as player:
        try:
            browser = player.chromium.launch(executable_path=browser_file, args=["--no-sandbox"])
        except sync_api.Error:
            return
        with _served(_brain_project(Path(folder))) as address:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(address)
            page.wait_for_selector("#cases .case[aria-pressed=true]")
            page.wait_for_timeout(3000)
            _in_space(page)
            with Picture.open(io.BytesIO(page.screenshot())) as picture:
                small = picture.convert("RGB").quantize(256, dither=Picture.Dither.NONE)
                small.save(TARGET.parent / "workbench.png", optimize=True)
        browser.close()


def _in_space(page: Any) -> None:
    """The labels in three dimensions beside the planes."""
    page.keyboard.press("Shift+3")
    page.wait_for_selector("canvas.turns[data-surfaces='2']", timeout=60_000)
    page.keyboard.press("l")
    page.wait_for_timeout(1500)


@contextmanager
def _served(project: Path) -> Iterator[str]:
    """A server on a project, in its own process; the address that lets a browser in."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = "import sys; from septum.cli.main import main; sys.exit(main())"
    token = "a-token-for-pictures"
    command = [sys.executable, "-c", start, "serve", str(project), "--no-browser", "--port", str(port)]
    process = subprocess.Popen([*command, "--token", token], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with contextlib.suppress(urllib.error.URLError, TimeoutError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1)
                break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/?token={token}"
    finally:
        process.terminate()
        process.wait(60)


def _brain_project(folder: Path) -> Path:
    """A project of the brain with its tissues."""
    found = {name: read_image(find_template()[name]) for name in ("t1", "gm", "wm")}
    grey, white = (found[name].array[0] / np.float32(found[name].array.max()) for name in ("gm", "wm"))
    grid, labels = found["t1"].grid, tissue_labels(grey, white)
    head = np.round(255.0 * found["t1"].array / found["t1"].array.max()).astype(np.uint8)
    write_image(folder / "brain.nii.gz", Image(head, grid, ("T1",)))
    write_labels(folder / "tissue.nii.gz", LabelMap(labels.astype(np.uint8), grid))
    (folder / "cases.csv").write_text("id,image,label\nbrain,brain.nii.gz,tissue.nii.gz\n", encoding="utf-8")
    project = create_project(folder / "project", folder / "cases.csv", copy=True, name="ICBM152 brain")
    project.set_labels([Label(1, "grey matter", PALETTE[0]), Label(2, "white matter", PALETTE[1])])
    project.close()
    return folder / "project"


PICTURES: tuple[Callable[[], None], ...] = (
    overview, numbers, patches, folds, overlap, errors, threshold, fill, wand, tracks, coverage, screenshots,
    workbench,
)  # fmt: skip


def main() -> int:
    """Draw all of them."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for draw in PICTURES:
        draw()
    return 0


if __name__ == "__main__":
    sys.exit(main())
