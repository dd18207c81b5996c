#!/bin/bash
# Minutes on one node to see whether a sweep survives on this cluster:   sbatch slurm/smoke.sh   (or without sbatch)
#
# The sweep below runs undisturbed; then again, stopped once as before a time limit, killed twice, and resumed each time.
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

EPOCHS=${EPOCHS:-150000}
ranks=${SLURM_NTASKS:-$(.make/cores)} # as many seeds: then it takes as long with any number of ranks

fail() { echo "FAIL: $*; see $folder" >&2 && exit 1; }

cat >"$folder/smoke.yaml" <<YAML
name: smoke
tasks: {add: {kind: modular, expr: a + b, p: 31, train_fraction: 0.5}}
models: {mlp: {kind: embed_mlp, d_embed: 64, d_hidden: 32}}
training: {adamw: {lr: 3e-3, weight_decay: 1, betas: [0.9, 0.98], epochs: $EPOCHS}}
record: {eval_every: 5, series_every: 100, measures: [norms]}
checkpoint: {every: 1000}
grids:
  - {task: add, model: mlp, training: adamw, seed: {from: 1, to: $ranks, step: 1}, control: [dense, ticket, l2, random], t: 1000, k: 0.6}
YAML

sweep() { slurm/full_sweep.sh "$folder/smoke.yaml" "$folder/$1.h5" >>"$folder/$1.log" 2>&1; }
numbers() {
    "$tombola" query "$folder/$1.h5" --format csv "SELECT id, state, epochs_done, t_mem, t_gen, train_loss, train_accuracy,
        test_loss, test_accuracy FROM jobs ORDER BY id"
}

# get_going PID FROM: wait until the run that writes killed.log from byte FROM on is training; false if it has ended.
get_going() {
    local began=$SECONDS
    until tail -c +"$2" "$folder/killed.log" | grep -q 'tombola: sweep smoke'; do
        kill -0 "$1" 2>/dev/null || return 1
        [ $((SECONDS - began)) -lt 120 ] || fail "the run does not start"
        sleep 0.2
    done
    sleep 1
    kill -0 "$1" 2>/dev/null
}

# disturb SIGNAL WHO: start the sweep, and send it to full_sweep.sh (script) or to all processes of the run (ranks).
disturb() {
    local from pid code=0
    from=$(($(wc -c <"$folder/killed.log") + 1))
    sweep killed &
    pid=$!
    get_going "$pid" "$from" || fail "the sweep ended before it could be disturbed; try EPOCHS=$((10 * EPOCHS))"
    if [ "$2" = script ]; then
        pkill -"$1" -g "$pid" -f full_sweep.sh
    else
        pkill -"$1" -f "$folder/killed.h5"
    fi
    wait "$pid" 2>/dev/null || code=$?
    echo "smoke: $1 to the $2: ended with $code"
}

: >"$folder/killed.log"
sweep whole || fail "the undisturbed sweep ended with $?"
disturb TERM script
disturb KILL ranks
disturb KILL ranks
sweep killed || fail "the disturbed sweep ended with $?"
"$tombola" verify "$folder/killed.h5" || fail "the store is damaged"
diff <(numbers whole) <(numbers killed) || fail "the numbers differ"
rm -r "$folder"
echo "PASS: stopped, killed twice, resumed: the same numbers"
