/* Inside comm/: wrapping MPI calls, the communicator, and the tags. */
#ifndef COMM_MPI_CALL_H
#define COMM_MPI_CALL_H

#include "comm/comm.h"

#include <mpi.h>

struct comm {
  MPI_Comm world, node; /* all ranks; those of this node */
  int rank, size, local_size, local_cores;
  int crowd;                 /* ranks of the job on this node; in a group, too, members or not */
  int *node_ranks;           /* [size] each rank's rank in `node`; MPI_UNDEFINED for those of other nodes */
  struct watchdog *watchdog; /* NULL where there is none */
  struct phases *phases;     /* what this process does; a group uses the job's */
  struct phases own_phases;  /* those of the job */
  char host[COMM_HOST_SIZE];
};

/* every tag of the project */
enum comm_tag {
  TAG_GATHER = 1,
  TAG_SCATTER,
  TAG_LIST,
  TAG_BROADCAST,
  TAG_PING,
  TAG_COLLECT,
  TAG_CLOCK,
  TAG_MESSAGE,
  TAG_CREDIT,
  TAG_COMMAND,
  TAG_DONE,
  TAG_ENOUGH
};

/* Fills in from comm->node what a rank knows about the ranks of its node: how many there are, and their numbers
 * there. */
MUSTER_CHECKED muster_status comm_number_neighbours(struct comm *comm);

/* For tests: from now on ranks of this node with different numbers count as being on different nodes. Collective;
 * before anything else is created. */
MUSTER_CHECKED muster_status comm_split_node(struct comm *comm, int number);

/* Makes a job of its own from the ranks that give a number >= 0, in the order of their numbers: rank, size, nodes and
 * collective calls are those of this group. It has no watchdog. *out is NULL on the other ranks. Collective over the
 * job. */
MUSTER_CHECKED muster_status comm_create_group(struct comm *comm, int number, struct comm **out);
void comm_destroy_group(struct comm **group); /* accepts NULL inside */

/* Waits until the requests are done; the main loop waits for messages only by this function. */
MUSTER_CHECKED muster_status comm_wait(struct comm *comm, MPI_Request *requests, int n);

/* A committed type of `bytes` contiguous bytes, even more than an int can count; the caller frees it. */
MUSTER_CHECKED muster_status comm_bytes_type(size_t bytes, MPI_Datatype *out);

/* Turns an MPI error code into a status that names the call. */
MUSTER_CHECKED muster_status comm_status(int code, const char *call);

#define MUSTER_TRY_MPI(call) MUSTER_TRY(comm_status((call), #call))

#endif
