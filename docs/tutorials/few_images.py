# %% [markdown]
# # Why a few images are enough
# A network needs thousands of examples, and you have drawn four pictures. Two things help: a picture is not one example but as many as
# it has pixels, and every patch can be turned, bent and lit in a thousand ways that are all true.

# %% [markdown]
# ## One patch, many patches
# The first tile is the patch as it is; the others are drawn from the ranges for microscopy. Image and labels bend together.

# %%
import matplotlib.pyplot as plt
import numpy as np

from septum.net.augment.augment import microscopy_2d
from septum.net.augment.preview import preview


def picture(seed, side=96):
    """Cells on a dark ground, and where they are."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    mask = np.zeros((side, side), np.uint8)
    for _ in range(7):
        y, x, radius = *random.uniform(8, side - 8, 2), random.uniform(5, 11)
        mask[(rows - y) ** 2 + (columns - x) ** 2 < radius**2] = 1
    bright, ground = random.uniform(0.5, 2.0), random.uniform(-0.8, 0.8)  # no two pictures are lit alike
    return (ground + bright * mask + random.normal(0, 0.3, mask.shape)).astype(np.float32), mask


image, mask = picture(0)
sheet = preview(microscopy_2d((64, 64)), image[None], labels=mask, spacing=(1.0, 1.0), patch=(64, 64), count=11, seed=0)
plt.figure(figsize=(10, 4))
plt.imshow(sheet)
plt.axis("off")
# %% [markdown]
# ## How much the next picture helps
# A pixel classifier learns from one, two, four and eight annotated pictures and is tried on ten that it never saw. The first
# pictures bring the most. What is left at the end comes from what the classifier can see, not from how much it saw.

# %%
from septum import dice
from septum.interactive.pixels.classifier import Example, train_classifier
from septum.interactive.pixels.forest import ForestSettings


def learn(seeds):
    """A classifier that has seen these pictures, every fifth pixel of them."""
    examples = []
    for seed in seeds:
        image, mask = picture(seed)
        marks = np.full(mask.shape, -1)
        marks[::5, ::5] = mask[::5, ::5]
        examples.append(Example(image[None], marks))
    return train_classifier(examples, forest=ForestSettings(trees=10), forecast=False)


tests = [picture(seed) for seed in range(100, 110)]
numbers, scores = [1, 2, 4, 8], []
for number in numbers:
    classifier = learn(range(number))
    scores.append(np.mean([dice(classifier.probabilities(image[None]).argmax(axis=0), mask) for image, mask in tests]))
print({number: round(float(score), 3) for number, score in zip(numbers, scores)})

# %%
plt.figure(figsize=(5, 3))
plt.plot(numbers, scores, "o-")
plt.xlabel("annotated pictures")
plt.ylabel("mean Dice of 10 new pictures")
# %%
gains = np.diff(scores)
assert scores[-1] > scores[0]
print("gain of the last doubling:", round(float(gains[-1]), 3))
