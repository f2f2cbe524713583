"""What a network learns: maps computed once from a case's labels, and a loss of (output, labels, maps).

This is the seam between tasks: a class map, with or without the 2015 paper's border weights, or single objects, whose
borders, distances and vectors are outputs beside those of the classes. What augmentation cannot warp (distances,
vectors) is made of the warped ids of every patch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from septum.errors import ConfigError
from septum.geometry.class_maps import ignore_class
from septum.instances.targets import object_targets, target_names
from septum.net.learning import losses
from septum.net.learning.border_weights import border_weights

Maps = NDArray[np.float32]


@dataclass(frozen=True)
class Objective:
    """What is learnt from a class map.

    Args:
        maps: `(objects, spacing) -> (M, *shape)` float32, computed once per case from an integer map of its objects
            (instance ids where they are known, classes otherwise; 0 = none), and augmented together with the labels;
            None when the labels are enough.
        loss: `(output, labels, maps) -> scalar`; `output` is what the network returns in training, `labels` is
            `(N, *patch)` with the ignored class where nothing is annotated, `maps` is `(N, M, *patch)` or None.
        targets: `(ids, spacing, radii) -> (M, *patch)` float32, computed of the warped ids of each patch in place of
            `maps`; the network then has `target_names` outputs more than classes.
    """

    maps: Callable[[NDArray[Any], tuple[float, ...]], Maps] | None
    loss: Callable[[Any, Tensor, Tensor | None], Tensor]
    targets: Callable[[NDArray[Any], tuple[float, ...], NDArray[Any]], Maps] | None = None

    def extra_outputs(self, ndim: int) -> int:
        """How many outputs a network has beside those of the classes."""
        return 0 if self.targets is None else len(target_names(ndim))


def _unweighted(loss: losses.Loss) -> Callable[[Any, Tensor, Tensor | None], Tensor]:
    return lambda output, labels, maps: losses.supervise(loss, output, target=labels, ignore=_ignored(output))


def _weighted(loss: losses.Loss) -> Callable[[Any, Tensor, Tensor | None], Tensor]:
    return lambda output, labels, maps: losses.supervise(
        loss, output, target=labels, ignore=_ignored(output), weight=maps
    )


def _of_objects(output: Any, labels: Tensor, maps: Tensor | None) -> Tensor:
    first = output if isinstance(output, Tensor) else output[0]
    ignore = ignore_class(first.shape[1] - len(target_names(labels.ndim - 1)))
    return losses.supervise(losses.objects_loss, output, target=labels, ignore=ignore, weight=maps)


def _targets(ids: NDArray[Any], spacing: tuple[float, ...], radii: NDArray[Any]) -> Maps:
    return object_targets(ids, spacing=spacing, radii=radii)


def _weighted_targets(ids: NDArray[Any], spacing: tuple[float, ...], radii: NDArray[Any]) -> Maps:
    return np.concatenate([_targets(ids, spacing, radii), border_weights(np.maximum(ids, 0))[None]])


def _ignored(output: Tensor | Sequence[Tensor]) -> int:
    first = output if isinstance(output, Tensor) else output[0]
    return ignore_class(first.shape[1])


def _border_map(objects: NDArray[Any], spacing: tuple[float, ...]) -> Maps:
    return border_weights(objects)[None]


OBJECTIVES: dict[str, Objective] = {
    "dice + cross entropy": Objective(None, _unweighted(losses.dice_cross_entropy)),
    "dice + sigmoid per class": Objective(None, _unweighted(losses.dice_binary_cross_entropy)),
    "border-weighted cross entropy": Objective(_border_map, _weighted(losses.weighted_cross_entropy)),
    "balanced cross entropy": Objective(None, _unweighted(losses.balanced_cross_entropy)),
    "objects": Objective(None, _of_objects, _targets),
    "objects, border-weighted": Objective(None, _of_objects, _weighted_targets),
}


def get_objective(name: str) -> Objective:
    """The objective called `name`.

    Raises:
        ConfigError: when there is none.

    >>> get_objective("dice + cross entropy").maps is None
    True
    """
    if name not in OBJECTIVES:
        raise ConfigError(f"objective must be one of {', '.join(OBJECTIVES)}, got {name!r}")
    return OBJECTIVES[name]
