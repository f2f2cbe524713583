"""A forest of decision trees as plain arrays: grown by scikit-learn, applied by a compiled loop, stored without pickle.

The insight: a tree is five columns of numbers. Kept as such it can be written to a file that holds no code, checked
before it is used, and walked by many voxels at a time.

Trees are extremely randomised (Geurts et al. 2006, Machine Learning 63:3), each grown on a sample of the marks drawn
with repetition (Breiman 2001, Machine Learning 45:5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import CheckpointError, ConfigError
from septum.geometry.arrays import Float32Array

TREES, DEPTH, LEAF = 50, 8, 2
"""As good as a hundred trees without a limit from scribbles on four kinds of images, in a third of the time."""


MOST_NODES = 1 << 26


@dataclass(frozen=True)
class ForestSettings:
    """How a forest is grown: how many `trees` of which largest `depth` (more of either take longer), the `seed` of the
    random choices, and how many features to `keep`, those of the largest importance; None keeps all."""

    trees: int = TREES
    depth: int = DEPTH
    seed: int = 0
    keep: int | None = None


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees, one after the other.

    Args:
        split: feature that each node asks for, `(nodes,)`; 0 at a leaf.
        threshold: a voxel goes left where the feature is at most this; infinite at a leaf.
        left: the next node on the left, the one behind it is that on the right; a leaf leads to itself.
        roots, depths: first node and depth of each tree.
        prob: probability of each class at a node, `(nodes, K)`.
    """

    split: NDArray[np.int32]
    threshold: Float32Array
    left: NDArray[np.int32]
    roots: NDArray[np.int32]
    depths: NDArray[np.int32]
    prob: Float32Array

    @property
    def classes(self) -> int:
        """How many classes the trees tell apart."""
        return int(self.prob.shape[1])

    def probabilities(self, features: Float32Array) -> Float32Array:
        """Probability of each class `(K, N)`, 0 to 1 with sum 1, from features `(F, N)`: the mean over the trees.

        Runs on the thread that calls it, and lets others run.
        """
        from septum.interactive.pixels.forest_kernels import vote

        out = np.zeros((self.classes, features.shape[1]), np.float32)
        columns = np.ascontiguousarray(features, dtype=np.float32)
        vote(columns, self.split, self.threshold, self.left, self.roots, self.depths, self.prob, out)
        out /= np.float32(len(self.roots))
        return out

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The columns by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def checked(cls, arrays: Mapping[str, NDArray[Any]], *, features: int, classes: int) -> Forest:
        """A forest from columns of unknown origin, when walking it cannot leave the arrays or go round in circles.

        Raises:
            CheckpointError: columns that are missing, of another type or size, or that are no trees.
        """
        kinds = {"threshold": np.float32, "prob": np.float32}
        for name in cls.__dataclass_fields__:
            kind = kinds.get(name, np.int32)
            if name not in arrays or arrays[name].dtype != kind or arrays[name].ndim != (2 if name == "prob" else 1):
                raise CheckpointError(f"the forest must hold {name} as {np.dtype(kind)}; the file is damaged")
        found = cls(**{name: np.ascontiguousarray(arrays[name]) for name in cls.__dataclass_fields__})
        if not found._is_sound(features, classes):
            raise CheckpointError("the forest must consist of trees whose numbers fit together; the file is damaged")
        return found

    def _is_sound(self, features: int, classes: int) -> bool:
        count = len(self.split)
        sizes = {len(self.threshold), len(self.left), len(self.prob)}
        if sizes != {count} or self.prob.shape[1] != classes or not len(self.roots) or count > MOST_NODES:
            return False
        here = np.arange(count)
        leaf = self.left == here
        onward = (self.left > here) & (self.left < count - 1)
        return bool(
            len(self.depths) == len(self.roots)
            and ((self.roots >= 0) & (self.roots < count)).all()
            and ((self.depths >= 0) & (self.depths <= 1000)).all()
            and ((self.split >= 0) & (self.split < features)).all()
            and (onward | (leaf & (self.threshold == np.inf))).all()
            and not np.isnan(self.threshold).any()
            and ((self.prob >= 0) & (self.prob <= 1)).all()
            and np.allclose(self.prob.sum(axis=1), 1, atol=1e-4)
        )


def grow_forest(
    samples: Float32Array, classes: NDArray[np.integer], *, trees: int = TREES, depth: int = DEPTH, seed: int = 0
) -> tuple[Forest, NDArray[np.float64]]:
    """A forest that tells the classes apart, and the importance of each feature (not negative, sum 1 or 0).

    Args:
        samples: features of the marked voxels, `(N, F)`.
        classes: the class of each, `(N,)`, 0 to K - 1, every one present.
        trees: how many, 1 or more.
        depth: most questions in a row, 1 or more; it bounds the time that a voxel takes.
        seed: of the random choices; the same seed gives the same forest.

    Raises:
        ConfigError: fewer than two classes, or options out of range.

    >>> samples = np.linspace(0, 1, 40, dtype=np.float32)[:, None]
    >>> forest, importance = grow_forest(samples, np.repeat([0, 1], 20), trees=5)
    >>> importance.tolist()
    [1.0]
    """
    from sklearn.ensemble import ExtraTreesClassifier

    if not 1 <= trees <= 1000 or not 1 <= depth <= 100:
        raise ConfigError(f"a forest must have 1 to 1000 trees of depth 1 to 100, got {trees} of depth {depth}")
    if len(classes) == 0 or classes.max() < 1:
        raise ConfigError("a forest needs two classes or more, got one; mark voxels of another label too")
    grown = ExtraTreesClassifier(
        trees, max_depth=depth, min_samples_leaf=LEAF, bootstrap=True, random_state=seed, n_jobs=1
    ).fit(samples, classes)
    return _packed([tree.tree_ for tree in grown.estimators_]), np.asarray(grown.feature_importances_)


def _packed(trees: list[Any]) -> Forest:
    """Scikit-learn's trees in one row of arrays, the two nodes below a node side by side."""
    roots = np.concatenate([[0], np.cumsum([tree.node_count for tree in trees])[:-1]]).astype(np.int32)
    columns: dict[str, list[NDArray[Any]]] = {"split": [], "threshold": [], "left": [], "prob": []}
    for tree, root in zip(trees, roots, strict=True):
        order = _by_level(tree.children_left, tree.children_right)
        place = np.empty(len(order), np.int32)
        place[order] = np.arange(len(order))
        left = tree.children_left[order]
        votes = tree.value[order, 0]
        columns["split"].append(np.where(left < 0, 0, tree.feature[order]))
        columns["threshold"].append(np.where(left < 0, np.float32(np.inf), _at_most(tree.threshold[order])))
        columns["left"].append(root + np.where(left < 0, np.arange(len(order)), place[left]))
        columns["prob"].append(votes / votes.sum(axis=1, keepdims=True))
    kinds: dict[str, Any] = {"split": np.int32, "threshold": np.float32, "left": np.int32, "prob": np.float32}
    joined: dict[str, Any] = {name: np.concatenate(parts).astype(kinds[name]) for name, parts in columns.items()}
    return Forest(**joined, roots=roots, depths=np.array([tree.max_depth for tree in trees], np.int32))


def _by_level(left: NDArray[np.integer], right: NDArray[np.integer]) -> NDArray[np.int64]:
    """The nodes of a tree from the root down, the two below a node one after the other."""
    order = [0]
    for node in order:  # grows while it is read
        if left[node] >= 0:
            order += [int(left[node]), int(right[node])]
    return np.array(order)


def _at_most(limit: NDArray[np.float64]) -> Float32Array:
    """The largest number of single precision that is not above each limit: comparisons come out the same."""
    near = limit.astype(np.float32)
    return np.where(near > limit, np.nextafter(near, np.float32(-np.inf)), near)
