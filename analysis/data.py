#!/usr/bin/env python3
"""Published data sets as one file of arrays, which tasks read: data.py KIND FROM [TO].

    mnist FOLDER      the four IDX files of MNIST, Fashion-MNIST or KMNIST, gzipped or not -> FOLDER/mnist.npz
    cifar10 FOLDER    data_batch_1.bin to _5.bin and test_batch.bin -> FOLDER/cifar10.npz, images [n, 3, 32, 32]
    imdb FROM         the folder aclImdb, or Kaggle's "IMDB Dataset.csv" -> FROM.npz

A file that is not what it should be is an error that names it.  What is written is the same byte for byte wherever it is made
from the same data; its SHA-256 is printed.  Numbers lie in the file as they are: programs map them, and ranks share them."""
import argparse
import csv
import gzip
import hashlib
import io
import sys
import zipfile
from pathlib import Path

import numpy as np


class Fault(Exception):
    pass


def save(path, arrays):
    """An .npz without a time in it, under its name only once it is whole."""
    path = Path(path)
    whole = path.with_name(path.name + ".part")
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as f:
        for name, array in arrays.items():
            npy = io.BytesIO()
            np.lib.format.write_array(npy, np.ascontiguousarray(array), allow_pickle=False)
            f.writestr(zipfile.ZipInfo(name + ".npy"), npy.getbuffer())
    whole.rename(path)
    print(f"{path}: " + ", ".join(f"{name} {list(array.shape)} {array.dtype}" for name, array in arrays.items()))
    print(f"sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


# ---- MNIST and its kin ----

def idx(folder, name, rank):
    """Bytes in `rank` dimensions: two zeros, 8, the rank; the dimensions, 32 bits each; the bytes."""
    path = next((p for p in (folder / name, folder / (name + ".gz")) if p.exists()), None)
    if path is None:
        raise Fault(f"there is no {folder / name} and no {name}.gz")
    try:
        data = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError) as fault:
        raise Fault(f"{path} is damaged: {fault}") from fault
    head = 4 + 4 * rank
    if len(data) < head or data[:4] != bytes((0, 0, 8, rank)):
        raise Fault(f"{path} is no IDX file of bytes in {rank} dimensions")
    shape = tuple(int(d) for d in np.frombuffer(data[4:head], ">u4"))
    if len(data) - head != np.prod(shape, dtype=object) or 0 in shape:
        raise Fault(f"{path} says that it has {shape} bytes, and has {len(data) - head}")
    return np.frombuffer(data[head:], np.uint8).reshape(shape)


def mnist(folder):
    arrays = {}
    for half, stem in (("train", "train"), ("test", "t10k")):
        x, y = idx(folder, f"{stem}-images-idx3-ubyte", 3), idx(folder, f"{stem}-labels-idx1-ubyte", 1)
        if len(x) != len(y):
            raise Fault(f"{folder}: {len(y)} labels for {len(x)} images of {stem}")
        arrays |= {"x_" + half: x, "y_" + half: y}
    if arrays["x_train"].shape[1:] != arrays["x_test"].shape[1:]:
        raise Fault(f"{folder}: the training and the test images differ in size")
    return arrays


# ---- CIFAR-10 ----

def batch(path):
    """Records of a label and 3 x 32 x 32 bytes (the binary version)."""
    if not path.exists():
        raise Fault(f"there is no {path} (wanted: the binary version, cifar-10-binary.tar.gz)")
    data = np.frombuffer(path.read_bytes(), np.uint8)
    if len(data) == 0 or len(data) % 3073:
        raise Fault(f"{path} has {len(data)} bytes, and its records have 3073")
    data = data.reshape(-1, 3073)
    if data[:, 0].max() > 9:
        raise Fault(f"{path} has the label {data[:, 0].max()}")
    return data[:, 1:].reshape(-1, 3, 32, 32), data[:, 0]


def cifar10(folder):
    train = [batch(folder / f"data_batch_{i}.bin") for i in range(1, 6)]
    x, y = batch(folder / "test_batch.bin")
    return {"x_train": np.concatenate([t[0] for t in train]), "y_train": np.concatenate([t[1] for t in train]), "x_test": x, "y_test": y}


# ---- IMDb ----

# White space splits, and so does <br />; of what stands between, letters stay, in lower case, and so do the bytes of letters beyond
# ASCII; digits and punctuation are taken out ("don't" is dont, "10/10" is no word).  So do Liu et al. (arXiv 2210.01117), but that they
# glue the br of <br /> to words.
KEPT = bytes(c for c in range(256) if c >= 0x80 or chr(c).isalpha() or c in b" \t\n\v\f\r")
DROPPED = bytes(c for c in range(256) if c not in KEPT)


def words(text):
    import re
    text = re.sub(rb"<br[ \t\n\v\f\r]*/?>", b" ", text, flags=re.IGNORECASE)
    lower = bytes(c + 32 if 65 <= c <= 90 else c for c in range(256))
    return text.translate(lower, DROPPED).split()


def reviews(place):
    """Texts with their labels."""
    if place.is_dir():
        for part, label in (("train/pos", 1), ("train/neg", 0), ("test/pos", 1), ("test/neg", 0)):
            files = sorted((place / part).glob("*.txt"))
            if not files:
                raise Fault(f"{place / part} holds no *.txt; wanted: train/pos, train/neg, test/pos and test/neg (aclImdb)")
            for file in files:
                yield file.read_bytes().removeprefix(b"\xef\xbb\xbf"), label
        return
    csv.field_size_limit(1 << 20)
    try:
        with open(place, encoding="latin-1", newline="") as f:
            rows = csv.reader(f, strict=True)
            head = next(rows, [])
            if [c.encode("latin-1").removeprefix(b"\xef\xbb\xbf") for c in head] != [b"review", b"sentiment"]:
                raise Fault(f"{place}: the first line must be review,sentiment")
            for row in rows:
                if len(row) != 2 or row[1] not in ("positive", "negative"):
                    raise Fault(f"{place}, line {rows.line_num}: a row must be a review and positive or negative")
                yield row[0].encode("latin-1"), int(row[1] == "positive")
    except (OSError, csv.Error) as fault:
        raise Fault(f"{place}: {fault}") from fault


def imdb(place):
    """Words in the order of their bytes, and texts in an order that depends on what they say alone: the file is the same from
    either layout."""
    import xxhash
    texts = [(words(text), label) for text, label in reviews(place)]
    word = sorted({w for text, _ in texts for w in text})
    number = {w: i for i, w in enumerate(word)}
    texts = [(np.array([number[w] for w in text], "<u4"), label) for text, label in texts]
    texts.sort(key=lambda t: (xxhash.xxh3_128_intdigest(t[0].tobytes()), t[1]))
    letters = b"".join(w + b"\0" for w in word)
    return {"letters": np.frombuffer(letters, np.uint8), "said": np.concatenate([t for t, _ in texts] or [np.zeros(0, "<u4")]),
            "start": np.cumsum([0] + [len(t) for t, _ in texts]).astype("<u8"), "label": np.array([label for _, label in texts], np.uint8)}


KINDS = {"mnist": (mnist, "{}/mnist.npz"), "cifar10": (cifar10, "{}/cifar10.npz"), "imdb": (imdb, "{}.npz")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("place", metavar="FROM", type=Path)
    parser.add_argument("to", metavar="TO", nargs="?", type=Path)
    args = parser.parse_args()
    make, name = KINDS[args.kind]
    try:
        save(args.to or name.format(args.place), make(args.place))
    except Fault as fault:
        print(f"data.py: {fault}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
