# %% [markdown]
# # The two challenges
#
# The U-Net paper won with the same network in two challenges: ISBI 2012 (neurons in electron microscopy) and the ISBI cell
# tracking challenge 2015. What they score is as telling as who won.

# %%
from septum.workflows.teaching.table import find_lesson, questions_of

lesson = find_lesson("challenges").compute()
print("\n".join(lesson.lines))

# %%
lesson.draw()

# %% [markdown]
# ## One pixel, two neurons
#
# A membrane is a few pixels wide. Opening it at a single pixel hardly changes the pixel error and joins two neurons, which for
# a map of connections is a disaster. V_rand asks of *pairs* of pixels whether they belong together.

# %%
import numpy as np

from septum.metrics import pixel_error
from septum.metrics.neurite import neurite_scores

truth = np.zeros((64, 64), int)
truth[:, :31], truth[:, 33:] = 1, 2
wide = truth.copy()
wide[:, 27:37] = 0  # the membrane three times as wide: many pixels wrong, nobody joined
opened = (truth > 0).astype(int)
opened[32, 31:33] = 1  # two pixels of membrane missing: one piece
for name, guess in (("membrane too wide", wide), ("membrane open at one place", opened)):
    print(
        f"{name:<27} pixel error {pixel_error(truth > 0, guess > 0):.3f}, V_rand {neurite_scores(truth, guess).v_rand:.3f}"
    )

# %% [markdown]
# ## Cells over time
#
# SEG scores outlines, DET what was found, TRA the tracks: how many edits turn the found graph into the true one. Here two cells in
# three frames, of which the second is lost in the last frame.

# %%
from septum.metrics.tracking import score_tracking, segmentation_accuracy

frames = []
for time in range(3):
    true = np.zeros((20, 40), int)
    true[5:13, 4 + 2 * time : 12 + 2 * time], true[6:15, 26:34] = 1, 2
    found = true.copy()
    if time == 2:
        found[found == 2] = 0
    frames.append((true, found))
scores = score_tracking(
    frames, reference_lineage=[[1, 0, 2, 0], [2, 0, 2, 0]], prediction_lineage=[[1, 0, 2, 0], [2, 0, 1, 0]]
)
print(f"SEG {segmentation_accuracy(frames).seg:.3f}  DET {scores.det:.3f}  TRA {scores.tra:.3f}")

# %% [markdown]
# ## Questions

# %%
print(questions_of("challenges"))
