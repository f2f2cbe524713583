"""The tables about single objects."""

from __future__ import annotations

from typing import Any

Rows = dict[str, Any]


def instances(content: Rows, where: str) -> list[str]:
    """Average precision of nuclei, beside peers on the same images, minutes and cores."""
    lines = [
        "## Single nuclei from a handful of annotated images",
        "",
        f"`python -m benchmarks.accuracy.instances` and `benchmarks.accuracy.instances_peers` ({where}), seed "
        f"{content['seed']}: images of the Data Science Bowl 2018 of every kind (fluorescence, bright field, stained "
        "tissue), all from random weights, 100 other images test. AP is TP / (TP + FP + FN) at an IoU of 0.5, the mean "
        "over images with its 95 % bootstrap interval. *phase contrast*: T98G cells, three other images test. "
        "*components*: what connected components of the same network's "
        "foreground give. Many images are crops of the same wells, so that all scores are slightly too good.",
        "",
        "| who | training images | budget | minutes | AP, mean [95 % interval] | AP, median | mean over IoU 0.5-0.95 "
        "| objects found of | splits | merges | components: AP | commit | run |",
        "|" + "---|" * 13,
    ]
    for row in content["results"].values():
        who = f"{row['who']}{', border-weighted' if row.get('weighted') else ''}"
        who += ", phase contrast" if row.get("set") == "phase-contrast" else ""
        parts = row.get("components of the foreground")
        lines.append(_line(row, who, found=row["objects"], parts=parts))
        mirrored = row.get("mirrored copies averaged")
        if mirrored:
            parts = mirrored["components of the foreground"]
            lines.append(_line(row, f"{who} (--tta)", found=mirrored["objects"], parts=parts))
    told = [row["training"] for row in content["results"].values() if "training" in row]
    return lines + (["", "Peers said: " + "; ".join(told) + "."] if told else [])


def volumes(content: Rows, where: str) -> list[str]:
    """Balls at known distances, and half a stack of nuclei from its other half."""
    results = content["results"]
    names = [name for name in ("balls", "stack") if name in results]
    apart = list(results["balls"]["objects"]["both found"])
    lines = [
        "## Single objects in volumes",
        "",
        f"`python -m benchmarks.accuracy.instances_volumes` ({where}), seed {content['seed']}, "
        f"{results['steps']} steps: "
        "*balls*: pairs of balls, blurred and noisy, whose centres lie a known part of a diameter apart; the columns "
        "say of how many pairs both were found. *stack*: the nuclei of half a stack from its other half; one image, so "
        "without an interval.",
        "",
        f"| volumes | objects by | n | AP | SEG | objects found of | splits | merges | {' | '.join(apart)} |",
        "|" + "---|" * (8 + len(apart)),
    ]
    for name in names:
        for how, row in results[name].items():
            both = row.get("both found", {})
            lines.append(
                f"| {name} | {how} | {row['n']} | {row['AP at 0.5']:.3f} | {row['SEG']:.3f} "
                f"| {row['objects found']} of {row['objects annotated']} | {row['splits']} | {row['merges']} "
                f"| {' | '.join(both.get(one, '–') for one in apart)} |"
            )
    return lines


def _line(row: Rows, who: str, *, found: Rows, parts: Rows | None) -> str:
    low, high = found["95 % interval"]
    budget = " ".join(f"{value:g} {name}" for name, value in row["budget"].items())
    minutes = f"{row['minutes']:.1f}" if "minutes" in row else "–"
    beside = f"{parts['AP at 0.5']:.3f}" if parts else "–"
    return (
        f"| {who} | {row['images']} | {budget} | {minutes} | {found['AP at 0.5']:.3f} [{low:.3f}, {high:.3f}] "
        f"| {found['median AP at 0.5']:.3f} | {found['AP over 0.5 to 0.95']:.3f} "
        f"| {found['objects found']} of {found['objects annotated']} | {found['splits']} | {found['merges']} "
        f"| {beside} | {row['commit'][:7]} | {row['date'][:10]} |"
    )


def counts(content: Rows, where: str) -> list[str]:
    """Intervals of counts, doubtful objects and images without nuclei."""
    results = content["results"].values()
    missed = sorted({name for row in results for name in row["strangers missed"]})
    lines = [
        "## Counts of nuclei and their intervals",
        "",
        f"`python -m benchmarks.accuracy.counts` ({where}), seed {content['seed']}: 80 images that training never saw, "
        "and pictures without nuclei (black, white, noise, photographs, other modalities). *held*: intervals that hold "
        "the true count; *width*: for each object, median. *off by*: mean and (relative) median, beside that of the "
        "plain number of found objects. *doubtful*: share of doubtful objects that are wrong, and of wrong ones "
        "that are doubtful.",
        "",
        "| training images | budget | ordinary held to be unlike | strangers held to be unlike | counted | held "
        "| width | off by | found alone | doubtful: precision | recall | commit | run |",
        "|" + "---|" * 13,
    ]
    for row in results:
        budget = ", ".join(f"{value} {name}" for name, value in row["budget"].items())
        budget += " (trained at an earlier commit)" if row["model of an earlier commit"] else ""
        both, judged = row["doubtful and wrong"], row["counted"]
        lines.append(
            f"| {row['images']} | {budget} | {row['ordinary held to be unlike']} of {row['ordinary images']} "
            f"| {row['strangers held to be unlike']} of {row['strangers']} | {judged} "
            f"| {row['intervals that hold']} ({row['intervals that hold'] / max(judged, 1):.2f}) "
            f"| {row['width for each object, median']:.2f} "
            f"| {row['off by, mean']:.1f} ({100 * row['off by, relative, median']:.0f} %) "
            f"| {row['found alone off by, mean']:.1f} | {both / max(row['doubtful'], 1):.2f} of {row['doubtful']} "
            f"| {both / max(row['wrong'], 1):.2f} of {row['wrong']} | {row['commit'][:7]} | {row['date'][:10]} |"
        )
    return [*lines, "", f"Strangers that got a count: {', '.join(missed) or 'none'}."]


def challenges(content: Rows, where: str) -> list[str]:
    """Each challenge with a row per method, and what the sliding window costs in either way of prediction."""
    lines = ["## Public challenges"]
    for name, found in content["results"].items():
        methods = found["methods"]
        keys = [key for key in next(iter(methods.values())) if key not in ("minutes", "steps", "seconds_per_image")]
        lines += [
            "",
            f"`python -m benchmarks.accuracy.challenges {name} --minutes {found['minutes asked']:g}` "
            f"({found['processor']}, {found['date'][:10]}, commit {found['commit'][:7]}), seed {content['seed']}; "
            "the division is told in [the guide](../how-to/challenges.md).",
            "",
            f"| method | {' | '.join(key.replace('_', ' ') for key in keys)} | minutes | steps | seconds per image |",
            "|" + "---|" * (len(keys) + 4),
        ]
        for method, row in methods.items():
            scores = " | ".join("–" if row[key] is None else f"{row[key]:.4f}" for key in keys)
            times = "– | – | –"
            if row["minutes"] is not None:
                times = f"{row['minutes']:.1f} | {row['steps']:.0f} | {row['seconds_per_image']:.1f}"
            lines.append(f"| {method} | {scores} | {times} |")
        if "window" in found:
            lines += ["", _window(found["window"])]
    return lines


def _window(ways: Rows) -> str:
    apart = ways["largest difference"]
    differ = f"the two differ by {apart:.1e} at most" if apart else "the two are equal to the last bit"
    naive, dense = ways["patch by patch, microseconds per pixel"], ways["at once, microseconds per pixel"]
    return (
        f"The sliding window, one look at a pixel: {naive:.0f} µs patch by patch, {dense:.1f} µs with all patches of a "
        f"tile at once, {naive / dense:.0f} times faster; {differ}."
    )


def prompters(content: Rows, where: str) -> list[str]:
    """What a network draws by a box and by clicks in images nobody trained it for."""
    lines = [
        "## A box or a click in images nobody trained for",
        "",
        f"`python -m benchmarks.accuracy.prompters` ({where}): `{content['results']['prompter']}`, one object per "
        "image; a simulated person draws the box that fits it tightly, or clicks into the deepest pixel of the largest "
        "error. Mean Dice with its 95 % bootstrap interval.",
        "",
        "| set | images | prompt | Dice, mean [95 % interval] | Dice, median |",
        "|---|---|---|---|---|",
    ]
    for row in content["results"]["sets"].values():
        for prompt, dice in row["dice"].items():
            low, high = dice["mean_ci_low"], dice["mean_ci_high"]
            lines.append(
                f"| {row['what']} | {row['n']} | {prompt} | {dice['mean']:.3f} [{low:.3f}, {high:.3f}] "
                f"| {dice['median']:.3f} |"
            )
    return lines


def tracking(content: Rows, where: str) -> list[str]:
    """Septum beside other trackers on the same detections, and how well three scorers agree."""
    peers = content["results"]["peers"]
    versions = ", ".join(f"{name} {one}" for found in peers.values() if found for name, one in found.items())
    lines = [
        "## Tracking of made-up movies of known lineage",
        "",
        f"`python -m benchmarks.accuracy.tracking` ({where}; {versions}): all trackers get the same detections, "
        "without an image. Septum with its defaults, and all with the best of up to nine settings for each kind, "
        "chosen on training movies of other seeds. Medians over test movies; *links*: F1 of the links between what was "
        "found, with its 95 % interval; TRA and DET also pay for what the detections miss. btrack has "
        "its example models for cells; where its solver takes over ten seconds its tracks are taken without it. "
        "Seconds per movie are no ranking.",
        "",
        "| movies | objects per frame | tracker | n | links [95 % interval] | TRA | DET | LNK | F1 of divisions "
        "| seconds |",
        "|" + "---|" * 10,
    ]
    for kind, found in content["results"]["kinds"].items():
        for who, row in found["trackers"].items():
            low, high = row["links"]["95 % interval"]
            scores = " | ".join(_median(row[what]) for what in ("TRA", "DET", "LNK", "divisions"))
            lines.append(
                f"| {kind} | {found['objects per frame']:.0f} | {who} | {row['n']} "
                f"| {row['links']['median']:.3f} [{low:.3f}, {high:.3f}] | {scores} | {row['seconds']:.2f} |"
            )
    differences = [
        abs(value - one["septum"][what])
        for found in content["results"]["kinds"].values()
        for one in found["scorers"]
        for scorer in ("py-ctcmetrics", "traccuracy")
        for what, value in one.get(scorer, {}).items()
        if what in ("TRA", "DET", "LNK") and value is not None
    ]
    return [
        *lines,
        "",
        f"TRA, DET and LNK of the first movie of each kind and tracker were also told by py-ctcmetrics and traccuracy: "
        f"{len(differences)} figures, the largest difference {max(differences):.1e}.",
        *_hela(content["results"].get("hela")),
    ]


def _hela(found: Rows | None) -> list[str]:
    """The masks of the HeLa movie, of which no truth is known."""
    if found is None:
        return []
    each = [
        f"{who} {row['links']} links and {row['divisions']} divisions (F1 of its links with those of septum "
        f"{row['F1 with septum']:.3f}, {row['seconds']:.1f} s)"
        for who, row in found["trackers"].items()
    ]
    told = (
        f"The masks that come with the HeLa movie ({found['objects']} objects in {found['frames']} frames, no truth): "
    )
    return ["", told + "; ".join(each) + "."]


def _median(score: Rows | None) -> str:
    return "–" if score is None else f"{score['median']:.3f}"


OBJECTS = {
    "instances": instances,
    "instances_volumes": volumes,
    "counts": counts,
    "tracking": tracking,
    "challenges": challenges,
    "prompters": prompters,
}
