# %% [markdown]
# # What an image is
#
# Images represent most of the data in medicine. To a program an image is an array of numbers *and* a statement of where
# in the patient each number lies. Septum keeps both together: `Image(array, grid)`.

# %%
import matplotlib.pyplot as plt
import numpy as np

from septum import io
from septum.workflows.teaching import pictures

scan = io.read_image(pictures.ct_slice())  # a DICOM file that comes with pydicom
print("array      ", scan.array.shape, scan.array.dtype, "(channels, z, y, x)")
print("spacing    ", [round(step, 4) for step in scan.grid.spacing], "mm per axis: z, y, x")
print("orientation", scan.grid.orientation)
print("voxel      ", round(float(np.prod(scan.grid.spacing)), 3), "mm³")

# %% [markdown]
# ## Modalities
#
# Different physics, different meaning of a number. In CT it is a Hounsfield unit, the same on every scanner: water 0,
# air -1000. In MR it has no unit at all. A fundus photograph has three, for red, green and blue.

# %%
figure, axes = plt.subplots(1, 3, figsize=(12, 4.2))
axes[0].imshow(np.squeeze(scan.array), cmap="gray", vmin=-200, vmax=800)
axes[0].set_title("CT, -200 to 800 HU")
axes[1].imshow(pictures.fundus())
axes[1].set_title("fundus, three channels")
axes[2].imshow(pictures.living_cell(), cmap="gray")
axes[2].set_title("a cell, quantitative phase")
for axis in axes:
    axis.axis("off")

# %% [markdown]
# ## The window decides what you see
#
# A screen shows 256 greys, a CT has about 4000. Which part is shown is a choice, and it changes nothing in the data.

# %%
figure, axes = plt.subplots(1, 3, figsize=(12, 4.2))
for axis, (name, low, high) in zip(axes, [("bone", 0, 1000), ("soft tissue", -100, 250), ("lung", -1000, -200)]):
    axis.imshow(np.squeeze(scan.array), cmap="gray", vmin=low, vmax=high)
    axis.set_title(f"{name}: {low} to {high} HU")
    axis.axis("off")

# %% [markdown]
# ## 2-D, 3-D, + t
#
# A volume is a stack of slices with a distance between them; a movie a sequence of frames with a time between them. Here a
# head, from three sides. Its voxels are cubes of 1 mm; a clinical scan often has slices 5 mm apart, and then the two views
# from the side must be stretched, or the head looks flat.

# %%
from septum.workflows.data.template import find_template

head = io.read_image(find_template()["t1"])
volume = head.array[0]
figure, axes = plt.subplots(1, 4, figsize=(14, 4))
views = [("axial", volume[90]), ("coronal", volume[:, 120]), ("sagittal", volume[:, :, 98])]
for axis, (name, plane) in zip(axes, views):
    axis.imshow(plane, cmap="gray", origin="lower")
    axis.set_title(f"{name}, {plane.shape[0]} × {plane.shape[1]}")
axes[3].imshow(volume[::5, 120], cmap="gray", origin="lower")
axes[3].set_title("every 5th slice, not stretched: wrong")
for axis in axes:
    axis.axis("off")

# %% [markdown]
# ## From millimetres to millilitres
#
# Volume is a count of voxels times the size of one. Forget the spacing and every volume is wrong.

# %%
bone = int((scan.array > 300).sum())
voxel = float(np.prod(scan.grid.spacing))
print(f"{bone} voxels above 300 HU × {voxel:.3f} mm³ = {bone * voxel:.0f} mm³ = {bone * voxel / 1000:.2f} mL")

# %% [markdown]
# ## Questions

# %%
from septum.workflows.teaching.table import questions_of

print(questions_of("image"))
