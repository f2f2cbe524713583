# %% [markdown]
# # Transposed convolution
#
# The way back up. Each input pixel stamps the filter, times its value, into a larger output; where stamps overlap, they add
# up.

# %%
from septum import lessons
from septum.workflows.teaching.table import find_lesson, questions_of

image = [[2, 1], [3, 2]]
filter_ = [[1, 2, 1], [2, 0, 1], [0, 2, 1]]
for step in lessons.transposed_convolution_steps(image, filter_, stride=2):
    print(step.text)
lessons.transposed_convolution(image, filter_, stride=2)[0]

# %% [markdown]
# The full result is 5 × 5. With padding 1 the slide's example is 4 × 4: the first row and column are the padding that goes.

# %%
lessons.transposed_convolution(image, filter_, stride=2, padding=1, output_padding=1)[0]

# %% [markdown]
# `Conv2DTranspose(1, (3, 3), strides=(2, 2), padding='same')` is 4 × 4 too, but Keras cuts the *last* row and column. Both are
# right; a network learns either. Who carries weights from one to the other must know.

# %%
lessons.transposed_convolution(image, filter_, stride=2, padding="same")[0]

# %%
find_lesson("transposed-convolution").compute().draw()

# %% [markdown]
# A 3 × 3 filter with stride 2 overlaps unevenly: some pixels get four stamps, some one, and a checkerboard shows. The U-Net
# takes 2 × 2 with stride 2, where every output pixel has exactly one source.
#
# ## Why "transposed"
#
# Written as a matrix, a convolution maps a long vector (the image) to a shorter one. The transposed matrix maps back to the
# longer size. It is not the inverse: sizes come back, values do not.

# %%
import numpy as np

kernel = np.arange(9.0).reshape(3, 3)


def column(size, index):
    unit = np.zeros(size)
    unit.flat[index] = 1
    return unit


matrix = np.stack([lessons.convolution(column((5, 5), n), kernel, stride=2).ravel() for n in range(25)], axis=1)
back = np.stack([lessons.transposed_convolution(column((2, 2), n), kernel).ravel() for n in range(4)], axis=1)
print(matrix.shape, back.shape, "transposed of each other:", bool((back == matrix.T).all()))

# %% [markdown]
# ## Questions

# %%
print(questions_of("transposed-convolution"))
