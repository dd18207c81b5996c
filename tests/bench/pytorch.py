#!/usr/bin/env python3
"""pytorch.py MODEL FORM: the models of tests/bench/bench.c in PyTorch, in float, with autograd and torch's own AdamW.

FORM plain: the network as its formula reads, every example through every layer; positions of a transformer that nothing
reads are left out only behind the last block.  FORM factored: what depends on a symbol alone is worked out once a symbol,
and neighbouring linear maps are multiplied first.  An epoch is a full-batch step and the loss and accuracy on the training
set (from the forward pass of the step) and on the test set.

Each line on stdin is answered with the milliseconds of processor time of an epoch, from about half a second of them.
"""
import random
import sys
import time

import torch
from torch.nn.functional import cross_entropy, embedding, relu


def normal(std, *shape):
    return torch.nn.Parameter(torch.randn(*shape) * std)


class EmbedMlp:
    p, last, d, h = 67, (), 500, 48

    def __init__(self):
        self.W_E, self.W_in = normal(self.p**-0.5, self.d, self.p), normal(self.d**-0.5, self.h, self.d)
        self.W_out, self.W_U = normal(self.h**-0.5, self.d, self.h), normal(self.d**-0.5, self.d, self.p)

    def plain(self, token):
        u = embedding(token, self.W_E.T) @ self.W_in.T
        return (relu(u.sum(1)) @ self.W_out.T) @ self.W_U

    def factored(self, token):
        return relu(embedding(token, (self.W_in @ self.W_E).T).sum(1)) @ (self.W_out.T @ self.W_U)


class Transformer:
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


MODELS = {"embed_mlp": EmbedMlp, "transformer": Transformer, "nanda": Nanda}


def split(model):
    p, ordered = model.p, bool(model.last)
    pairs = [(a, b) for a in range(p) for b in range(0 if ordered else a, p)]
    random.Random(0).shuffle(pairs)
    cut = int((0.3 if ordered else 0.4) * len(pairs))
    for part in pairs[:cut], pairs[cut:]:
        yield torch.tensor([(*pair, *model.last) for pair in part]), torch.tensor([sum(pair) % p for pair in part])


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = MODELS[sys.argv[1]]()
    forward = getattr(model, sys.argv[2])
    (token, label), (test_token, test_label) = split(model)
    with torch.no_grad():
        assert torch.allclose(model.plain(token), model.factored(token), atol=1e-4)
    optimizer = torch.optim.AdamW(list(vars(model).values()), lr=1e-3, weight_decay=1.0, betas=(0.9, 0.98))

    def epoch():
        with torch.no_grad():
            logits = forward(test_token)
            seen = [cross_entropy(logits, test_label).item(), (logits.argmax(1) == test_label).float().mean().item()]
        optimizer.zero_grad(set_to_none=True)
        logits = forward(token)
        loss = cross_entropy(logits, label)
        seen += [loss.item(), (logits.detach().argmax(1) == label).float().mean().item()]
        loss.backward()
        optimizer.step()
        return seen

    for _ in range(3):
        epoch()
    for _ in sys.stdin:
        start, count = time.process_time(), 0
        while count < 2 or time.process_time() - start < 0.5:
            epoch()
            count += 1
        print(1e3 * (time.process_time() - start) / count, flush=True)


main()
