from septum import (
    classical as classical,
)
from septum import (
    client as client,
)
from septum import (
    errors as errors,
)
from septum import (
    geometry as geometry,
)
from septum import (
    instances as instances,
)
from septum import (
    interactive as interactive,
)
from septum import (
    io as io,
)
from septum import (
    lessons as lessons,
)
from septum import (
    metrics as metrics,
)
from septum import (
    net as net,
)
from septum import (
    options as options,
)
from septum import (
    report as report,
)
from septum import (
    workflows as workflows,
)
from septum.errors import SeptumError as SeptumError
from septum.geometry import Grid as Grid
from septum.geometry import Image as Image
from septum.geometry import LabelMap as LabelMap
from septum.io import read_image as read_image
from septum.io import read_labels as read_labels
from septum.io import write_image as write_image
from septum.io import write_labels as write_labels
from septum.library.masks import dice as dice
from septum.library.masks import evaluate as evaluate
from septum.library.masks import interpolate as interpolate
from septum.library.masks import overlay as overlay
from septum.library.masks import segment as segment
from septum.library.model import load_model as load_model
from septum.library.model import predict as predict
from septum.library.model import train as train

__version__: str
