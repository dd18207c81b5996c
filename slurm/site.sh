# slurm/site.sh: what differs from site to site.  Read by slurm/full_sweep.sh and slurm/smoke.sh when the job runs.
# shellcheck shell=bash disable=SC2034
#
# sbatch must know account and partition before the job runs, so either give them on its line (-A, -p) or read this file
# first:    . slurm/site.sh && sbatch slurm/full_sweep.sh
# export SBATCH_ACCOUNT=...
# export SBATCH_PARTITION=...

# The modules that tombola was built with.
# module purge
# module load openmpi hdf5-parallel openblas

# auto: `srun --mpi=pmix` where `srun --mpi=list` offers it, else mpirun.  "mpirun" or "srun" settles it: say mpirun if
# tombola complains that each of its processes is alone.
: "${LAUNCHER=auto}"
# One core a rank.  Nodes shared with other jobs, without cgroups: "--bind-to none" (mpirun), "--cpu-bind=none" (srun).
: "${MPIRUN_BINDING=--map-by core --bind-to core}"
: "${SRUN_BINDING=--cpu-bind=cores}"
# How often a job that ran into its time limit may start again.
: "${MAX_RESTARTS=100}"
