/* The parts of the benchmark, one file each, one line in bench.c's list. */
#ifndef BENCH_PARTS_H
#define BENCH_PARTS_H

#include "bench/measure.h"

MUSTER_CHECKED muster_status bench_math(struct bench *bench);
MUSTER_CHECKED muster_status bench_env(struct bench *bench);
MUSTER_CHECKED muster_status bench_rollout(struct bench *bench);
MUSTER_CHECKED muster_status bench_update(struct bench *bench);
MUSTER_CHECKED muster_status bench_off_policy(struct bench *bench);
MUSTER_CHECKED muster_status bench_exchange(struct bench *bench);
MUSTER_CHECKED muster_status bench_checkpoint(struct bench *bench);
MUSTER_CHECKED muster_status bench_checkpoint_replay(struct bench *bench); /* its rows about replays */
MUSTER_CHECKED muster_status bench_variance(struct bench *bench);

#endif
