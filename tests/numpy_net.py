"""numpy_net.py: networks that are written as lists, in numpy, with gradients: slow, and nothing of the program in it.

    logits, gradients = run(entries, weights, x, slope)     # slope: d(loss)/d(logits), a function of the logits
"""
import math

import numpy as np


class Value:
    """An array, what it was made of, and how the gradient by it becomes gradients by that."""

    def __init__(self, array, *made):
        self.array, self.made, self.slope = np.asarray(array, float), made, 0.0

    def back(self):
        order, seen = [], set()

        def visit(v):
            if id(v) not in seen:
                seen.add(id(v))
                for one, _ in v.made:
                    visit(one)
                order.append(v)
        visit(self)
        for v in reversed(order):
            for one, part in v.made:
                g = part(np.broadcast_to(v.slope, v.array.shape))
                while g.ndim > one.array.ndim:
                    g = g.sum(0)
                wide = tuple(i for i, n in enumerate(one.array.shape) if n == 1 and g.shape[i] > 1)
                one.slope = one.slope + (g.sum(wide, keepdims=True) if wide else g)

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.array + other.array, (self, lambda g: g), (other, lambda g: g))

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.array * other.array, (self, lambda g: g * other.array), (other, lambda g: g * self.array))

    def __matmul__(self, other):
        return Value(self.array @ other.array, (self, lambda g: g @ other.array.swapaxes(-1, -2)),
                     (other, lambda g: self.array.swapaxes(-1, -2) @ g))

    def of(self, f, slope):
        return Value(f(self.array), (self, lambda g: g * slope(self.array)))

    def turned(self, *axes):
        return Value(self.array.transpose(axes), (self, lambda g: g.transpose(np.argsort(axes))))

    def shaped(self, *shape):
        return Value(self.array.reshape(shape), (self, lambda g: g.reshape(self.array.shape)))

    def __getitem__(self, index):
        def part(g):
            out = np.zeros_like(self.array)
            np.add.at(out, index, g)
            return out
        return Value(self.array[index], (self, part))

    def mean(self, axes):
        axes = axes if isinstance(axes, tuple) else (axes,)
        size = np.prod([self.array.shape[i] for i in axes])
        return Value(self.array.mean(axes, keepdims=True), (self, lambda g: np.broadcast_to(g / size, self.array.shape)))

    def largest(self, axis):
        top = self.array.argmax(axis, keepdims=True)
        hit = np.zeros_like(self.array)
        np.put_along_axis(hit, top, 1.0, axis)
        return Value(np.take_along_axis(self.array, top, axis), (self, lambda g: g * hit))


def beside(values):
    cuts = np.cumsum([v.array.shape[-1] for v in values])[:-1]
    return Value(np.concatenate([v.array for v in values], -1),
                 *[(v, lambda g, i=i: np.split(g, cuts, -1)[i]) for i, v in enumerate(values)])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def phi(x):
    return 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


FUNCTIONS = {
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0),
    "gelu": (lambda x: x * phi(x), lambda x: phi(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)),
    "silu": (lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x)))),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "sigmoid": (sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x))),
    "softplus": (lambda x: np.log1p(np.exp(x)), sigmoid),
    "sin": (np.sin, np.cos),
    "square": (np.square, lambda x: 2 * x),
    "identity": (lambda x: x, np.ones_like),
    "exp": (np.exp, np.exp),
    "inverse": (lambda x: 1 / x, lambda x: -1 / x ** 2),
    "rsqrt": (lambda x: (x + 1e-5) ** -0.5, lambda x: -0.5 * (x + 1e-5) ** -1.5),
}


class Network:
    def __init__(self, weights, symbols, remembered=None):
        """remembered: a dict gets what a step of training leaves; None: an evaluation."""
        self.remembered = remembered
        self.tied, self.classes = {}, None  # a tensor that is another; what $classes is
        self.weight = {name: Value(w) for name, w in weights.items()}
        self.symbols = symbols

    def entries(self, entries, x, place):
        count = {}
        for entry in entries:
            words = entry.split() if isinstance(entry, str) else [next(k for k in entry if k not in ("net", "shortcut"))]
            count[words[0]] = count.get(words[0], 0) + 1
            alone, keys = [w for w in words[1:] if "=" not in w], dict(w.split("=") for w in words[1:] if "=" in w)
            at = place + keys.get("as", f"{words[0]}{count[words[0]]}")
            if isinstance(entry, str):
                x = self.operation(words[0], alone, keys, x, at)
            else:
                x = self.combined(words[0], entry, x, at)
        return x

    def combined(self, word, entry, x, at):
        if word == "repeat":
            for i in range(entry["repeat"]):
                x = self.entries(entry["net"], x, f"{at}.{i + 1}.")
            return x
        if word == "residual":
            straight = self.entries(entry["shortcut"], x, f"{at}.shortcut.") if "shortcut" in entry else x
            return straight + self.entries(entry["residual"], x, f"{at}.")
        branches = [self.entries(b, x, f"{at}.{i + 1}.") for i, b in enumerate(entry[word])]
        if word == "concat" and branches[0].array.ndim == 4:  # channels
            return beside([b.turned(0, 2, 3, 1) for b in branches]).turned(0, 3, 1, 2)
        if word == "concat":
            return beside(branches)
        out = branches[0]
        for b in branches[1:]:
            out = out + b if word == "sum" else out * b
        return out

    def linear(self, x, matrix, bias, units=None):
        w = self.weight[self.tied.get(matrix, matrix)]
        w = w[:units] if units else w
        out = x @ w.shaped(w.array.shape[0], -1).turned(1, 0)
        return out + self.weight[bias] if bias in self.weight else out

    def attention(self, keys, x, at):
        examples, length, _ = x.array.shape
        heads = int(keys.get("heads", 1))

        def split(letter):
            return self.linear(x, f"{at}.{letter}", f"{at}.{letter}b").shaped(examples, length, heads, -1).turned(0, 2, 1, 3)
        q, k, v = split("Q"), split("K"), split("V")
        score = (q @ k.turned(0, 1, 3, 2)) * q.array.shape[-1] ** -0.5
        if keys.get("mask", "causal") == "causal":
            score = score + np.triu(np.full((length, length), -1e9), 1)
        power = (score + -score.array.max(-1, keepdims=True)).of(*FUNCTIONS["exp"])
        weights = power * (power.mean(-1) * length).of(*FUNCTIONS["inverse"])
        mix = float(keys.get("mix", 1))
        z = (weights * mix + (1 - mix)) @ v
        return self.linear(z.turned(0, 2, 1, 3).shaped(examples, length, -1), f"{at}.O", f"{at}.Ob")

    def lstm(self, x, at):
        out, u = None, self.weight[f"{at}.U"].turned(1, 0)
        for t in range(x.array.shape[1]):
            gates = self.linear(x[:, t], f"{at}.W", f"{at}.b")
            gates = gates + out @ u if t else gates
            h = gates.array.shape[-1] // 4
            i, f, g, o = (gates[:, j * h:(j + 1) * h].of(*FUNCTIONS["tanh" if j == 2 else "sigmoid"]) for j in range(4))
            state = f * state + i * g if t else i * g  # noqa: F821
            out = o * state.of(*FUNCTIONS["tanh"])
        return out

    def batch(self, x, at):
        """Over the examples and positions of a step, which is remembered; in an evaluation by what was."""
        axes, shape = ((0, 2, 3), (1, -1, 1, 1)) if x.array.ndim == 4 else (tuple(range(x.array.ndim - 1)), (-1,))
        mean, variance = (self.weight[f"{at}.{name}"].array for name in ("mean", "variance"))
        if self.remembered is None:
            out = (x + -mean.reshape(shape)) * ((variance + 1e-5) ** -0.5).reshape(shape)
        else:
            middle = x + x.mean(axes) * -1
            spread = (middle * middle).mean(axes)
            out = middle * spread.of(*FUNCTIONS["rsqrt"])
            n = x.array.size // mean.size
            self.remembered[f"{at}.mean"] = 0.9 * mean + 0.1 * x.array.mean(axes)
            self.remembered[f"{at}.variance"] = 0.9 * variance + 0.1 * spread.array.reshape(-1) * n / (n - 1)
        if f"{at}.gain" not in self.weight:
            return out
        return out * self.weight[f"{at}.gain"].shaped(*shape) + self.weight[f"{at}.shift"].shaped(*shape)

    def windows(self, x, k, stride, pad):
        """(examples, channels, rows, columns, k * k)"""
        n, c, h, w = x.array.shape
        rows, columns = (h + 2 * pad - k) // stride + 1, (w + 2 * pad - k) // stride + 1
        wide = beside([x.shaped(n, c, h * w), Value(np.zeros((n, c, 1)))])
        index = np.full((rows, columns, k * k), h * w)
        for i, j, u, v in np.ndindex(rows, columns, k, k):
            y, z = i * stride + u - pad, j * stride + v - pad
            if 0 <= y < h and 0 <= z < w:
                index[i, j, u * k + v] = y * w + z
        return wide[:, :, index]

    def operation(self, word, alone, keys, x, at):
        if word in FUNCTIONS:
            return x.of(*FUNCTIONS[word])
        if word == "dropout":  # of evaluation
            return x
        if word == "power":
            e = int(alone[0])
            return x.of(lambda a: a ** e, lambda a: e * a ** (e - 1))
        if word == "scale":
            return x * float(alone[0])
        if word == "embed":
            return self.weight[f"{at}.E"][x]
        if word == "onehot":
            return Value(np.eye(self.symbols)[x])
        if word == "at":
            i = -1 if alone[0] == "last" else int(alone[0])
            return x[:, i]
        if word == "mean":
            units = alone == ["units"]
            out = x.mean(-1 if units else 1)
            return out if units else out[:, 0]
        if word == "flatten":
            return x.shaped(x.array.shape[0], -1)
        if word == "attention":
            return self.attention(keys, x, at)
        if word == "lstm":
            return self.lstm(x, at)
        if word == "positions":
            length, d = x.array.shape[1:]
            if alone != ["sincos"]:
                return x + self.weight[f"{at}.P"]
            p, i = np.arange(length)[:, None], np.arange(d)
            angle = p / 10000 ** ((i - i % 2) / d)
            return x + np.where(i % 2, np.cos(angle), np.sin(angle))
        if word == "norm" and "batch" in alone:
            return self.batch(x, at)
        if word == "norm":
            middle = x + x.mean(-1) * -1
            out = middle * (middle * middle).mean(-1).of(*FUNCTIONS["rsqrt"])
            return out * self.weight[f"{at}.gain"] + self.weight[f"{at}.shift"] if f"{at}.gain" in self.weight else out
        if word == "dense":
            x = x.shaped(x.array.shape[0], -1) if x.array.ndim == 4 else x
            return self.linear(x, f"{at}.W", f"{at}.b", int(alone[0]) if alone[0].isdigit() else self.classes)
        if word == "conv":
            k = int(keys.get("k", 3))
            seen = self.windows(x, k, int(keys.get("stride", 1)), int(keys.get("pad", k // 2)))
            n, c, rows, columns, _ = seen.array.shape
            flat = seen.turned(0, 2, 3, 1, 4).shaped(n, rows, columns, c * k * k)
            return self.linear(flat, f"{at}.W", f"{at}.b").turned(0, 3, 1, 2)
        if word == "avgpool" and alone == ["all"]:
            return x.mean((2, 3))[:, :, 0, 0]
        if word in ("maxpool", "avgpool"):
            seen = self.windows(x, int(alone[0]), int(alone[0]), 0)
            return (seen.largest(4) if word == "maxpool" else seen.mean(4))[:, :, :, :, 0]
        raise ValueError(f"no operation {word}")


def run(entries, weights, x, slope, symbols=0, remembered=None, classes=None):
    """x: symbols (examples, positions), numbers (examples, width) or images (examples, channels, height, width)."""
    net = Network(weights, symbols, remembered)
    if isinstance(entries[-1], dict) and "tied" in entries[-1]:
        net.tied, entries = entries[-1]["tied"], entries[:-1]
    net.classes = classes
    out = net.entries(entries, x if symbols else Value(x), "")
    out.slope = slope(out.array)
    out.back()
    return out.array, {name: np.broadcast_to(v.slope, v.array.shape) for name, v in net.weight.items()}
