"""The tables about the workbench: times that a person feels, beside their bars, and the effort of annotating."""

from __future__ import annotations

from typing import Any

Rows = dict[str, Any]
PARTS = {
    "volume": "CT, 512 × 512 × 300",
    "slide": "photograph, 10,000 × 10,000",
    "objects": "5,000 objects in 2,048 × 2,048",
    "prompts": "network that takes clicks, 512 × 512",
}


def workbench(content: Rows, where: str) -> list[str]:
    """What the page and the server take, and twenty people at once."""
    results = content["results"]
    lines = [
        "## The workbench under a hand",
        "",
        f"`python -m benchmarks.speed.workbench` ({where}): milliseconds by the page's own clock, in a Chromium "
        "without a graphics card on the same two cores as the server. First pictures are those of a page that "
        "never opened the image before.",
        "",
        "| image | what | median, ms | 95 %, ms | times | bar, ms |",
        "|---|---|---|---|---|---|",
    ]
    for part, title in PARTS.items():
        for name, row in results.get(part, {}).items():
            if isinstance(row, dict) and "median" in row:
                missed = "" if row["median"] < row["bar"] else " (missed)"
                lines.append(
                    f"| {title} | {name} | {row['median']:.1f} | {row['p95']:.1f} | {row['count']} "
                    f"| {row['bar']:.0f}{missed} |"
                )
    memory = [f"{results[part][name]} ({PARTS[part]})" for part in PARTS for name in results.get(part, {})
              if name.startswith("memory of the server")]  # fmt: skip
    if memory:
        lines += ["", f"Memory of the server, MB: {', '.join(memory)}."]
    crowd = results.get("people")
    if crowd:
        lines += [
            "",
            f"{crowd['people']} people at once for {crowd['seconds']:.0f} s: {crowd['strokes']} strokes, "
            f"answered after {crowd['stroke answered, median ms']:.0f} ms "
            f"(95 %: {crowd['stroke answered, 95 % ms']:.0f}), "
            f"{len(crowd['wrong'])} labels wrong in the end, {crowd['memory of the server, MB']} MB.",
        ]
    return lines


def effort(content: Rows, where: str) -> list[str]:
    """Strokes, clicks and seconds per case of a robot that annotates in four ways."""
    results = content["results"]
    lines = [
        "## Effort of annotating",
        "",
        f"`python -m benchmarks.accuracy.effort` ({where}), {results['steps']} steps per training: a robot that sees "
        f"the reference annotates through the server until the Dice of a case is {results['target']:.2f}; what a "
        "stroke is and how each way goes stands at the head of the files. Means per case; the loop's hold the cases "
        "that it began with. Seconds are those of requests, trainings and predictions, with other programs beside.",
        "",
        "| set | way | cases | strokes | of the brush's | clicks | seconds | Dice | reached |",
        "|" + "---|" * 9,
    ]
    for name, ways in results["sets"].items():
        for way, row in ways.items():
            share = row["strokes"] / ways["brush"]["strokes"]
            lines.append(
                f"| {name} | {way} | {row['cases']} | {row['strokes']:.1f} | {share:.0%} | {row['clicks']:.1f} "
                f"| {row['seconds']:.1f} | {row['dice']:.3f} | {row['reached']} |"
            )
    return lines


WORKBENCH = {"workbench": workbench, "effort": effort}
