# %% [markdown]
# # Compare two methods fairly
# Method B has a better mean than method A. Is it better? Twelve cases, two methods, the same references; the question is asked
# case by case.

# %%
import numpy as np
import pandas as pd

import septum
from septum.metrics.statistics import compare_paired, rank_methods


def case(seed):
    """A noisy picture of a disc, and the disc."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:80, :80]
    radius = random.uniform(12, 25)
    disc = ((rows - 40) ** 2 + (columns - 40) ** 2 < radius**2).astype(np.uint8)
    return 50 * disc + random.normal(0, random.uniform(10, 40), disc.shape), disc


methods = {
    "A": ["otsu"],
    "B": ["gaussian:sigma_mm=1.5", "otsu", "keep-largest"],
}

# %% [markdown]
# ## Score every case
# Overlap says how much, distances say how far: a few stray pixels hardly change Dice, and ruin the Hausdorff distance.

# %%
parts = []
for seed in range(12):
    image, reference = case(seed)
    for name, steps in methods.items():
        found = septum.segment(image, steps, spacing=(1.0, 1.0))
        row = septum.evaluate((found.array > 0).astype(np.uint8), reference, spacing=(1.0, 1.0))
        parts.append(row.assign(method=name, case=seed))
table = pd.concat(parts)
table.groupby("method")[["dice", "hausdorff", "surface_dice"]].mean().round(3)

# %% [markdown]
# ## Pair the cases
# Each case is its own control. The interval is of the mean difference, by bootstrap over cases; the p-value of Wilcoxon's
# signed-rank test.

# %%
scores = {name: table[table["method"] == name].sort_values("case")["dice"].to_numpy() for name in methods}
compared = compare_paired(scores["B"], scores["A"])
low, high = compared.mean_difference_ci_low, compared.mean_difference_ci_high
print(f"B - A: {compared.mean_difference:.3f} [{low:.3f}, {high:.3f}], p = {compared.p_value:.4f}, n = {compared.n}")

# %% [markdown]
# ## Rank them, and ask how stable the rank is
# The share of resampled sets of cases that give the same order.

# %%
ranking = rank_methods(scores)
print([(method.name, method.rank) for method in ranking.methods], "stability", ranking.stability)
assert ranking.methods[0].name == "B"
