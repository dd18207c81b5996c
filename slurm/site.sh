# slurm/site.sh: what differs from site to site.  Read by slurm/full_sweep.sh and slurm/smoke.sh when the job runs.
# shellcheck shell=bash disable=SC2034
#
# sbatch must know account and partition before the job runs, so either give them on its line (-A, -p) or read this file
# first:    . slurm/site.sh && sbatch slurm/full_sweep.sh
# export SBATCH_ACCOUNT=...
# export SBATCH_PARTITION=...

# The modules that tombola was built with.
# module purge
# module load openmpi hdf5 openblas igraph    # igraph: of the measure graph alone

# auto: `srun --mpi=pmix` where `srun --mpi=list` offers it, else mpirun.  "mpirun" or "srun" settles it: say mpirun if
# tombola complains that each of its processes is alone.
: "${LAUNCHER=auto}"
# One core a rank.  Nodes shared with other jobs, without cgroups: "--bind-to none" (mpirun), "--cpu-bind=none" (srun).
: "${MPIRUN_BINDING=--map-by core --bind-to core}"
: "${SRUN_BINDING=--cpu-bind=cores}"
# How often a job may go back into the queue.
: "${MAX_RESTARTS=100}"
# How often a run may be started again within one start of the job, and how many starts in a row may end uncleanly without
# progress.  Not below 8: a sweep's own job that kills its process is known for it, and failed, only after some of them.
: "${MAX_RELAUNCHES=100}"
: "${MAX_CRASHES=8}"
# How many seconds a launcher may take to stop before it is told so more loudly.
: "${PATIENCE=60}"
