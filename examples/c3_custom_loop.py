"""C3. A training loop of one's own over the batches of a `plait.Loader`: TensorFlow's GradientTape, JAX or PyTorch.

The data are scikit-learn's digits (8 x 8); asked is the class. Each loop is what its library's users would write; the batches are the same
for all three, and in every epoch in another order. `loader.step` is the whole state, to be kept with the weights.
"""

import keras
import numpy as np
from sklearn.datasets import load_digits

import plait


def main(epochs: int = 20) -> None:
    keras.utils.set_random_seed(0)
    digits = load_digits()
    arrays = plait.Arrays(image=(digits.images[..., None] / 16).astype(np.float32), digit=digits.target)
    data = plait.Dataset(inputs={"image": arrays["image"]}, targets={"digit": arrays["digit"]})
    train, test = data.split(0.8, seed=0, stratify="digit")
    loader = plait.Loader(train, 32, seed=0)

    model = network()
    {"tensorflow": with_tensorflow, "jax": with_jax, "torch": with_torch}[keras.backend.backend()](model, loader, epochs)
    assert loader.step == epochs * len(loader)

    images = np.concatenate([inputs["image"] for inputs, _, _ in plait.Loader(test, 64, shuffle=False)])
    found = keras.ops.convert_to_numpy(model(images)).argmax(axis=1)
    right = np.mean(found == test["digit"].values())
    print(f"digits told right by a loop of one's own on {keras.backend.backend()}: {right:.0%}; by chance 10%")
    assert right > 0.8


def network() -> keras.Model:
    image = keras.Input((8, 8, 1), name="image")
    hidden = keras.layers.Conv2D(16, 3, activation="relu")(image)
    return keras.Model(image, keras.layers.Dense(10)(keras.layers.Flatten()(hidden)))


LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def with_tensorflow(model: keras.Model, loader: plait.Loader, epochs: int) -> None:
    import tensorflow as tf

    optimizer = keras.optimizers.Adam(0.003)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(inputs, target):
        with tf.GradientTape() as tape:
            loss = LOSS(target, model(inputs["image"], training=True))
        optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True))

    for _ in range(epochs):
        for inputs, target in loader.to_tf():
            step(inputs, target)


def with_jax(model: keras.Model, loader: plait.Loader, epochs: int) -> None:
    import jax

    optimizer = keras.optimizers.Adam(0.003)
    optimizer.build(model.trainable_variables)

    def loss(weights, others, image, target):
        logits, others = model.stateless_call(weights, others, image, training=True)
        return LOSS(target, logits), others

    @jax.jit
    def step(weights, others, moments, image, target):
        (_, others), gradients = jax.value_and_grad(loss, has_aux=True)(weights, others, image, target)
        weights, moments = optimizer.stateless_apply(moments, gradients, weights)
        return weights, others, moments

    state = [[v.value for v in part] for part in (model.trainable_variables, model.non_trainable_variables, optimizer.variables)]
    for _ in range(epochs):
        for inputs, target, _ in loader:
            state = step(*state, inputs["image"], target)
    for variable, value in zip(model.trainable_variables, state[0], strict=True):
        variable.assign(value)


def with_torch(model: keras.Model, loader: plait.Loader, epochs: int) -> None:
    import torch

    optimizer = torch.optim.Adam(model.parameters(), 0.003)
    for _ in range(epochs):
        for inputs, target in loader.to_torch():
            optimizer.zero_grad()
            LOSS(target, model(inputs["image"], training=True)).backward()
            optimizer.step()


if __name__ == "__main__":
    main()
