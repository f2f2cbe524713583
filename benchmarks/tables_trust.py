"""Tables of what decides about trust: few images, what is said of their masks, broken code, broken files, kills."""

from __future__ import annotations

from typing import Any

Rows = dict[str, Any]


def few_images(content: Rows, where: str) -> list[str]:
    """Dice on images that training never saw, after six or ten."""
    lines = [
        "## Few images of families that the software was not built with",
        "",
        f"`python -m benchmarks.accuracy.few_images`, seed {content['results']['seed']}; everything as a user gets it, "
        "or `--folds none`. Steps are those of the network that predicts. Rows of processors with AMX were made while "
        "the machine did other work, the others while it did little else.",
        "",
        "| data set | network | encoder | budget | folds | steps | training images | test images | "
        "Dice, mean [95 % interval] | Dice, median [95 % interval] | by label | processor | run |",
        "|" + "---|" * 13,
    ]
    for row in content["results"].values():
        if not isinstance(row, dict):
            continue
        labels = ", ".join(f"{name} {dice:.3f}" for name, dice in row["mean_by_label"].items())
        lines.append(
            f"| {row['what']} | {row['network']} | {row['encoder']} | {row['budget']} | {row['folds']} "
            f"| {row['steps']} | {row['training_images']} | {row['n']} | {row['mean']:.3f} {_interval(row, 'mean')} "
            f"| {row['median']:.3f} {_interval(row, 'median')} | {labels} "
            f"| {row['processor']} | {row['date'][:10]} |"
        )
    return lines


ARMS = ("plain", "plain, longer", "CutMix", "teacher")


def unlabelled(content: Rows, where: str) -> list[str]:
    """Dice with and without images without labels, and of labelled patches that are mixed, by set and number."""
    results = content["results"]
    found: dict[tuple[str, int, int, bool], dict[str, Rows]] = {}
    for row in results["rows"].values():
        key = (row["set"], row["images"], row["draw"], row.get("held_out", False))
        found.setdefault(key, {})[row["arm"]] = row
    lines = [
        "## Images without labels, and CutMix",
        "",
        f"`python -m benchmarks.accuracy.unlabelled` ({where}): pictures of 128 pixels, `--steps {results['steps']}`, "
        "`--folds none`. Mean Dice of test images, which no training saw in any form, or of labelled images that were "
        "held out (`--held-out`); *longer*: the labelled images alone for "
        f"{results['longer']:g} times the steps, about the processor time of the teacher (`--unlabelled`).",
        "",
        "| data set | scored on | labelled | without labels | draw | scored | plain | longer | CutMix | teacher |",
        "|" + "---|" * 10,
    ]
    for (_, images, draw, held_out), rows in sorted(found.items(), key=lambda item: (not item[0][3], item[0])):
        means = " | ".join(f"{rows[arm]['mean']:.3f}" if arm in rows else "–" for arm in ARMS)
        one, free = next(iter(rows.values())), max(row["unlabelled"] for row in rows.values())
        scored = "held-out images" if held_out else "test images"
        lines.append(f"| {one['what']} | {scored} | {images} | {free} | {draw} | {one['n']} | {means} |")
    lines += ["", "Gain over plain: the mean over the rows above, and in how many of them it is one.", ""]
    lines += ["| scored on | labelled | longer | CutMix | teacher | teacher over longer |", "|" + "---|" * 6]
    for last, images in sorted({(not held_out, images) for _, images, _, held_out in found}):
        group = [rows for key, rows in found.items() if (not key[3], key[1]) == (last, images)]
        pairs = [(arm, "plain") for arm in ARMS[1:]] + [("teacher", "plain, longer")]
        gains = " | ".join(_gain(group, arm, over=other) for arm, other in pairs)
        lines.append(f"| {'test images' if last else 'held-out images'} | {images} | {gains} |")
    seconds = {
        arm: [row["seconds"] for rows in found.values() for name, row in rows.items() if name == arm] for arm in ARMS
    }
    spent = ", ".join(f"{arm} {sum(each) / len(each):.0f} s" for arm, each in seconds.items() if each)
    tested = [rows for key, rows in found.items() if not key[3]]
    won = ", ".join(f"{arm} {_gain(tested, arm, over='plain')}" for arm in ("CutMix", "teacher"))
    return [
        *lines,
        "",
        f"Over all rows of test images: {won}. With one seed and few test images a difference of a few "
        "hundredths may be chance, so neither runs by itself: `--unlabelled` and `cutmix` in a plan are options.",
        "",
        f"Processor time of a training: {spent}.",
    ]


def _gain(group: list[dict[str, Rows]], arm: str, *, over: str) -> str:
    gains = [rows[arm]["mean"] - rows[over]["mean"] for rows in group if {arm, over} <= set(rows)]
    return f"{sum(gains) / len(gains):+.3f} ({sum(gain > 0 for gain in gains)} of {len(gains)})" if gains else "–"


def _interval(row: Rows, of: str) -> str:
    return f"[{row[f'{of}_ci_low']:.3f}, {row[f'{of}_ci_high']:.3f}]"


def handful(content: Rows, where: str) -> list[str]:
    """What is said of masks, by version of Septum, set, and whether the images were spoiled."""
    results = content["results"]
    lines = [
        "## What is said of masks from a handful of images",
        "",
        f"`python -m benchmarks.accuracy.handful` ({where}), seed {results['seed']}: small pictures, a narrow network, "
        f"bad below a Dice of {results['threshold']:g}. *figures*: masks that get one; error, coverage of the 90 % "
        "interval and rank correlation are theirs; *constant*: the error of saying the held-out mean of every mask; "
        "*place*: where the worst tenth stands in the list, 0 being the top and 0.5 chance. *before*: version "
        f"{str(results.get('before_commit', 'unknown'))[:7]}, whose three networks of a third each predicted together.",
        "",
        "| version | data set | training images | test images | figures | Dice | error | constant | coverage | "
        "rank correlation | right at the threshold | bad passed | good held back | place |",
        "|" + "---|" * 14,
    ]
    for version, sets in results.items():
        for found in sets.values() if isinstance(sets, dict) else ():
            for kind in ("plain", "spoiled"):
                row = found[kind]
                what = found["what"] if kind == "plain" else f"{found['what']}, spoiled"
                cells = [_number(row[key]) for key in ("dice_mean", "mae", "constant_mae", "coverage", "spearman")]
                lines.append(
                    f"| {version} | {what} | {found['training_images']} | {row['n']} | {row['figures']} "
                    f"| {' | '.join(cells)} | {_number(row['right_calls'])} "
                    f"| {row['bad_passed']} of {row['n'] - row['good']} | {row['good_held_back']} of {row['good']} "
                    f"| {_number(found['worst_tenth'])} |"
                )
    return lines


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def mutants(content: Rows, where: str) -> list[str]:
    """Breaks that the tests noticed, and those that they did not."""
    results = content["results"]
    return [
        "## Would the tests notice?",
        "",
        f"`python -m benchmarks.mutants` ({where}), seed {content['seed']}: of {results['breaks']} small breaks over "
        f"all rooms the tests of the room noticed {results['noticed']}. Not noticed:",
        "",
        *(f"- `{one}`" for one in results["survivors"]),
    ]


def fuzz(content: Rows, where: str) -> list[str]:
    """Damaged files, read or refused."""
    results = content["results"]
    return [
        "## Damaged files",
        "",
        f"`python -m benchmarks.fuzz` ({where}), seed {content['seed']}: {results['damaged']} damaged and "
        f"{results['crafted']} crafted files of every format; {len(results['failures'])} crashes, tracebacks, "
        "readings longer than 5 s of processor time or larger than 1 GB.",
    ]


def kills(content: Rows, where: str) -> list[str]:
    """What was wrong after kills."""
    results = content["results"]
    lines = [
        "## Kills while files are written",
        "",
        f"`python -m benchmarks.kills` ({where}), seed {content['seed']}: {results['kills']} kills of each command at "
        "random moments, SIGKILL and SIGTERM in turn.",
        "",
        "| command | kills | half-written, lost or left behind |",
        "|---|---|---|",
    ]
    for name, tally in results["commands"].items():
        lines.append(f"| {name} | {tally.get('kills', results['kills'])} | {len(tally['wrong'])} |")
    return lines


TRUST = {
    "few_images": few_images,
    "unlabelled": unlabelled,
    "handful": handful,
    "mutants": mutants,
    "fuzz": fuzz,
    "kills": kills,
}
"""By the name of the recorded result."""
