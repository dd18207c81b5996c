#!/usr/bin/env python3
"""Every bad sweep file is refused with the message it names, exit code 2, and nothing written.
beside: others"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import tap  # noqa: E402

store = tap.SCRATCH / "never.h5"
files = sorted((tap.ROOT / "tests/bad").glob("*.yaml"))
tap.ok(len(files) >= 30, "there is a table of bad files", len(files))
for file in files:
    expected = [line.split("expect:", 1)[1].strip() for line in file.read_text(errors="replace").splitlines()
                if line.startswith("# expect:")]
    result = tap.tombola("plan", file.relative_to(tap.ROOT), "--store", store)
    place, wrong = 0, []
    for text in expected:
        found = result.stderr.find(text, place)
        if found < 0:
            wrong.append(f"missing: {text}")
        place = max(place, found)
    good = result.returncode == 2 and expected and not wrong and not result.stdout
    tap.ok(good, file.name, "\n".join([*wrong, f"exit code {result.returncode}", result.stderr]))

run = tap.tombola("run", files[0], "--store", store)
tap.equal(run.returncode, 2, "run refuses a bad file with exit code 2")
tap.ok(not list(tap.SCRATCH.glob("never*")), "nothing was written")
tap.done()
