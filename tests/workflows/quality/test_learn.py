"""What the end of a training teaches: limits beyond which nothing is known, and calibrations that saw failures."""

from __future__ import annotations

import numpy as np
import pytest
from tests.workflows.quality.estimates import make_plan, references

from septum.workflows.quality.grade import HeldOut, Quality
from septum.workflows.quality.learn import References, limits, make_quality
from septum.workflows.quality.looks import FAR


def row(case: int, expected: float, dice: float, *, way: str = "", far: float = 0.8, **more: object) -> HeldOut:
    return HeldOut(f"c{case}", 1, expected, None, dice, way=way, image_far=far, network_far=far, **more)  # type: ignore[arg-type]


def plain(n: int = 10) -> list[HeldOut]:
    """Held-out images whose promise is nearly kept."""
    rng = np.random.default_rng(0)
    return [row(i, e, e - 0.03 + rng.normal(0, 0.01)) for i, e in enumerate(np.linspace(0.75, 0.95, n))]


def learnt(rows: list[HeldOut]) -> Quality:
    plan = make_plan()
    return make_quality(rows, references(plan), plan=plan)


def test_the_limit_lies_where_promises_begin_to_break() -> None:
    kept = [row(i, 0.9, 0.86, way="blur", far=1.0 + 0.2 * i) for i in range(10)]
    broken = [row(i, 0.9, 0.1, way="inverted", far=3.5 + 0.2 * i) for i in range(10)]
    image, network = limits([*plain(), *kept, *broken])
    assert (
        image == network == pytest.approx((2.8 * 3.5) ** 0.5)
    )  # halfway from the last that held to the first that broke


def test_no_image_as_it_is_lies_near_the_limit_and_nothing_untried_lies_within() -> None:
    lonely = row(99, 0.9, 0.88, far=2.4)
    broken = [row(i, 0.9, 0.1, way="noise", far=1.2 + 0.1 * i) for i in range(10)]
    assert limits([*plain(), lonely, *broken])[0] == pytest.approx(1.25 * 2.4)
    kept = [row(i, 0.9, 0.86, way="bias", far=1.0 + i) for i in range(5)]
    assert limits([*plain(), *kept])[0] == pytest.approx(5.0)


def test_without_rows_or_without_distances_the_limit_is_the_usual_one() -> None:
    assert limits([]) == (FAR, FAR)
    assert limits([HeldOut("a", 1, 0.9, None, 0.8)]) == (FAR, FAR)


def test_failures_inside_the_limits_teach_the_estimate() -> None:
    failures = [row(i, 0.55, 0.1, way="modality") for i in range(10)]
    before, after = learnt(plain()).classes[0].alone, learnt([*plain(), *failures]).classes[0].alone
    assert before is not None
    assert after is not None
    assert before.estimate(0.55) > 0.35
    assert after.estimate(0.55) < 0.25
    assert after.estimate(0.9) == pytest.approx(before.estimate(0.9), abs=0.08)


def test_images_that_the_networks_saw_give_no_figure_only_a_rough_judge() -> None:
    seen = [row(i, e, e - 0.02, seen=True) for i, e in enumerate((0.95, 0.9, 0.6))]
    spoiled = [row(i, 0.5, 0.1, way="noise", seen=True) for i in range(3)]
    (one,) = learnt([*seen, *spoiled]).classes
    assert one.alone is None
    assert one.rough is not None
    assert one.rough.estimate(0.95) > 0.8
    assert one.rough.estimate(0.5) < 0.4


def test_a_class_that_every_training_mask_holds_is_known_to_be_always_there() -> None:
    from septum.net.learning.sampling import Sample

    plan = make_plan((0, 1, 2))
    masks = [np.zeros((16, 16), np.uint8) for _ in range(4)]
    for mask in masks:
        mask[4:8, 4:8] = 1
    masks[0][10:12, 10:12] = 2
    samples = [Sample(f"s{i}", np.zeros((1, 16, 16), np.float32), m, (1.0, 1.0)) for i, m in enumerate(masks)]
    assert References.of(samples, plan).always == (True, False)
    assert References.of(samples[:3], plan).always == (False, False)
    assert References.of(samples, plan).objects is None  # no single objects are learnt
