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
# Three axial slices of a head (the ICBM152 template, at 2 mm) with grey and white matter; five slices of another block of the same
# head to measure on. Each network is started from two seeds: with three images, luck matters.


# %%
def at_2_mm(height):
    image, tissue = pictures.brain_slice(height)
    return image[::2, ::2], tissue[::2, ::2]


study = [at_2_mm(height) for height in (60, 75, 90)]
test = [at_2_mm(height) for height in (105, 110, 115, 120, 125)]


def scores(network, cases):
    found = [confusion_counts(tissue, segment_small(network, image), classes=[1, 2]) for image, tissue in cases]
    return np.mean([[dice(counts) for counts in case] for case in found])


networks = {}
for augmented in (False, True):
    for seed in (0, 1):
        network = train_small(*zip(*study), classes=3, steps=150, augmented=augmented, seed=seed)
        networks[augmented] = network
        name = "varied  " if augmented else "as it is"
        print(
            f"{name} seed {seed}: Dice {scores(network, study):.3f} on the three, {scores(network, test):.3f} on the five others"
        )

# %% [markdown]
# Without augmentation the network fits the three images better and the others worse: it learns them by heart. With it, the two
# numbers lie closer together.
#
# ## What neither has seen
#
# The five test slices again, turned by a quarter.

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
