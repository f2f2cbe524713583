"""Write the tables of the documentation from the recorded results: nobody types a number.

    python -m benchmarks.tables

Reads `benchmarks/results/*.json`, writes `docs/explain/measured.md`.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from benchmarks.record import RESULTS
from benchmarks.tables_objects import OBJECTS
from benchmarks.tables_trust import TRUST
from benchmarks.tables_workbench import WORKBENCH

PAGE = Path(__file__).resolve().parents[1] / "docs" / "explain" / "measured.md"

HEAD = """# What was measured

Written by `python -m benchmarks.tables` from `benchmarks/results`; every number comes from a run of the command named
above its table. Speeds are ratios against a peer in the same run: absolute seconds on a shared machine mean little.
"""


def load(name: str) -> dict[str, Any] | None:
    """A recorded result, or None where it was not run."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def where(content: dict[str, Any]) -> str:
    """Machine and versions in one line."""
    hardware, versions = content["hardware"], content["versions"]
    return f"{hardware['cpu']}, {hardware['cores']} cores, torch {versions['torch']}, {content['date'][:10]}"


def accuracy(content: dict[str, Any]) -> list[str]:
    """The accuracy study."""
    results = content["results"]
    lines = [
        "## Accuracy on images that training never saw",
        "",
        f"`python -m benchmarks.accuracy.first_models` ({where(content)}), "
        f"seed {results['seed']}; trained on every training image (`--folds none`); "
        "each row has the day of its run.",
        "Dice is the mean over labels of each test image; intervals are 95 % bootstrap intervals.",
        "",
        "| data set | training images | test images | Dice, mean [interval] | Dice, median [interval] | "
        "pixel error | aim | networks, steps | minutes | peak memory, MB | run |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in results.items():
        if not isinstance(row, dict):
            continue
        for kind in ("plain", "mirrored"):
            if kind not in row:
                continue
            score = row[kind]
            lines.append(
                f"| {row['what']}{' (--tta)' if kind == 'mirrored' else ''} | "
                f"{row['training_images']} | {score['n']} | "
                f"{score['mean']:.4f} [{score['mean_ci_low']:.4f}, {score['mean_ci_high']:.4f}] | "
                f"{score['median']:.4f} [{score['median_ci_low']:.4f}, {score['median_ci_high']:.4f}] | "
                f"{score['pixel_error']:.4f} | {row['aim']} | {row['networks']}, {row['steps']} | "
                f"{row['train_minutes']:.1f} | {row['train_peak_memory_mb'] or 'not recorded'} | "
                f"{row.get('date', content['date'])[:10]} |"
            )
        labels = row["plain"]["mean_by_label"]
        if len(labels) > 1:
            each = ", ".join(f"{label} {value:.4f}" for label, value in labels.items())
            lines.append(f"| {name}, by label | | | {each} | | | | | | | |")
    return lines


def network(content: dict[str, Any]) -> list[str]:
    """Speed of prediction and training against a plain loop."""
    results = content["results"]
    lines = [
        "## Speed against plain PyTorch in float32",
        "",
        f"`python -m benchmarks.speed.network` ({where(content)}), {results['threads']} thread(s), medians of "
        "interleaved repetitions.",
        "",
        "| what | Septum, s | plain, s | ratio | bar |",
        "|---|---|---|---|---|",
    ]
    for kind in ("prediction", "training"):
        for name, row in results[kind].items():
            seconds = row["seconds"]
            lines.append(
                f"| {kind}: {name} | {seconds['septum']:.3f} | {seconds['plain']:.3f} | {row['ratio']:.2f} | "
                f"{results['bars'][kind]} |"
            )
    return lines


def classical_speed(content: dict[str, Any]) -> list[str]:
    """Every classical method against its fastest peer."""
    results = content["results"]
    lines = [
        "## Speed of the classical methods",
        "",
        f"`python -m benchmarks.speed.classical` ({where(content)}): one image of each size, 16 bits, medians of "
        f"interleaved repetitions; memory is the rise of the peak in a process of its own. Bar: {results['bar']} times "
        "the fastest peer.",
        "",
        "| method | size | Septum, s | MB | fastest peer | s | MB | ratio | bar met |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in results["methods"].items():
        ours = row["contestants"]["Septum"]
        size = " × ".join([str(row["side"])] * int(name[-3]))
        start = f"| {name[:-5]} | {size} | " + (
            f"{ours['seconds']:.4f} | {ours['memory_mb']:.0f} | " if "note" not in ours else f"{ours['note']} | | "
        )
        if "below" in row:
            lines.append(f"{start}every peer was stopped | | | below {row['below']:.2f} | yes |")
            continue
        if "ratio" not in row:
            why = [f"{who}: {c['note']}" for who, c in row["contestants"].items() if who != "Septum" and "note" in c]
            lines.append(f"{start}{row['no_peer'] or '; '.join(why) or 'none'} | | | | |")
            continue
        peer = row["contestants"][row["fastest"]]
        lines.append(
            f"{start}{row['fastest'].removesuffix(' (2-D)')} | {peer['seconds']:.4f} | {peer['memory_mb']:.0f} | "
            f"{row['ratio']:.2f} | {'yes' if row['met'] else '**no**'} |"
        )
    return [*lines, *_other_commits(content["commit"], results["methods"])]


def _other_commits(commit: str, rows: dict[str, Any]) -> list[str]:
    """A line about rows that were kept from runs of other commits."""
    kept: dict[str, list[str]] = {}
    for name, row in rows.items():
        if row.get("commit", commit) != commit:
            kept.setdefault(f"{row['commit'][:7]} ({row['date']})", []).append(name)
    if not kept:
        return []
    counts = ", ".join(f"{len(names)} at {where}" for where, names in kept.items())
    return ["", f"Kept from earlier runs: {counts}; the others were measured at {commit[:7]}."]


def readers(content: dict[str, Any]) -> list[str]:
    """The reader study: who is a copy, how far readers agree, what a consensus reaches."""
    results = content["results"]
    kept, pixels, area = results["independent"], results["pixels"], results["area"]

    def cell(row: dict[str, Any] | None) -> str:
        return f"{row['mean']:.3f} [{row['mean_ci_low']:.3f}, {row['mean_ci_high']:.3f}]" if row else "–"

    lines = [
        "## Readers against a gold standard and each other",
        "",
        f"`python -m benchmarks.accuracy.readers` ({where(content)}): {results['images']} images of cells, "
        f"{len(results['readers'])} readings of each. Dice of the cells, mean over images with 95 % bootstrap "
        "interval; *others* is the majority of the other people.",
        "",
    ]
    lines += [
        f"- **{pair['first']} and {pair['second']} have equal masks in all {pair['n_cases']} images**: one is a copy."
        for pair in results["identical"]
    ]
    lines += ["", "| reading | against gold | against others | used in agreement |", "|---|---|---|---|"]
    for reader in results["readers"]:
        gold, others = results["dice_with_gold"][reader], results["dice_with_other_people"].get(reader)
        lines.append(f"| {reader} | {cell(gold)} | {cell(others)} | {'yes' if reader in kept else 'no: a copy'} |")
    for name, row in results["consensus_with_gold"].items():
        lines.append(f"| {name} of the independent | {cell(row)} | – | – |")
    lines += [
        "",
        f"Between people, the ceiling of what a program can show here: {cell(results['ceiling_between_people'])}; one "
        f"person with two tools: {cell(results['same_person_two_tools'])}. Agreement over {pixels['n']} drawn pixels: "
        f"observed {pixels['observed']:.3f}, Fleiss' κ {pixels['fleiss_kappa']:.3f}, Gwet's AC1 "
        f"{pixels['gwet_ac1']:.3f}. Area of cells: intraclass correlation "
        + ", ".join(
            f"({name[4:]}) {row['value']:.3f} [{row['ci_low']:.3f}, {row['ci_high']:.3f}]" for name, row in area.items()
        )
        + ".",
    ]
    return lines


def metrics(content: dict[str, Any]) -> list[str]:
    """Speed of the metrics against MONAI and surface-distance."""
    results = content["results"]
    lines = [
        "## Speed of the metrics",
        "",
        f"`python -m benchmarks.speed.metrics` ({where(content)}): Dice, 95 % Hausdorff distance, average surface "
        f"distance and surface Dice at {results['tolerance_mm']:g} mm on one thread; peers on a sample of the labels.",
        "",
        "| task | tool | labels timed | ms per label | Septum is faster by (in processor time) | "
        "peak memory beyond the masks, MB | largest difference in HD95, mm |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in ((n, r) for n, r in results.items() if isinstance(r, dict) and "septum" in r):
        for tool in ("septum", "surface-distance", "monai"):
            one = row[tool]
            faster = row.get(f"times_faster_than_{tool}")
            if faster is not None:
                processor = row.get(f"times_less_processor_than_{tool}", math.nan)
                faster = f"{faster:.1f} × ({processor:.1f} ×)"
            difference = row.get(f"largest_difference_from_{tool}", {}).get("hd95_mm")
            lines.append(
                f"| {name}, {' × '.join(map(str, row['shape']))}, {row['labels']} label(s) | {tool} | "
                f"{one['labels']} | "
                f"{1e3 * one['seconds_per_label']:.1f} | {faster or ''} | "
                f"{one['peak_extra_mb']:.0f} | {'' if difference is None else f'{difference:.1e}'} |"
            )
    cohort = results["cohort"]
    lines += [
        "",
        f"A cohort of {cohort['cases']} masks of 512 × 512 (in memory, {cohort['distinct_cases']} distinct) takes "
        f"{cohort['seconds']:.1f} s in {cohort['processes']} processes.",
    ]
    return lines


def cohort(content: dict[str, Any]) -> list[str]:
    """A cohort of pictures through the command."""
    results = content["results"]
    lines = [
        "## A cohort through the command",
        "",
        f"`python -m benchmarks.speed.cohort` ({where(content)}): `septum evaluate` on {results['cases']} pairs of PNG "
        f"masks of {results['side_px']} × {results['side_px']}, from files to the report; the bar is "
        f"{results['bar_s']} s on two cores.",
        "",
        "| scores | --workers | s | processor s | peak memory of a process, MB | page, MB |",
        "|---|---|---|---|---|---|",
    ]
    return lines + [
        f"| {run['metrics']} | {run['workers']} | {run['wall_s']:.1f} | {run['processor_s']:.1f} | "
        f"{run['peak_memory_of_a_process_mb']} | {run['page_mb']:.1f} |"
        for run in results["runs"]
    ]


def classical_accuracy(content: dict[str, Any]) -> list[str]:
    """The best classical methods of each data set."""
    lines = [
        "## Accuracy of the classical methods",
        "",
        f"`python -m benchmarks.accuracy.classical` ({where(content)}): `septum segment --suggest` on a few images of "
        "each set, cross-validated. *Best of all* chooses the method, too, on other images than it is scored on; the "
        "next columns are the three methods that turned out best. One brain and one CT are divided into parts of "
        "themselves, so their figures are optimistic.",
        "",
        "| data set | images | best of all, Dice [95 % interval] | first | second | third | minutes |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in content["results"].values():
        best, *others = row["methods"]
        low, high = (("–" if v is None or v != v else f"{v:.3f}") for v in (best["low"], best["high"]))
        each = [f"{other['method']} {other['dice']:.3f}" for other in others[:3]] + [""] * 3
        lines.append(
            f"| {row['what']} | {row['images']} | {best['dice']:.3f} [{low}, {high}] | {each[0]} | {each[1]} | "
            f"{each[2]} | {row['seconds'] / 60:.1f} |"
        )
    lines += ["", "The steps of the best:", ""]
    lines += [f"- {row['what']}: {row['methods'][0]['pipeline']}" for row in content["results"].values()]
    return lines


def session(content: dict[str, Any]) -> list[str]:
    """Undo as runs against full copies."""
    row = content["results"]
    shape = " × ".join(str(n) for n in reversed(row["shape"]))
    own, peer = row["median_ms"], row["full_copy_median_ms"]
    return [
        "## Undo of many edits",
        "",
        f"`python -m benchmarks.speed.session` ({where(content)}): {row['edits']} edits of a mask of {shape} voxels, "
        "one in ten of the whole mask; medians. The peer copies the whole mask before each edit, as editors do "
        "that keep copies; it takes turns with the session on the same strokes.",
        "",
        "| | session | full copies | bar |",
        "|---|---|---|---|",
        f"| memory of undo, MB | {row['undo_mb']:.1f} | {row['full_copies_mb']:.0f} | {row['bars']['undo_mb']:.0f} |",
        f"| memory held beside the mask, MB | {row['traced_mb']:.1f} | | |",
        f"| brush stroke with journal, ms | {own['stroke']:.1f} | {peer['stroke']:.1f} | "
        f"{row['bars']['stroke_ms']:.0f} |",
        f"| undo, ms | {own['undo']:.2f} | {peer['undo']:.1f} | |",
        f"| edit of the whole mask, ms | {own['whole-mask edit']:.0f} | | |",
        f"| journal, MB | {row['journal_mb']:.1f} | | |",
        f"| snapshot, s | {row['snapshot_s']:.2f} | | |",
        f"| opening, s | {row['open_s']:.2f} | | |",
    ]


def interactive(content: dict[str, Any]) -> list[str]:
    """Latency of the interactive tools against peers."""
    lines = [
        "## Latency of the interactive tools",
        "",
        f"`python -m benchmarks.speed.interactive` ({where(content)}): median seconds, by turns with the peer. "
        "Kernels are compiled before (once per machine). Memory is the rise of the peak beyond the input, in a "
        "process of its own.",
        "",
        "| task | s | memory, MB | bar, s | peer | s | memory, MB | ratio of seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]

    def megabytes(row: dict[str, Any], key: str) -> str:
        """Rounded; a dash in results that were recorded without."""
        return f"{row[key]:.0f}" if key in row else "–"

    for name, row in content["results"].items():
        bar = "–" if row["bar_s"] is None else f"{row['bar_s']:g}{'' if row['met'] else ' (missed)'}"
        peer = "– | – | – | –"
        if "ratio" in row:
            peer = (
                f"{row['peer']} | {row['peer_seconds']:.3g} | {megabytes(row, 'peer_memory_mb')} | {row['ratio']:.2g}"
            )
        lines.append(f"| {name} | {row['seconds']:.3g} | {megabytes(row, 'memory_mb')} | {bar} | {peer} |")
    return lines


def prompted(content: dict[str, Any]) -> list[str]:
    """Clicks and a box for a network trained with prompts, and its twin without."""
    results = content["results"]

    def cell(row: dict[str, Any], sign: str = "") -> str:
        return f"{row['mean']:{sign}.3f} [{row['mean_ci_low']:{sign}.3f}, {row['mean_ci_high']:{sign}.3f}]"

    lines = [
        "## A network that takes clicks and boxes",
        "",
        f"`python -m benchmarks.accuracy.prompted` ({where(content)}): {results['what']}, trained on "
        f"{results['training_images']} slices of {results['training_patients']} patients, {results['steps']} steps "
        f"of each network, scored on one slice of each of "
        f"{results['test_images']} other patients. A simulated person clicks the deepest pixel of the largest error. "
        "Dice is the mean of both labels, with a 95 % bootstrap interval over patients.",
        "",
        "| network, prompts | mean Dice | median | difference to the second row, paired |",
        "|---|---|---|---|",
    ]
    for name, row in results["dice"].items():
        gain = results["gain_over_0_clicks"].get(name)
        who = "trained without prompts" if name == "plain" else f"trained with, {name}"
        lines.append(f"| {who} | {cell(row)} | {row['median']:.3f} | {cell(gain, '+') if gain else '–'} |")
    return lines


def pixel_speed(content: dict[str, Any]) -> list[str]:
    """The pixel classifier against scikit-image and scikit-learn."""
    results = content["results"]
    live, features = results["live"], results["features"]
    lines = [
        "## Speed of the pixel classifier",
        "",
        f"`python -m benchmarks.speed.pixels` ({where(content)}): features, training on {results['marked']} marked "
        f"pixels and the label of every pixel of {results['side']}² ({results['image']}), from nothing; medians by "
        f"turns. Bar: {results['bar_s']:g} s ({'met' if results['met'] else '**missed**'}). Memory is the rise of the "
        "peak in a process of its own. Kernels are compiled before (once per machine).",
        "",
        "| who | s | first call, s | MB | Dice |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {row['seconds']:.2f} | {row['first_call_s']:.2f} | {row['memory_mb']:.0f} | {row['dice']:.3f} |"
        for name, row in results["whole"].items()
    ]
    return [
        *lines,
        "",
        f"Live, with the features at hand: {live['update_s']:.2f} s to learn from one more stroke, "
        f"{live['probabilities_s']:.2f} s for the probabilities of all pixels. The {features['count']} features alone "
        f"take {features['seconds']:.2f} s, the {features['peer_count']} of {features['peer']} "
        f"{features['peer_seconds']:.2f} s: {features['ratio_per_feature']:.2f} of its time per feature.",
    ]


def pixel_accuracy(content: dict[str, Any]) -> list[str]:
    """The pixel classifier on real images."""
    results = content["results"]
    counts = results["corrections"]

    def cell(row: dict[str, Any] | None) -> str:
        if row is None or row["n"] < 2:
            return "–"
        return f"{row['median']:.3f} [{row['median_ci_low']:.3f}, {row['median_ci_high']:.3f}]"

    lines = [
        "## The pixel classifier from simulated scribbles",
        "",
        f"`python -m benchmarks.accuracy.pixels` ({where(content)}): {results['first']} strokes of each label, then "
        "corrections in the largest error (*least sure*: where the classifier asks for them); median Dice of what "
        "nobody marked with 95 % bootstrap interval. *others*: images without a stroke, of a classifier that learnt "
        f"from {results['taught']} scribbled ones, with their number. *held out*: accuracy of held-out strokes, and "
        "the true one. Few images and corrections, so that the study is soon run again: intervals are wide.",
        "",
        "| set | n | " + " | ".join(f"{n} corrections" for n in counts) + f" | {counts[-1]}, least sure | others | "
        "held out, true |",
        "|---" * (5 + len(counts)) + "|",
    ]
    for row in results["rows"]:
        other, expected = row["others"], row["forecast"]
        lines.append(
            f"| {row['set']} | {row['n']} | "
            + " | ".join(cell(c) for c in row["errors"])
            + f" | {cell(row['doubts'][-1])} | "
            + (f"{cell(other['dice'])} ({other['dice']['n']})" if other else "–")
            + (f" | {expected['expected']:.2f}, {expected['true']:.2f} |" if expected else " | – |")
        )
    return lines


def _with_interval(row: dict[str, Any]) -> str:
    """A mean and its interval, where one value has one."""
    if row["n"] < 2:
        return f"{row['mean']:.3f}"
    return f"{row['mean']:.3f} [{row['mean_ci_low']:.3f}, {row['mean_ci_high']:.3f}]"


def quality(content: dict[str, Any]) -> list[str]:
    """Predicted against true Dice."""
    results = content["results"]
    kinds = {
        "held_out": "held-out folds",
        "test": "test images",
        "worse": "spoiled test images",
        "reverse_test": "test images, reverse classification",
        "reverse_worse": "spoiled, reverse classification",
    }
    lines = [
        "## Quality without ground truth",
        "",
        f"`python -m benchmarks.accuracy.quality` ({where(content)}), seed {results['seed']}. The Dice that Septum "
        "predicts for each class of each mask against the Dice that turned out. *Right call*: on the right side of "
        f"{results['threshold']}; *good*: share of masks that are, what always saying “pass” gets right. *Held*: "
        "share of intervals that hold the true Dice (0.9 is meant). *pass, look, fail*: masks with this verdict, "
        "and how many of them are good. Spoiled images are blurred, noisy, inverted or half blank. "
        "Literature, cardiac MR: 0.034 and 0.99 (Hann et al. 2021).",
        "",
        "| data set | masks | n (without estimate) | mean Dice | mean absolute error [95 %] | bias | "
        "rank correlation | right call | good | held | pass | look | fail |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in results.items():
        if not isinstance(row, dict):
            continue
        for kind, title in kinds.items():
            one = row[kind]
            verdicts = one.get("verdicts", {})
            said = [f"{v['n']} ({v['good']} good)" for v in verdicts.values()] or ["", "", ""]
            rank = "–" if one["spearman"] is None else f"{one['spearman']:.2f}"
            held = f"{one['coverage']:.2f}" if "coverage" in one else "–"
            lines.append(
                f"| {row['what'] if kind == 'held_out' else name} | {title} | {one['n']} ({one['without_estimate']}) | "
                f"{one['dice_mean']:.3f} | {one['mae']:.3f} [{one['mae_ci_low']:.3f}, {one['mae_ci_high']:.3f}] | "
                f"{one['bias']:+.3f} | {rank} | {one['call_accuracy']:.2f} | {one['good']:.2f} | {held} | "
                f"{' | '.join(said)} |"
            )
    return lines


def effort(content: dict[str, Any]) -> list[str]:
    """Prompts of a simulated person per tool and image."""
    results = content["results"]
    pictures = list(next(iter(results["tools"].values())))
    lines = [
        "## Effort of the semi-automated tools",
        "",
        f"`python -m benchmarks.accuracy.interactive` ({where(content)}): prompts of a simulated person, who sees the "
        f"reference and always marks the largest wrong region, until Dice is {results['target']:.2f}, at most "
        f"{results['cap']}; – where it was not reached, with the best Dice. The rules for each kind of tool "
        "stand at the head of the file. In brackets the median seconds of an update. Outlines (live-wire and level "
        "tracing) are of the largest object, in one slice. One image of each kind: no ranking.",
        "",
        f"| tool | {' | '.join(pictures)} |",
        f"|---|{'---|' * len(pictures)}",
    ]
    for name, row in results["tools"].items():
        cells = (
            f"{one['prompts']} ({one['seconds']:.2f} s)"
            if one["prompts"]
            else f"– {one['dice']:.2f} ({one['seconds']:.2f} s)"
            for one in row.values()
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def interpolation(content: dict[str, Any]) -> list[str]:
    """Interpolation between slices: methods and gaps, the estimate, and the choice of the next slice."""
    results = content["results"]
    lines = [
        "## Interpolation between slices",
        "",
        f"`python -m benchmarks.accuracy.interpolation` ({where(content)}): every 2nd, 3rd or 5th slice of a true mask "
        "is drawn; Dice of the slices between, mean of labels, mean over volumes with 95 % bootstrap interval (by "
        "patient). *textbook*: signed distances averaged in place, label by label; *ITK*: its morphological "
        "interpolation of the whole volume.",
        "",
        "| set | n | gap | " + " | ".join(results["methods"]) + " | expected by Septum (image), mean error |",
        "|---" * (4 + len(results["methods"])) + "|",
    ]
    for row in results["rows"]:
        cells = [_with_interval(c) if c else "–" for c in (row["dice"].get(m) for m in results["methods"])]
        bias = "–" if row["estimate_bias"] is None else f"{row['estimate_bias']:+.3f}, {row['estimate_mae']:.3f}"
        lines.append(f"| {row['set']} | {row['n']} | {row['gap']} | {' | '.join(cells)} | {bias} |")
    choice = results["next_slice"]
    lines += [
        "",
        f"Choosing slices: from three drawn slices on, Septum's `next_slice` needs {choice['chosen_mean']:.1f} slices "
        f"for a Dice of {choice['target']:g} of the whole volume, evenly spread slices {choice['even_mean']:.1f} "
        f"(means of {choice['n']} volumes; fewer in {choice['fewer']}, more in {choice['more']}).",
        "",
        "Where `image` is not the best: among the cords are two of grey matter, two to three voxels wide on slices "
        "7.5 mm apart and hardly brighter than what surrounds it; there the shape alone is surer.",
    ]
    return lines


def plain(name: str, title: str, command: str) -> list[str]:
    """Any other result, as it was recorded."""
    content = load(name)
    if content is None:
        return []
    text = json.dumps(content["results"], indent=1)
    return [f"## {title}", "", f"`python -m {command}` ({where(content)})", "", "```json", text, "```", ""]


def main() -> None:
    """Write the page."""
    lines = [HEAD]
    tables = {
        "first_models": accuracy,
        "network": network,
        "speed-metrics": metrics,
        "speed-cohort": cohort,
        "classical-speed": classical_speed,
        "classical_accuracy": classical_accuracy,
        "readers": readers,
        "speed-session": session,
        "speed-interactive": interactive,
        "quality": quality,
        "interactive": effort,
        "prompted": prompted,
        "interpolation": interpolation,
        "speed-pixels": pixel_speed,
        "pixels": pixel_accuracy,
    }
    for name, table in tables.items():
        content = load(name)
        if content is not None:
            lines += [*table(content), ""]
    for name, told in (OBJECTS | TRUST | WORKBENCH).items():
        content = load(name)
        if content is not None:
            lines += [*told(content, where(content)), ""]
    lines += plain("speed-augment", "Augmentation as a share of a training step", "benchmarks.speed.augment")
    lines += plain("predict_memory", "Peak memory with 2 and with 100 classes", "benchmarks.speed.predict_memory")
    PAGE.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
