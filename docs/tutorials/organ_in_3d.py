# %% [markdown]
# # An organ in 3-D, from DICOM, in millimetres
# A CT comes as a folder of slices. What matters is that the volume of an organ is right when slices are thicker than
# pixels are wide. The series here is made from the small CT that comes with `pydicom`: sixteen slices, 3 mm apart, with a ball
# of 12 mm radius in them.

# %%
from copy import deepcopy
from pathlib import Path

import numpy as np
import pydicom
from pydicom.data import get_testdata_file

import septum

PIXEL_MM, SLICE_MM, RADIUS_MM = 0.7, 3.0, 12.0
z, y, x = np.mgrid[:16, :96, :96]
distance = np.sqrt(((z - 7.5) * SLICE_MM) ** 2 + ((y - 48) * PIXEL_MM) ** 2 + ((x - 48) * PIXEL_MM) ** 2)
volume = np.where(distance < RADIUS_MM, 1100, 1000) + np.random.default_rng(0).normal(0, 12, distance.shape)

# %%
folder = Path("ct")
folder.mkdir()
template = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
series = pydicom.uid.generate_uid()
for number, plane in enumerate(volume):
    file = deepcopy(template)
    file.SeriesInstanceUID, file.SOPInstanceUID = series, pydicom.uid.generate_uid()
    file.file_meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID
    file.Rows, file.Columns, file.InstanceNumber = 96, 96, number + 1
    file.PixelSpacing, file.SliceThickness = [PIXEL_MM, PIXEL_MM], SLICE_MM
    file.ImageOrientationPatient, file.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, number * SLICE_MM]
    file.PixelData = plane.round().astype(np.int16).tobytes()
    file.save_as(folder / f"{number:03}.dcm")

# %% [markdown]
# ## Read the series
# The folder is one image. Its spacing and orientation come from the headers; the values are Hounsfield units.

# %%
ct = septum.read_image("ct")
print(ct.grid.shape, ct.grid.spacing, ct.grid.orientation)
ct

# %% [markdown]
# ## One click
# Region growing from a voxel inside: what hangs together with it and is brighter than half way between organ (about 80 HU)
# and its surroundings (about -20 HU). A light Gaussian first, in millimetres, so that noise makes no holes.

# %%
from septum.classical import growing, smooth

calm = smooth.gaussian(ct.array[0], spacing=ct.grid.spacing, sigma_mm=1.0)
mask = growing.connected_threshold(calm, seeds=[[8, 48, 48]], low=30)
organ = septum.LabelMap(mask.astype(np.uint8), ct.grid, {1: "organ"})
septum.overlay(ct, organ)

# %% [markdown]
# ## Volume
# The truth is 4/3 π r³. In voxels the number would mean nothing; in mm³ it can be compared.

# %%
row = organ.objects(ct).iloc[0]
truth_mm3 = 4 / 3 * np.pi * RADIUS_MM**3
print(f"{row['volume_mm3']:.0f} mm³ measured, {truth_mm3:.0f} mm³ true")
assert abs(row["volume_mm3"] / truth_mm3 - 1) < 0.1

# %%
reference = (distance < RADIUS_MM).astype(np.uint8)
septum.evaluate(organ.array, reference, spacing=ct.grid.spacing)[
    ["dice", "hausdorff", "average_symmetric_surface_distance"]
]

# %% [markdown]
# The mask goes back to the viewer as NIfTI, on the grid of the CT. This is research software, not a medical device.

# %%
septum.write_labels("organ.nii.gz", organ)
assert septum.read_labels("organ.nii.gz").grid.matches(ct.grid)
