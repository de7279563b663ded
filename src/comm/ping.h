/* Plain messages between the learner and the other ranks; the benchmark compares the gather with them. */
#ifndef COMM_PING_H
#define COMM_PING_H

#include "comm/comm.h"

struct ping;

/* Messages of `out_bytes` from rank 0 to each other rank, and of `back_bytes` from each other rank to rank 0, between
 * plain buffers that the ping owns. Error USAGE when a message is too large for MPI. */
MUSTER_CHECKED muster_status ping_create(struct comm *comm, size_t out_bytes, size_t back_bytes, struct ping **out);
void ping_destroy(struct ping **ping); /* accepts NULL inside */

/* Send one message from rank 0 to each other rank, or one from each other rank to rank 0. Collective. */
MUSTER_CHECKED muster_status ping_out(struct ping *ping);
MUSTER_CHECKED muster_status ping_back(struct ping *ping);

#endif
