/* Where rollouts end before the slowest actors are done with them: a line that every actor crosses once in a rollout,
 * when it is done or sees that enough others are (Wijmans et al. 2020: the preemption of stragglers).
 *
 * Actors of the leading rank's node count their crossings in memory that they share, so that to look costs one read.
 * Those of other nodes, or of a node without such memory, are far: each tells the leading rank, which looks around for
 * that between its own steps and while it waits for the rollout, and tells all of them when enough have crossed.
 * Whatever comes first, each far actor sends one message in a rollout and gets one.
 *
 * Counts only grow: with A actors the first r rollouts have r * A crossings, and rollout r is over from there on at
 * `needed` more. That holds because no actor begins with a rollout before the leading rank has the one before. Every
 * function takes NULL, the line of a job where all actors are waited for, and then does nothing. */
#ifndef COMM_PREEMPTION_H
#define COMM_PREEMPTION_H

#include "comm/comm.h"
#include "comm/topology.h"

struct preemption;

/* A line for rollouts that are over when `needed` of the topology's actors have crossed it, 0 < needed. *out is NULL
 * where these are all of them. Collective. */
MUSTER_CHECKED muster_status preemption_create(struct comm *comm, const struct topology *topology, int needed,
                                               struct preemption **out);
void preemption_destroy(struct preemption **line); /* accepts NULL inside */

/* An actor: whether enough have crossed the line in this rollout. */
MUSTER_CHECKED muster_status preemption_is_due(struct preemption *line, bool *is_over);

/* An actor: crosses the line. Once in each rollout, whether it was cut off or not. */
MUSTER_CHECKED muster_status preemption_report_done(struct preemption *line);

/* The leading rank, after it has crossed the line itself where it acts: waits until enough have, and the far ones know
 * it. Where there are none of these it does not wait: everybody sees for himself. */
MUSTER_CHECKED muster_status preemption_await(struct preemption *line);

/* Every rank, once the leading rank has got the rollout from all; that rank itself before any other begins with the
 * next one. Nothing is under way any more then. */
MUSTER_CHECKED muster_status preemption_end_rollout(struct preemption *line);

#endif
