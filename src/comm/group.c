#include "comm/group.h"

#include "comm/mpi_call.h"
#include "comm/node.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BLOCKS 16

struct group {
  struct comm *subcomm; /* a job that consists of the members */
  struct node *node;    /* nodes of the members, created for the first one */
  MPI_Comm leaders;     /* the leaders of the nodes in the order of their numbers; MPI_COMM_NULL on other members */
  uint32_t step;        /* counts two for each meeting of all members */
  int n_blocks;
  struct shared_memory block[MAX_BLOCKS];
};

/* --- set-up --- */

static muster_status connect(struct group *group) {
  struct comm *subcomm = group->subcomm;
  MUSTER_TRY(node_create(subcomm, 0, 0, 0, &group->node));
  if (comm_any(subcomm, subcomm->local_size > 1 && !group->node->is_shared))
    return status_error(MUSTER_ERROR_COMM, "the learners of a node share no memory: make /dev/shm larger (docker run "
                                           "--shm-size), or use one learner for each host");
  const int color = node_is_leader(group->node) ? 0 : MPI_UNDEFINED;
  if (group->node->n_nodes > 1) MUSTER_TRY_MPI(MPI_Comm_split(subcomm->world, color, subcomm->rank, &group->leaders));
  return MUSTER_OK;
}

muster_status group_create(struct comm *comm, const int *members, int n, struct group **out) {
  *out = NULL;
  int member = -1;
  for (int i = 0; i < n; i++)
    if (members[i] == comm->rank) member = i;
  struct group *group = member >= 0 ? calloc(1, sizeof *group) : NULL;
  bool failed = member >= 0 && group == NULL;
  MUSTER_TRY(comm_agree(comm, failed ? status_error(MUSTER_ERROR_MEMORY, "out of memory: a group") : MUSTER_OK));
  struct comm *subcomm;
  muster_status status = comm_create_group(comm, member, &subcomm);
  if (group == NULL) return status;
  if (status != MUSTER_OK) {
    free(group);
    return status;
  }
  *group = (struct group){.subcomm = subcomm, .leaders = MPI_COMM_NULL};
  status = comm_agree(subcomm, connect(group));
  if (status != MUSTER_OK)
    group_destroy(&group);
  else
    *out = group;
  return status;
}

void group_destroy(struct group **handle) {
  struct group *group = *handle;
  if (group == NULL) return;
  for (int i = 0; i < group->n_blocks; i++) shared_memory_destroy(&group->block[i]);
  if (group->leaders != MPI_COMM_NULL) MPI_Comm_free(&group->leaders);
  node_destroy(&group->node);
  comm_destroy_group(&group->subcomm);
  free(group);
  *handle = NULL;
}

int group_ranks(const struct group *group) { return group->subcomm->size; }
int group_rank(const struct group *group) { return group->subcomm->rank; }

int group_node_ranks(const struct group *group) { return group->node->is_shared ? group->subcomm->local_size : 1; }

int group_node_rank(const struct group *group) {
  const struct comm *subcomm = group->subcomm;
  return group->node->is_shared ? subcomm->node_ranks[subcomm->rank] : 0;
}

bool group_spans_nodes(const struct group *group) { return group->node->n_nodes > 1; }

muster_status group_share(struct group *group, size_t bytes, void **memory) {
  if (group->n_blocks == MAX_BLOCKS)
    return status_error(MUSTER_ERROR_INTERNAL, "a group shares more than %d blocks of memory", MAX_BLOCKS);
  struct shared_memory *block = &group->block[group->n_blocks];
  muster_status status = shared_memory_create(group->subcomm, bytes, bytes, block);
  group->n_blocks++;
  *memory = block->bytes;
  if (status == MUSTER_OK && group->subcomm->local_size > 1 && !block->is_shared)
    status = status_error(MUSTER_ERROR_COMM,
                          "the learners of this node cannot share %.1f MB: /dev/shm has not that much left (docker run "
                          "--shm-size makes it larger); a smaller algorithm.n_steps, or one learner for each host, "
                          "takes less",
                          1e-6 * (double)bytes);
  return comm_agree(group->subcomm, status);
}

/* --- meetings --- */

/* the exchange between the leaders of the nodes, while the other members wait */
typedef muster_status (*leaders_part)(struct group *group, void *memory, const size_t *offsets);

static muster_status meet(struct group *group, leaders_part part, void *memory, const size_t *offsets) {
  struct node *node = group->node;
  const uint32_t all_here = group->step + 1, all_there = group->step += 2;
  if (node->n_nodes == 1) {
    node_reach(node, all_there);
    return node_wait_others(node, all_there);
  }
  if (node_is_leader(node)) {
    MUSTER_TRY(node_wait_others(node, all_here));
    enum stage before = phases_wait(group->subcomm->phases);
    muster_status status = part(group, memory, offsets);
    phases_resume(group->subcomm->phases, before);
    node_reach(node, all_there);
    return status;
  }
  node_reach(node, all_here);
  return node_wait_leader(node, all_there);
}

muster_status group_meet_on_node(struct group *group) {
  group->step += 2;
  node_reach(group->node, group->step);
  return node_wait_others(group->node, group->step);
}

/* in pieces whose counts fit an int */
static muster_status send_out(struct group *group, int node, char *data, size_t bytes) {
  for (size_t done = 0; done < bytes;) {
    size_t piece = bytes - done < INT_MAX ? bytes - done : INT_MAX;
    MUSTER_TRY_MPI(MPI_Bcast(data + done, (int)piece, MPI_BYTE, node, group->leaders));
    done += piece;
  }
  return MUSTER_OK;
}

static muster_status exchange_ranges(struct group *group, void *memory, const size_t *offsets) {
  if (offsets == NULL) {
    MUSTER_TRY_MPI(MPI_Barrier(group->leaders));
    return MUSTER_OK;
  }
  /* the ranges of members that are neighbours on one node are joined into one */
  const int *numbers = group->node->numbers;
  for (int first = 0, end; first < group->subcomm->size; first = end) {
    for (end = first + 1; end < group->subcomm->size && numbers[end] == numbers[first];) end++;
    MUSTER_TRY(send_out(group, numbers[first], (char *)memory + offsets[first], offsets[end] - offsets[first]));
  }
  return MUSTER_OK;
}

static muster_status spread_first(struct group *group, void *memory, const size_t *bytes) {
  return send_out(group, 0, memory, *bytes);
}

muster_status group_gather(struct group *group, void *memory, const size_t *offsets) {
  return meet(group, exchange_ranges, memory, offsets);
}

muster_status group_broadcast(struct group *group, void *memory, size_t bytes) {
  return meet(group, spread_first, memory, &bytes);
}

muster_status group_broadcast_part(struct group *group, void *data, size_t bytes) {
  return comm_broadcast(group->subcomm, data, bytes, 0);
}
