/* Repeated sending of data of a fixed size from one rank to all others: the learner's commands.
 *
 * The data are sent once to each other node, to its node leader, and reach the other ranks of a node through memory
 * that these share; there they sleep until the data arrive (comm/node.h). */
#ifndef COMM_BROADCAST_H
#define COMM_BROADCAST_H

#include "comm/comm.h"

struct broadcast;

/* A broadcast of `data` from rank `root`, the same number of bytes on all ranks. Borrows `data`, which is read on the
 * root and written on the others. Collective. */
MUSTER_CHECKED muster_status broadcast_create(struct comm *comm, void *data, size_t bytes, int root,
                                              struct broadcast **out);
void broadcast_destroy(struct broadcast **broadcast); /* accepts NULL inside */

/* Copies the root's data to all ranks; returns when this rank has done its part. Collective. */
MUSTER_CHECKED muster_status broadcast_run(struct broadcast *broadcast);

#endif
