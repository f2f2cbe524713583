"""A real MR brain with its tissues, which comes with an installed package.

The ICBM152 2009 nonlinear symmetric T1 template with its maps of grey and white matter (Fonov et al. 2011, NeuroImage
54:313-327), read from the files inside nilearn without importing it: it is the one volume with a truth that demo and
lessons can count on without a network.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from septum.errors import ConfigError, install_extra

FILES = {name: f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz" for name in ("t1", "gm", "wm")}


def find_template() -> dict[str, Path]:
    """Paths of the T1 image (`t1`) and the maps of grey (`gm`) and white (`wm`) matter inside nilearn.

    Raises:
        ConfigError: when nilearn is not installed or does not bring the files.
    """
    spec = importlib.util.find_spec("nilearn")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not folders:
        raise ConfigError(
            f"the brain image comes with the package nilearn, which is not installed; {install_extra('demo')}"
        )
    paths = {name: Path(folders[0]) / "datasets" / "data" / file for name, file in FILES.items()}
    missing = [path.name for path in paths.values() if not path.is_file()]
    if missing:
        raise ConfigError(
            f"the installed nilearn does not bring {', '.join(missing)}; {install_extra('demo')}, with --upgrade"
        )
    return paths


def tissue_labels(grey: NDArray[np.floating], white: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Most probable tissue of each sample: 1 grey, 2 white matter, 0 anything else; probabilities in [0, 1].

    >>> tissue_labels(np.array([0.9, 0.3, 0.2]), np.array([0.1, 0.6, 0.2])).tolist()
    [1, 2, 0]
    """
    labels: NDArray[np.uint8] = np.argmax([1.0 - grey - white, grey, white], axis=0).astype(np.uint8)
    return labels
