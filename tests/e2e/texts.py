#!/usr/bin/env python3
"""Texts and the LSTM: made-up ones are learned; film reviews are made one file from either layout, and known by what they say.
beside: others"""
import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import digest  # noqa: E402
import tap  # noqa: E402

# ---- made-up texts ----

SENTIMENT = tap.write("sentiment.yaml", """
name: sentiment
tasks: {texts: {kind: sentiment, polar: 8, neutral: 14, length: 12, shortest: 3, longest: 12, n_train: 1500, n_test: 500}}
models: {lstm: {kind: lstm, d_embed: 16, d_hidden: 24}}
training: {adam: {optimizer: adam, lr: 1e-2, weight_decay: 1e-5, loss: binary_cross_entropy, batch: 50, epochs: 12}}
record: {eval_every: 1}
checkpoint: {every: 4}
grids:
  - {task: texts, model: lstm, training: adam, seed: [0, 1], control: [dense, ticket], t: final, k: 0.5}
""")
stores = [tap.SCRATCH / f"sentiment{ranks}.h5" for ranks in (1, 2)]
for ranks, store in enumerate(stores, 1):
    result = tap.tombola("run", SENTIMENT, "--store", store, ranks=ranks)
    tap.equal(result.returncode, 0, f"made-up texts on {ranks} ranks") or print(result.stderr)
rows = tap.query(stores[0], "SELECT control, test_accuracy, t_gen FROM jobs")
tap.ok(len(rows) == 4 and all(accuracy > 0.95 and t_gen is not None for _, accuracy, t_gen in rows),
       "the LSTM and its ticket understand 'not'", rows)
tap.equal(digest.differences(*stores), [], "2 ranks: the same bits as one")

stopped = tap.SCRATCH / "stopped.h5"
codes, _ = tap.disturbed(lambda: tap.start("run", SENTIMENT, "--store", stopped, "--resume-every", "0.1"), stopped, [2] * 5, signal.SIGTERM)
tap.ok(codes == [75] * 5 + [0] and not digest.differences(stores[0], stopped), "stopped time and again: the same bits", codes)

# ---- film reviews ----

DRAW = random.Random(1)


def review():
    good = DRAW.random() < 0.5
    words = [DRAW.choice(["film", "plot", "actor", "scene", "music"]) for _ in range(DRAW.randrange(3, 9))]
    for _ in range(DRAW.randrange(1, 3)):
        words.insert(DRAW.randrange(len(words)), DRAW.choice(["Superb", "moving"] if good else ["dull", "Awful"]))
    words.insert(DRAW.randrange(len(words)), DRAW.choice(["\n", "<br /><br />", ",", '"so-called"', "10/10"]))
    return " ".join(words), good


def write_folder(root, reviews):
    for part in ("train", "test"):
        for label in ("pos", "neg"):
            (root / part / label).mkdir(parents=True)
    for i, (text, good) in enumerate(reviews):
        (root / ("train", "test")[i % 2] / ("neg", "pos")[good] / f"{i}_5.txt").write_text(text)


def write_csv(path, reviews):
    with open(path, "w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["review", "sentiment"])
        rows.writerows([text, "positive" if good else "negative"] for text, good in reviews)


def sweep(name, data):
    return tap.write(name, f"""
name: reviews
tasks: {{imdb: {{kind: imdb, data: {data}, vocabulary: 12, length: 10}}}}
models: {{lstm: {{kind: lstm, d_embed: 8, d_hidden: 12}}}}
training: {{adam: {{optimizer: adam, lr: 1e-2, weight_decay: 1e-3, loss: binary_cross_entropy, batch: 25, epochs: 12}}}}
record: {{eval_every: 2}}
checkpoint: {{every: 6}}
grids:
  - {{task: imdb, model: lstm, training: adam, seed: [0, 1], control: [dense, ticket], t: final, k: 0.5}}
""")


def convert(*paths):
    for path in paths:
        made = subprocess.run([sys.executable, tap.ROOT / "analysis/data.py", "imdb", path], capture_output=True, text=True)
        tap.equal(made.returncode, 0, f"one file of {path.name}") or print(made.stderr)


def planned(file, store):
    return json.loads(tap.tombola("plan", file, "--store", store, "--json").stdout)


reviews = [review() for _ in range(300)]
write_folder(tap.SCRATCH / "aclImdb", reviews)
write_csv(tap.SCRATCH / "reviews.csv", DRAW.sample(reviews, len(reviews)))
convert(tap.SCRATCH / "aclImdb", tap.SCRATCH / "reviews.csv")
tap.equal((tap.SCRATCH / "aclImdb.npz").read_bytes() == (tap.SCRATCH / "reviews.csv.npz").read_bytes(), True, "the same file from either layout")
folder, table = sweep("folder.yaml", "aclImdb"), sweep("table.yaml", tap.SCRATCH / "reviews.csv")
stores = [tap.SCRATCH / "folder.h5", tap.SCRATCH / "table.h5"]
for file, store, ranks in (folder, stores[0], 2), (table, stores[1], 0):
    result = tap.tombola("run", file, "--store", store, ranks=ranks)
    tap.equal(result.returncode, 0, f"reviews from {store.stem}") or print(result.stderr)
tap.equal(digest.differences(*stores), [], "the same reviews in either layout: the same jobs, the same bits")
accuracy = tap.query(stores[0], "SELECT min(test_accuracy) FROM jobs")[0][0]
tap.ok(accuracy > 0.95, "the LSTM learns them", accuracy)
tap.equal(planned(table, stores[0])["to_train"], 0, "what the folder trained need not be trained for the table")
again = tap.tombola("run", table, "--store", stores[0])
tap.ok(again.returncode == 0 and "0 to train" in again.stderr, "nor is it", again.stderr)
for path in (tap.SCRATCH / "reviews.csv", *(tap.SCRATCH / "aclImdb/train/pos").glob("*.txt")):  # as some editors save it
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
convert(tap.SCRATCH / "aclImdb", tap.SCRATCH / "reviews.csv")
tap.equal([planned(file, stores[0])["to_train"] for file in (table, folder)], [0, 0], "a byte order mark before them is no part of what they say")
job = tap.query(stores[0], "SELECT id FROM jobs WHERE control = 'ticket'")[0][0]
shown = tap.tombola("show", stores[0], job).stdout
tap.ok(f"task.data={tap.SCRATCH / 'reviews.csv'}" in shown and "data=" in shown.split("from file")[0],
       "show tells where the reviews were found, and their digest", shown)
tap.equal(tap.tombola("verify", stores[0]).returncode, 0, "verify finds nothing wrong")

shipped = tap.SCRATCH / "sweeps/imdb.yaml"
shipped.parent.mkdir()
shutil.copy(tap.ROOT / "sweeps/imdb.yaml", shipped)
write_folder(tap.SCRATCH / "data/aclImdb", [review() for _ in range(1000)])
convert(tap.SCRATCH / "data/aclImdb")
result = tap.tombola("plan", shipped)
tap.ok(result.returncode == 0 and "144 jobs" in result.stdout, "sweeps/imdb.yaml, where the reviews are", result.stdout + result.stderr)

write_csv(tap.SCRATCH / "reviews.csv", [(reviews[0][0] + " again", reviews[0][1]), *reviews[1:]])
convert(tap.SCRATCH / "reviews.csv")
plan = planned(table, stores[0])
tap.equal((plan["held"], plan["to_train"]), (0, 4), "one word more makes other jobs")
os.remove(tap.SCRATCH / "reviews.csv.npz")
missing = tap.write("missing.yaml", (tap.ROOT / "sweeps/imdb.yaml").read_text().replace("../data", "nowhere"))
for file, want in (missing, "nowhere/aclImdb.npz': `python3 analysis/data.py imdb"), (table, "reviews.csv.npz': `python3 analysis/data.py imdb"):
    for command in "plan", "run":
        bad = tap.tombola(command, file, "--store", tap.SCRATCH / "none.h5")
        tap.ok(bad.returncode == 2 and want in bad.stderr and bad.stderr.count("error:") == 1 and f"{file}:" in bad.stderr and "tasks.imdb.data" in bad.stderr,
               f"{command}: one error that names the file at fault and the line of the sweep", bad.stderr)

# ---- what words are, and what is no corpus ----

sys.path.append(str(tap.ROOT / "analysis"))
import data  # noqa: E402

for text, want in ((b"A good film.", b"a good film"), (b"Don't miss it -- 10/10!", b"dont miss it"), (b"a<b and <brown> x<br", b"ab and brown xbr"),
                   (b"so bad.<br /><br />The end<BR>of\tit<br/>all", b"so bad the end of it all"), (b"well-made\n\r\n\f\vun_usual", b"wellmade unusual"),
                   (b"Caf\xc3\xa9 NO\xc3\x8bL", b"caf\xc3\xa9 no\xc3\x8bl"), (b" 1999 ... ", b""), (b"", b"")):
    tap.equal(b" ".join(data.words(text)), want, f"the words of {text}")
shutil.rmtree(tap.SCRATCH / "aclImdb/test/neg")
WRONG = {"text,label\na,positive\n": "the first line must be review,sentiment", "review,sentiment\nso so,fair\n": "line 2: a row must be a review and positive or negative",
         'review,sentiment\n"a\nb",positive\nc\n': "line 4: a row", "review,sentiment\na,b,positive\n": "line 2: a row", 'review,sentiment\n"a,positive\n': "unexpected end of data",
         'review,sentiment\n"a"b,positive\n': "expected after", "": "the first line"}
for name, (path, text, want) in {"no folder": (tap.SCRATCH / "aclImdb", None, "test/neg holds no *.txt"), "no file": (tap.SCRATCH / "nowhere", None, "No such file"),
                                 **{repr(text): (tap.SCRATCH / "wrong.csv", text, want) for text, want in WRONG.items()}}.items():
    if text is not None:
        path.write_text(text)
    bad = subprocess.run([sys.executable, tap.ROOT / "analysis/data.py", "imdb", path], capture_output=True, text=True)
    tap.ok(bad.returncode == 2 and want in bad.stderr and bad.stderr.count("\n") == 1, f"{name}: one line that says what is wrong", bad.stderr)
tap.done()
