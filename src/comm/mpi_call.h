/* Inside comm/: wrapping MPI calls, the communicator, and the tags. */
#ifndef COMM_MPI_CALL_H
#define COMM_MPI_CALL_H

#include "comm/comm.h"

#include <mpi.h>

struct comm {
  MPI_Comm world;
  int rank, size, local_size, local_cores;
  char host[COMM_HOST_SIZE];
};

/* every tag of the project */
enum comm_tag { TAG_GATHER = 1, TAG_SCATTER, TAG_LIST };

/* Turns an MPI error code into a status that names the call. */
MUSTER_CHECKED muster_status comm_status(int code, const char *call);

#define MUSTER_TRY_MPI(call) MUSTER_TRY(comm_status((call), #call))

#endif
