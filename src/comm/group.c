#include "comm/group.h"

#include "comm/counters.h"
#include "comm/mpi_call.h"
#include "comm/watchdog.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BLOCKS 16

struct group {
  struct comm *job;      /* borrowed */
  struct comm *subcomm;  /* the members as a job of their own */
  MPI_Comm node_leaders; /* the first member of each node; MPI_COMM_NULL on others */
  int n_nodes;           /* that have members */
  int *nodes;      /* [members] number of each one's node, in the order of their first members, the node leaders */
  int node_leader; /* of this node: its first member */
  struct counters *meeting;
  uint32_t step; /* of the meeting counters: two for each time that all meet */
  int n_blocks;
  struct {
    struct counters *counters; /* NULL: a member that is alone on its node has memory of its own */
    void *memory;
  } block[MAX_BLOCKS];
};

/* --- set-up --- */

static muster_status number_nodes(struct group *group) {
  struct comm *subcomm = group->subcomm;
  size_t n = (size_t)subcomm->size;
  while (!comm_is_near(subcomm, group->node_leader)) group->node_leader++;
  int *node_leaders = calloc(n, sizeof *node_leaders);
  group->nodes = calloc(n, sizeof *group->nodes);
  muster_status status = node_leaders == NULL || group->nodes == NULL
                             ? status_error(MUSTER_ERROR_MEMORY, "out of memory: a group of %zu", n)
                             : MUSTER_OK;
  status = comm_agree(subcomm, status);
  if (status == MUSTER_OK) status = comm_gather(subcomm, &group->node_leader, sizeof group->node_leader, node_leaders);
  for (int member = 0; member < (int)n && status == MUSTER_OK; member++)
    group->nodes[member] = node_leaders[member] == member ? group->n_nodes++ : group->nodes[node_leaders[member]];
  free(node_leaders);
  return status;
}

static muster_status connect(struct group *group) {
  MUSTER_TRY(number_nodes(group));
  const int rank = group->subcomm->rank, color = group->node_leader == rank ? 0 : MPI_UNDEFINED;
  if (group->n_nodes > 1) MUSTER_TRY_MPI(MPI_Comm_split(group->subcomm->world, color, rank, &group->node_leaders));
  MUSTER_TRY(counters_create(group->subcomm, 0, &group->meeting));
  bool is_lame = group->meeting == NULL && group->subcomm->local_size > 1;
  if (!comm_any(group->subcomm, is_lame)) return MUSTER_OK;
  return status_error(MUSTER_ERROR_COMM, "the learners of a node share no memory: make /dev/shm larger (docker run "
                                         "--shm-size), or use one learner for each host");
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
  *group = (struct group){.job = comm, .subcomm = subcomm, .node_leaders = MPI_COMM_NULL};
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
  for (int i = 0; i < group->n_blocks; i++) {
    if (group->block[i].counters == NULL) free(group->block[i].memory);
    counters_destroy(&group->block[i].counters);
  }
  counters_destroy(&group->meeting);
  if (group->node_leaders != MPI_COMM_NULL) MPI_Comm_free(&group->node_leaders);
  comm_destroy_group(&group->subcomm);
  free(group->nodes);
  free(group);
  *handle = NULL;
}

void group_set_stages(struct group *group, struct stages *stages) { comm_set_stages(group->subcomm, stages); }

int group_ranks(const struct group *group) { return group->subcomm->size; }
int group_rank(const struct group *group) { return group->subcomm->rank; }

bool group_spans_nodes(const struct group *group) { return group->n_nodes > 1; }

muster_status group_share(struct group *group, size_t bytes, void **memory) {
  if (group->n_blocks == MAX_BLOCKS)
    return status_error(MUSTER_ERROR_INTERNAL, "a group shares more than %d blocks of memory", MAX_BLOCKS);
  struct counters *counters = NULL;
  MUSTER_TRY(counters_create(group->subcomm, bytes, &counters));
  bool is_alone = group->subcomm->local_size == 1;
  *memory = is_alone ? aligned_alloc(64, (bytes + 63) / 64 * 64) : counters_data(counters);
  if (is_alone && *memory != NULL) memset(*memory, 0, bytes);
  group->block[group->n_blocks].counters = counters;
  group->block[group->n_blocks++].memory = *memory;
  muster_status status = MUSTER_OK;
  if (*memory == NULL)
    status = status_error(MUSTER_ERROR_COMM,
                          "the learners of this node cannot share %.1f MB: /dev/shm has not that much left (docker run "
                          "--shm-size makes it larger); a smaller algorithm.n_steps, or one learner for each host, "
                          "takes less",
                          1e-6 * (double)bytes);
  return comm_agree(group->subcomm, status);
}

/* --- meetings --- */

/* what the node leaders do while the other members wait */
typedef muster_status (*node_leaders_part)(struct group *group, void *memory, const size_t *offsets);

static muster_status wait_for_all(struct group *group, node_leaders_part part, void *memory, const size_t *offsets) {
  struct comm *subcomm = group->subcomm;
  const uint32_t all_here = group->step + 1, all_there = group->step += 2;
  if (group->n_nodes == 1) {
    counters_reach(group->meeting, all_there);
    return counters_wait_others(group->meeting, all_there);
  }
  if (group->node_leaders != MPI_COMM_NULL) {
    MUSTER_TRY(counters_wait_others(group->meeting, all_here));
    enum stage before = stages_enter(subcomm->stages, STAGE_WAIT);
    muster_status status = part(group, memory, offsets);
    stages_enter(subcomm->stages, before);
    counters_reach(group->meeting, all_there);
    return status;
  }
  counters_reach(group->meeting, all_here);
  return counters_wait(group->meeting, group->node_leader, all_there);
}

static muster_status meet(struct group *group, node_leaders_part part, void *memory, const size_t *offsets) {
  watchdog_meet(group->job, true);
  muster_status status = wait_for_all(group, part, memory, offsets);
  watchdog_meet(group->job, false);
  return status;
}

/* in pieces whose counts fit an int */
static muster_status send_out(struct group *group, int node, char *data, size_t bytes) {
  for (size_t done = 0; done < bytes;) {
    size_t piece = bytes - done < INT_MAX ? bytes - done : INT_MAX;
    MUSTER_TRY_MPI(MPI_Bcast(data + done, (int)piece, MPI_BYTE, node, group->node_leaders));
    done += piece;
  }
  return MUSTER_OK;
}

static muster_status exchange_ranges(struct group *group, void *memory, const size_t *offsets) {
  if (offsets == NULL) {
    MUSTER_TRY_MPI(MPI_Barrier(group->node_leaders));
    return MUSTER_OK;
  }
  /* the ranges of neighbours on one node are one piece */
  for (int first = 0, end; first < group->subcomm->size; first = end) {
    for (end = first + 1; end < group->subcomm->size && group->nodes[end] == group->nodes[first];) end++;
    MUSTER_TRY(send_out(group, group->nodes[first], (char *)memory + offsets[first], offsets[end] - offsets[first]));
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
