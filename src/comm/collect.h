/* Collecting data of all ranks on one of them, rank by rank: for the end of a run, not for its loop. */
#ifndef COMM_COLLECT_H
#define COMM_COLLECT_H

#include "comm/comm.h"

/* Is given the data of one rank; the bytes are borrowed for the call. */
typedef muster_status (*comm_visit)(void *context, int rank, const void *data, size_t bytes);

/* Collective. Calls visit(context, ...) on rank `root` for each rank in order, its own among them, with the bytes that
 * the rank gave. The root holds the bytes of only one other rank at a time. After an error of `visit` it still receives
 * the remaining bytes, then returns the error. Error USAGE when a rank gives more than fits one message of MPI. */
MUSTER_CHECKED muster_status comm_collect(struct comm *comm, int root, const void *data, size_t bytes, comm_visit visit,
                                          void *context);

#endif
