/* Inside comm/: wrapping MPI calls, the communicator, and the tags. */
#ifndef COMM_MPI_CALL_H
#define COMM_MPI_CALL_H

#include "comm/comm.h"

#include <mpi.h>

struct comm {
  MPI_Comm world, node; /* all ranks; those of this node */
  int rank, size, local_size, local_cores;
  int *node_ranks;     /* [size] each rank's rank in `node`; MPI_UNDEFINED for those of other nodes */
  struct bells *bells; /* of this node; NULL where one rank is alone */
  char host[COMM_HOST_SIZE];
};

/* every tag of the project */
enum comm_tag { TAG_GATHER = 1, TAG_SCATTER, TAG_LIST, TAG_PING, TAG_COLLECT, TAG_CLOCK };

/* Rings the bell of a rank, if it is on this node; returns whether it is. */
bool comm_ring(struct comm *comm, int rank);

/* Turns an MPI error code into a status that names the call. */
MUSTER_CHECKED muster_status comm_status(int code, const char *call);

#define MUSTER_TRY_MPI(call) MUSTER_TRY(comm_status((call), #call))

#endif
