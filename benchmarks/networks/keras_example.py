"""Keras's own conditional GAN example, https://keras.io/examples/generative/conditional_gan (2021), as it stands but for the data.

Two networks, a `train_step` with two gradient tapes, binary crossentropy with noisy labels, Adam of 0.0003, batches of 64, noise of 128
numbers, the class as 10 channels of the picture: python keras_example.py OUT.npz CPU_SECONDS SEED.
"""

from __future__ import annotations

import sys
import time

import keras
import numpy as np
import tensorflow as tf
from c1 import MADE, digits
from keras import layers

BEGIN = time.perf_counter()
LATENT, CLASSES, BATCH = 128, 10, 64


def networks():
    critic = keras.Sequential(
        [
            keras.layers.InputLayer((28, 28, 1 + CLASSES)),
            layers.Conv2D(64, 3, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2D(128, 3, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.GlobalMaxPooling2D(),
            layers.Dense(1),
        ]
    )
    generator = keras.Sequential(
        [
            keras.layers.InputLayer((LATENT + CLASSES,)),
            layers.Dense(7 * 7 * (LATENT + CLASSES)),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Reshape((7, 7, LATENT + CLASSES)),
            layers.Conv2DTranspose(128, 4, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2DTranspose(128, 4, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2D(1, 7, padding="same", activation="sigmoid"),
        ]
    )
    return critic, generator


class ConditionalGAN(keras.Model):
    def __init__(self, critic, generator, seed):
        super().__init__()
        self.critic, self.generator = critic, generator
        self.draws = keras.random.SeedGenerator(seed)

    def compile(self, d_optimizer, g_optimizer, loss_fn):
        super().compile()
        self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn

    def train_step(self, data):
        real, one_hot = data
        maps = tf.reshape(tf.repeat(one_hot, 28 * 28, axis=0), (-1, 28, 28, CLASSES))
        size = tf.shape(real)[0]
        noise = keras.random.normal((size, LATENT), seed=self.draws)
        made = self.generator(tf.concat([noise, one_hot], axis=1))
        both = tf.concat([tf.concat([made, maps], -1), tf.concat([real, maps], -1)], axis=0)
        labels = tf.concat([tf.ones((size, 1)), tf.zeros((size, 1))], axis=0)
        labels += 0.05 * tf.random.uniform(tf.shape(labels))
        with tf.GradientTape() as tape:
            d_loss = self.loss_fn(labels, self.critic(both))
        self.d_optimizer.apply_gradients(
            zip(tape.gradient(d_loss, self.critic.trainable_weights), self.critic.trainable_weights, strict=True)
        )
        noise = keras.random.normal((size, LATENT), seed=self.draws)
        with tf.GradientTape() as tape:
            made = self.generator(tf.concat([noise, one_hot], axis=1))
            g_loss = self.loss_fn(tf.zeros((size, 1)), self.critic(tf.concat([made, maps], -1)))
        weights = self.generator.trainable_weights
        self.g_optimizer.apply_gradients(zip(tape.gradient(g_loss, weights), weights, strict=True))
        return {"d_loss": d_loss, "g_loss": g_loss}


class Until(keras.callbacks.Callback):
    steps = 0

    def __init__(self, budget):
        super().__init__()
        self.budget = budget

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        if time.process_time() > self.budget:
            self.model.stop_training = True


def main(path: str, budget: float, seed: int) -> None:
    keras.utils.set_random_seed(seed)
    train, _ = digits()
    values = train.read(["image", "digit"], np.arange(len(train)))
    images, one_hot = values["image"].astype("float32") / 255, keras.utils.to_categorical(values["digit"], CLASSES).astype("float32")
    data = tf.data.Dataset.from_tensor_slices((images, one_hot)).shuffle(1024, seed=seed).batch(BATCH)
    critic, generator = networks()
    model = ConditionalGAN(critic, generator, seed)
    model.compile(keras.optimizers.Adam(0.0003), keras.optimizers.Adam(0.0003), keras.losses.BinaryCrossentropy(from_logits=True))
    until = Until(budget)
    model.fit(data, epochs=10_000, verbose=0, callbacks=[until])
    codes = np.arange(MADE) % CLASSES
    noise = np.random.default_rng(seed + 1).standard_normal((MADE, LATENT)).astype("float32")
    made = generator.predict(np.concatenate([noise, np.eye(CLASSES, dtype="float32")[codes]], axis=1), verbose=0)
    spent = {"steps": until.steps, "cpu": time.process_time(), "wall": time.perf_counter() - BEGIN}
    np.savez(path, image=np.rint(255 * made).astype(np.uint8), digit=codes, **spent)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
