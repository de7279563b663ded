/* The end of a rollout before the slowest actors are done with it: once enough actors are done, the others stop where
 * they are (Wijmans et al. 2020, DD-PPO: the preemption of stragglers).
 *
 * Actors that share memory with the leading rank count there that they are done, so that to look costs one read.
 * Others are remote: each sends the leading rank a message when it is done or has stopped; that rank looks for
 * these messages between its own steps and while it waits for the rollout, and tells all of them when enough are done.
 * Whatever comes first, each remote actor sends one message in a rollout and gets one.
 *
 * The count only grows: with A actors it stands at r * A after r rollouts, and the next rollout is over once it has
 * grown by `needed`. That holds because no actor begins with a rollout before the leading rank has the one before.
 * Every function takes NULL, for a job where all actors are waited for, and then does nothing. */
#ifndef COMM_PREEMPTION_H
#define COMM_PREEMPTION_H

#include "comm/comm.h"
#include "comm/topology.h"

struct preemption;

/* For rollouts that are over when `needed` of the topology's actors are done, 0 < needed. *out is NULL where these are
 * all of them. Collective. */
MUSTER_CHECKED muster_status preemption_create(struct comm *comm, const struct topology *topology, int needed,
                                               struct preemption **out);
void preemption_destroy(struct preemption **preemption); /* accepts NULL inside */

/* An actor: whether enough are done in this rollout. */
MUSTER_CHECKED muster_status preemption_is_due(struct preemption *preemption, bool *is_due);

/* An actor: is done. Once in each rollout, whether it was cut off or not. */
MUSTER_CHECKED muster_status preemption_report_done(struct preemption *preemption);

/* The leading rank, after it has reported itself done where it acts: waits until enough are, and the remote ones know
 * it. Where there are none of these it does not wait: everybody reads the count. */
MUSTER_CHECKED muster_status preemption_await(struct preemption *preemption);

/* Every rank, once the leading rank has got the rollout from all; that rank itself before any other begins with the
 * next one. No message is under way any more then. */
MUSTER_CHECKED muster_status preemption_end_rollout(struct preemption *preemption);

#endif
