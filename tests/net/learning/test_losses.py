"""The losses against MONAI, against sums written out, and under the ignore label."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from septum.errors import ConfigError
from septum.geometry.class_maps import IGNORE
from septum.instances.targets import object_targets
from septum.net.learning import losses
from septum.net.learning.losses import SMOOTH, dice_binary_cross_entropy, dice_cross_entropy, supervise
from septum.net.learning.losses import balanced_cross_entropy as balanced
from septum.net.learning.losses import weighted_cross_entropy as weighted

LOSSES = {loss.__name__: loss for loss in (dice_cross_entropy, dice_binary_cross_entropy, weighted, balanced)}
EVERY_LOSS = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())


def sample(classes: int, shape: tuple[int, ...], seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits (N, K, *spatial) and a class map (N, *spatial)."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(shape[0], classes, *shape[1:], generator=generator)
    return logits, torch.randint(0, classes, shape, generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("shape", [(3, 8, 9), (2, 4, 5, 6)])
def test_dice_cross_entropy_and_its_gradient_equal_monais(classes: int, shape: tuple[int, ...]) -> None:
    from monai.losses import DiceCELoss

    logits, target = sample(classes, shape)
    oracle = DiceCELoss(
        include_background=False, to_onehot_y=True, softmax=True, batch=True, smooth_nr=SMOOTH, smooth_dr=SMOOTH
    )
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    a, b = dice_cross_entropy(ours, target), oracle(theirs, target[:, None].long())
    torch.testing.assert_close(a, b)
    a.backward()
    b.backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_the_sigmoid_variant_equals_the_one_hot_sums_written_out() -> None:
    logits, target = sample(3, (2, 6, 7))
    one_hot = F.one_hot(target.long(), 3).movedim(-1, 1).float()
    p = logits.sigmoid()
    overlap, volume = (p * one_hot).sum((0, 2, 3)), (p + one_hot).sum((0, 2, 3))
    dice = ((2 * overlap + SMOOTH) / (volume + SMOOTH))[1:].mean()
    expected = 1 - dice + F.binary_cross_entropy_with_logits(logits, one_hot)
    torch.testing.assert_close(dice_binary_cross_entropy(logits, target), expected)


def test_weighted_cross_entropy_is_equation_1_of_the_paper_per_voxel() -> None:
    logits, target = sample(2, (2, 5, 6))
    weight = torch.rand(2, 5, 6)
    per_voxel = F.cross_entropy(logits, target.long(), reduction="none")
    torch.testing.assert_close(weighted(logits, target, weight=weight), (weight * per_voxel).mean())
    torch.testing.assert_close(weighted(logits, target, weight=weight[:, None]), (weight * per_voxel).mean())
    torch.testing.assert_close(weighted(logits, target), per_voxel.mean())


def test_balanced_cross_entropy_is_that_of_equally_many_voxels_of_each_class() -> None:
    logits = torch.randn(1, 2, 40)
    target = (torch.arange(40) % 4 == 0).long()[None]
    prior = torch.tensor([0.75, 0.25])
    drawn = (logits - prior.log()[None, :, None]).movedim(1, -1)[0]
    each = F.cross_entropy(drawn, target[0], reduction="none")
    expected = 0.5 * each[target[0] == 0].mean() + 0.5 * each[target[0] == 1].mean()
    torch.testing.assert_close(balanced(logits, target), expected)


def test_balanced_cross_entropy_of_a_class_that_does_not_occur_asks_nothing_of_it() -> None:
    logits = torch.randn(1, 3, 10, requires_grad=True)
    target = torch.tensor([[0, 1] * 5])
    balanced(logits, target).backward()
    assert logits.grad is not None
    assert (logits.grad[:, 2] == 0).all()
    assert (logits.grad[:, :2] != 0).all()
    assert float(balanced(logits.detach(), torch.full((1, 10), IGNORE))) == 0.0


@EVERY_LOSS
@given(seed=st.integers(0, 10_000), share=st.floats(0.05, 0.95))
def test_ignored_voxels_influence_neither_the_loss_nor_the_gradient(loss: object, seed: int, share: float) -> None:
    logits, target = sample(3, (2, 4, 5), seed)
    hidden = torch.rand(target.shape, generator=torch.Generator().manual_seed(seed)) < share
    target = torch.where(hidden, IGNORE, target)
    other = torch.where(hidden[:, None], 50 * torch.randn_like(logits), logits)
    values, gradients = [], []
    for z in (logits, other):
        leaf = z.clone().requires_grad_()
        value = loss(leaf, target)  # type: ignore[operator]
        value.backward()
        assert leaf.grad is not None
        assert not leaf.grad[hidden[:, None].expand_as(leaf)].any()
        values.append(value.detach())
        gradients.append(leaf.grad)
    torch.testing.assert_close(*values)
    torch.testing.assert_close(*gradients)


@EVERY_LOSS
def test_ignoring_rows_equals_cropping_them(loss: object) -> None:
    logits, target = sample(3, (2, 6, 7))
    masked = target.clone()
    masked[:, 4:] = IGNORE
    torch.testing.assert_close(
        loss(logits, masked),  # type: ignore[operator]
        loss(logits[:, :, :4], target[:, :4]),  # type: ignore[operator]
    )


@EVERY_LOSS
def test_a_batch_without_annotation_gives_no_gradient(loss: object) -> None:
    logits, target = sample(3, (1, 4, 4))
    leaf = logits.requires_grad_()
    value = loss(leaf, torch.full_like(target, IGNORE))  # type: ignore[operator]
    value.backward()
    assert value.isfinite()
    assert leaf.grad is not None
    assert not leaf.grad.any()


def test_another_ignore_value_can_be_named() -> None:
    logits, target = sample(2, (1, 4, 4))
    marked = target.clone()
    marked[0, 0] = 7
    expected = target.clone()
    expected[0, 0] = IGNORE
    torch.testing.assert_close(dice_cross_entropy(logits, marked, ignore=7), dice_cross_entropy(logits, expected))


def test_an_absent_class_is_finite_and_pushed_down() -> None:
    logits, target = sample(4, (1, 6, 6))
    target[target == 3] = 0
    leaf = logits.requires_grad_()
    value = dice_cross_entropy(leaf, target)
    value.backward()
    assert value.isfinite()
    assert leaf.grad is not None
    assert leaf.grad[:, 3].sum() > 0  # descending lowers the logits of the class that is not there


@pytest.mark.parametrize("loss", [dice_cross_entropy, dice_binary_cross_entropy])
def test_a_perfect_confident_prediction_costs_nothing(loss: object) -> None:
    _, target = sample(3, (2, 8, 8))
    logits = 40.0 * (2 * F.one_hot(target.long(), 3).movedim(-1, 1).float() - 1)
    assert loss(logits, target).item() == pytest.approx(0.0, abs=1e-4)  # type: ignore[operator]


@EVERY_LOSS
def test_bfloat16_logits_are_summed_in_float32(loss: object) -> None:
    logits, target = sample(3, (2, 64, 64))
    rounded = logits.bfloat16()
    value = loss(rounded, target)  # type: ignore[operator]
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, loss(rounded.float(), target))  # type: ignore[operator]
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(value, loss(rounded, target))  # type: ignore[operator]


@EVERY_LOSS
def test_the_memory_layout_and_the_integer_type_do_not_matter(loss: object) -> None:
    logits, target = sample(3, (2, 8, 8))
    expected = loss(logits, target)  # type: ignore[operator]
    last = logits.to(memory_format=torch.channels_last)
    for dtype in (torch.uint8, torch.int16, torch.int64):
        torch.testing.assert_close(loss(last, target.to(dtype)), expected)  # type: ignore[operator]


def test_extreme_logits_stay_finite() -> None:
    logits, target = sample(2, (1, 4, 4))
    for loss in LOSSES.values():
        leaf = (1e4 * logits).requires_grad_()
        loss(leaf, target).backward()
        assert leaf.grad is not None
        assert leaf.grad.isfinite().all()


def test_the_loss_falls_as_the_prediction_approaches_the_target() -> None:
    logits, target = sample(3, (2, 8, 8))
    right = 2 * F.one_hot(target.long(), 3).movedim(-1, 1).float() - 1
    for loss in LOSSES.values():
        values = [loss((1 - t) * logits + 6 * t * right, target).item() for t in (0.0, 0.25, 0.5, 0.75, 1.0)]
        assert all(later < earlier for earlier, later in pairwise(values))


# -- deep supervision --------------------------------------------------------------------------------------------------


def test_one_output_is_supervised_as_it_is() -> None:
    logits, target = sample(3, (2, 8, 8))
    torch.testing.assert_close(supervise(dice_cross_entropy, logits, target=target), dice_cross_entropy(logits, target))


def test_coarse_outputs_count_half_as_much_each_and_see_the_class_map_at_their_centres() -> None:
    logits, target = sample(3, (2, 8, 12))
    coarse, _ = sample(3, (2, 4, 6), seed=1)
    coarsest, _ = sample(3, (2, 2, 6), seed=2)
    expected = (
        4 * weighted(logits, target)
        + 2 * weighted(coarse, target[:, 1::2, 1::2])
        + 1 * weighted(coarsest, target[:, 2::4, 1::2])
    ) / 7
    torch.testing.assert_close(supervise(weighted, [logits, coarse, coarsest], target=target), expected)


def test_deep_supervision_carries_the_weight_map_and_the_ignore_label() -> None:
    logits, target = sample(3, (1, 4, 4))
    coarse, _ = sample(3, (1, 2, 2), seed=1)
    target[:, 1::2, 1::2] = IGNORE
    weight = torch.rand(1, 1, 4, 4)
    expected = 2 / 3 * weighted(logits, target, weight=weight)  # the coarse class map is ignored everywhere
    torch.testing.assert_close(supervise(weighted, [logits, coarse], target=target, weight=weight), expected)


def test_a_target_of_another_shape_is_refused() -> None:
    logits, target = sample(3, (2, 8, 8))
    for loss in LOSSES.values():
        with pytest.raises(ConfigError, match="target must have the shape of the logits"):
            loss(logits, target[:, 1:])
        with pytest.raises(ConfigError, match="target must have the shape of the logits"):
            loss(logits, target[:, None])


def _object_case() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Two touching squares: perfect outputs (N, 2 + 4, 9, 9), class map, targets."""
    ids = np.zeros((9, 9), np.int32)
    ids[2:7, 1:4], ids[2:7, 4:8] = 1, 2
    targets = torch.from_numpy(object_targets(ids))[None]
    mask = torch.from_numpy(ids > 0)[None]
    inside = torch.where(mask, 30.0, -30.0)
    share = targets[:, :2].clamp(1e-9, 1 - 1e-7)
    outputs = torch.cat([-inside[:, None], inside[:, None], torch.logit(share), targets[:, 2:]], dim=1)
    return outputs, mask.long(), targets


def test_the_loss_of_objects_is_least_for_right_outputs_in_each_of_its_parts() -> None:
    outputs, target, targets = _object_case()
    least = float(losses.objects_loss(outputs, target, weight=targets))
    for part in (slice(0, 2), slice(2, 3), slice(3, 4), slice(4, 5), slice(5, 6)):
        worse = outputs.clone()
        worse[:, part] = -worse[:, part]
        assert float(losses.objects_loss(worse, target, weight=targets)) > least + 0.1, part


def test_background_does_not_thin_what_is_learnt_of_border_and_distance() -> None:
    outputs, target, targets = _object_case()
    outputs[:, 2:4, 2:7, 1:8] = 0.0  # nothing is said inside of the objects
    small = float(losses.objects_loss(outputs, target, weight=targets))
    around = (8, 8, 8, 8)
    wide = torch.nn.functional.pad(outputs, around, value=0.0)
    for channel, value in enumerate((30.0, -30.0, -30.0, -30.0)):
        far = torch.ones(wide.shape[2:], dtype=torch.bool)
        far[8:-8, 8:-8] = False
        wide[:, channel, far] = value
    pad = torch.nn.functional.pad
    large = float(losses.objects_loss(wide, pad(target, around), weight=pad(targets, around)))
    assert large == pytest.approx(small, rel=1e-3)


def test_what_nobody_annotated_does_not_change_the_loss_of_objects() -> None:
    outputs, target, targets = _object_case()
    target[:, :, 5:] = IGNORE
    before = float(losses.objects_loss(outputs, target, weight=targets))
    outputs[..., 5:] += 3.0
    assert float(losses.objects_loss(outputs, target, weight=targets)) == pytest.approx(before)


def test_border_weights_raise_the_cost_of_the_gap_only_where_they_are_given() -> None:
    outputs, target, targets = _object_case()
    outputs[:, 1, 4, 0] = 40.0  # a background pixel taken for an object
    plain = float(losses.objects_loss(outputs, target, weight=targets))
    even = torch.cat([targets, torch.ones(1, 1, 9, 9)], dim=1)
    assert float(losses.objects_loss(outputs, target, weight=even)) == pytest.approx(plain)
    even[:, -1, 4, 0] = 5.0
    more = 4 * 10 / 81  # log-odds of 10 against the truth, four times more of it, over 81 pixels
    assert float(losses.objects_loss(outputs, target, weight=even)) == pytest.approx(plain + more, rel=1e-4)


def test_the_loss_of_objects_without_targets_is_refused() -> None:
    outputs, target, _ = _object_case()
    with pytest.raises(ConfigError, match="targets of objects"):
        losses.objects_loss(outputs, target)
