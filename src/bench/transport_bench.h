/* Ranks that send each other the same data as in a run of a config: commands with the policy's parameters, and
 * rollouts. */
#ifndef BENCH_TRANSPORT_BENCH_H
#define BENCH_TRANSPORT_BENCH_H

#include "train/actor.h"

struct transport_bench {
  struct run run;
  struct gathering gathering; /* on the rank that learns */
  struct transport transport;
  struct model model;                 /* for an actor */
  struct actor actor;                 /* on ranks that act; its environments are not started */
  size_t gather_bytes, command_bytes; /* of all rollouts together; of a command; the same on every rank */
};

/* Collective. transport_bench_release() must be called even after a failure. */
MUSTER_CHECKED muster_status transport_bench_create(struct comm *comm, const struct run_config *config,
                                                    struct transport_bench *bench);
void transport_bench_release(struct transport_bench *bench);

#endif
