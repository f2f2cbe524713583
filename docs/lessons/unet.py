# %% [markdown]
# # The U-Net, block by block
#
# Down: two 3 × 3 convolutions with ReLU, then 2 × 2 max pooling, four times. At the bottom the network has seen far and
# knows *what* is there. Up: a transposed convolution doubles the size, the encoder's map of the same size is laid beside it
# (it knows *where*), and two convolutions join the two. A 1 × 1 convolution makes one number per class and pixel.

# %%
from septum import lessons
from septum.workflows.teaching.table import questions_of

for block in lessons.unet_blocks((256, 256), classes=2):
    shape = " × ".join(map(str, block.shape))
    print(
        f"{block.name:<10}{shape:>16}{block.parameters:>9} parameters, sees {block.receptive_field:>3} pixels: {block.layers}"
    )

# %% [markdown]
# ## One encoder block and one decoder block
#
# The lecture's lines
#
# ```python
# c = Conv2D(filters, (3, 3), activation="relu", padding="same")(inputs)
# c = Conv2D(filters, (3, 3), activation="relu", padding="same")(c)
# enc_layer = c
# outputs = MaxPooling2D((2, 2))(c)
# ```
#
# are `encoder_block`, and
#
# ```python
# c = Conv2DTranspose(filters, (2, 2), strides=(2, 2), padding="same")(input)
# c = Concatenate()([c, enc_layer])
# ```
#
# with two more convolutions are `decoder_block`.

# %%
import matplotlib.pyplot as plt
import numpy as np

from septum.workflows.teaching import pictures

picture, truth = pictures.made_nuclei(1)
weights = lessons.create_unet(features=(4, 8), classes=2, generator=np.random.default_rng(0))
trace, pooled = lessons.encoder_block(picture, weights, name="encoder.0")
print("input", picture.shape, "-> enc_layer", trace.maps[1].shape, "-> pooled", pooled.shape)
bottom, _ = lessons.encoder_block(pooled, weights, name="encoder.1")
joined, out = lessons.decoder_block(bottom.maps[1], trace.maps[1], weights=weights, level=0)
print("bottom", bottom.maps[1].shape, "-> concatenated", joined.image.shape, "-> out", out.shape)

# %% [markdown]
# ## A trained one
#
# Septum's own network in the lecture's form, trained for a few seconds on three pictures of nuclei (made, so that the truth
# is known). Its weights then go into the numpy network of this lesson: the same numbers come out, so the maps below *are* what
# the network that segments computes.

# %%
import torch

from septum.workflows.teaching.small import segment_small, standardise, train_small

study = [pictures.made_nuclei(seed) for seed in (2, 3, 4)]
network = train_small([image for image, _ in study], [labels > 0 for _, labels in study], steps=120)
weights = {name: value.numpy().astype(float) for name, value in network.state_dict().items()}
image = standardise(picture)
trace = lessons.unet_forward(weights, image)
with torch.inference_mode():
    theirs = network(torch.from_numpy(image)[None, None])[0].numpy()
print("largest difference between numpy and PyTorch:", float(np.abs(trace.logits - theirs).max()))

# %%
stages = [("encoder 1", trace.encoder[0]), ("encoder 2", trace.encoder[1]), ("bottom", trace.encoder[2])]
stages += [("decoder 2", trace.decoder[1]), ("decoder 1", trace.decoder[0])]
figure, axes = plt.subplots(len(stages), 6, figsize=(12, 10))
for row, (name, block) in zip(axes, stages):
    maps = block.maps[1]
    for axis, index in zip(row, np.argsort(-maps.std(axis=(1, 2)))):
        axis.imshow(maps[index], cmap="magma")
        axis.axis("off")
    row[0].set_title(f"{name}: 6 of {len(maps)} maps, {maps.shape[1]} × {maps.shape[2]}", loc="left", fontsize=10)
plt.tight_layout()

# %% [markdown]
# ## The arg-max is done outside the network
#
# The network ends with one number per class. Sigmoid makes each a probability; the larger one wins.

# %%
chance = 1 / (1 + np.exp(-trace.logits))
figure, axes = plt.subplots(1, 4, figsize=(13, 3.6))
for axis, (name, shown) in zip(
    axes,
    [
        ("input", picture),
        ("sigmoid: background", chance[0]),
        ("sigmoid: nucleus", chance[1]),
        ("arg-max", chance.argmax(0)),
    ],
):
    axis.imshow(shown, cmap="gray")
    axis.set_title(name)
    axis.axis("off")
mask = segment_small(network, picture) == 1
print("Dice with the truth:", round(2 * float((mask & (truth > 0)).sum() / (mask.sum() + (truth > 0).sum())), 3))

# %% [markdown]
# ## Questions

# %%
print(questions_of("unet"))
