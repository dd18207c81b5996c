#!/bin/bash
# Train a sweep on a cluster, one core a rank:   sbatch [OPTION...] slurm/full_sweep.sh [SWEEP] [STORE]
#
# Submit it from the root of the project.  Every option below may be given on sbatch's line instead; modules, account,
# partition and launcher are set in slurm/site.sh.  Without Slurm the same script uses this machine's cores.
# DRY_RUN=1 (with or without Slurm) prints what it would do.
#
# What is trained already is not trained again.  Before the time limit every rank writes a resume point and the job goes
# back into the queue, as often as it makes progress.  After a crash, a killed rank or a lost node it starts the run again,
# here or from the queue (slurm/README.md says when).  After scancel or an edited sweep: submit it again.
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
DONE=0 USAGE=2 LACKING=3 LOCKED=4 DAMAGE=5 STOPPED=75 INTERRUPTED=130 # as tombola --exit-codes
fail() { echo "full_sweep: $*" >&2 && exit $USAGE; }

cd "${SLURM_SUBMIT_DIR:-$(dirname "$0")/..}"
[ -r slurm/site.sh ] || fail "submit it from the root of the project: there is no slurm/site.sh in $PWD"
# shellcheck source=/dev/null
. slurm/site.sh
job=${SLURM_JOB_ID:-} # empty: no Slurm here
sweep=${1:-sweeps/full.yaml}
store=${2:-results/full.h5}
tombola=${TOMBOLA:-build/release/tombola}
restarts=$((${SLURM_RESTART_COUNT:-0} + ${CHAINED:-0}))
launches=0 # of the run, in this start of the job

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
    local where stop code=0
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
    "$tombola" plan "$sweep" --store "$store" || code=$?
    case $code in "$DONE" | "$LOCKED" | "$DAMAGE") ;; *) exit "$code" ;; esac # a store that a crash left behind is for the run to mend
    if [ "$restarts" = 0 ]; then advise; fi
    say "to look at it: $tombola status $store"
    say "to stop it where the same command goes on: $stop"
}

# What plan makes of the sweep's critical path and of its largest network.  It is only told: as many ranks run, with as much
# memory, as were asked for.
advise() {
    local facts half enough ranks asked=${SLURM_NTASKS:-} memory
    facts=$("$tombola" plan "$sweep" --store "$store" --json 2>/dev/null) || return 0
    number() { sed -nE "s/.*\"$1\":([0-9]+).*/\1/p" <<<"$facts"; }
    half=$(number half_ranks) enough=$(number enough_ranks)
    if [ -z "$half" ]; then return; fi # nothing to train, or nobody knows how long that takes
    ranks=$((enough && enough < half ? enough : half))
    memory=$((($(number bytes_a_rank) * 2 + $(number jobs) * 4000) / 1000000000 + 1)) # GB; rank 0 has the list of jobs besides
    say "advice: -n $ranks --mem-per-cpu=${memory}G; ${enough:+more than $enough ranks gain nothing, }$half are at work half of the time"
    if [ "${asked:-0}" -gt "$half" ]; then say "$asked ranks were asked for: most of them will wait most of the time"; fi
}

dry_run() {
    say "would run: ${launch[*]} $tombola run $sweep --store $store"
    if [ -n "$job" ]; then
        say "would go back into the queue before the time limit, while it makes progress and at most $MAX_RESTARTS times"
    fi
    say "would start again after a crash, until $MAX_CRASHES in a row made no progress"
}

# --- progress ---------------------------------------------------------------------------------------------------------
have=0 first=0 further=0
moved=''  # set once a launch has made progress
barren=0 # ends in a row without progress

# Anything that grows with the work done: epochs and jobs that are settled.  Nothing if the store cannot be read.
progress() {
    "$tombola" query "$store" --json "SELECT sum(epochs_done) + sum(state IN ('done', 'failed')) FROM jobs" 2>/dev/null |
        tr -d ' \n' | sed -n 's/.*"rows":\[*\([0-9]\{1,\}\).*/\1/p' || true
}

# How much further the last launch has come.
measure_progress() {
    local before=$have
    have=$(progress)
    : "${have:=$before}"
    further=$((have - before))
    if [ "$further" -gt 0 ]; then moved=1 barren=0; else barren=$((barren + 1)); fi
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
# forgets: so the word is repeated until it has ended, which does no harm.  After a minute it is TERM, after two KILL: what
# comes after must be done before the time limit.
pass_on() {
    local began word=USR1 to=$pid
    while [ $((SECONDS - launched)) -lt 5 ] && kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
    began=$SECONDS
    while kill -"$word" -- "$to" 2>/dev/null; do
        for _ in $(seq 50); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        if [ $word = USR1 ] && [ $((SECONDS - began)) -ge "$PATIENCE" ]; then
            if kill -0 "$pid" 2>/dev/null; then say "$PATIENCE s without effect: TERM"; fi
            word=TERM
        elif [ $word = TERM ] && [ $((SECONDS - began)) -ge $((2 * PATIENCE)) ]; then
            word=KILL to=-$pid # the launcher's whole process group
        fi
    done
}

# TOMBOLA_LAUNCH lets the run know a lock of an earlier launch as that of a dead one; FULL_SWEEP marks the processes of
# this launch.
launch() {
    code=$STOPPED
    if [ -n "$asked" ]; then return; fi
    launches=$((launches + 1)) launched=$SECONDS
    mark=$job.$restarts.$(hostname).$$.$launches
    TOMBOLA_LAUNCH=$launches FULL_SWEEP=$mark "${launch[@]}" "$tombola" run "$sweep" --store "$store" </dev/null &
    pid=$!
    if [ -n "$asked" ]; then pass_on; fi
    while heard='' code=0 && { wait "$pid" || code=$?; } && [ -n "$heard" ]; do :; done # a trap ends a wait too early
    pid=''
    say "$(date +'%F %T') tombola run ended with $code"
}

# --- the queue --------------------------------------------------------------------------------------------------------
# What Slurm's `show job` says: a word after its key, or all that follows on the line.
word_of() { sed -nE "s|^(.* )?$1=([^ ]*).*|\2|p" <<<"$facts" | grep -vxE '\(null\)|N/A' || true; }
line_of() { sed -nE "s|^ *$1=(.*[^ ]) *|\1|p" <<<"$facts"; }

# Where a job may not be requeued, another one like it waits for its end: with what Slurm tells of this one, the rest comes
# from the script.
chain() {
    local facts key option value comment
    facts=$(scontrol show job "$job") || return
    local like=(--dependency="afterany:$job" --no-requeue --job-name="$SLURM_JOB_NAME" --output="$(line_of StdOut)"
        --nodes="$granted_nodes" --ntasks="$granted_tasks")
    while read -r key option; do
        value=$(word_of "$key")
        if [ -n "$value" ]; then like+=("--$option=${value#gres[:/]}"); fi
    done <<'END'
Partition partition
Account account
QOS qos
Reservation reservation
TimeLimit time
CPUs/Task cpus-per-task
MinMemoryCPU mem-per-cpu
MinMemoryNode mem
MinTmpDiskNode tmp
Features constraint
TresPerNode gres
Licenses licenses
ReqNodeList nodelist
ExcNodeList exclude
MailUser mail-user
MailType mail-type
Nice nice
END
    comment=$(line_of Comment)
    if [ -n "$comment" ]; then like+=(--comment="$comment"); fi
    if [ -n "${SLURM_NTASKS_PER_NODE:-}" ]; then like+=(--ntasks-per-node="$SLURM_NTASKS_PER_NODE"); fi
    if [ -n "${SLURM_HINT:-}" ]; then like+=(--hint="$SLURM_HINT"); fi
    if [ "$(word_of OverSubscribe)" = NO ]; then like+=(--exclusive); fi
    CHAINED=$((restarts + 1)) sbatch "${like[@]}" slurm/full_sweep.sh "$sweep" "$store"
}

# False if Slurm is ending the job: after scancel or a lost node it must not be brought back by us.
still_running() {
    local state
    state=$(squeue -h -j "$job" -o %T 2>/dev/null) || return 0 # nobody answers: then nobody ends it either
    grep -qx RUNNING <<<"$state"
}

# back_into_queue WHY: ends this script.
back_into_queue() {
    still_running || { say "Slurm is ending this job" && exit "$code"; }
    if [ "$restarts" -ge "$MAX_RESTARTS" ]; then
        say "stopped: $restarts restarts are enough (MAX_RESTARTS in slurm/site.sh); submit it again to go on" && exit "$code"
    fi
    say "$(date +'%F %T') $1, $((have - first)) epochs and jobs further: back into the queue"
    trap '' TERM
    scontrol requeue "$job" || chain || exit "$code" # on success Slurm ends this script here
    exit 0
}

# After a stop in good order.
go_on() {
    if [ -z "$job" ] || { [ -n "$asked" ] && [ "$asked" != USR1 ]; }; then
        say "stopped; the same command goes on" && exit $STOPPED
    elif [ -z "$moved" ]; then
        say "stopped: this start made no progress, so another one would not either; a longer --time?" && exit $STOPPED
    fi
    back_into_queue 'not done yet'
}

# --- after an unclean end ---------------------------------------------------------------------------------------------
# sweep_away MARK: end what is left on this node of the launch with that mark; false if something does not end.  Two runs
# must never write at once.  It is sent to other nodes as it stands here.
sweep_away() {
    local left
    for _ in $(seq 100); do
        left=$(grep -lzxF "FULL_SWEEP=$1" /proc/[0-9]*/environ 2>/dev/null | cut -d / -f 3)
        [ -n "$left" ] || return 0
        # shellcheck disable=SC2086 # many
        kill -KILL $left 2>/dev/null
        sleep 0.1
    done
    return 1
}

# The job's steps apart from the script; those that were there before the first launch are somebody else's.
steps() { squeue -h -s -j "$job" -o %i 2>/dev/null | grep -E '\.[0-9]+$' | sort || true; }
cancel_steps() { comm -13 <(echo "$other_steps") <(steps) | xargs -r scancel || true; }

# Those of the nodes that answer and have nothing left of the last launch; 50 are asked at once.
answering() {
    local node asked_for=0
    for node in "${nodes[@]}"; do
        if [ $((++asked_for % 50)) = 0 ]; then wait; fi
        if [ "$node" = "${SLURMD_NODENAME:-}" ]; then
            echo "$node" # this one: its remains are swept away already
        else
            timeout -k 5 30 srun --overlap --mpi=none -N1 -n1 -w "$node" bash -c "$(declare -f sweep_away); sweep_away '$mark'" \
                </dev/null >/dev/null 2>&1 && echo "$node" &
        fi
    done
    wait
}

# spread LIST: "3(x2),1" is 3 3 1; so Slurm says what each node has.
spread() {
    local part
    for part in ${1//,/ }; do
        yes "${part%%\(*}" | head -n "$(sed -n 's/.*(x\(.*\))/\1/p' <<<"$part" | grep . || echo 1)" || true
    done
}

# shrink NODE...: give the other nodes back, before Slurm misses them and ends the job, and let the launchers know.
shrink() {
    local tasks cpus i list
    mapfile -t tasks < <(spread "${SLURM_TASKS_PER_NODE:-$SLURM_JOB_CPUS_PER_NODE}")
    mapfile -t cpus < <(spread "$SLURM_JOB_CPUS_PER_NODE")
    for i in "${!nodes[@]}"; do
        if [[ " $* " != *" ${nodes[i]} "* ]]; then unset "nodes[i]" "tasks[i]" "cpus[i]"; fi
    done
    nodes=("${nodes[@]}")
    list=$(IFS=, && echo "${nodes[*]}")
    (cd "$(mktemp -d)" && scontrol update JobId="$job" NodeList="$list" && rm -r "$PWD") >/dev/null || return # it writes files
    export SLURM_JOB_NODELIST=$list SLURM_NODELIST=$list SLURM_JOB_NUM_NODES=$# SLURM_NNODES=$#
    SLURM_TASKS_PER_NODE=$(IFS=, && echo "${tasks[*]}")
    SLURM_JOB_CPUS_PER_NODE=$(IFS=, && echo "${cpus[*]}")
    SLURM_NTASKS=$(($(IFS=+ && echo "${tasks[*]}")))
    export SLURM_TASKS_PER_NODE SLURM_JOB_CPUS_PER_NODE SLURM_NTASKS SLURM_NPROCS=$SLURM_NTASKS
}

do_without_lost_nodes() {
    local alive
    mapfile -t alive < <(answering)
    if [ "${#alive[@]}" = "${#nodes[@]}" ]; then return; fi
    say "$(date +'%F %T') of ${nodes[*]} there are left ${alive[*]}"
    if [ $((2 * ${#alive[@]})) -lt "$granted_nodes" ]; then back_into_queue "too many nodes are lost"; fi
    shrink "${alive[@]}" || back_into_queue "Slurm does not let go of the lost nodes"
}

# recover WHAT: ends the script, or returns when the run may be started again.
recover() {
    sweep_away "$mark" || say "some of its processes do not end"
    if [ -n "$asked" ]; then go_on; fi
    say "$1, $further epochs and jobs further than before"
    if [ "$barren" -ge "$MAX_CRASHES" ]; then
        say "stopped: $barren such ends in a row without progress (MAX_CRASHES in slurm/site.sh)" && exit "$code"
    fi
    if [ -n "$job" ]; then
        still_running || { say "Slurm is ending this job" && exit "$code"; }
        cancel_steps
        export SLURM_OVERLAP=1 # a step on a lost node keeps its cores until Slurm misses the node
        do_without_lost_nodes
    fi
    if [ "$launches" -gt "$MAX_RELAUNCHES" ]; then
        if [ -n "$job" ] && [ -n "$moved" ]; then back_into_queue "$launches launches"; fi
        say "stopped: $launches launches are enough (MAX_RELAUNCHES in slurm/site.sh)" && exit "$code"
    fi
    pause
    say "$(date +'%F %T') starting it again: launch $((launches + 1))${job:+ on ${nodes[*]}}"
}

# At once after progress; longer and longer without.  Ranks that still write (4) are given time to notice.
pause() {
    local seconds=$((barren > 1 ? 2 * barren : 0))
    if [ "$code" = $LOCKED ]; then seconds=15; fi
    sleep "$seconds" &
    wait "$!" || true # not so when a signal came
}

# ----------------------------------------------------------------------------------------------------------------------
choose_launcher
[ -x "$tombola" ] || fail "'$tombola' is not built: run make first, in $PWD"
for signal in USR1 TERM INT HUP; do
    # shellcheck disable=SC2064 # now
    trap "on_signal $signal" $signal
done
introduce
if [ -n "${DRY_RUN:-}" ]; then
    dry_run
    exit 0
fi
mkdir -p "$(dirname "$store")"
if [ -n "$job" ]; then
    mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
    granted_nodes=${#nodes[@]} granted_tasks=${SLURM_NTASKS:-1} other_steps=$(steps)
fi
have=$(progress)
have=${have:-0} first=${have:-0}
while :; do
    launch
    measure_progress
    case $code in
    "$STOPPED") go_on ;;
    "$DONE" | "$USAGE" | "$LACKING" | "$DAMAGE" | "$INTERRUPTED" | 126 | 127) break ;; # 126, 127: it cannot be run
    "$LOCKED") if [ $((launches + restarts)) = 1 ]; then break; else recover 'perhaps locked by what has just died'; fi ;;
    *) recover 'an unclean end' ;;
    esac
done
case $code in
"$DONE") "$tombola" status "$store" ;;
"$LACKING") "$tombola" status "$store" | tee "${store%.h5}-failed.txt" && say "kept as ${store%.h5}-failed.txt" ;;
esac
exit "$code"
