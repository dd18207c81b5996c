#!/usr/bin/env python3
"""The page of a store: one file that refers to nothing outside, with the store's numbers in it; and every figure.
beside: others
timeout: 240"""
import html.parser
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402
import numpy as np  # noqa: E402
from store import SERIES, Store  # noqa: E402

# Texts that would break a page if they were taken for HTML; a regression; jobs that diverge, and their blocked tickets.
SWEEP = """
# <script src="http://example.org/x.js"></script></script><img src=x onerror=alert(1)>
name: page
tasks:
  add: {kind: modular, expr: a + b, p: 13, train_fraction: 0.6}
  poly: {kind: polynomial, d: 10, degree: 2, n_train: 30, n_test: 30}
models:
  mlp: {kind: embed_mlp, d_embed: 16, d_hidden: 8}
  kumar: {kind: dense_mlp, d_hidden: 8, biases: false, readout: mean, activation: quadratic}
training: {adamw: {epochs: 300}, gd: {optimizer: sgd, lr: 1, loss: mse, epochs: 60}, wild: {use: gd, lr: 1e6}}
record: {eval_every: 5, measures: MEASURES}
checkpoint: {every: 20}
grids:
  - {name: why, task: add, model: mlp, model.d_hidden: [8, 12], training: adamw, seed: [0, 1], control: [dense, ticket], t: 200, k: 0.6}
  - {name: tk, task: add, model: mlp, training: adamw, seed: [0, 1], control: ticket, t: [100, 200, 300], k: [0.2, 0.4]}
  - {name: poly, task: poly, model: kumar, training: [gd, wild], seed: [0, 1], control: [dense, ticket], t: final, k: 0.5, record: {measures: []}}
"""
FIGURES = ("curves", "tk", "norms", "measures", "movement", "spectra", "images")
EVERY = "[norms, jaccard, accuracy_change, fourier]"


class Page(html.parser.HTMLParser):
    """What a browser would take for the page's elements, its references, data, and rows of the results."""

    def __init__(self, text):
        super().__init__()
        self.references, self.tags, self.data, self.rows, self.inside = [], [], "", [], None
        self.feed(text)
        self.data = json.loads(self.data)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.references += [value for name, value in attributes if name in ("src", "href", "srcset", "action", "poster", "data")]
        self.inside = dict(attributes).get("id", tag)
        if tag == "tr":
            self.rows.append([])
        elif tag == "td":
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, text):
        if self.inside == "data":
            self.data += text
        elif self.inside == "td":
            self.rows[-1][-1] += text


def module(name, *args):
    command = [sys.executable, "-m", f"analysis.{name}", *map(str, args)]
    return tap.heard(command, cwd=tap.ROOT)


def report(store):
    path = store.with_suffix(".html")
    result = module("report", store, "-o", path)
    tap.ok(result.returncode == 0 and not result.stderr, f"a page of {store.name}", result.stderr)
    return path.read_text()


def selfcontained(text, name):
    page = Page(text)
    outside = [link for link in page.references if not link.startswith(("data:image/png;base64,", "https://arxiv.org/abs/"))]
    style = re.search(r"<style>(.*?)</style>", text, re.S)[1]
    tap.ok(not outside and "url(" not in style and "@import" not in style, f"{name} refers to nothing outside", outside)
    tap.equal((page.tags.count("script"), page.tags.count("link"), page.tags.count("iframe")), (2, 0, 0),
              f"{name}: its own data and script, and no others")
    return page


def close(have, want):
    """Equal but for the digits that the page leaves out; NaN is null."""
    have = np.array([np.nan if v is None else v for v in have], dtype=float)
    want = np.asarray(want, dtype=float)
    return np.allclose(have, np.where(np.isfinite(want), want, np.nan), rtol=1e-4, atol=1e-30, equal_nan=True)


path = tap.SCRATCH / "page.h5"
run = tap.tombola("run", tap.write("page.yaml", SWEEP.replace("MEASURES", EVERY)), "--store", path)
tap.equal(run.returncode, 3, "a sweep of which some jobs fail")
text = report(path)
page = selfcontained(text, "the page")
tap.ok("&lt;script src=&quot;http://example.org" in text, "the sweep file is there, as text")
with Store(path) as store:
    jobs = store.jobs()
    wrong = []
    for curve in page.data["curves"]:
        job = store.job(curve["id"])
        want = store.series(job)
        if page.data["axes"][curve["axis"]] != list(want.index) or not all(close(curve[name], want[name]) for name in SERIES):
            wrong.append(curve["id"])
    tap.equal(wrong, [], "the page's curves are the store's")
    tap.equal(sorted(curve["id"] for curve in page.data["curves"]), sorted(jobs[jobs.epochs_done.fillna(0) > 0].id.str[:12]),
              "of every job that has begun")
    done = jobs[jobs.state == "done"]
    for name in ("t_mem", "t_gen", "test_accuracy"):
        have = sorted(-1 if v is None else v for group in page.data["groups"] for v in group[name])
        tap.ok(close(have, sorted(done[name].astype(float).fillna(-1))), f"every job's {name} is there", have)
    groups = {group["setting"] for group in page.data["groups"]}
    tap.ok(any("d_hidden=12" in name for name in groups), "jobs that differ in a dotted axis are no seeds of one another", groups)
    rows = [row for row in page.rows if row[:4] == ["add", "mlp d_hidden=12", "adamw", "ticket"]]
    tap.equal([row[4:7] for row in rows], [["0.6", "200", "2 of 2"]], "the table has a row for them")
    for state, reason, count in (("failed", "training loss is", 2), ("blocked", "its parent failed", 2)):
        found = [row for row in page.rows if row and row[0] == state and reason in row[1]]
        tap.ok(len(found) >= 1 and sum(int(row[2]) for row in found) == count, f"{count} {state}: {reason}", found)
tap.equal(text.count("<img "), 5, "the figures for which the page has no curves are in it")

# --- figures ---
folder = tap.SCRATCH / "figures"
result = module("figures", path, "-o", folder)
tap.equal((result.returncode, sorted(p.name for p in folder.iterdir())), (0, sorted(f"{name}.png" for name in FIGURES)), "every figure")
one = tap.SCRATCH / "one.svg"
for name in ("tk", "images"):
    result = module(name, path, "-o", one)
    tap.ok(result.returncode == 0 and one.read_text().startswith("<?xml"), f"{name}.py draws an SVG", result.stderr)
    one.unlink(missing_ok=True)

# --- a store without measures, and with nothing done ---
bare = tap.SCRATCH / "bare.h5"
text = SWEEP.replace("MEASURES", "[]")
tap.tombola("run", tap.write("bare.yaml", text[: text.index("  - {name: tk")]), "--store", bare)
result = module("figures", bare, "-o", tap.SCRATCH / "bare")
tap.ok(result.returncode == 0 and "spectra: not drawn: no measure of kind fourier" in result.stdout, "a figure without data is not drawn",
       result.stdout + result.stderr)
for name in ("spectra", "tk"):
    result = module(name, bare, "-o", one)
    tap.ok(result.returncode == 1 and len(result.stderr.splitlines()) == 1 and not one.exists(), f"{name}.py says so in a line", result.stderr)
selfcontained(report(bare), "the page without measures")
slow = tap.SCRATCH / "slow.h5"
for short, long in (("MEASURES", "[]"), ("epochs: 300", "epochs: 1000000"), ("every: 20", "every: 1000000"),
                    ("eval_every: 5", "eval_every: 1000"), ("t: 200", "t: final")):
    text = text.replace(short, long)
run = tap.tombola("run", tap.write("slow.yaml", text[: text.index("  - {name: tk")]), "--store", slow, "--time-left", "2")
tap.equal(run.returncode, 75, "a sweep that is stopped early")
text = report(slow)
page = selfcontained(text, "the page of an unfinished store")
tap.ok("not finished" in text, "it says so")
tap.ok(page.data["groups"] and all(not group["t_gen"] for group in page.data["groups"]), "nothing in it is done")
result = module("report", tap.SCRATCH / "page.yaml", "-o", one)
tap.ok(result.returncode == 1 and len(result.stderr.splitlines()) == 1, "no store is one clear error", result.stderr)
tap.done()
