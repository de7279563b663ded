# shellcheck shell=bash
# What the job scripts share; they source it, and define usage(). slurm/README.md tells how they are used.

say() { echo "muster: $(date '+%F %T') job $job: $*"; }

wrong_use() {
  echo "muster: $1" >&2
  usage >&2
  exit 2
}

# of an array its task: its own number would name the whole array where it is that of the last task
job=${SLURM_JOB_ID-}
if [[ -n ${SLURM_ARRAY_TASK_ID-} ]]; then job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID; fi

# prepare ARGUMENT...: the site's environment, and `program`
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
      # scancel sends SIGTERM to every process of the job. The ranks write a checkpoint then, but mpirun and its daemons would
      # kill them after two seconds: they do not get it. Where env is too old for that, the last checkpoint in time stays.
      if env --block-signal=TERM true 2>/dev/null; then
        launcher=(env --block-signal=TERM mpirun --stdin none)
        export OMPI_MCA_orte_launch_agent=${OMPI_MCA_orte_launch_agent:-env --block-signal=TERM orted}
      fi
      ;;
    srun)
      [[ $(srun --mpi=list 2>&1) == *pmix* ]] || wrong_use "this Slurm has no PMIx: set MUSTER_LAUNCHER=mpirun"
      # exit code 75 of one rank must not kill the others; those that a dead rank leaves behind are ended after a minute
      launcher=(srun --mpi=pmix --input=none --kill-on-bad-exit=0 --wait=60)
      ;;
    *) wrong_use "MUSTER_LAUNCHER is $chosen; expects mpirun, srun or auto" ;;
  esac
}

# the newest checkpoint's name, or nothing
newest() { readlink "$1/checkpoints/latest" || true; }

# a signal to this script asks the ranks for a checkpoint and the end; which one it was decides what comes then
ask() {
  asked=$1
  if [[ -n $child ]]; then kill -USR1 "$child" 2>/dev/null || true; fi
}

# requeue RUN BEFORE: the same job again, later; unless it got nowhere, since it would not the next time either
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

# train RUN CONFIG ARGUMENT...: trains to the end, or until the job is cancelled or its time is up
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
  # a signal ends only the waiting
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
