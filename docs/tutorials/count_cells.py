# %% [markdown]
# # Count cells
# How many cells are in a picture, and how large are they? The picture here is drawn, so that the right answer is known:
# forty cells of 5 to 9 µm on an uneven ground, some of them touching, with noise.

# %%
import numpy as np

import septum

random = np.random.default_rng(7)
SIDE, CELLS, PIXEL_MM = 320, 40, 0.0005  # half a micrometre per pixel
rows, columns = np.mgrid[:SIDE, :SIDE]
truth = np.zeros((SIDE, SIDE), int)
places = [(y, x) for y in range(30, 300, 38) for x in range(30, 300, 52)][:CELLS]
for number, (y, x) in enumerate(places, 1):
    y, x, radius = y + random.integers(-5, 6), x + random.integers(-9, 10), random.uniform(10, 18)
    truth[((rows - y) ** 2 + (columns - x) ** 2 < radius**2) & (truth == 0)] = number
image = 40 + 0.1 * columns + 120 * (truth > 0) + random.normal(0, 10, truth.shape)

# %% [markdown]
# ## Bright or dark
# Smooth the noise, then let Otsu's threshold tell cells from ground. Lengths are in millimetres, areas in mm².

# %%
spacing = (PIXEL_MM, PIXEL_MM)
cells = septum.segment(image, ["gaussian:sigma_mm=0.0008", "otsu", "fill-holes"], spacing=spacing)
septum.overlay(image, cells.array, spacing=spacing)

# %% [markdown]
# ## Cells that touch
# One patch of the mask may hold several cells. `distance_watershed` cuts them apart where they have a neck.

# %%
from septum.classical.watershed import distance_watershed

apart = distance_watershed(cells.array, spacing=spacing)
found = septum.LabelMap(apart, cells.grid)
septum.overlay(image, found.array, spacing=spacing)

# %% [markdown]
# ## The table
# One row per cell. The smallest pieces are noise, which the histogram of sizes shows.

# %%
table = found.objects()
table = table[table["area_mm2"] > 30e-6]  # 30 µm²
print(len(table), "cells, mean diameter", round(1000 * table["equivalent_diameter_mm"].mean(), 1), "µm")
table.head()

# %% [markdown]
# ## Is it right?
# Against the truth: cells are matched one to one where they overlap by half or more.

# %%
from septum.metrics.instances import instance_overlap, match_instances

matching = match_instances(instance_overlap(truth, found.array), threshold=0.5)
print(CELLS, "drawn,", len(table), "counted, F1", round(matching.f1, 3))
assert matching.f1 > 0.9
