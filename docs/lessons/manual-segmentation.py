# %% [markdown]
# # Drawing by hand, and what can be computed between
#
# Manual segmentation is the reference that everything is measured against, and it takes hours per volume. The first help
# is old and needs no learning: draw some slices, and compute the others from them.

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy import ndimage

from septum import io
from septum.interactive.slices.interpolate import interpolate
from septum.metrics import confusion_counts, dice
from septum.workflows.data.template import find_template

white = io.read_image(find_template()["wm"]).array[0]
truth = (white > white.max() / 2)[60:101].astype(np.uint8)  # 41 axial slices of a brain's white matter
truth.shape

# %% [markdown]
# ## Shape-based interpolation
#
# Turn each drawn outline into a map of distances, positive inside. Average the two maps, weighted by how near each slice
# is. Where the mean is zero is the outline in between (Raya & Udupa 1990, IEEE TMI 9:32).


# %%
def distances(mask):
    inside = ndimage.distance_transform_edt(mask)
    return inside - ndimage.distance_transform_edt(mask == 0)


first, last = truth[10], truth[16]
halfway = (distances(first) + distances(last)) / 2
figure, axes = plt.subplots(1, 4, figsize=(14, 4.2))
axes[0].imshow(first, cmap="gray")
axes[0].set_title("drawn: slice 10")
axes[1].imshow(last, cmap="gray")
axes[1].set_title("drawn: slice 16")
axes[2].imshow(halfway, cmap="RdBu", vmin=-25, vmax=25)
axes[2].contour(halfway, [0], colors="black")
axes[2].set_title("mean distance, zero in black")
axes[3].imshow(truth[13], cmap="gray")
axes[3].contour(halfway, [0], colors="orange")
axes[3].set_title("slice 13: truth and computed")
for axis in axes:
    axis.axis("off")

# %% [markdown]
# ## How many slices must be drawn?
#
# Every `step`-th slice is kept, the others are computed, and the whole is compared with the truth.

# %%
for step in (2, 4, 5, 8, 10):
    drawn = list(range(0, 41, step))
    sparse = np.zeros_like(truth)
    sparse[drawn] = truth[drawn]
    filled = interpolate(sparse, drawn={0: drawn})
    score = dice(confusion_counts(truth, filled, classes=[1])[0])
    print(f"every {step:2}. slice drawn ({len(drawn):2} of 41): Dice {score:.3f}")

# %% [markdown]
# White matter is a hard case: thin folds appear and vanish within a few millimetres. A smooth organ allows larger steps.
# `septum interpolate` does this for label files, tells how good the slices in between will be, and which slice to draw next.
#
# ## Questions

# %%
from septum.workflows.teaching.table import questions_of

print(questions_of("manual-segmentation"))
