#!/usr/bin/env bash
# `env.isolation: process` under mpirun: the state of learning is the same as without it; crashes cost episodes, and are
# counted and reported; after more than env.max_restarts of them the run ends with a checkpoint and exit code 1.
# usage: test_isolation.sh MUSTER SOURCE_FOLDER WORK_FOLDER
set -euo pipefail

muster=$1 source=$2 work=$3
rm -rf "$work"
mkdir -p "$work"
cd "$work"
# shellcheck source=scripts/mpi-environment.sh
source "$source/scripts/mpi-environment.sh"
export OMPI_MCA_rmaps_base_oversubscribe=1

fail() {
  printf 'FAILED: %s\n%s\n' "$1" "$(cat said 2>/dev/null)" >&2
  exit 1
}

# train RANKS FOLDER OPTION...: trains, and returns the exit code of the run
train() {
  local ranks=$1 folder=$2 options=()
  shift 2
  for option in "$@"; do options+=(--set "$option"); done
  mpirun -n "$ranks" "$muster" train config.yaml --run-dir "$folder" "${options[@]}" >said 2>&1
}

cat >config.yaml <<'TEXT'
total_steps: 2048
env: {name: CartPole-v1, num_envs: 8}
algorithm: {name: ppo, n_steps: 32, batch_size: 64, n_epochs: 2}
evaluation: {episodes: 4}
TEXT

# the state of learning does not depend on where the environments run
train 1 plain || fail "a run without isolation"
digest=$("$muster" inspect --digest plain)
for ranks in 1 3; do
  train $ranks "isolated-$ranks" env.isolation=process env.isolation_block=3 || fail "an isolated run on $ranks ranks"
  [[ $("$muster" inspect --digest "isolated-$ranks") == "$digest" ]] || fail "another digest on $ranks ranks"
done

# a run can be resumed with isolation or without
train 3 half env.isolation=process total_steps=1024 || fail "half a run"
mpirun -n 2 "$muster" train config.yaml --run-dir half --resume >said 2>&1 || fail "resuming without isolation"
train 1 whole || fail "a whole run"
[[ $("$muster" inspect --digest half) == "$("$muster" inspect --digest whole)" ]] || fail "another digest when resumed"

# crashes, errors and hangs cost episodes
for fault in crash_at_step fail_at_step hang_at_step; do
  cat >config.yaml <<TEXT
total_steps: 1024
env:
  name: Probe-v0
  num_envs: 4
  isolation: process
  isolation_block: 1
  step_timeout: 2
  max_restarts: 1000
  options: {$fault: 200}
algorithm: {name: ppo, n_steps: 32, batch_size: 64, n_epochs: 2}
evaluation: {episodes: 4}
TEXT
  train 3 "$fault" || fail "$fault: the run should go on"
  grep -q 'environment [0-3] (Probe-v0, seed 1), episode [0-9]*, step [0-9]*, action [0-3]: .*running episodes are lost' said ||
    fail "$fault: the report"
  # each of four environments breaks once in its 256 steps; the column counts them
  restarts=$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "env/restarts") at = i } END { print $at }' "$fault/metrics.csv")
  [[ ${restarts%.*} == 4 ]] || fail "$fault: env/restarts is $restarts, not 4"
done

# more crashes than are allowed
sed -i 's/max_restarts: 1000/max_restarts: 1/; s/hang_at_step: 200/crash_at_step: 40/' config.yaml
code=0
train 3 dead || code=$?
[[ $code == 1 ]] || fail "exit code $code, not 1, beyond env.max_restarts"
grep -q 'env.max_restarts (1) allows' said || fail "does not say why it ends"
[[ $(find dead/checkpoints -name '*.h5' | wc -l) -gt 0 ]] || fail "there is no checkpoint"
"$muster" inspect dead >/dev/null || fail "the checkpoint cannot be read"

# the run goes on from there once the environment is repaired (here: an option tells it not to crash)
sed -i 's/crash_at_step: 40/crash_at_step: 0/; s/^total_steps: .*/total_steps: 2048/' config.yaml
code=0
mpirun -n 3 "$muster" train config.yaml --run-dir dead --resume >said 2>&1 || code=$?
[[ $code == 2 ]] || fail "another option of the environment is another run: exit code $code, not 2"

# without isolation a crash ends the job
sed -i 's/isolation: process/isolation: none/; s/crash_at_step: 0/crash_at_step: 40/' config.yaml
code=0
train 1 crashed || code=$?
[[ $code != 0 ]] || fail "a crash without isolation passes unnoticed"
