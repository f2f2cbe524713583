"""The lessons on measurement: Dice and IoU by hand with their pitfalls, and the two challenges."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.metrics import Counts, confusion_counts, dice, iou
from septum.metrics.neurite import neurite_scores
from septum.metrics.tracking import score_tracking, segmentation_accuracy
from septum.workflows.teaching import drawing
from septum.workflows.teaching.lesson import Lesson, posed

SUCCESS = 0.7
"""Dice below which a made segmentation counts as failed in the lesson on distributions."""


def _masks() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A reference of 12 pixels and a prediction of 12, moved by one column."""
    reference = np.zeros((6, 7), np.uint8)
    reference[1:5, 1:4] = 1
    return reference, np.roll(reference, 1, axis=1)


def made_scores(count: int = 2500) -> NDArray[np.float64]:
    """Dice values of a made study: most near 0.93, one in twenty a failure; shaped like the lecture's figure 1.

    Made, not measured: the figure's own numbers are not published with it.
    """
    generator = np.random.default_rng(0)
    good = 1 - generator.gamma(3.0, 0.022, count)
    failed = generator.uniform(0.0, 0.65, count)
    return np.clip(np.where(generator.random(count) < 0.05, failed, good), 0, 1)


def dice_lesson() -> Lesson:
    """Two masks, three counts, two scores, five pitfalls."""
    reference, prediction = _masks()
    counts = confusion_counts(reference, prediction, classes=[1])[0]
    tp, fp, fn = counts.tp, counts.fp, counts.fn
    value, jaccard = dice(counts), iou(counts)
    union = tp + fp + fn
    wrong = 2 * tp / union
    scores = made_scores()
    failed = float((scores < SUCCESS).mean())
    tiny = dice(Counts(tp=2, fp=2, fn=2, tn=0))
    large = dice(Counts(tp=9998, fp=2, fn=2, tn=0))
    by_hand = f"2 × {tp} / (2 × {tp} + {fp} + {fn}) = {value:.4f}"
    lines = (
        f"reference 12 pixels, prediction the same moved by one: overlap TP = {tp}, extra FP = {fp}, missed FN = {fn}",
        f"  Dice = 2 TP / (2 TP + FP + FN) = {by_hand}",
        f"  IoU  = TP / (TP + FP + FN)     = {tp} / {union} = {jaccard:.4f}",
        f"  one follows from the other: IoU = Dice / (2 - Dice) = {value:.4f} / {2 - value:.4f} = {jaccard:.4f}",
        "",
        "pitfall 1, the slide's second form: 2 × overlap / union is neither of them",
        f"  2 × {tp} / {union} = {wrong:.4f}, full marks for two masks that differ; divide by the sum of both areas",
        "pitfall 2, empty masks: nothing to find and nothing found is 0 / 0; Septum counts such cases apart",
        "pitfall 3, small objects: two pixels wrong at each side",
        f"  of 4 pixels: Dice {tiny:.3f}; of 10000 pixels: Dice {large:.4f}",
        "pitfall 4, the mean hides failures: 2500 made segmentations, as many as in the lecture's figure",
        f"  mean {scores.mean():.3f}, median {np.median(scores):.3f}, yet {failed:.1%} lie below {SUCCESS}",
        "pitfall 5, radiologists judge pass or fail, not Dice: ask people, with septum review",
    )
    from_dice = 0.8 / (2 - 0.8)
    return Lesson(
        lines,
        _draw_dice,
        (
            posed(
                "Dice and IoU of the two masks?",
                (value, by_hand),
                (jaccard, f"{tp} / ({tp} + {fp} + {fn}) = {jaccard:.4f}"),
            ),
            posed("IoU of a mask with Dice 0.8?", (from_dice, f"0.8 / (2 - 0.8) = {from_dice:.4f}")),
            posed(
                "What does the slide's wrong form (2 × overlap / union) give for two equal masks?",
                (2, "overlap = union, so 2 × 1 = 2: a 'share' of 200 %"),
            ),
        ),
    )


def _draw_dice() -> Any:
    reference, prediction = _masks()
    figure, axes = drawing.new_figure(4, width=3.2)
    drawing.draw_table(axes[0], reference, title="reference")
    drawing.draw_table(axes[1], reference + 2 * prediction, title="1 missed, 2 extra, 3 overlap")
    axis = axes[2]
    axis.set_axis_on()
    values = np.linspace(0, 1, 101)
    axis.plot(values, values / (2 - values), color=drawing.BLUE)
    axis.plot([0, 1], [0, 1], ":", color=drawing.GREY)
    axis.set_xlabel("Dice")
    axis.set_ylabel("IoU")
    axis.set_title("IoU is always the lower one", fontsize=11)
    scores = made_scores()
    axis = axes[3]
    axis.set_axis_on()
    axis.hist(scores, bins=50, color=drawing.BLUE)
    axis.axvline(scores.mean(), color=drawing.ORANGE)
    axis.set_yscale("log")
    axis.set_xlabel("Dice")
    axis.set_title(f"2500 made cases, mean {scores.mean():.2f}", fontsize=11)
    return figure


def challenges() -> Lesson:
    """ISBI's membranes: who is joined matters; the cell tracking challenge: who is who, and who comes from whom."""
    truth = np.array([[1, 1, 1, 0, 2, 2, 2], [1, 1, 1, 0, 2, 2, 2]])
    hole = truth.copy()
    hole[0, 3] = 1  # one membrane pixel given to a neurite: both stay apart
    gap = np.ones_like(truth)
    neurites = {name: neurite_scores(truth, guess) for name, guess in (("moved", hole), ("joined", gap))}
    wrong = {name: float((guess != truth).mean()) for name, guess in (("moved", hole),)}
    gap_pixels = 2 / truth.size
    frame = np.array([[1, 1, 1, 1, 0, 2, 2]])
    found = np.array([[1, 1, 1, 0, 0, 0, 0]])
    seg = segmentation_accuracy([(frame, found)]).seg
    movie = [(frame, found), (frame, found)]
    tracked = score_tracking(movie, reference_lineage=[[1, 0, 1, 0], [2, 0, 1, 0]], prediction_lineage=[[1, 0, 1, 0]])
    joined = neurites["joined"]
    lines = (
        "ISBI 2012, neurons in electron microscopy: a membrane pixel wrong may join two neurons or nothing",
        f"  one membrane pixel missed:    pixel error {wrong['moved']:.3f}, V_rand {neurites['moved'].v_rand:.3f}",
        f"  two pixels of membrane open:  pixel error {gap_pixels:.3f}, V_rand {joined.v_rand:.3f} (one neuron)",
        "  V_rand asks of pairs of pixels: together in both? Arganda-Carreras et al. 2015",
        "",
        "cell tracking challenge: SEG, mean IoU over the true cells (0 where no object covers more than half)",
        f"  cell 1: 3 of 4 pixels found, IoU 0.75; cell 2: not found, 0; SEG = (0.75 + 0) / 2 = {seg:.3f}",
        "  TRA, how much must be mended: nodes and links of the graph of tracks, against building it anew",
        f"  two frames, cell 2 missed in both: DET {tracked.det:.3f}, TRA {tracked.tra:.3f}; Matula et al. 2015",
        "",
        "the U-Net won the first by context and by borders that weigh more, the second by learning from few images",
    )
    return Lesson(
        lines,
        _draw_challenges,
        (
            posed(
                "SEG of two cells, one found with IoU 0.75, the other missed?",
                (seg, f"(0.75 + 0) / 2 = {seg:.3f}"),
            ),
            posed(
                "V_rand of two equal neurons found as one?",
                (joined.v_rand, "split 1, merge 1/2, their harmonic mean 2 × 1 × 0.5 / (1 + 0.5) = 0.667"),
            ),
            posed(
                "Two cells in two frames make 4 nodes; one cell is missed in both. DET?",
                (tracked.det, "2 of 4 nodes must be added: 1 - 2/4 = 0.5 (each costs the same in both sums)"),
            ),
        ),
    )


def _draw_challenges() -> Any:
    figure, axes = drawing.new_figure(4)
    truth = np.zeros((9, 11), np.int32)
    truth[1:8, 1:5], truth[1:8, 6:10] = 1, 2
    moved = truth.copy()
    moved[:, 5], moved[:, 6] = truth[:, 4], 0
    opened = truth.copy()
    opened[opened == 2] = 1
    opened[4, 5] = 1
    drawing.objects(axes[0], truth, title="two neurons")
    drawing.objects(axes[1], moved, title=f"moved: V_rand {neurite_scores(truth, moved).v_rand:.2f}")
    drawing.objects(axes[2], opened, title=f"one pixel open: V_rand {neurite_scores(truth, opened).v_rand:.2f}")
    axis = axes[3]
    axis.set_axis_on()
    for x, y, name in (
        (0, 0, "cell 1"),
        (1, 0, ""),
        (2, 0.35, "daughter"),
        (2, -0.35, "daughter"),
        (0, 1, "cell 2"),
        (1, 1, ""),
        (2, 1, ""),
    ):
        axis.plot(x, y, "o", color=drawing.BLUE, markersize=11)
        axis.annotate(name, (x, y), xytext=(0, 11), textcoords="offset points", ha="center", fontsize=9)
    for a, b in (((0, 0), (1, 0)), ((1, 0), (2, 0.35)), ((1, 0), (2, -0.35)), ((0, 1), (1, 1)), ((1, 1), (2, 1))):
        axis.plot(*zip(a, b, strict=True), color=drawing.GREY, zorder=0)
    axis.set_xlabel("frame")
    axis.set_xticks([0, 1, 2])
    axis.set_yticks([])
    axis.set_xlim(-0.5, 2.6)
    axis.set_ylim(-0.8, 1.5)
    axis.set_title("tracks are a graph", fontsize=11)
    return figure
