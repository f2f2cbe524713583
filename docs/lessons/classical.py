# %% [markdown]
# # Four classical methods on one image
#
# Thresholding, region growing, watershed and k-means need no training. Each knows one thing about an object: it is
# brighter, it hangs together, it has an edge, or its pixels look alike. Here they meet the same 24 coins.

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy import ndimage

from septum.classical import clustering, growing, threshold, watershed
from septum.workflows.teaching import drawing, pictures

coins = pictures.coins()


def show(*masks):
    figure, axes = plt.subplots(1, len(masks), figsize=(5 * len(masks), 4))
    for axis, (name, mask) in zip(np.atleast_1d(axes), masks):
        labels, count = ndimage.label(ndimage.binary_fill_holes(mask))
        drawing.objects(axis, labels, title=f"{name}: {count} pieces")
        axis.axis("off")


# %% [markdown]
# ## 1. Thresholding
#
# Otsu's threshold makes the two sides as different as possible. It is one number for the whole image, and the ground is
# brighter at the top left: one number cannot be right everywhere. Subtracting a strongly blurred copy evens the ground out.

# %%
otsu = threshold.automatic(coins)
print(f"Otsu's threshold of the image: {threshold.automatic_value(coins):.1f}")
even = ndimage.gaussian_filter(coins, 1.5) - ndimage.gaussian_filter(coins, 50)
show(("Otsu", otsu), ("Otsu, ground evened out", threshold.automatic(even)))

# %% [markdown]
# ## 2. Region growing
#
# From a seed to every neighbour within a range, and on from there. One click gives one coin; nothing else can get in,
# unless a bridge of accepted pixels leads there.

# %%
clicks = [[[45, 30]], [[124, 45]], [[250, 100]]]
grown = sum(growing.connected_threshold(even, seeds=seed, low=5.0).astype(int) * n for n, seed in enumerate(clicks, 1))
show(("three clicks", grown > 0))

# %% [markdown]
# ## 3. Watershed
#
# The image as a landscape, high where the edge is steep, flooded from markers. Where waters meet rises a dam.

# %%
markers = np.zeros(coins.shape, np.int32)
markers[even < np.percentile(even, 30)] = 1
markers[even > np.percentile(even, 85)] = 2
flooded = watershed.watershed(coins, on="gradient", markers=markers)
show(("markers of the coins", markers == 2), ("watershed", flooded == 2))

# %% [markdown]
# ## 4. k-means
#
# Assign each pixel to the nearest of k means, move each mean to its pixels, repeat. With intensity alone it is a threshold
# found another way.

# %%
two = clustering.cluster(coins[None], kind="kmeans", classes=2)
three = clustering.cluster(even[None], kind="kmeans", classes=2)
show(("k-means of the image", two == two.max()), ("ground evened out", three == three.max()))

# %% [markdown]
# Three of four find the coins as soon as the *ground* is even: preparing the image matters more than the choice of the
# method. `septum segment` has these and many more, and `--suggest` tries them on annotated images.
#
# ## Questions

# %%
from septum.workflows.teaching.table import questions_of

print(questions_of("classical"))
