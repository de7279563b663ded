/* Counters: memory that the ranks of a node share, and how they wait for each other without spinning.
 *
 * A rank that waits inside MPI spins, and takes the core of the rank it waits for when there are more ranks than cores,
 * or when something else runs on the machine. So ranks of one node tell each other by counters how far they have
 * come: each has a number of steps, which only it writes and which only grows. Whoever waits for a rank looks at
 * its number for a moment, then sleeps in the kernel (futex) until it has changed. There is also room
 * for data; what was written there before a step was reached can be read by whoever has waited for it.
 *
 * Ranks on other nodes have no counters here; waiting for them falls to MPI, which yields (comm_wait()).
 *
 * Where a node has one rank, or shared memory cannot be had, there are no counters: NULL. Every function takes NULL,
 * and then does nothing. */
#ifndef COMM_COUNTERS_H
#define COMM_COUNTERS_H

#include "comm/comm.h"

#include <stdint.h>

struct counters;

/* Room for `bytes`, zeroed, the same number on all ranks of the node. *out is NULL on all of them or on none.
 * Collective over the node. */
MUSTER_CHECKED muster_status counters_create(struct comm *comm, size_t bytes, struct counters **out);
/* Not collective: the memory lives until the last rank has let go of it. Accepts NULL inside. */
void counters_destroy(struct counters **counters);

/* Removes what counters of this user have left in memory whose processes were killed before all had it. */
void counters_remove_left_behind(void);

/* The shared bytes. */
void *counters_data(struct counters *counters);

/* Tells the others that this rank has come to a step. */
void counters_reach(struct counters *counters, uint32_t step);

/* Waits until a rank of this node (its number in the job), or every other one, has come to a step. */
MUSTER_CHECKED muster_status counters_wait(struct counters *counters, int rank, uint32_t step);
MUSTER_CHECKED muster_status counters_wait_others(struct counters *counters, uint32_t step);

#endif
