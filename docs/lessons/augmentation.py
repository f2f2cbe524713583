# %% [markdown]
# # Why augmentation
#
# The paper's claim: a network can be trained end to end from very few images, if they are varied strongly. So: the same
# network, the same three annotated images, the same number of steps; once with the images as they are, once varied.

# %%
import matplotlib.pyplot as plt
import numpy as np

from septum.metrics import confusion_counts, dice
from septum.workflows.teaching import pictures
from septum.workflows.teaching.small import segment_small, train_small
from septum.workflows.teaching.table import find_lesson, questions_of

find_lesson("augmentation").compute().draw()

# %% [markdown]
# ## The study
#
# Three axial slices of a head (the ICBM152 template) with grey and white matter to learn from, 400 steps; four slices of
# another block of the same head to measure on.

# %%
study = [pictures.brain_slice(height) for height in (60, 75, 90)]
test = [pictures.brain_slice(height) for height in (100, 110, 120, 130)]


def scores(network, cases):
    found = [confusion_counts(tissue, segment_small(network, image), classes=[1, 2]) for image, tissue in cases]
    return np.mean([[dice(counts) for counts in case] for case in found])


networks = {}
for augmented in (False, True):
    networks[augmented] = network = train_small(*zip(*study), classes=3, steps=400, augmented=augmented)
    known, new = scores(network, study), scores(network, test)
    name = "varied  " if augmented else "as it is"
    print(f"{name}  Dice {known:.3f} on the three, {new:.3f} on the four others: a gap of {known - new:.3f}")

# %% [markdown]
# Look at the gap between known and new slices. Without augmentation the network fits the three images better, and more of
# that fit is learnt by heart: it does not carry over. With augmentation it can know no image by heart, for it never sees one
# twice.
#
# ## What neither has seen
#
# The test slices again, turned by a quarter.

# %%
turned = [(np.rot90(image).copy(), np.rot90(tissue).copy()) for image, tissue in test]
for augmented, network in networks.items():
    print("varied  " if augmented else "as it is", f"Dice on turned slices {scores(network, turned):.3f}")

# %%
image, tissue = test[1]
figure, axes = plt.subplots(1, 4, figsize=(14, 4.2))
shown = [("slice", image), ("truth", tissue)]
shown += [("varied" if key else "as it is", segment_small(network, image)) for key, network in networks.items()]
for axis, (name, array) in zip(axes, shown):
    axis.imshow(array, cmap="gray" if name == "slice" else "viridis")
    axis.set_title(name)
    axis.axis("off")

# %% [markdown]
# All slices come from one head, so this shows how the two trainings differ, not how well a network would do on another
# person. The page *Augmentation* measures it on real data sets.
#
# ## Questions

# %%
print(questions_of("augmentation"))
