/* Ranks that can send each other what those of a run do, sized for a config: orders with the policy's parameters, and
 * rollouts. */
#ifndef BENCH_EXCHANGING_H
#define BENCH_EXCHANGING_H

#include "train/worker.h"

struct exchanging {
  struct worker worker;
  struct model model;                 /* of an actor */
  size_t gather_bytes, command_bytes; /* of all actors together; of an order; known to every rank */
};

/* Collective. exchanging_release() is called afterwards in any case. */
MUSTER_CHECKED muster_status exchanging_create(struct comm *comm, const struct run_config *config,
                                               struct exchanging *exchanging);
void exchanging_release(struct exchanging *exchanging);

#endif
