#!/bin/sh
# A check that fails on one rank fails the run, says where it is, and does not keep the other ranks waiting.
# usage: test_harness.sh MPIRUN ONE_RANK_FAILS WORK_FOLDER
set -eu

mpirun=$1 program=$2 work=$3
mkdir -p "$work"

code=0
timeout 100 "$mpirun" -n 3 "$program" >"$work/said" 2>"$work/errors" || code=$?
if [ $code = 0 ] || [ $code = 124 ]; then
  echo "FAILED: exit code $code" >&2
  exit 1
fi
for part in 'rank 2: ' 'one_rank_fails.c:'; do
  grep -qF "$part" "$work/errors" || { echo "FAILED: does not say '$part'" >&2 && exit 1; }
done
# both cases ran on all ranks: the second one came after the failure
grep -qE 'tests +2 +2 +1 +1' "$work/said" || { cat "$work/said" >&2 && exit 1; }
