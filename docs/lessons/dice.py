# %% [markdown]
# # Dice, IoU and their pitfalls
#
# How alike are two masks? Count the pixels in both (TP), only in the prediction (FP), only in the reference (FN).

# %%
import matplotlib.pyplot as plt
import numpy as np

from septum.metrics import confusion_counts, dice, dice_coef, iou
from septum.workflows.teaching.measures import made_scores
from septum.workflows.teaching.table import find_lesson, questions_of

reference = np.zeros((6, 7), int)
reference[1:5, 1:4] = 1
prediction = np.roll(reference, 1, axis=1)
counts = confusion_counts(reference, prediction, classes=[1])[0]
print(counts)
print(f"Dice = 2·{counts.tp} / (2·{counts.tp} + {counts.fp} + {counts.fn}) = {dice(counts):.4f}")
print(f"IoU  = {counts.tp} / ({counts.tp} + {counts.fp} + {counts.fn}) = {iou(counts):.4f}")
print("the lecture's function:", dice_coef(reference, prediction))

# %%
find_lesson("dice").compute().draw()

# %% [markdown]
# ## Pitfall 1: the denominator
#
# The slide has two forms. The first, 2 × overlap / total area, is Dice. The second divides by the *union*, and can exceed 1:

# %%
print("2 × overlap / union:", 2 * counts.tp / (counts.tp + counts.fp + counts.fn), "for masks that differ;")
print("for two equal masks it is", 2 * 12 / 12)

# %% [markdown]
# ## Pitfall 2: empty masks
#
# No tumour, and none found: 0 / 0. That is a correct answer, not a score. Septum decides such cases in one table and
# reports them as counts.

# %%
from septum.metrics import empty_case

for reference_empty in (True, False):
    for prediction_empty in (True, False):
        print(
            reference_empty,
            prediction_empty,
            empty_case(reference_empty=reference_empty, prediction_empty=prediction_empty),
        )

# %% [markdown]
# ## Pitfall 3: small objects
#
# The same border error, one pixel all around, costs a small object most.

# %%
y, x = np.mgrid[:201, :201]
distance = np.hypot(y - 100, x - 100)
radii = np.array([2, 3, 5, 8, 12, 20, 40, 80])
values = [dice(confusion_counts(distance <= r, distance <= r + 1, classes=[1])[0]) for r in radii]
figure, axis = plt.subplots(figsize=(6, 3.4))
axis.semilogx(radii, values, "o-")
axis.set_xticks(radii, radii)
axis.minorticks_off()
axis.set_xlabel("radius of a disc in pixels, predicted one pixel too large")
axis.set_ylabel("Dice")
axis.grid(alpha=0.3)

# %% [markdown]
# ## Pitfall 4: the mean hides failures
#
# The lecture shows the Dice of 2,500 segmentations. Its numbers are not published with the figure; these 2,500 are *made*, in
# its shape. A mean near 0.9 says nothing about the one in twenty that failed.

# %%
scores = made_scores()
figure, axis = plt.subplots(figsize=(7, 3.4))
axis.hist(scores, bins=60)
axis.axvline(scores.mean(), color="orange")
axis.set_xlabel("Dice")
axis.set_ylabel("cases")
print(f"mean {scores.mean():.3f}, median {np.median(scores):.3f}, worst {scores.min():.3f}")
print(f"below 0.7: {(scores < 0.7).sum()} of {len(scores)}")

# %% [markdown]
# ## Pitfall 5: pass or fail is another question
#
# In the lecture's study radiologists rated 30 of the images: pass or fail. Say that above 0.85 nearly all pass, and below 0.75 few
# do (a made rule). How sure is a share from 30 ratings? Wilson's interval tells.

# %%
from septum.metrics.agreement import wilson_interval

generator = np.random.default_rng(0)
rated = generator.choice(scores, 30, replace=False)
passed = generator.random(30) < 1 / (1 + np.exp(-(rated - 0.8) * 60))
interval = wilson_interval(int(passed.sum()), n=30)
figure, axis = plt.subplots(figsize=(7, 2.6))
axis.plot(rated, passed.astype(int), "o", alpha=0.6)
axis.set_yticks([0, 1], ["fail", "pass"])
axis.set_xlabel("Dice")
print(f"{passed.sum()} of 30 pass: {passed.mean():.0%}, 95 % interval {interval.ci_low:.0%} to {interval.ci_high:.0%}")

# %% [markdown]
# `septum evaluate` reports distributions, not means alone; `septum review` lets people rate, blinded.
#
# ## Questions

# %%
print(questions_of("dice"))
