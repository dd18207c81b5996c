#!/usr/bin/env python3
"""The page of a store in a browser: what it draws from its data is held against the store, with every control used once.
beside: others
timeout: 240"""
import html
import json
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402
import numpy as np  # noqa: E402
from store import Store  # noqa: E402

SWEEP = """
name: page
tasks: {add: {kind: modular, expr: a + b, p: 13, train_fraction: 0.8}}
models: {mlp: {kind: embed_mlp, d_embed: 32, d_hidden: 16}}
training: {adamw: {epochs: 300}}
record: {eval_every: 10, threshold: 0.6}
checkpoint: {every: 100}
grids:
  - {task: add, model: mlp, training: adamw, seed: [0, 1], control: [dense, ticket], t: [100, 300], k: [0.2, 0.4]}
"""
# What a reader does, in the page itself; what is seen after each step goes to the end of the document.
HAND = r"""
<script>
"use strict";
const seen = {};
const rows = () => [...document.querySelectorAll("#results tbody tr")].filter((r) => r.offsetParent).map((r) => [...r.cells].map((c) => c.innerText.trim()));
const line = (box) => [...document.querySelectorAll(`#${box} svg > path`)].filter((p) => p.getAttribute("stroke-width"))
    .map((p) => p.getAttribute("d").split(/[ML]/).slice(1).map((s) => s.trim().split(/\s+/).map(Number)));
const click = (id) => document.getElementById(id).click();
const choose = (id, value) => { const box = document.getElementById(id); box.value = value; box.dispatchEvent(new Event("change", { bubbles: true })); };
const write = (id, value) => { const box = document.getElementById(id); box.value = value; box.dispatchEvent(new Event("input", { bubbles: true })); };
seen.rows = rows();
write("filter", "ticket 0.4"); seen.filtered = rows(); write("filter", "");
const heading = [...document.querySelectorAll("#results th")].find((h) => h.innerText.trim().startsWith("t_mem"));
heading.click(); seen.up = rows(); heading.click(); seen.down = rows();
seen.median = line("plot");
click("seeds"); seen.seeds = line("plot");
click("train"); seen.both = line("plot").length;
click("logx"); click("logy"); choose("metric", "loss"); seen.losses = line("plot").length;
click("none"); seen.none = document.getElementById("plot").innerText; click("all");
const svg = document.querySelector("#plot svg"), box = svg.getBoundingClientRect();
svg.dispatchEvent(new PointerEvent("pointermove", { clientX: box.right - 1, clientY: box.top + 50 }));
seen.tip = document.querySelector("#plot .tip").innerText;
seen.against = [...document.querySelectorAll("#x option")].map((o) => o.innerText);
choose("x", "k"); seen.byK = line("axesplot").length; choose("y", "t_mem"); seen.memK = line("axesplot").length; click("logv"); seen.plainK = line("axesplot").length;
seen.wide = document.documentElement.scrollWidth <= innerWidth;
document.body.insertAdjacentHTML("beforeend", "<pre id=seen></pre>");
document.getElementById("seen").textContent = JSON.stringify(seen);
</script>
"""
WATCH = '<script>var wrong = []; addEventListener("error", (e) => document.documentElement.setAttribute("data-wrong", e.message));</script>'
QUIET = ("--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update "
         "--disable-sync").split()

browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if not browser:
    tap.skip("the page in a browser", "needs chromium")
    tap.done()

path, page, driven = (tap.SCRATCH / f"page.{end}" for end in ("h5", "html", "driven.html"))
run = tap.tombola("run", tap.write("page.yaml", SWEEP), "--store", path)
tap.ok(run.returncode == 0, "a small sweep", run.stderr)
made = tap.heard([sys.executable, "-m", "analysis.report", str(path), "-o", str(page)], cwd=tap.ROOT)
tap.equal((made.returncode, made.stderr), (0, ""), "its page")
text = page.read_text()
driven.write_text(text.replace("<head>", "<head>" + WATCH, 1).replace("</body>", HAND + "</body>", 1))
tap.ok("<head>" in text and "</body>" in text, "the hand has a place in the page")
shown = tap.heard([browser, *QUIET, f"--user-data-dir={tap.SCRATCH / 'profile'}", "--window-size=1000,900", "--virtual-time-budget=5000",
                   "--dump-dom", driven.as_uri()], timeout=120)
wrong = re.search(r'data-wrong="([^"]*)"', shown.stdout)
found = re.search(r'<pre id="seen">(.*?)</pre>', shown.stdout, re.S)
if not tap.ok(found and not wrong, "the page runs without an error", wrong and html.unescape(wrong[1]) or shown.stderr):
    tap.done()
seen = json.loads(html.unescape(found[1]))

with Store(path) as store:
    jobs = store.jobs()
    dense = [store.series(store.job(id)) for id in jobs[jobs.control == "dense"].id]
tap.equal(len(seen["rows"]), 5, "a row a setting: dense, and tickets of two epochs and two rates")
tap.ok(len(seen["filtered"]) == 2 and all("0.4" in row for row in seen["filtered"]), "the filter leaves the rows that it says", seen["filtered"])
order = lambda rows: [float("inf") if row[7].startswith("never") else float(row[7].split()[0]) for row in rows]  # noqa: E731
tap.ok(order(seen["up"]) == sorted(order(seen["up"])) and order(seen["down"]) == order(seen["up"])[::-1] != order(seen["up"]),
       "a heading sorts by number, then the other way", (order(seen["up"]), order(seen["down"])))
tap.equal((len(seen["median"]), len(seen["seeds"]), seen["both"], seen["losses"]), (5, 10, 20, 20), "a line a setting, then a job, then train and test")


def heights(values):
    """Where accuracies are drawn: the frame is 430 high, with 14 above and 46 below."""
    return np.round(384 - 370 * np.asarray(values), 1)


for index, series in enumerate(dense):
    drawn = np.array(seen["seeds"][index])
    tap.ok(np.allclose(drawn[:, 1], heights(series.test_accuracy.iloc[-len(drawn):]), atol=0.06), f"dense network {index}: its line is its accuracy")
middle = np.median([series.test_accuracy for series in dense], axis=0)
drawn = np.array(seen["median"][0])
tap.ok(np.allclose(drawn[:, 1], heights(middle[-len(drawn):]), atol=0.06), "the median's line is the median of the seeds")
tap.ok("Nothing to show" in seen["none"], "no line at all says so", seen["none"])
last = seen["tip"].splitlines()
tap.ok(last[0] == "epoch 300" and any(f"{dense[0].test_loss.iloc[-1]:.4g}" in row for row in last), "the pointer reads the curves", seen["tip"])
tap.equal((sorted(seen["against"]), seen["byK"], seen["memK"], seen["plainK"]), (["k", "t"], 0, 2, 2), "t_mem against k, a line a t; and no t_gen, which nobody has")
tap.ok(seen["wide"], "the page is no wider than the window")
tap.done()
