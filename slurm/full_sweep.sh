#!/bin/bash
# Train a sweep on a cluster, one core a rank:   sbatch [OPTION...] slurm/full_sweep.sh [SWEEP] [STORE]
#
# Submit it from the root of the project.  Every option below may be given on sbatch's line instead; modules, account,
# partition and launcher are set in slurm/site.sh.  Without Slurm the same script uses this machine's cores.
# DRY_RUN=1 (with or without Slurm) prints what it would do.
#
# What is trained already is not trained again.  Before the time limit every rank writes a resume point and the job goes
# back into the queue, as often as it makes progress; after a kill, a failed node or an edited sweep: submit it again.
#
#SBATCH --job-name=tombola
#SBATCH --ntasks=32
#SBATCH --cpus-per-task=1
#SBATCH --hint=nomultithread
#SBATCH --mem-per-cpu=1G
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@300
#SBATCH --requeue
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
set -euo pipefail
set -m # the launcher gets a process group of its own: a Ctrl-C is ours to pass on

say() { echo "full_sweep: $*"; }
fail() { echo "full_sweep: $*" >&2 && exit 2; }

cd "${SLURM_SUBMIT_DIR:-$(dirname "$0")/..}"
[ -r slurm/site.sh ] || fail "submit it from the root of the project: there is no slurm/site.sh in $PWD"
# shellcheck source=/dev/null
. slurm/site.sh
job=${SLURM_JOB_ID:-} # empty: no Slurm here
sweep=${1:-sweeps/full.yaml}
store=${2:-results/full.h5}
tombola=${TOMBOLA:-build/release/tombola}
restarts=$((${SLURM_RESTART_COUNT:-0} + ${CHAINED:-0}))

# The ranks are the parallelism: a library that starts threads only gets in their way.
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1

# --- what runs --------------------------------------------------------------------------------------------------------
choose_launcher() {
    if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
    if [ -z "$job" ]; then
        launch=(mpirun -n "$(.make/cores)" --oversubscribe --bind-to none)
        return
    fi
    if [ "$LAUNCHER" = auto ]; then
        LAUNCHER=mpirun
        if srun --mpi=list 2>&1 | grep -qw pmix; then LAUNCHER=srun; fi
    fi
    case $LAUNCHER in
    srun) read -ra launch <<<"srun --mpi=pmix -K1 $SRUN_BINDING" ;; # -K1: one dead rank ends them all
    mpirun) read -ra launch <<<"mpirun $MPIRUN_BINDING" ;;
    *) fail "LAUNCHER is '$LAUNCHER' in slurm/site.sh; allowed: auto, mpirun, srun" ;;
    esac
}

introduce() {
    local where stop
    if [ -n "$job" ]; then
        where="job $job, start $((restarts + 1)): ${SLURM_NTASKS:-1} ranks on ${SLURM_JOB_NODELIST:-?}"
        where+=", until $(squeue -h -j "$job" -o %e || echo '?')"
        stop="scancel --batch --signal=TERM $job"
    else
        where="$(hostname), without Slurm" stop="kill $$"
    fi
    say "$(date +'%F %T') $where"
    say "$("$tombola" --version | head -n 1), $(mpirun --version 2>/dev/null | head -n 1), $(srun --version 2>/dev/null)"
    say "launcher: ${launch[*]}"
    "$tombola" plan "$sweep" --store "$store" || exit
    say "to look at it: $tombola status $store"
    say "to stop it where the same command goes on: $stop"
}

dry_run() {
    say "would run: ${launch[*]} $tombola run $sweep --store $store"
    if [ -n "$job" ]; then
        say "would go back into the queue before the time limit, while it makes progress and at most $MAX_RESTARTS times"
    fi
}

# Anything that grows with the work done: epochs and finished jobs.
progress() {
    local count
    count=$("$tombola" query "$store" --format csv "SELECT sum(epochs_done) + sum(state = 'done') FROM jobs" 2>/dev/null) || count=
    count=$(tail -n 1 <<<"$count" | tr -d '\r')
    echo "${count:-0}"
}

# --- stopping ---------------------------------------------------------------------------------------------------------
pid='' asked='' heard=''

# USR1 is Slurm's word that time is running out; TERM, INT and HUP are somebody's wish that it ends.  Each is passed on as
# USR1, which the launchers pass on to the ranks: they write a resume point and leave with 75.
# shellcheck disable=SC2317 # called by traps
on_signal() {
    heard=1
    if [ "$1" = INT ] && [ "$asked" = INT ] && [ -n "$pid" ]; then kill -TERM "$pid"; fi
    if [ -n "$asked" ]; then return; fi
    asked=$1
    say "$(date +'%F %T') $1: stopping"
    if [ -n "$pid" ]; then pass_on; fi
}

# A launcher that has just begun does not yet know what to do with a signal, and what it gets before its ranks are there it
# forgets: so the word is repeated until it has ended, which does no harm.
pass_on() {
    while [ $((SECONDS - launched)) -lt 5 ] && kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
    while kill -USR1 "$pid" 2>/dev/null; do
        for _ in $(seq 50); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
    done
}

run() {
    code=75
    if [ -n "$asked" ]; then return; fi
    launched=$SECONDS
    "${launch[@]}" "$tombola" run "$sweep" --store "$store" </dev/null &
    pid=$!
    if [ -n "$asked" ]; then pass_on; fi
    while heard='' code=0 && { wait "$pid" || code=$?; } && [ -n "$heard" ]; do :; done # a trap ends a wait too early
}

# --- what comes after -------------------------------------------------------------------------------------------------
# Where a job may not be requeued, another one like it waits for its end.
chain() {
    local like=(--dependency="afterany:$job" --job-name="$SLURM_JOB_NAME" --partition="$SLURM_JOB_PARTITION"
        --nodes="$SLURM_JOB_NUM_NODES" --ntasks="${SLURM_NTASKS:-1}" --time="$(squeue -h -j "$job" -o %l)"
        --output="$(scontrol show job "$job" | sed -n 's/^ *StdOut=//p')" --no-requeue)
    if [ -n "${SLURM_JOB_ACCOUNT:-}" ]; then like+=(--account="$SLURM_JOB_ACCOUNT"); fi
    CHAINED=$((restarts + 1)) sbatch "${like[@]}" slurm/full_sweep.sh "$sweep" "$store"
}

go_on() {
    local before=$1 after
    after=$(progress)
    if [ -z "$job" ] || { [ -n "$asked" ] && [ "$asked" != USR1 ]; }; then
        say "stopped; the same command goes on" && exit 75
    elif [ "$after" -le "$before" ]; then
        say "stopped: this start made no progress, so another one would not either; a longer --time?" && exit 75
    elif [ "$restarts" -ge "$MAX_RESTARTS" ]; then
        say "stopped: $restarts restarts are enough (MAX_RESTARTS in slurm/site.sh); submit it again to go on" && exit 75
    fi
    say "$(date +'%F %T') not done yet, $((after - before)) epochs and jobs further: back into the queue"
    trap '' TERM
    scontrol requeue "$job" || chain # on success Slurm ends this script here
}

choose_launcher
[ -x "$tombola" ] || fail "'$tombola' is not built: run make first, in $PWD"
trap 'on_signal USR1' USR1
trap 'on_signal TERM' TERM
trap 'on_signal INT' INT
trap 'on_signal HUP' HUP
introduce
if [ -n "${DRY_RUN:-}" ]; then
    dry_run
    exit 0
fi
mkdir -p "$(dirname "$store")"
before=$(progress)
run
say "$(date +'%F %T') tombola run ended with $code"
case $code in
0) "$tombola" status "$store" ;;
3) "$tombola" status "$store" | tee "${store%.h5}-failed.txt" && say "kept as ${store%.h5}-failed.txt" ;;
75) go_on "$before" && exit ;;
esac
exit "$code"
