# %% [markdown]
# # Perceptron and backpropagation
#
# A neuron is a weighted sum and a bend. A layer is many of them; a multi-layer perceptron is layers in a row. Learning asks
# one question of every weight: if I turn you up a little, does the loss rise or fall, and by how much?
#
# ## By hand
#
# Two inputs, two hidden neurons, one output, all with the sigmoid 1 / (1 + e^-s). The target is 1.

# %%
from septum.workflows.teaching.table import find_lesson

print("\n".join(find_lesson("perceptron").compute().lines))

# %% [markdown]
# ## The same by function
#
# `forward` keeps what every layer saw; `backward` walks back over it. A gradient can be checked without any mathematics:
# turn the weight a little and look.

# %%
import matplotlib.pyplot as plt
import numpy as np

from septum.lessons import perceptron
from septum.lessons.perceptron import Perceptron
from septum.workflows.teaching.layers import two_layers

network = two_layers()
trace = perceptron.forward(network, [[1.0, 0.5]])
gradients = perceptron.backward(network, trace, [[1.0]])


def loss_with(weight):
    weights = (network.weights[0], np.array([[weight], [-0.6]]))
    moved = Perceptron(weights, network.biases, "sigmoid", "squared error")
    return perceptron.loss(moved, perceptron.forward(moved, [[1.0, 0.5]]), targets=[[1.0]])


print("by backpropagation:", gradients.weights[1][0, 0])
print("by trying:         ", (loss_with(0.7 + 1e-6) - loss_with(0.7 - 1e-6)) / 2e-6)

# %% [markdown]
# ## A boundary that bends
#
# One neuron draws a line; eight hidden ones bend it. (`septum lesson perceptron --interactive` lets you add points, change
# the learning rate, and watch.)

# %%
find_lesson("perceptron").compute().draw()

# %% [markdown]
# ## A real image from three scribbles
#
# A slice of a head. Each pixel has four features: its intensity, the intensity blurred by 1 and by 3 pixels, and the
# strength of the edge. A person draws one scribble in each tissue; the perceptron learns from those pixels alone and
# labels all others.

# %%
from scipy import ndimage

from septum.workflows.teaching import pictures
from septum.workflows.teaching.scribbles import brain_scribbles, pixel_features

image, tissue = pictures.brain_slice(90)
features = pixel_features(image)  # (pixels, 4), mean 0 and deviation 1
scribbles = brain_scribbles(image, tissue)  # 0 unmarked, 1 other, 2 grey matter, 3 white matter
marked = scribbles.ravel() > 0
x, y = features[marked], scribbles.ravel()[marked] - 1
print(f"{marked.sum()} of {marked.size} pixels are marked")
start = Perceptron.create((4, 12, 3), generator=np.random.default_rng(0))
trained, losses = perceptron.train(start, x, targets=y, rate=0.5, steps=1500)
found = perceptron.predict(trained, features).reshape(image.shape)

# %%
figure, axes = plt.subplots(1, 4, figsize=(15, 4.6))
axes[0].imshow(image, cmap="gray")
axes[0].imshow(np.ma.masked_equal(ndimage.grey_dilation(scribbles, size=3), 0), cmap="autumn", interpolation="nearest")
axes[0].set_title("three scribbles (drawn thicker)")
axes[1].imshow(found)
axes[1].set_title("perceptron")
axes[2].imshow(tissue)
axes[2].set_title("truth")
for axis in axes[:3]:
    axis.axis("off")
axes[3].plot(losses)
axes[3].set_title("loss")
axes[3].set_xlabel("step")
plt.tight_layout()

# %% [markdown]
# Is it any good? scikit-learn's perceptron, on the same features and scribbles:

# %%
from sklearn.neural_network import MLPClassifier

other = MLPClassifier((12,), activation="tanh", max_iter=2000, random_state=0).fit(x, y)
own_share = (found == tissue).mean()
other_share = (other.predict(features).reshape(image.shape) == tissue).mean()
print(f"right pixels: own {own_share:.3f}, scikit-learn {other_share:.3f}")

# %% [markdown]
# Both see a pixel and its surroundings through four numbers that a person chose. A convolutional network chooses its own:
# that is the next lesson. Septum's pixel classifier (`septum pixels`) works like this one, with more features and a forest.
#
# ## Questions

# %%
from septum.workflows.teaching.table import questions_of

print(questions_of("perceptron"))
