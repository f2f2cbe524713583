"""The layers of a segmentation network in plain numpy, forward and backward, with every intermediate step.

For learning, not for speed: each function is short enough to be read in a lesson, and gives the numbers of PyTorch and
Keras. Images are (Y, X) or (C, Y, X), weights as in PyTorch, everything in float64.
"""

from septum.lessons.convolution import convolution, convolution_gradients, convolution_steps
from septum.lessons.perceptron import Perceptron
from septum.lessons.pooling import (
    global_pooling,
    global_pooling_gradient,
    pooling,
    pooling_gradient,
    pooling_steps,
)
from septum.lessons.sizes import (
    output_size,
    receptive_field,
    transposed_output_size,
    unet_blocks,
    unet_parameters,
)
from septum.lessons.transposed import (
    transposed_convolution,
    transposed_convolution_gradients,
    transposed_convolution_steps,
)
from septum.lessons.unet import create_unet, decoder_block, encoder_block, train_unet, unet_backward, unet_forward
from septum.lessons.windows import Step

__all__ = [
    "Perceptron",
    "Step",
    "convolution",
    "convolution_gradients",
    "convolution_steps",
    "create_unet",
    "decoder_block",
    "encoder_block",
    "global_pooling",
    "global_pooling_gradient",
    "output_size",
    "pooling",
    "pooling_gradient",
    "pooling_steps",
    "receptive_field",
    "train_unet",
    "transposed_convolution",
    "transposed_convolution_gradients",
    "transposed_convolution_steps",
    "transposed_output_size",
    "unet_backward",
    "unet_blocks",
    "unet_forward",
    "unet_parameters",
]
