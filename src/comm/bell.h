/* Bells: how ranks of one node wait for each other without spinning.
 *
 * A rank that waits inside MPI spins, and takes the core of the rank it waits for when there are more ranks than cores,
 * or when something else runs on the machine. So before a rank enters an MPI call that would block, it listens for its
 * bell, a counter in memory that the node's ranks share: it looks at the counter for a moment, then sleeps in the
 * kernel (futex) until somebody rings. Whoever is about to make that MPI call possible rings first. Ranks on other
 * nodes have no bell here; waiting for them falls to MPI, which yields. */
#ifndef COMM_BELL_H
#define COMM_BELL_H

#include "comm/comm.h"

#include <mpi.h>

struct bells; /* of the ranks of this node */

/* Collective over `node`, the communicator of this node's ranks. Where shared memory is not to be had *out is NULL, and
 * the calls below do nothing. */
MUSTER_CHECKED muster_status bells_create(MPI_Comm node, bool oversubscribed, struct bells **out);
void bells_destroy(struct bells **bells); /* collective over the node; accepts NULL inside */

/* Rings the bell of a rank, given its rank in the node's communicator. */
void bells_ring(struct bells *bells, int node_rank);

/* From here on waiting counts as STAGE_WAIT of this clock (borrowed; NULL: of none). */
void bells_set_stages(struct bells *bells, struct stages *stages);

/* Waits until this rank's bell has rung `times` more than it has been waited for. */
void bells_wait(struct bells *bells, int times);

#endif
