#!/bin/bash
# Train a sweep on a cluster, one core a rank:   sbatch slurm/full_sweep.sh [SWEEP] [STORE]
#
# Without Slurm the same script runs it on this machine's cores:   slurm/full_sweep.sh [SWEEP] [STORE]
# What is trained already is not trained again: submit it once more after a time limit, a kill, or an edited sweep.
#
# --- site settings: yours to change ----------------------------------------------------------------------------------
#SBATCH --job-name=tombola
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=32
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=2G
#SBATCH --time=24:00:00
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
##SBATCH --partition=...
##SBATCH --account=...
# module load openmpi hdf5-parallel openblas
# ---------------------------------------------------------------------------------------------------------------------
set -eu
cd "${SLURM_SUBMIT_DIR:-$(dirname "$0")/..}"
sweep=${1:-sweeps/quick.yaml}
store=${2:-results/$(basename "$sweep" .yaml).h5}
tombola=${TOMBOLA:-build/release/tombola}
[ -x "$tombola" ] || { echo "full_sweep.sh: '$tombola' is not built: run make first, in $PWD" >&2; exit 2; }
mkdir -p "$(dirname "$store")"

# The ranks are the parallelism: a library that starts threads only gets in their way.
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
if [ -n "${SLURM_JOB_ID:-}" ]; then
    exec mpirun "$tombola" run "$sweep" --store "$store"
fi
if [ "$(id -u)" = 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
exec mpirun -n "$(.make/cores)" --oversubscribe --bind-to none "$tombola" run "$sweep" --store "$store"
