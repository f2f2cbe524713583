"""From an image and an engine to a class map, in bounded memory.

The one insight: the logits of all classes are only ever needed between the first and the last tile that speaks about a
voxel. Tiles run down the first axis; rows that no later tile reaches are decided at once, so the accumulator is only as
high as a tile. Where even that is too much for the budget, the image is cut into columns, one after the other; the
tiles computed twice for that (those that reach across a border) `tiles.plan_blocks` keeps few.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from septum.errors import Cancelled, ConfigError, SeptumError
from septum.geometry.arrays import Float32Array
from septum.net.engines.evidence import Evidence
from septum.net.engines.protocol import Engine, PartsEngine, count_maps
from septum.net.engines.torch import watched_by
from septum.net.inference.decide import ClassArray, OutputGrid, Outputs, Sink, decide_block
from septum.net.inference.tiles import (
    AxisTiles,
    ChannelArray,
    Extent,
    abutting_axis,
    fit_patch,
    halve_box,
    halve_patch,
    plan_blocks,
    read_box,
    tile_axis,
)

_OUT_OF_MEMORY = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "failed to allocate",
    "bad_alloc",
    "bad allocation",
    "alloc_failed",
)


MEMORY_MB = 256
"""Bound of the accumulator of logits where nobody sets one, so that a hundred classes need hardly more than two."""


@dataclass(frozen=True)
class TileSettings:
    """How an image is cut into tiles.

    patch: input size of a tile, voxels. overlap: least overlap of neighbouring tiles, as a fraction of the tile;
    0.5 suits planes, 0.25 costs volumes three times less for nearly the same result; without meaning for networks that
    eat their margin, whose tiles abut. batch: tiles computed at a time.
    memory_mb: bound of the accumulator of logits, megabytes (2^20 bytes). With 256, no tile of a 512×512 stack of
    slices is computed twice for up to 4 classes, 10 classes cost 1.4 and 100 classes 3.5 times the tiles; with 512,
    1.2 and 2.5 times (tiles of 64×128×128, overlap 0.25).
    """

    patch: tuple[int, ...]
    overlap: float = 0.5
    memory_mb: int = MEMORY_MB
    batch: int = 1

    def __post_init__(self) -> None:
        if not self.patch or min(self.patch) < 1:
            raise ConfigError(f"patch must be positive along each axis, got {self.patch}; SET a size per axis")
        if not 0 <= self.overlap <= 0.9:
            raise ConfigError(f"overlap must be between 0 and 0.9, got {self.overlap}; SET for example 0.5")
        if self.memory_mb < 1:
            raise ConfigError(f"memory_mb must be at least 1, got {self.memory_mb}; SET for example 512")
        if self.batch < 1:
            raise ConfigError(f"batch must be at least 1, got {self.batch}; SET for example 1")


@dataclass(frozen=True)
class Listener:
    """Who waits for a prediction: hears the fraction done, 0 to 1, and says when nobody waits any more."""

    on_progress: Callable[[float], None] = lambda fraction: None
    should_stop: Callable[[], bool] = lambda: False


def predict_classes(
    engine: Engine,
    array: ChannelArray,
    *,
    settings: TileSettings,
    coordinates: tuple[npt.NDArray[np.float64], ...] | None = None,
    listener: Listener | None = None,
    probabilities: Sink | None = None,
    evidence: Evidence | None = None,
) -> ClassArray:
    """Class of each voxel: tiles with mirrored borders, Gaussian blending of logits, arg-max (lowest class of ties).

    array: (C, *spatial), as the network wants it; may be memory-mapped. coordinates: for each axis, the ascending
    fractional indices into `array` at which the output is wanted (default: at its voxels); logits are interpolated
    linearly there, then decided. Returns uint8 of the output's shape (uint16 beyond 256 classes).

    probabilities: called with (slices, (K, *block) float32) until each output voxel has been handed over once; where
        an engine has outputs that are no classes, they follow, interpolated but otherwise as they are.
    evidence: adds up what the network tells about its own mask.
    listener: hears of the progress and is asked between batches whether to stop; `Cancelled` is raised.
    When memory runs out, tiles and blocks halve and the block is tried again; `SeptumError` when that ends.

    >>> from septum.net.architecture.unet import UNet, lecture
    >>> from septum.net.engines.torch import torch_engine
    >>> engine = torch_engine([UNet(lecture(2, 1, out_channels=2, features=(4, 8)))])
    >>> predict_classes(engine, np.zeros((1, 20, 30), np.float32), settings=TileSettings((16, 16))).shape
    (20, 30)
    """
    shape = array.shape[1:]
    _check(engine, array, settings=settings, coordinates=coordinates)
    patch = fit_patch(shape, settings.patch, margin=engine.margin, divisor=engine.divisor)
    patch = _within_budget(engine, patch, settings=settings)
    tiling = _lay(engine, shape, patch=patch, overlap=settings.overlap)
    grid = OutputGrid(shape, coordinates)
    classes: ClassArray = np.zeros(grid.shape, dtype=np.uint8 if engine.n_classes <= 256 else np.uint16)
    progress = _Progress(float(np.prod(shape)), listener or Listener())
    engine, outputs = watched_by(engine, evidence), Outputs(engine.activation, count_maps(engine))
    waiting = _columns(tiling, (settings.memory_mb << 20) // (4 * _outputs(engine)), halo=grid.halo)[::-1]
    while waiting:
        column = waiting.pop()
        start = column[0][0]
        if grid.is_empty(column):
            progress.finish(column)
            continue
        rows = _finished_rows(
            engine, array, column=column, tiling=tiling, grid=grid, batch=settings.batch, progress=progress
        )
        while (found := _next_unless_out_of_memory(rows)) is not None:
            block, logits = found
            decide_block(
                logits,
                block,
                grid=grid,
                out=classes,
                outputs=outputs,
                sink=probabilities,
                evidence=evidence,
            )
            column = ((block[0][1], column[0][1]), *column[1:])
            del found, logits
        progress.finish(((start, column[0][0]), *column[1:]))
        if column[0][0] < column[0][1]:
            tiling = _lay(engine, shape, patch=_smaller(engine, tiling.patch), overlap=settings.overlap)
            waiting.extend((column[0], *part) for part in halve_box(column[1:])[::-1])
    return classes


@dataclass(frozen=True)
class _Tiling:
    """Tiles of one size over one image; `patch` is the input size, `axes` are about the output."""

    patch: tuple[int, ...]
    margin: tuple[int, ...]
    axes: tuple[AxisTiles, ...]

    def layer(self, first: int, across: Sequence[tuple[int, int]]) -> list[tuple[int, ...]]:
        """The tiles with index `first` on the first axis that have a say in the ranges `across` of the others."""
        others = zip(self.axes[1:], across, strict=True)
        return list(itertools.product([first], *(axis.touching(low, high) for axis, (low, high) in others)))

    def read(self, array: ChannelArray, tile: tuple[int, ...]) -> Float32Array:
        corners = zip(self.axes, tile, self.margin, strict=True)
        return read_box(array, [axis.starts[i] - side for axis, i, side in corners], shape=self.patch)

    def overlap(self, tile: tuple[int, ...], box: Extent) -> Iterator[tuple[slice, slice, Float32Array]]:
        """For each axis: where the tile meets the box, in the box and in the tile, and the tile's shares there."""
        for axis, i, (low, high) in zip(self.axes, tile, box, strict=True):
            first, last = max(low, axis.spans[i][0]), min(high, axis.spans[i][1])
            share = axis.shares[i][first - axis.spans[i][0] : last - axis.spans[i][0]]
            yield slice(first - low, last - low), slice(first - axis.starts[i], last - axis.starts[i]), share


def _outputs(engine: Engine) -> int:
    return engine.n_classes + count_maps(engine)


def _lay(engine: Engine, shape: Sequence[int], *, patch: tuple[int, ...], overlap: float) -> _Tiling:
    outputs = [length - 2 * side for length, side in zip(patch, engine.margin, strict=True)]
    if max(engine.margin) == 0:
        axes = tuple(tile_axis(size, out, overlap=overlap) for size, out in zip(shape, outputs, strict=True))
    else:
        along = zip(shape, outputs, engine.divisor, strict=True)
        axes = tuple(abutting_axis(size, out, unit=unit) for size, out, unit in along)
    return _Tiling(patch, engine.margin, axes)


def _within_budget(engine: Engine, patch: tuple[int, ...], *, settings: TileSettings) -> tuple[int, ...]:
    """Halve tiles whose logits (twice) would break the budget; engines that hand out parts never hold them whole."""
    while not isinstance(engine, PartsEngine):
        outputs = [length - 2 * side for length, side in zip(patch, engine.margin, strict=True)]
        smaller = halve_patch(patch, margin=engine.margin, divisor=engine.divisor)
        if smaller is None or 8 * _outputs(engine) * np.prod(outputs, dtype=float) <= settings.memory_mb << 20:
            break
        patch = smaller
    return patch


def _smaller(engine: Engine, patch: tuple[int, ...]) -> tuple[int, ...]:
    smaller = halve_patch(patch, margin=engine.margin, divisor=engine.divisor)
    if smaller is None:
        raise SeptumError(
            f"memory must hold at least one tile, got too little for the smallest ({_times(patch)} voxels); "
            "CLOSE other programs, LOWER memory_mb or use a smaller network"
        )
    return smaller


def _columns(tiling: _Tiling, limit: int, *, halo: int) -> list[Extent]:
    """Cut the image into columns along the first axis whose accumulator holds at most `limit` voxels."""
    first = tiling.axes[0]
    height = min(first.size, max(high - low for low, high in first.spans) + halo)
    return [((0, first.size), *rest) for rest in plan_blocks(tiling.axes[1:], max(1, limit // height), halo=halo)]


@torch.inference_mode()
def _finished_rows(
    engine: Engine,
    array: ChannelArray,
    *,
    column: Extent,
    tiling: _Tiling,
    grid: OutputGrid,
    batch: int,
    progress: "_Progress",
) -> Iterator[tuple[Extent, Tensor]]:
    """Predict a column from its top to its bottom; yield each block of rows that is complete with its blended logits.

    The logits (K, *block and the halo beyond its end) are only valid until the next block is asked for.
    """
    (top, bottom), *across = grid.needed(column)
    spans = tiling.axes[0].spans
    layers = tiling.axes[0].touching(top, bottom)
    height = max(min(spans[i][1], bottom) - max(top, spans[i][0] - grid.halo) for i in layers)
    device = engine.device if isinstance(engine, PartsEngine) else torch.device("cpu")
    logits = torch.zeros((_outputs(engine), height, *(high - low for low, high in across)), device=device)
    for index, layer in enumerate(layers):
        window: Extent = ((top, min(top + height, bottom)), *across)
        tiles = tiling.layer(layer, across)
        for first in range(0, len(tiles), batch):
            progress.check()
            _add_tiles(engine, array, tiles=tiles[first : first + batch], tiling=tiling, logits=logits, window=window)
            progress.tell(column, (index + min(1.0, (first + batch) / len(tiles))) / len(layers))
        stop = column[0][1] if layer == layers[-1] else max(top, spans[layer + 1][0] - grid.halo)
        if stop > top:
            yield ((top, stop), *column[1:]), logits[:, : min(stop + grid.halo, bottom) - top]
            _shift_rows(logits, stop - top)
            top = stop


def _shift_rows(logits: Tensor, count: int) -> None:
    """Drop the first rows of each class and append rows of zeros; one class at a time to save memory."""
    for one in logits:
        kept = one[count:].clone()
        one[: len(kept)] = kept
        one[len(kept) :] = 0


def _next_unless_out_of_memory(rows: Iterator[tuple[Extent, Tensor]]) -> tuple[Extent, Tensor] | None:
    """The next finished block; None at the end or when memory ran out (and everything has been let go of)."""
    try:
        return next(rows, None)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out: PyTorch on any device, numpy, ONNX Runtime and OpenVINO.

    >>> is_out_of_memory(MemoryError()), is_out_of_memory(ValueError("shape"))
    (True, False)
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error).lower() for text in _OUT_OF_MEMORY)


def _add_tiles(
    engine: Engine,
    array: ChannelArray,
    *,
    tiles: Sequence[tuple[int, ...]],
    tiling: _Tiling,
    logits: Tensor,
    window: Extent,
) -> None:
    """Predict a batch of tiles and add what they say about the window to its logits (K, *window)."""
    batch = np.stack([tiling.read(array, tile) for tile in tiles])
    for classes, part in _parts(engine, batch, tiling=tiling):
        for tile, values in zip(tiles, part, strict=True):
            _add(logits[classes], values, overlap=list(tiling.overlap(tile, window)))


def _parts(engine: Engine, batch: Float32Array, *, tiling: _Tiling) -> Iterator[tuple[slice, Tensor]]:
    expected = tuple(axis.patch for axis in tiling.axes)
    if isinstance(engine, PartsEngine):
        pairs = engine.parts(batch)
    else:
        pairs = iter([(slice(0, _outputs(engine)), torch.as_tensor(engine(batch)))])
    for classes, part in pairs:
        wanted = (len(batch), classes.stop - classes.start, *expected)
        if part.shape != wanted:
            raise ConfigError(
                f"engine must return logits of shape {wanted}, got {tuple(part.shape)}; check its margin and classes"
            )
        yield classes, part


def _add(logits: Tensor, values: Tensor, *, overlap: list[tuple[slice, slice, Float32Array]]) -> None:
    """Add a tile's logits to the block, weighted by its shares along each axis."""
    weight = torch.ones((), device=logits.device)
    for _, _, share in overlap:
        weight = weight[..., None] * torch.from_numpy(share).to(logits.device)
    target = logits[(slice(None), *(place for place, _, _ in overlap))]
    source = values[(slice(None), *(place for _, place, _ in overlap))]
    target.addcmul_(source.to(logits.device, torch.float32), weight)


class _Progress:
    """Fraction of the image done, never going back; and the place where a wish to stop is heard."""

    def __init__(self, total: float, listener: Listener) -> None:
        self.total, self.listener = total, listener
        self.done = 0.0
        self.told = 0.0

    def check(self) -> None:
        if self.listener.should_stop():
            raise Cancelled(f"prediction was stopped at {self.told:.0%}; start it again to get a result")

    def tell(self, box: Extent, fraction: float) -> None:
        self.told = max(self.told, min(1.0, (self.done + fraction * _voxels(box)) / self.total))
        self.listener.on_progress(self.told)

    def finish(self, box: Extent) -> None:
        self.done += _voxels(box)
        self.tell(box, 0.0)


def _check(
    engine: Engine,
    array: ChannelArray,
    *,
    settings: TileSettings,
    coordinates: tuple[npt.NDArray[np.float64], ...] | None,
) -> None:
    ndim = len(settings.patch)
    if array.ndim != ndim + 1 or min(array.shape) < 1:
        raise ConfigError(
            f"array must be (C, {ndim} axes) and not empty, got shape {array.shape}; ADD the channel axis"
        )
    if len(engine.margin) != ndim or len(engine.divisor) != ndim:
        raise ConfigError(
            f"patch must have {len(engine.margin)} axes as the network has, got {settings.patch}; SET it so"
        )
    for length, side, unit in zip(settings.patch, engine.margin, engine.divisor, strict=True):
        if length <= 2 * side or (side == 0 and length % unit):
            rule = f"larger than {2 * side}" if side else f"multiples of {unit}"
            raise ConfigError(f"patch must be {rule}, got {_times(settings.patch)}; round it up")
    if coordinates is None:
        return
    if len(coordinates) != ndim:
        raise ConfigError(f"coordinates must be {ndim} vectors, one per axis, got {len(coordinates)}; ADD the others")
    for axis, (values, size) in enumerate(zip(coordinates, array.shape[1:], strict=True)):
        inside = values.ndim == 1 and len(values) > 0 and values[0] >= 0 and values[-1] <= size - 1
        if not inside or (np.diff(values) < 0).any():
            raise ConfigError(f"coordinates of axis {axis} must ascend within 0 to {size - 1}; clip and sort them")


def _voxels(box: Extent) -> float:
    return float(np.prod([high - low for low, high in box], dtype=float))


def _times(shape: Sequence[int]) -> str:
    return "×".join(str(size) for size in shape)
