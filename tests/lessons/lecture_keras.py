"""The lecture's network, written with the lines of its slides."""

from __future__ import annotations

import numpy as np


def unet(keras, *, features=(16, 32, 64), num_classes=2, channels=1, size=(None, None)):
    """Encoder blocks, decoder blocks, final convolution."""
    layers = keras.layers
    initial = "he_normal"
    inputs = c = keras.Input((*size, channels))
    skips = []
    for filters in features[:-1]:
        c = layers.Conv2D(filters, (3, 3), activation="relu", kernel_initializer=initial, padding="same")(c)
        c = layers.Conv2D(filters, (3, 3), activation="relu", kernel_initializer=initial, padding="same")(c)
        skips.append(c)
        c = layers.MaxPooling2D((2, 2))(c)
    c = layers.Conv2D(features[-1], (3, 3), activation="relu", kernel_initializer=initial, padding="same")(c)
    c = layers.Conv2D(features[-1], (3, 3), activation="relu", kernel_initializer=initial, padding="same")(c)
    for filters, enc_layer in zip(features[-2::-1], skips[::-1], strict=True):
        c = layers.Conv2DTranspose(filters, (2, 2), strides=(2, 2), padding="same")(c)
        c = layers.Concatenate()([c, enc_layer])
        c = layers.Conv2D(filters, (3, 3), activation="relu", kernel_initializer=initial, padding="same")(c)
        c = layers.Conv2D(filters, (3, 3), activation="relu", kernel_initializer=initial, padding="same")(c)
    outputs = layers.Conv2D(num_classes, (1, 1), activation="sigmoid")(c)
    model = keras.Model(inputs, outputs)
    generator = np.random.default_rng(3)
    model.set_weights([w + 0.05 * generator.standard_normal(w.shape).astype(np.float32) for w in model.get_weights()])
    return model


def septum_weights(model):
    """The model's weights under Septum's names, in the order in which the lines above made the layers."""
    arrays = [np.asarray(w) for w in model.get_weights()]
    pairs = [(arrays[i].transpose(3, 2, 0, 1), arrays[i + 1]) for i in range(0, len(arrays), 2)]
    depth = (len(pairs) - 1 + 3) // 5
    names = [f"encoder.{level}.{part}.conv" for level in range(depth) for part in ("first", "second")]
    for level in reversed(range(depth - 1)):
        names += [f"ups.{level}", f"decoder.{level}.first.conv", f"decoder.{level}.second.conv"]
    names.append("head")
    found = {}
    for name, (kernel, bias) in zip(names, pairs, strict=True):
        found |= {f"{name}.weight": kernel, f"{name}.bias": bias}
    return found
