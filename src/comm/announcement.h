/* What one rank tells all others again and again, bytes of a fixed number: the learner's orders.
 *
 * They go out once for each other node, to its courier, and reach the other ranks of a node through memory that these
 * share, where they sleep until it comes (comm/board.h). */
#ifndef COMM_ANNOUNCEMENT_H
#define COMM_ANNOUNCEMENT_H

#include "comm/comm.h"

struct announcement;

/* An announcement of `data` from rank `root`, as many bytes on all ranks. Borrows `data`, which is read on the root and
 * written on the others. Collective. */
MUSTER_CHECKED muster_status announcement_create(struct comm *comm, void *data, size_t bytes, int root,
                                                 struct announcement **out);
void announcement_destroy(struct announcement **announcement); /* accepts NULL inside */

/* Copies the root's data to all ranks; returns when this rank has done its part. Collective. */
MUSTER_CHECKED muster_status announcement_make(struct announcement *announcement);

#endif
