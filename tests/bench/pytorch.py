#!/usr/bin/env python3
"""pytorch.py MODEL FORM: the models of tests/bench/bench.c in PyTorch, in float, with autograd and torch's own optimisers.

FORM plain: the network as its formula reads, every example through every layer; positions of a transformer that nothing
reads are left out only behind the last block.  FORM factored: what depends on a symbol alone is worked out once a symbol,
and neighbouring linear maps are multiplied first.  An epoch is its steps (full batch, but for parity) and the loss and accuracy on
the training set (with full batches from the forward pass of the step) and on the test set.

Each line on stdin is answered with the milliseconds of processor time of an epoch, from about half a second of them.
"""
import random
import sys
import time

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, embedding, relu


def normal(std, *shape):
    return torch.nn.Parameter(torch.randn(*shape) * std)


class Modular:
    """Sums of two symbols, cross-entropy over the p classes, full-batch AdamW."""

    batch = 0

    def data(self):
        ordered = bool(self.last)
        pairs = [(a, b) for a in range(self.p) for b in range(0 if ordered else a, self.p)]
        random.Random(0).shuffle(pairs)
        cut = int((0.3 if ordered else 0.4) * len(pairs))
        for part in pairs[:cut], pairs[cut:]:
            yield torch.tensor([(*pair, *self.last) for pair in part]), torch.tensor([sum(pair) % self.p for pair in part])

    def loss(self, logits, label):
        return cross_entropy(logits, label)

    def hits(self, logits, label):
        return logits.argmax(1) == label

    def optimizer(self):
        return torch.optim.AdamW(list(vars(self).values()), lr=1e-3, weight_decay=1.0, betas=(0.9, 0.98))


class EmbedMlp(Modular):
    p, last, d, h = 67, (), 500, 48

    def __init__(self):
        self.W_E, self.W_in = normal(self.p**-0.5, self.d, self.p), normal(self.d**-0.5, self.h, self.d)
        self.W_out, self.W_U = normal(self.h**-0.5, self.d, self.h), normal(self.d**-0.5, self.d, self.p)

    def plain(self, token):
        u = embedding(token, self.W_E.T) @ self.W_in.T
        return (relu(u.sum(1)) @ self.W_out.T) @ self.W_U

    def factored(self, token):
        return relu(embedding(token, (self.W_in @ self.W_E).T).sum(1)) @ (self.W_out.T @ self.W_U)


class Transformer(Modular):
    """One layer, d_model 128; with more heads than one also positions, biases and a last symbol '='."""

    p, last, d, heads, mlp = 67, (), 128, 1, 128

    def __init__(self):
        symbols, std = self.p + len(self.last), self.d**-0.5
        rows = self.heads * (self.d // self.heads)
        self.W_E, self.W_U = normal(std, self.d, symbols), normal(std, self.d, symbols)
        self.W_K, self.W_Q, self.W_V = (normal(std, rows, self.d) for _ in range(3))
        self.W_O, self.W_in, self.W_out = normal(std, self.d, rows), normal(std, self.mlp, self.d), normal(std, self.d, self.mlp)
        if self.last:
            self.W_pos = normal(std, 3, self.d)
            self.b_in, self.b_out = normal(0, self.mlp), normal(0, self.d)

    def plain(self, token):
        n, s = token.shape
        x = embedding(token, self.W_E.T)
        if self.last:
            x = x + self.W_pos
        q, k, v = ((x @ w.T).view(n, s, self.heads, -1).transpose(1, 2) for w in (self.W_Q, self.W_K, self.W_V))
        score = (q @ k.transpose(2, 3)).masked_fill(torch.ones(s, s).triu(1).bool(), -1e10) / q.shape[3] ** 0.5
        z = (score.softmax(3) @ v).transpose(1, 2).reshape(n, s, -1)
        r = x + z @ self.W_O.T
        if self.last:
            r = r + relu(r @ self.W_in.T + self.b_in) @ self.W_out.T + self.b_out
        else:
            r = r + relu(r @ self.W_in.T) @ self.W_out.T
        return r[:, -1] @ self.W_U

    def factored(self, token):
        """Tables with a row for each symbol at each position; only attention and relu are left for the examples."""
        n, s = token.shape
        x = self.W_E.T.expand(s, -1, -1)
        if self.last:
            x = x + self.W_pos[:, None]
        wide = x.shape[1]
        split = (s, wide, self.heads, -1)
        q, k = (x[-1] @ self.W_Q.T).view(split[1:]), (x @ self.W_K.T).view(split)
        v, o = (x @ self.W_V.T).view(split), self.W_O.view(self.d, self.heads, -1)
        turned = torch.einsum("sphe,dhe->sphd", v, o)  # of each symbol through each head
        into, onto = turned @ self.W_in.T, turned @ self.W_U  # on to the hidden layer, and past it to the logits
        if self.last:
            q = q[self.p]
            score = torch.einsum("he,sphe->sph", q, k)
            score = torch.stack([score[i, token[:, i]] for i in range(s)], 1)
        else:
            score = torch.einsum("qhe,sphe->sqph", q, k)
            score = torch.stack([score[i, token[:, -1], token[:, i]] for i in range(s)], 1)
        weight = (score / q.shape[-1] ** 0.5).softmax(1)  # (n, s, heads)
        hidden, logits = (x[-1] @ self.W_in.T)[token[:, -1]], (x[-1] @ self.W_U)[token[:, -1]]
        for i in range(s):
            hidden = hidden + torch.einsum("nh,nhm->nm", weight[:, i], into[i][token[:, i]])
            logits = logits + torch.einsum("nh,nhm->nm", weight[:, i], onto[i][token[:, i]])
        if self.last:
            return logits + relu(hidden + self.b_in) @ (self.W_out.T @ self.W_U) + self.b_out @ self.W_U
        return logits + relu(hidden) @ (self.W_out.T @ self.W_U)


class Nanda(Transformer):
    p, last, heads, mlp = 113, (113,), 4, 512


class Parity:
    """Sparse parity of Merrill et al.: hinge loss, SGD on batches of 32."""

    bits, train, test, width, layers, batch = 40, 1000, 100, 1000, 1, 32

    def __init__(self):
        sizes = [self.bits] + [self.width] * self.layers
        stages = [stage for pair in zip(sizes, sizes[1:]) for stage in (torch.nn.Linear(*pair), torch.nn.ReLU())]
        self.net = torch.nn.Sequential(*stages, torch.nn.Linear(self.width, 1, bias=self.layers > 1))

    def plain(self, x):
        return self.net(x)[:, 0]

    def data(self):
        for n in self.train, self.test:
            x = torch.randint(2, (n, self.bits)) * 2.0 - 1
            yield x, x[:, :3].prod(1)

    def loss(self, output, sign):
        return torch.clamp(1 - output * sign, min=0).mean()

    def hits(self, output, sign):
        return output * sign > 0

    def optimizer(self):
        return torch.optim.SGD(self.net.parameters(), lr=0.1, weight_decay=0.01)


class DenseMlp(Parity):
    """Three layers on as many inputs as MNIST has, full-batch AdamW, logistic loss."""

    bits, test, width, layers, batch = 784, 1000, 200, 3, 0

    def loss(self, output, sign):
        return binary_cross_entropy_with_logits(output, (sign + 1) / 2)

    def optimizer(self):
        return torch.optim.AdamW(self.net.parameters(), lr=1e-3, weight_decay=0.01)


class Lstm:
    """50 texts of 500 words, none of them padding, as torch.nn.LSTM reads them; AdamW, logistic loss."""

    n, width, symbols, shortest, longest, batch = 50, 500, 1002, 500, 500, 0

    def __init__(self):
        self.net = torch.nn.ModuleList([torch.nn.Embedding(self.symbols, 64), torch.nn.LSTM(64, 128, 2, batch_first=True),
                                        torch.nn.Linear(128, 1)])

    def plain(self, token):
        embedding, lstm, last = self.net
        return last(lstm(embedding(token))[0][:, -1])[:, 0]

    def data(self):
        for _ in range(2):
            token = torch.randint(1, self.symbols, (self.n, self.width))
            length = torch.randint(self.shortest, self.longest + 1, (self.n, 1))
            token[torch.arange(self.width) < self.width - length] = 0
            yield token, torch.randint(2, (self.n,)) * 2.0 - 1

    loss, hits = DenseMlp.loss, Parity.hits

    def optimizer(self):
        return torch.optim.AdamW(self.net.parameters(), lr=1e-3, weight_decay=1e-3)


class LstmPadded(Lstm):
    """20 to 120 words, padded on the left, as a review of IMDb has about 70 of the vocabulary."""

    shortest, longest = 20, 120


MODELS = {"embed_mlp": EmbedMlp, "transformer": Transformer, "nanda": Nanda, "parity": Parity, "dense_mlp": DenseMlp,
          "lstm": Lstm, "lstm_padded": LstmPadded}


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = MODELS[sys.argv[1]]()
    forward = getattr(model, sys.argv[2])
    (x, label), (test_x, test_label) = model.data()
    if hasattr(model, "factored"):
        with torch.no_grad():
            assert torch.allclose(model.plain(x), model.factored(x), atol=1e-4)
    optimizer = model.optimizer()

    def step(x, label):
        optimizer.zero_grad(set_to_none=True)
        output = forward(x)
        loss = model.loss(output, label)
        loss.backward()
        optimizer.step()
        return loss, output

    def seen(loss, output, label):
        return [loss.item(), model.hits(output.detach(), label).float().mean().item()]

    def look(x, label):
        with torch.no_grad():
            output = forward(x)
            return seen(model.loss(output, label), output, label)

    def epoch():
        values = look(test_x, test_label)
        if not model.batch:
            return values + seen(*step(x, label), label)
        values += look(x, label)
        for part in torch.randperm(len(x)).split(model.batch):
            step(x[part], label[part])
        return values

    for _ in range(3):
        epoch()
    for _ in sys.stdin:
        start, count = time.process_time(), 0
        while count < 2 or time.process_time() - start < 0.5:
            epoch()
            count += 1
        print(1e3 * (time.process_time() - start) / count, flush=True)


main()
