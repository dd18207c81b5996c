#!/bin/bash
# Minutes on one node to see whether a sweep survives on this cluster:   sbatch slurm/smoke.sh   (or without sbatch)
#
# The sweep below runs undisturbed; then again, stopped as before a time limit, and resumed; then one rank and all ranks are
# killed, and full_sweep.sh must go on by itself.
# It prints PASS if both stores hold the same numbers.  Its files lie in results/smoke-..., removed after a PASS.
#
#SBATCH --job-name=tombola-smoke
#SBATCH --nodes=1
#SBATCH --ntasks=4
#SBATCH --cpus-per-task=1
#SBATCH --hint=nomultithread
#SBATCH --mem-per-cpu=1G
#SBATCH --time=00:15:00
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
set -euo pipefail
set -m # each run gets a process group of its own

cd "${SLURM_SUBMIT_DIR:-$(dirname "$0")/..}"
tombola=${TOMBOLA:-build/release/tombola}
mkdir -p results
folder=$(mktemp -d "$PWD/results/smoke-XXXXXX")
export MAX_RESTARTS=0 # a stopped run ends here, it is not requeued

EPOCHS=20000 # to begin with
LONG=${LONG:-20} # seconds that the sweep must take undisturbed, so that it can be disturbed; EPOCHS grows until it does
ranks=${SLURM_NTASKS:-$(.make/cores)} # as many seeds: then it takes as long with any number of ranks

pid=''
fail() {
    echo "FAIL: $*; see $folder" >&2
    if [ -n "$pid" ]; then kill -TERM -- "-$pid" 2>/dev/null || true; fi
    exit 1
}

write_sweep() {
    cat >"$folder/smoke.yaml" <<YAML
name: smoke
tasks: {add: {kind: modular, expr: a + b, p: 31, train_fraction: 0.5}}
models: {mlp: {kind: embed_mlp, d_embed: 64, d_hidden: 32}}
training: {adamw: {lr: 3e-3, weight_decay: 1, betas: [0.9, 0.98], epochs: $EPOCHS}}
record: {eval_every: 5, measures: [norms]}
checkpoint: {every: $((EPOCHS / 50))}
grids:
  - {task: add, model: mlp, training: adamw, seed: {from: 1, to: $ranks, step: 1}, control: [dense, ticket, l2, random], t: $((EPOCHS / 50)), k: 0.6}
YAML
}

sweep() { slurm/full_sweep.sh "$folder/smoke.yaml" "$folder/$1.h5" >>"$folder/$1.log" 2>&1; }
numbers() {
    "$tombola" query "$folder/$1.h5" --format csv "SELECT id, state, epochs_done, t_mem, t_gen, train_loss, train_accuracy,
        test_loss, test_accuracy FROM jobs ORDER BY id"
}

# epochs ELSE: how many are trained; ELSE if nobody can say.
epochs() {
    "$tombola" query "$folder/killed.h5" --format csv 'SELECT sum(epochs_done) FROM jobs' 2>/dev/null | grep -o '^[0-9]\{1,\}' || echo "$1"
}

# The undisturbed run, long enough on this node.
run_whole() {
    local began
    for _ in $(seq 8); do
        write_sweep
        began=$SECONDS
        sweep whole || fail "the undisturbed sweep ended with $?"
        if [ $((SECONDS - began)) -ge "$LONG" ]; then return; fi
        rm "$folder/whole.h5"
        EPOCHS=$((2 * EPOCHS))
    done
    fail "the sweep never takes $LONG s"
}

# until_training: wait until the disturbed run has come further than it is now.
until_training() {
    local began=$SECONDS before
    before=$(epochs 0)
    while [ "$(epochs "$before")" = "$before" ]; do
        kill -0 "$pid" 2>/dev/null || fail "the sweep ended before it could be disturbed"
        [ $((SECONDS - began)) -lt 120 ] || fail "nothing is trained"
        sleep 0.1
    done
}

start() {
    sweep killed &
    pid=$!
}

DONE=0 STOPPED=75 # as tombola --exit-codes
# ends WANTED: wait for the end of the run, and for that exit code.
ends() {
    local code=0
    wait "$pid" 2>/dev/null || code=$?
    pid=''
    [ "$code" = "$1" ] || fail "it ended with $code instead of $1"
}

launches() { grep -c 'tombola: sweep smoke' "$folder/killed.log"; }

# kill_ranks HOW...: to the program itself, not to a launcher or a script that has its name among its arguments.
kill_ranks() {
    local before began=$SECONDS
    before=$(launches)
    pkill -KILL "$@" -f "^$tombola run .*$folder/killed.h5" || fail "there are no ranks"
    until [ "$(launches)" -gt "$before" ]; do
        kill -0 "$pid" 2>/dev/null || fail "nobody started it again"
        [ $((SECONDS - began)) -lt 120 ] || fail "nobody starts it again"
        sleep 0.1
    done
}

run_whole
start
until_training
pkill -TERM -g "$pid" -f full_sweep.sh
ends $STOPPED
echo "smoke: stopped by TERM"
start
until_training
kill_ranks --oldest
echo "smoke: one rank killed, started again"
until_training
kill_ranks
echo "smoke: all ranks killed, started again"
ends $DONE
"$tombola" verify "$folder/killed.h5" || fail "the store is damaged"
diff <(numbers whole) <(numbers killed) || fail "the numbers differ"
rm -r "$folder"
echo "PASS: stopped and resumed, killed twice and started again: the same numbers"
