#include "comm/broadcast.h"

#include "comm/mpi_call.h"
#include "comm/node.h"

#include <stdlib.h>
#include <string.h>

struct broadcast {
  struct comm *comm; /* borrowed */
  void *data;
  size_t bytes;
  int root;
  struct node *node; /* created for the root; holds the data for the ranks of this node */
  uint32_t step;     /* number of broadcasts so far */
  MPI_Datatype type;
  int n_requests;
  MPI_Request *requests; /* persistent: on the root its sends to the leaders of other nodes, on such a leader its
                            receive */
};

/* creates the requests of this rank */
static muster_status prepare_messages(struct broadcast *broadcast) {
  struct comm *comm = broadcast->comm;
  const struct node *node = broadcast->node;
  int root = broadcast->root, rank = comm->rank;
  MUSTER_TRY(comm_bytes_type(broadcast->bytes, &broadcast->type));
  for (int other = 0; rank == root && other < comm->size; other++)
    if (other != root && node->leaders[other] == other)
      MUSTER_TRY_MPI(MPI_Send_init(broadcast->data, 1, broadcast->type, other, TAG_BROADCAST, comm->world,
                                   &broadcast->requests[broadcast->n_requests++]));
  if (rank != root && node_is_leader(node))
    MUSTER_TRY_MPI(MPI_Recv_init(node->data, 1, broadcast->type, root, TAG_BROADCAST, comm->world,
                                 &broadcast->requests[broadcast->n_requests++]));
  return MUSTER_OK;
}

muster_status broadcast_create(struct comm *comm, void *data, size_t bytes, int root, struct broadcast **out) {
  struct broadcast *broadcast = calloc(1, sizeof *broadcast);
  MPI_Request *requests = calloc((size_t)comm->size, sizeof *requests);
  muster_status status = MUSTER_OK;
  if (broadcast == NULL || requests == NULL) status = status_error(MUSTER_ERROR_MEMORY, "out of memory: broadcast");
  status = comm_agree(comm, status);
  struct node *node = NULL;
  if (status == MUSTER_OK) status = node_create(comm, root, bytes, bytes, &node);
  if (status != MUSTER_OK) {
    free(broadcast);
    free(requests);
    return status;
  }
  *broadcast = (struct broadcast){.comm = comm,
                                  .data = data,
                                  .bytes = bytes,
                                  .root = root,
                                  .node = node,
                                  .type = MPI_DATATYPE_NULL,
                                  .requests = requests};
  status = comm_agree(comm, comm->size > 1 ? prepare_messages(broadcast) : MUSTER_OK);
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
  node_destroy(&broadcast->node);
  free(broadcast->requests);
  free(broadcast);
  *handle = NULL;
}

/* on the root: sends to the other nodes, and writes for its own once all ranks there have read the last broadcast */
static muster_status tell(struct broadcast *broadcast, uint32_t step) {
  struct node *node = broadcast->node;
  MUSTER_TRY_MPI(MPI_Startall(broadcast->n_requests, broadcast->requests));
  MUSTER_TRY(node_wait_others(node, step - 1));
  if (node->is_shared) memcpy(node->data, broadcast->data, broadcast->bytes);
  node_reach(node, step);
  return comm_wait(broadcast->comm, broadcast->requests, broadcast->n_requests);
}

/* on the leader of another node: receives from the root into the memory of its node */
static muster_status pass_on(struct broadcast *broadcast, uint32_t step) {
  struct node *node = broadcast->node;
  MUSTER_TRY(node_wait_others(node, step - 1));
  MUSTER_TRY_MPI(MPI_Startall(broadcast->n_requests, broadcast->requests));
  /* waits for the root, which the message itself does not show to the watchdog */
  enum stage before = phases_wait(broadcast->comm->phases);
  muster_status status = comm_wait(broadcast->comm, broadcast->requests, broadcast->n_requests);
  phases_resume(broadcast->comm->phases, before);
  MUSTER_TRY(status);
  node_reach(node, step);
  memcpy(broadcast->data, node->data, broadcast->bytes);
  return MUSTER_OK;
}

/* on any other rank */
static muster_status listen(struct broadcast *broadcast, uint32_t step) {
  struct node *node = broadcast->node;
  MUSTER_TRY(node_wait_leader(node, step));
  memcpy(broadcast->data, node->data, broadcast->bytes);
  node_reach(node, step);
  return MUSTER_OK;
}

muster_status broadcast_run(struct broadcast *broadcast) {
  uint32_t step = ++broadcast->step;
  if (broadcast->comm->size == 1) return MUSTER_OK;
  if (broadcast->comm->rank == broadcast->root) return tell(broadcast, step);
  return node_is_leader(broadcast->node) ? pass_on(broadcast, step) : listen(broadcast, step);
}
