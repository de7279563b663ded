#include "comm/broadcast.h"

#include "comm/counters.h"
#include "comm/mpi_call.h"

#include <stdlib.h>
#include <string.h>

struct broadcast {
  struct comm *comm; /* borrowed */
  void *data;
  size_t bytes;
  int root, node_leader;     /* of this rank; the root's and another node leader's is itself */
  struct counters *counters; /* holds the data for the ranks of this node */
  uint32_t step;             /* broadcasts so far */
  MPI_Datatype type;
  int n_requests;
  MPI_Request *requests; /* persistent: the root's sends to node leaders, a node leader's receive */
};

/* the messages of this rank */
static muster_status prepare_messages(struct broadcast *broadcast, const int *node_leaders) {
  struct comm *comm = broadcast->comm;
  int root = broadcast->root, rank = comm->rank;
  MUSTER_TRY(comm_bytes_type(broadcast->bytes, &broadcast->type));
  for (int other = 0; rank == root && other < comm->size; other++)
    if (other != root && node_leaders[other] == other)
      MUSTER_TRY_MPI(MPI_Send_init(broadcast->data, 1, broadcast->type, other, TAG_BROADCAST, comm->world,
                                   &broadcast->requests[broadcast->n_requests++]));
  if (rank != root && node_leaders[rank] == rank) {
    void *place = broadcast->counters != NULL ? counters_data(broadcast->counters) : broadcast->data;
    MUSTER_TRY_MPI(MPI_Recv_init(place, 1, broadcast->type, root, TAG_BROADCAST, comm->world,
                                 &broadcast->requests[broadcast->n_requests++]));
  }
  return MUSTER_OK;
}

muster_status broadcast_create(struct comm *comm, void *data, size_t bytes, int root, struct broadcast **out) {
  struct broadcast *broadcast = calloc(1, sizeof *broadcast);
  MPI_Request *requests = calloc((size_t)comm->size, sizeof *requests);
  int *node_leaders = calloc((size_t)comm->size, sizeof *node_leaders);
  muster_status status = MUSTER_OK;
  if (broadcast == NULL || requests == NULL || node_leaders == NULL)
    status = status_error(MUSTER_ERROR_MEMORY, "out of memory: broadcast");
  status = comm_agree(comm, status);
  struct counters *counters = NULL;
  if (status == MUSTER_OK) status = counters_create(comm, bytes, &counters);
  if (status == MUSTER_OK) status = comm_node_leaders(comm, root, counters != NULL, node_leaders);
  if (status != MUSTER_OK) {
    counters_destroy(&counters);
    free(broadcast);
    free(requests);
    free(node_leaders);
    return status;
  }
  *broadcast = (struct broadcast){.comm = comm,
                                  .data = data,
                                  .bytes = bytes,
                                  .root = root,
                                  .node_leader = node_leaders[comm->rank],
                                  .counters = counters,
                                  .type = MPI_DATATYPE_NULL,
                                  .requests = requests};
  status = comm_agree(comm, comm->size > 1 ? prepare_messages(broadcast, node_leaders) : MUSTER_OK);
  free(node_leaders);
  if (status != MUSTER_OK)
    broadcast_destroy(&broadcast);
  else
    *out = broadcast;
  return status;
}

void broadcast_destroy(struct broadcast **handle) {
  struct broadcast *broadcast = *handle;
  if (broadcast == NULL) return;
  for (int i = 0; i < broadcast->n_requests; i++)
    if (broadcast->requests[i] != MPI_REQUEST_NULL) MPI_Request_free(&broadcast->requests[i]);
  if (broadcast->type != MPI_DATATYPE_NULL) MPI_Type_free(&broadcast->type);
  counters_destroy(&broadcast->counters);
  free(broadcast->requests);
  free(broadcast);
  *handle = NULL;
}

/* the root: off to the other nodes, and onto the counters once all have read the last one */
static muster_status tell(struct broadcast *broadcast, uint32_t step) {
  struct counters *counters = broadcast->counters;
  MUSTER_TRY_MPI(MPI_Startall(broadcast->n_requests, broadcast->requests));
  if (counters != NULL) {
    MUSTER_TRY(counters_wait_others(counters, step - 1));
    memcpy(counters_data(counters), broadcast->data, broadcast->bytes);
    counters_reach(counters, step);
  }
  return comm_wait(broadcast->comm, broadcast->requests, broadcast->n_requests);
}

/* a node leader: from the root onto the counters of its node */
static muster_status pass_on(struct broadcast *broadcast, uint32_t step) {
  struct counters *counters = broadcast->counters;
  MUSTER_TRY(counters_wait_others(counters, step - 1));
  MUSTER_TRY_MPI(MPI_Startall(broadcast->n_requests, broadcast->requests));
  MUSTER_TRY(comm_wait(broadcast->comm, broadcast->requests, broadcast->n_requests));
  counters_reach(counters, step);
  if (counters != NULL) memcpy(broadcast->data, counters_data(counters), broadcast->bytes);
  return MUSTER_OK;
}

/* any other rank */
static muster_status listen(struct broadcast *broadcast, uint32_t step) {
  struct counters *counters = broadcast->counters;
  MUSTER_TRY(counters_wait(counters, broadcast->node_leader, step));
  memcpy(broadcast->data, counters_data(counters), broadcast->bytes);
  counters_reach(counters, step);
  return MUSTER_OK;
}

muster_status broadcast_run(struct broadcast *broadcast) {
  int rank = broadcast->comm->rank;
  uint32_t step = ++broadcast->step;
  if (broadcast->comm->size == 1) return MUSTER_OK;
  if (rank == broadcast->root) return tell(broadcast, step);
  return rank == broadcast->node_leader ? pass_on(broadcast, step) : listen(broadcast, step);
}
