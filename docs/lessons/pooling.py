# %% [markdown]
# # Pooling
#
# One number per window. Max pooling keeps *that* a feature was there and forgets *where* in the window: half the size, a
# quarter of the work, and the next convolution sees twice as far.

# %%
from septum import lessons

five = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
print("MaxPooling2D((3, 3), strides=(1, 1), padding='valid')")
print(lessons.pooling(five, size=3, stride=1)[0])
four = [[2, 2, 7, 3], [9, 4, 6, 1], [8, 5, 2, 4], [3, 1, 2, 6]]
print("MaxPooling2D(pool_size=2, strides=2)")
print(lessons.pooling(four, size=2, stride=2)[0])

# %%
from septum.workflows.teaching.table import find_lesson, questions_of

find_lesson("pooling").compute().draw()

# %% [markdown]
# ## Different pooling layers

# %%
print("average:", lessons.pooling(four, kind="average")[0].tolist())
print("global max:", lessons.global_pooling(four, kind="max"), "global average:", lessons.global_pooling(four))
print("same (windows reach out of the image):", lessons.pooling(five, size=2, padding="same")[0].shape)

# %% [markdown]
# ## Backwards
#
# The whole gradient goes to the winner of each window. Average pooling shares it.

# %%
import numpy as np

print(lessons.pooling_gradient(np.ones((1, 2, 2)), four)[0])
print(lessons.pooling_gradient(np.ones((1, 2, 2)), four, kind="average")[0])

# %% [markdown]
# ## What is forgotten
#
# Shift the image by a pixel: most of the pooled image stays. That is what a classifier wants, and what a segmentation must
# repair: the U-Net's bridges bring the places back.

# %%
from septum.workflows.teaching import pictures

coins = pictures.coins()[:144, :192]
moved = np.roll(coins, 1, axis=1)
for size in (1, 2, 4, 8):
    a, b = lessons.pooling(coins, size=size), lessons.pooling(moved, size=size)
    print(f"window {size}: mean change {np.abs(a - b)[:, :, 1:].mean():5.2f}")

# %% [markdown]
# ## Questions

# %%
print(questions_of("pooling"))
