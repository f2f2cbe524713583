# %% [markdown]
# # Convolution
#
# A small kernel slides over the image; each output pixel is the sum of the products under it. The same few weights are used
# everywhere: what is learnt at one place is known at all others.

# %%
from septum import lessons

image = [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
kernel = [[0, 1], [2, 3]]
for step in lessons.convolution_steps(image, kernel):
    print(step.position, step.text)
lessons.convolution(image, kernel)[0]

# %%
from septum.workflows.teaching.table import find_lesson, questions_of

find_lesson("convolution").compute().draw()

# %% [markdown]
# ## What is a convolution in image processing?
#
# There the kernel is turned by 180° before it slides; what networks do is called cross-correlation. For a kernel that is
# its own mirror image (a blur) there is no difference; for an edge filter the sign turns. A network learns its kernel, so
# it can learn the turned one as well.

# %%
print("as networks do it:", lessons.convolution(image, kernel)[0].tolist())
print("true convolution: ", lessons.convolution(image, kernel, flip=True)[0].tolist())

# %% [markdown]
# ## Stride, padding, dilation
#
# floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1 pixels come out.

# %%
import numpy as np

plane = np.arange(25.0).reshape(5, 5)
for settings in ({}, {"padding": 1}, {"padding": 1, "stride": 2}, {"dilation": 2}, {"padding": "same", "stride": 2}):
    print(settings, "->", lessons.convolution(plane, np.ones((3, 3)), **settings).shape[1:])

# %% [markdown]
# ## Backwards
#
# A pixel gets, from each output whose window it lay in, that output's gradient times the weight it met there. A weight gets
# the sum over all windows of gradient times pixel, which is again a convolution.

# %%
at_image, at_weights, at_bias = lessons.convolution_gradients(np.ones((1, 2, 2)), image, weights=kernel)
print("at the image:\n", at_image[0], "\nat the kernel:\n", at_weights[0, 0], "\nat the bias:", at_bias)

# %% [markdown]
# ## The same as the network that segments
#
# PyTorch, which runs Septum's network, gives the same numbers.

# %%
import torch

theirs = torch.nn.functional.conv2d(torch.tensor(plane)[None, None], torch.ones(1, 1, 3, 3).double(), padding=1)
float(np.abs(lessons.convolution(plane, np.ones((3, 3)), padding=1) - theirs[0].numpy()).max())

# %% [markdown]
# ## Questions

# %%
print(questions_of("convolution"))
