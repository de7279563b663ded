#include "comm/node.h"

#include "comm/event.h"
#include "comm/mpi_call.h"

#include <stdlib.h>

/* --- set-up --- */

static struct event *counters_of(const struct node *node) { return node->memory.bytes; }

/* the counters of this node's ranks, then the data */
static muster_status share(struct node *node, size_t bytes, size_t bytes_alone) {
  const struct comm *comm = node->comm;
  const size_t counters = sizeof(struct event) * (size_t)comm->local_size;
  MUSTER_TRY(shared_memory_create(node->comm, counters + bytes, counters + bytes_alone, &node->memory));
  node->data = counters_of(node) + comm->local_size;
  node->is_shared = node->memory.is_shared;
  return MUSTER_OK;
}

static int choose_leader(const struct node *node, int root) {
  const struct comm *comm = node->comm;
  if (!node->is_shared) return comm->rank;
  if (comm_is_local(comm, root)) return root;
  int first = 0;
  while (!comm_is_local(comm, first)) first++;
  return first;
}

/* fills in the leaders of all ranks, and numbers the nodes in the order of their first ranks */
static muster_status number_nodes(struct node *node) {
  const int ranks = node->comm->size;
  MUSTER_TRY(comm_gather(node->comm, &node->leader, sizeof node->leader, node->leaders));
  for (int rank = 0; rank < ranks; rank++) {
    int first = 0;
    while (node->leaders[first] != node->leaders[rank]) first++;
    node->numbers[rank] = first == rank ? node->n_nodes++ : node->numbers[first];
  }
  return MUSTER_OK;
}

static muster_status allocate(const struct comm *comm, struct node **out) {
  const size_t ranks = (size_t)comm->size;
  struct node *node = *out = calloc(1, sizeof *node);
  if (node != NULL) {
    node->leaders = calloc(ranks, sizeof *node->leaders);
    node->numbers = calloc(ranks, sizeof *node->numbers);
  }
  const bool failed = node == NULL || node->leaders == NULL || node->numbers == NULL;
  return failed ? status_error(MUSTER_ERROR_MEMORY, "out of memory: nodes of %zu ranks", ranks) : MUSTER_OK;
}

muster_status node_create(struct comm *comm, int root, size_t bytes, size_t bytes_alone, struct node **out) {
  *out = NULL;
  struct node *node;
  muster_status status = comm_agree(comm, allocate(comm, &node));
  if (status == MUSTER_OK) {
    node->comm = comm;
    node->look_first = !comm_oversubscribed(comm);
    status = comm_agree(comm, share(node, bytes, bytes_alone));
  }
  if (status == MUSTER_OK) {
    node->leader = choose_leader(node, root);
    status = comm_agree(comm, number_nodes(node));
  }
  if (status != MUSTER_OK)
    node_destroy(&node);
  else
    *out = node;
  return status;
}

void node_destroy(struct node **handle) {
  struct node *node = *handle;
  if (node == NULL) return;
  shared_memory_destroy(&node->memory);
  free(node->leaders);
  free(node->numbers);
  free(node);
  *handle = NULL;
}

bool node_is_leader(const struct node *node) { return node->leader == node->comm->rank; }

bool node_has(const struct node *node, int rank) {
  return rank == node->comm->rank || (node->is_shared && comm_is_local(node->comm, rank));
}

/* --- counters --- */

static struct event *counter_of(struct node *node, int rank) {
  return &counters_of(node)[node->comm->node_ranks[rank]];
}

void node_reach(struct node *node, uint32_t step) {
  if (node->is_shared) event_set(counter_of(node, node->comm->rank), step);
}

static bool has_reached(struct node *node, int rank, uint32_t step) {
  return event_has_reached(event_number(counter_of(node, rank)), step);
}

static muster_status wait_for(struct node *node, int rank, uint32_t step) {
  struct event *theirs = counter_of(node, rank);
  for (uint32_t seen; !event_has_reached(seen = event_number(theirs), step);)
    MUSTER_TRY(event_wait(theirs, seen, node->look_first));
  return MUSTER_OK;
}

/* Where nothing is left to wait for, the clock is not read. */
muster_status node_wait(struct node *node, int rank, uint32_t step) {
  if (!node->is_shared || has_reached(node, rank, step)) return MUSTER_OK;
  enum stage before = phases_wait(node->comm->phases);
  muster_status status = wait_for(node, rank, step);
  phases_resume(node->comm->phases, before);
  return status;
}

muster_status node_wait_leader(struct node *node, uint32_t step) { return node_wait(node, node->leader, step); }

muster_status node_wait_others(struct node *node, uint32_t step) {
  const struct comm *comm = node->comm;
  muster_status status = MUSTER_OK;
  for (int rank = 0; rank < comm->size && status == MUSTER_OK; rank++)
    if (rank != comm->rank && comm_is_local(comm, rank)) status = node_wait(node, rank, step);
  return status;
}
