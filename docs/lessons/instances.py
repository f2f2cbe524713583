# %% [markdown]
# # Semantic against instance segmentation
#
# Semantic: which pixels are nucleus? Instance: which pixels belong to *which* nucleus? For a volume the first is enough; to
# count, to measure sizes or to follow cells you need the second.

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy import ndimage

from septum.classical import threshold, watershed
from septum.metrics import confusion_counts, dice
from septum.metrics.instances import instance_overlap, match_instances
from septum.workflows.teaching import drawing, pictures
from septum.workflows.teaching.table import questions_of

picture, truth = pictures.made_nuclei(4)  # fluorescence, made: the truth is known
mask = threshold.automatic(ndimage.gaussian_filter(picture, 1.0))
print("semantic: Dice", round(dice(confusion_counts(truth > 0, mask, classes=[1])[0]), 3))

# %% [markdown]
# ## Touching nuclei
#
# Parted into connected pieces, nuclei that touch are one. The distance to the border has a peak in each of them; a watershed from
# the peaks parts them.

# %%
pieces, _ = ndimage.label(mask)
apart = np.asarray(watershed.distance_watershed(mask, depth_mm=0.75))
figure, axes = plt.subplots(1, 4, figsize=(14, 3.9))
drawing.picture(axes[0], picture, title="fluorescence (made)")
drawing.picture(axes[1], ndimage.distance_transform_edt(mask), title="distance to the border", cmap="magma")
drawing.objects(axes[2], pieces, title=f"connected pieces: {pieces.max()}")
drawing.objects(axes[3], apart, title=f"watershed: {apart.max()} of {truth.max()}")
for axis in axes:
    axis.axis("off")

# %% [markdown]
# ## Scoring objects
#
# Match predicted to true objects at an IoU of 0.5; count right, missed and extra ones. The mask's Dice does not change between the two.

# %%
for name, labels in (("connected pieces", pieces), ("watershed", apart)):
    found = match_instances(instance_overlap(truth, labels))
    f1 = 2 * found.tp / (found.n_reference + found.n_prediction)
    print(
        f"{name:<17} right {found.tp}, missed {found.n_reference - found.tp}, extra {found.n_prediction - found.tp}, F1 {f1:.3f}"
    )

# %% [markdown]
# ## Over many pictures

# %%
total = {"connected pieces": [0, 0, 0], "watershed": [0, 0, 0]}
for seed in range(20, 40):
    picture, truth = pictures.made_nuclei(seed)
    mask = threshold.automatic(ndimage.gaussian_filter(picture, 1.0))
    made = (ndimage.label(mask)[0], np.asarray(watershed.distance_watershed(mask, depth_mm=0.75)))
    for key, labels in zip(total, made):
        found = match_instances(instance_overlap(truth, labels))
        total[key] = np.add(total[key], [found.tp, found.n_reference, found.n_prediction])
for name, (right, true, predicted) in total.items():
    print(f"{name:<17} F1 {2 * right / (true + predicted):.3f} over 20 pictures with {true} nuclei")

# %% [markdown]
# ## Questions

# %%
print(questions_of("instances"))
