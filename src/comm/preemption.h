/* Preemption ends a rollout before the slowest actors are done with it: once enough actors are done, the others stop
 * where they are (Wijmans et al. 2020, DD-PPO: the preemption of stragglers).
 *
 * Actors that share memory with the leading rank count there how many of them are done, so a check costs one read.
 * Others are remote: each sends the leading rank a message when it is done or has stopped; that rank looks for these
 * messages between its own steps and while it waits for the rollout, and tells all of them when enough are done. In
 * either case each remote actor sends and receives exactly one message in a rollout.
 *
 * The count only grows: with A actors it is r * A after r rollouts, and the next rollout is over once it has grown by
 * `needed`. This works because no actor begins a rollout before the leading rank has received the previous one. Every
 * function accepts NULL, for a job that waits for all actors, and then does nothing. */
#ifndef COMM_PREEMPTION_H
#define COMM_PREEMPTION_H

#include "comm/comm.h"
#include "comm/topology.h"

struct preemption;

/* Rollouts will be over when `needed` of the topology's actors are done, 0 < needed. *out is NULL where all of them are
 * needed. Collective. */
MUSTER_CHECKED muster_status preemption_create(struct comm *comm, const struct topology *topology, int needed,
                                               struct preemption **out);
void preemption_destroy(struct preemption **preemption); /* accepts NULL inside */

/* For an actor: whether enough actors are done in this rollout. */
MUSTER_CHECKED muster_status preemption_is_due(struct preemption *preemption, bool *is_due);

/* For an actor: reports that it is done. To be called once in each rollout, whether it was cut off or not. */
MUSTER_CHECKED muster_status preemption_report_done(struct preemption *preemption);

/* For the leading rank, after it has reported itself done where it acts: waits until enough actors are done and the
 * remote ones were told. Without remote actors it does not wait, since every actor reads the count. */
MUSTER_CHECKED muster_status preemption_await(struct preemption *preemption);

/* For every rank, once the leading rank has received the whole rollout; the leading rank must call it before any other
 * rank begins the next one. Afterwards no message is under way. */
MUSTER_CHECKED muster_status preemption_end_rollout(struct preemption *preemption);

#endif
