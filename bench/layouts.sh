#!/usr/bin/env bash
# Draws the learning curves of docs/benchmarks.md, "Layouts and modes": CartPole-v1 over wall time with two ranks that
# work in step, in turn, pipelined, and asynchronously; five seeds of each. All four modes run with one seed before the
# next seed.
#
#   bench/layouts.sh [FILE.svg]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# train NAME CONFIG SEED INTERVAL [KEY=VALUE]: trains, with a row of metrics after every INTERVAL updates
train() {
  tests/support/mpirun -n 2 build/muster train "configs/CartPole-v1/$2" --run-dir "$folder/$1-$3" --set "seed=$3" \
    --set "run.log_interval=$4" ${5:+--set "$5"} >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }
}

for seed in 1 2 3 4 5; do
  train in-step ppo-zoo.yaml "$seed" 5
  train in-turn ppo-zoo.yaml "$seed" 5 ranks.colocate=true
  train pipelined ppo-zoo.yaml "$seed" 5 algorithm.pipeline=1
  train asynchronous impala.yaml "$seed" 20
done
build/muster plot "$folder"/in-step-* "$folder"/in-turn-* "$folder"/pipelined-* "$folder"/asynchronous-* -x seconds \
  -m rollout/ep_rew_mean -b minmax -t "CartPole-v1, two ranks" -o "${1:-docs/layouts.svg}"
