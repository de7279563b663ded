# shellcheck shell=bash
# What the job scripts share. Each of them sources this file and defines usage(). slurm/README.md says how to use them.

say() { echo "muster: $(date '+%F %T') job $job: $*"; }

wrong_use() {
  echo "muster: $1" >&2
  usage >&2
  exit 2
}

# in an array the task is named as well: the last task has the job id of the whole array, and that alone would name all
job=${SLURM_JOB_ID-}
if [[ -n ${SLURM_ARRAY_TASK_ID-} ]]; then job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID; fi

# prepare ARGUMENT...: sources the site's file and sets `program`
prepare() {
  if [[ ${1-} == -h || ${1-} == --help ]]; then usage && exit; fi
  [[ -n $job ]] || wrong_use "this is a batch job: submit it with sbatch"
  local site=${MUSTER_SITE:-$MUSTER_HOME/slurm/site.sh}
  if [[ -n ${MUSTER_SITE-} || -f $site ]]; then
    # shellcheck source=/dev/null
    source "$site"
  fi
  program=${MUSTER_PROGRAM:-$MUSTER_HOME/build/muster}
  if [[ -z ${MUSTER_PROGRAM-} && ! -x $program ]]; then program=$(command -v muster || echo "$program"); fi
  [[ -x $program ]] || wrong_use "there is no $program: build it on the login node, or say where it is by MUSTER_PROGRAM"
}

# sets `launcher`, which starts the program in every task of the job
choose_launcher() {
  local chosen=${MUSTER_LAUNCHER:-auto}
  if [[ $chosen == auto ]]; then chosen=$(command -v mpirun >/dev/null && echo mpirun || echo srun); fi
  case $chosen in
    mpirun)
      launcher=(mpirun --stdin none)
      # scancel sends SIGTERM to every process of the job. The ranks then write a checkpoint, but mpirun and its daemons
      # would kill them after two seconds; so the signal is blocked for mpirun and the daemons. Where env is too old to
      # block it, the last regular checkpoint stays.
      if env --block-signal=TERM true 2>/dev/null; then
        launcher=(env --block-signal=TERM mpirun --stdin none)
        export OMPI_MCA_orte_launch_agent=${OMPI_MCA_orte_launch_agent:-env --block-signal=TERM orted}
      fi
      ;;
    srun)
      [[ $(srun --mpi=list 2>&1) == *pmix* ]] || wrong_use "this Slurm has no PMIx: set MUSTER_LAUNCHER=mpirun"
      # a rank that exits with 75 must not make srun kill the others; if one dies, srun ends the others after a minute
      launcher=(srun --mpi=pmix --input=none --kill-on-bad-exit=0 --wait=60)
      ;;
    *) wrong_use "MUSTER_LAUNCHER is $chosen; expects mpirun, srun or auto" ;;
  esac
}

# prints the newest checkpoint's name, or nothing
newest() { readlink "$1/checkpoints/latest" || true; }

# ask SIGNAL: on this signal tells the ranks to write a checkpoint and to end; what train() does then depends on it
ask() {
  asked=$1
  if [[ -n $child ]]; then kill -USR1 "$child" 2>/dev/null || true; fi
}

# requeue RUN BEFORE: puts the same job back into the queue; not if the newest checkpoint is still BEFORE, since a job
# that made no progress would make none the next time
requeue() {
  local run=$1 before=$2
  trap '' TERM USR1
  if [[ $(newest "$run") == "$before" ]]; then
    say "not requeued: no checkpoint was added to $run in the time of a whole job; give it more --time"
    exit 1
  fi
  say "more to do: the job is requeued and goes on from $run/checkpoints/$(newest "$run")"
  scontrol requeue "$job" && exit 75
  say "it cannot be requeued here; submit it again with --run-dir $(printf %q "$run")"
  exit 75
}

# train RUN CONFIG ARGUMENT...: trains until the run is done, the job is cancelled or its time is up
train() {
  local run=$1 before code=0
  shift
  choose_launcher
  before=$(newest "$run")
  say "start $((${SLURM_RESTART_COUNT:-0} + 1)) on ${SLURM_JOB_NODELIST-}, by ${MUSTER_LAUNCHER:-auto}: ${launcher[*]}"
  asked="" child=""
  trap 'ask TERM' TERM
  trap 'ask USR1' USR1
  "${launcher[@]}" "$program" train "$@" --run-dir "$run" --resume &
  child=$!
  # a signal interrupts `wait`, not the child: wait again
  while kill -0 "$child" 2>/dev/null; do wait "$child" || true; done
  wait "$child" || code=$?
  if [[ $asked == TERM ]]; then
    say "cancelled, with $run/checkpoints/$(newest "$run"); submitted again with --run-dir $(printf %q "$run") it goes on"
    exit 0
  fi
  if [[ $code == 75 ]]; then requeue "$run" "$before"; fi
  say "$run: ended with exit code $code"
  return $code
}
