/* The measurements behind a plan: what the parts of a config take on one core, and what messages between ranks of this
 * node take. */
#ifndef PLAN_PLAN_MEASURE_H
#define PLAN_PLAN_MEASURE_H

#include "plan/plan.h"

/* Measures the costs of a config, which all ranks have: the rollouts of actors at the numbers of ranks that the request
 * asks about, the update and, with `exchanges`, what ranks send each other. `*costs` is the same on every rank.
 * Collective; fails on all ranks or on none. */
MUSTER_CHECKED muster_status plan_measure(struct comm *comm, const struct run_config *config,
                                          const struct plan_request *request, bool exchanges, struct plan_costs *costs);

#endif
