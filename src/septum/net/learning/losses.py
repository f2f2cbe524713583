"""What the network is trained against: functions of logits and a class map.

The insight: with class maps (not one-hot stacks) the overlap of Dice and the cross entropy both need only the value at
the annotated class, one gather for the two. Voxels marked IGNORE count in no sum, so partly annotated images train
honestly.

Every loss takes logits (N, K, *spatial) of any floating type and a class map (N, *spatial) of integers in 0..K-1 or
`ignore`, computes in float32, and returns a scalar. `weight` is a map (N, *spatial), or
(N, 1, *spatial), that multiplies the cross entropy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from septum.errors import ConfigError
from septum.geometry.class_maps import IGNORE

SMOOTH = 1e-5  # keeps the Dice of a class that is absent and not predicted at 1


def dice_cross_entropy(logits: Tensor, target: Tensor, *, ignore: int = IGNORE, weight: Tensor | None = None) -> Tensor:
    """Soft Dice (batch-wise, background excluded) plus cross entropy of the softmax.

    Dice after Drozdzal et al. 2016 with the batch as one volume; a class absent from the batch is pushed towards zero
    predicted volume. A batch without any annotated voxel gives 0.

    >>> right = torch.tensor([[[-50.0, 50.0]], [[50.0, -50.0]]]).movedim(0, 1)
    >>> round(float(dice_cross_entropy(right, torch.tensor([[1, 0]]))), 3)
    0.0
    """
    logits, target, valid, count = _prepare(logits, target, ignore=ignore)
    log_p = logits.log_softmax(dim=1)  # (N, K, V)
    log_p_true = log_p.gather(1, target[:, None])[:, 0]  # (N, V)
    entropy = _mean(-log_p_true, valid, count=count, weight=weight)
    return entropy + _soft_dice_loss(log_p.exp(), log_p_true.exp(), target=target, valid=valid)


def dice_binary_cross_entropy(
    logits: Tensor, target: Tensor, *, ignore: int = IGNORE, weight: Tensor | None = None
) -> Tensor:
    """The lecture's form, one sigmoid per class: soft Dice (background excluded) plus mean binary cross entropy.

    >>> right = torch.tensor([[[-50.0, 50.0]], [[50.0, -50.0]]]).movedim(0, 1)
    >>> round(float(dice_binary_cross_entropy(right, torch.tensor([[1, 0]]))), 3)
    0.0
    """
    logits, target, valid, count = _prepare(logits, target, ignore=ignore)
    z_true = logits.gather(1, target[:, None])[:, 0]  # (N, V)
    # -log(1 - sigmoid(z)) = softplus(z) for every class that is not there, -log sigmoid(z) = softplus(z) - z else
    entropy = (F.softplus(logits).sum(dim=1) - z_true) / logits.shape[1]  # (N, V)
    return _mean(entropy, valid, count=count, weight=weight) + _soft_dice_loss(
        logits.sigmoid(), z_true.sigmoid(), target=target, valid=valid
    )


def weighted_cross_entropy(
    logits: Tensor, target: Tensor, *, ignore: int = IGNORE, weight: Tensor | None = None
) -> Tensor:
    """Equation 1 of the U-Net paper, E = -sum w(x) log p_l(x)(x), divided by the number of annotated voxels.

    >>> round(float(weighted_cross_entropy(torch.zeros(1, 2, 4), torch.zeros(1, 4, dtype=torch.long))), 4)  # log 2
    0.6931
    """
    logits, target, valid, count = _prepare(logits, target, ignore=ignore)
    log_p_true = logits.log_softmax(dim=1).gather(1, target[:, None])[:, 0]  # (N, V)
    return _mean(-log_p_true, valid, count=count, weight=weight)


def balanced_cross_entropy(
    logits: Tensor, target: Tensor, *, ignore: int = IGNORE, weight: Tensor | None = None
) -> Tensor:
    """Cross entropy as if every class were annotated equally often, for logits that know how often it is.

    Cireşan et al. 2012 train on equally many patches of each class and calibrate the output afterwards. Here a voxel of
    a class of share p weighs 1 / (K p), and log p, which such training takes out of the logits, is put back (Menon et
    al. 2021), so that their arg-max is that of the classes as they occur.

    >>> logits, target = torch.tensor([0.9, 0.1]).log().expand(1, 10, 2).movedim(2, 1), torch.tensor([[0] * 9 + [1]])
    >>> round(float(balanced_cross_entropy(logits, target)), 4)  # nothing known but how often each occurs: log 2
    0.6931
    """
    logits, target, valid, count = _prepare(logits, target, ignore=ignore)
    classes = logits.shape[1]
    share = torch.bincount(target[valid.bool()], minlength=classes) / count.clamp(min=1.0)
    known = (share > 0) | (count == 0)
    # A class that does not occur here can be told from none: it takes no part.
    even = (logits - share.clamp(min=1e-6).log()[:, None]).masked_fill(~known[:, None], -torch.inf)
    log_p_true = even.log_softmax(dim=1).gather(1, target[:, None])[:, 0]  # (N, V)
    log_p_true = torch.where(valid > 0, log_p_true, 0.0)  # of no class that occurs, where nothing is annotated
    each = 1.0 / (share.clamp(min=1e-6) * known.sum().clamp(min=1))
    own = each[target]
    return _mean(-log_p_true, valid, count=count, weight=own if weight is None else own * weight.reshape(own.shape))


def objects_loss(outputs: Tensor, target: Tensor, *, ignore: int = IGNORE, weight: Tensor | None = None) -> Tensor:
    """What is learnt of single objects: classes, borders, distances and vectors, each a mean over annotated voxels.

    Args:
        outputs: (N, K + 2 + D, *spatial) logits of K classes, of border and distance, and a vector of D axes.
        target: class map (N, *spatial).
        ignore: its value where nothing is annotated; it counts in no sum.
        weight: (N, 2 + D, *spatial) as `septum.instances.targets.object_targets` gives them; one more channel is a
            weight of the cross entropy of the classes (the border weights of the U-Net paper).

    The loss is soft Dice and cross entropy of the classes, plus the binary cross entropies of border and distance (in
    [0, 1], so that its mean is learnt), plus the squared error of the vectors inside of objects. Of border and distance
    the inside of objects counts as much as all that lies outside, where there is little to learn.

    Raises:
        ConfigError: without targets.

    >>> wanted = torch.zeros(1, 4, 8, 8)
    >>> certain = torch.full((1, 6, 8, 8), -20.0)
    >>> certain[:, 0], certain[:, 4:] = 20.0, 0.0
    >>> float(objects_loss(certain, torch.zeros(1, 8, 8, dtype=torch.long), weight=wanted).round(decimals=3))
    0.0
    """
    if weight is None:
        raise ConfigError("weight must hold the targets of objects, got none; give samples with ids")
    ndim = target.ndim - 1
    extra = 2 + ndim
    classes, (scalars, vectors) = outputs.shape[1] - extra, (outputs[:, -extra:-ndim], outputs[:, -ndim:])
    border_weight = weight[:, extra] if weight.shape[1] > extra else None
    loss = dice_cross_entropy(outputs[:, :classes], target, ignore=ignore, weight=border_weight)
    valid = (target != ignore).to(torch.float32)[:, None]
    entropy = F.binary_cross_entropy_with_logits(scalars.float(), weight[:, :2].float(), reduction="none")
    wanted = weight[:, 2:extra].float()
    pointed = valid * (wanted.square().sum(1, keepdim=True) > 0.5)
    error = ((vectors.float() - wanted).square() * pointed).sum() / pointed.sum().clamp(min=1.0)
    inside = valid * (weight[:, 1:2] > 0)
    halves = [(entropy * part).sum() / part.sum().clamp(min=1.0) for part in (inside, valid - inside)]
    return loss + 0.5 * (halves[0] + halves[1]) + 0.5 * error


Loss = Callable[..., Tensor]


def supervise(
    loss: Loss,
    outputs: Tensor | Sequence[Tensor],
    *,
    target: Tensor,
    ignore: int = IGNORE,
    weight: Tensor | None = None,
) -> Tensor:
    """`loss` on one output, or on a list of ever coarser ones (deep supervision) with weights 1, 1/2, 1/4, … (sum 1).

    Coarser outputs see the class map at the voxel nearest to each of their centres.

    >>> even, target = torch.zeros(1, 2, 4), torch.zeros(1, 4, dtype=torch.long)
    >>> round(float(supervise(weighted_cross_entropy, [even, even[..., :2]], target=target)), 4)
    0.6931
    """
    if isinstance(outputs, Tensor):
        return loss(outputs, target, ignore=ignore, weight=weight)
    shares = torch.tensor([0.5**level for level in range(len(outputs))])
    total = target.new_zeros((), dtype=torch.float32)
    for share, output in zip((shares / shares.sum()).tolist(), outputs, strict=True):
        coarse_weight = None if weight is None else _pick(weight, output.shape[2:])
        total = total + share * loss(output, _pick(target, output.shape[2:]), ignore=ignore, weight=coarse_weight)
    return total


def _pick(values: Tensor, size: Sequence[int]) -> Tensor:
    """Nearest-neighbour down-sampling of (N, …, *spatial) to `size`: the value at each coarse voxel's centre."""
    for axis, length in enumerate(size, start=values.ndim - len(size)):
        full = values.shape[axis]
        if full != length:
            index = ((torch.arange(length, device=values.device) + 0.5) * (full / length)).long()
            values = values.index_select(axis, index)
    return values


def _prepare(logits: Tensor, target: Tensor, *, ignore: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Float32 logits (N, K, V), int64 classes (N, V) with ignored voxels as class 0, mask of the others, its sum."""
    if logits.ndim != target.ndim + 1 or logits.shape[:1] + logits.shape[2:] != target.shape:
        raise ConfigError(
            f"target must have the shape of the logits without their class axis, got logits {tuple(logits.shape)} and "
            f"target {tuple(target.shape)}; crop the target by the network's margin"
        )
    logits = logits.to(torch.float32, memory_format=torch.contiguous_format).flatten(2)
    target = target.reshape(target.shape[0], -1)
    known = target != ignore
    target = torch.where(known, target, target.new_zeros(())).long()
    valid = known.to(torch.float32)
    return logits, target, valid, valid.sum()


def _mean(values: Tensor, valid: Tensor, *, count: Tensor, weight: Tensor | None) -> Tensor:
    """Sum of (weighted) values (N, V) over annotated voxels, divided by their number."""
    if weight is not None:
        valid = valid * weight.reshape(valid.shape).float()
    return (values * valid).sum() / count.clamp(min=1.0)


def _soft_dice_loss(p: Tensor, p_true: Tensor, *, target: Tensor, valid: Tensor) -> Tensor:
    """1 - mean over foreground classes of (2 overlap + s) / (predicted + annotated volume + s), sums over the batch."""
    classes = p.shape[1]
    flat = target.reshape(-1)
    overlap = p.new_zeros(classes).index_add(0, flat, (p_true * valid).reshape(-1))  # (K,)
    annotated = p.new_zeros(classes).index_add(0, flat, valid.reshape(-1))  # (K,)
    predicted = (p * valid[:, None]).sum(dim=(0, 2))  # (K,); not an einsum: autocast would round that to bfloat16
    dice = (2.0 * overlap + SMOOTH) / (predicted + annotated + SMOOTH)
    return 1.0 - dice[1 if classes > 1 else 0 :].mean()
