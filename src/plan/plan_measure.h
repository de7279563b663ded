/* The measurements behind a plan: what the parts of a config take on one core, and what ranks of this node send. */
#ifndef PLAN_PLAN_MEASURE_H
#define PLAN_PLAN_MEASURE_H

#include "plan/plan.h"

/* Measures the costs of a config that all ranks have; rollouts as actors have them at the numbers of ranks that the
 * request asks about; `exchanges`: what ranks send each other, too. On every rank the same. Collective; fails on all
 * ranks or on none. */
MUSTER_CHECKED muster_status plan_measure(struct comm *comm, const struct run_config *config,
                                          const struct plan_request *request, bool exchanges, struct plan_costs *costs);

#endif
