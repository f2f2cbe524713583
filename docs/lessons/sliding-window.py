# %% [markdown]
# # Sliding window against U-Net
#
# Before the U-Net, the best network for segmentation looked at a patch and said what its *middle pixel* is (Cireşan et al.
# 2012). For a whole image it was run once per pixel. Both are trained here on the same three pictures, then timed and scored.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from septum.metrics import confusion_counts, dice
from septum.workflows.teaching import pictures
from septum.workflows.teaching.small import one_thread, segment_small, standardise, train_small
from septum.workflows.teaching.table import questions_of

study = [pictures.made_nuclei(seed) for seed in (2, 3, 4)]
test, truth = pictures.made_nuclei(11)
SIDE = 25

# %% [markdown]
# ## The patch classifier
#
# Three convolutions with pooling, then two numbers: background or nucleus.

# %%
torch.manual_seed(0)
window = nn.Sequential(
    nn.Conv2d(1, 8, 4), nn.ReLU(), nn.MaxPool2d(2),  # 25 -> 22 -> 11
    nn.Conv2d(8, 16, 4), nn.ReLU(), nn.MaxPool2d(2),  # 11 -> 8 -> 4
    nn.Conv2d(16, 32, 4), nn.ReLU(), nn.Flatten(), nn.Linear(32, 2),
)  # fmt: skip


def patches(image):
    """Every pixel's surroundings, (pixels, 1, SIDE, SIDE), mirrored at the border."""
    padded = np.pad(standardise(image), SIDE // 2, mode="reflect")
    found = np.lib.stride_tricks.sliding_window_view(padded, (SIDE, SIDE))
    return torch.from_numpy(found.reshape(-1, 1, SIDE, SIDE).copy())


x = torch.cat([patches(image) for image, _ in study])
y = torch.cat([torch.from_numpy((labels.ravel() > 0).astype(np.int64)) for _, labels in study])
optimiser = torch.optim.Adam(window.parameters(), lr=2e-3)
generator = np.random.default_rng(0)
halves = [np.flatnonzero(y.numpy() == value) for value in (0, 1)]
with one_thread():
    for _ in range(200):
        chosen = np.concatenate([generator.choice(half, 64) for half in halves])
        optimiser.zero_grad()
        nn.functional.cross_entropy(window(x[chosen]), y[chosen]).backward()
        optimiser.step()

# %% [markdown]
# ## The U-Net

# %%
network = train_small([image for image, _ in study], [labels > 0 for _, labels in study], steps=120)

# %% [markdown]
# ## Timed and scored on a picture that neither has seen

# %%
started = time.perf_counter()
with one_thread(), torch.inference_mode():
    votes = torch.cat([window(part).argmax(1) for part in patches(test).split(2048)])
by_window, window_seconds = votes.numpy().reshape(test.shape), time.perf_counter() - started
started = time.perf_counter()
by_unet, unet_seconds = segment_small(network, test), time.perf_counter() - started
for name, mask, seconds in (("sliding window", by_window, window_seconds), ("U-Net", by_unet, unet_seconds)):
    score = dice(confusion_counts(truth > 0, mask, classes=[1])[0])
    print(f"{name:<15} Dice {score:.3f}, {seconds:.3f} s")
print(f"the U-Net is {window_seconds / unet_seconds:.0f} times as fast on {test.shape[0]} × {test.shape[1]} pixels")

# %%
figure, axes = plt.subplots(1, 4, figsize=(14, 3.9))
for axis, (name, array) in zip(
    axes, [("picture", test), ("truth", truth > 0), ("sliding window", by_window), ("U-Net", by_unet)]
):
    axis.imshow(array, cmap="gray")
    axis.set_title(name)
    axis.axis("off")

# %% [markdown]
# The window has a dilemma that the U-Net has not: a large patch sees more and loses the place (pooling), a small one is
# exact and sees little. The U-Net's bridges give it both, and neighbouring pixels share their work.
#
# ## Questions

# %%
print(questions_of("sliding-window"))
