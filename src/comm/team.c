#include "comm/team.h"

#include "comm/board.h"
#include "comm/mpi_call.h"
#include "comm/watchdog.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BLOCKS 16

struct team {
  struct comm *job;   /* borrowed */
  struct comm *group; /* the members as a job of their own */
  MPI_Comm keepers;   /* the first member of each node; MPI_COMM_NULL on others */
  int n_nodes;        /* that have members */
  int *nodes;         /* [members] number of each one's node, in the order of their first members, the keepers */
  int keeper;         /* of this node: its first member */
  struct board *meeting;
  uint32_t step; /* of the meeting board: two for each time that all meet */
  int n_blocks;
  struct {
    struct board *board; /* NULL: a member that is alone on its node has memory of its own */
    void *memory;
  } block[MAX_BLOCKS];
};

/* --- set-up --- */

static muster_status number_nodes(struct team *team) {
  struct comm *group = team->group;
  size_t n = (size_t)group->size;
  while (!comm_is_near(group, team->keeper)) team->keeper++;
  int *keepers = calloc(n, sizeof *keepers);
  team->nodes = calloc(n, sizeof *team->nodes);
  muster_status status = keepers == NULL || team->nodes == NULL
                             ? status_error(MUSTER_ERROR_MEMORY, "out of memory: a team of %zu", n)
                             : MUSTER_OK;
  status = comm_agree(group, status);
  if (status == MUSTER_OK) status = comm_gather(group, &team->keeper, sizeof team->keeper, keepers);
  for (int member = 0; member < (int)n && status == MUSTER_OK; member++)
    team->nodes[member] = keepers[member] == member ? team->n_nodes++ : team->nodes[keepers[member]];
  free(keepers);
  return status;
}

static muster_status connect(struct team *team) {
  MUSTER_TRY(number_nodes(team));
  const int rank = team->group->rank, color = team->keeper == rank ? 0 : MPI_UNDEFINED;
  if (team->n_nodes > 1) MUSTER_TRY_MPI(MPI_Comm_split(team->group->world, color, rank, &team->keepers));
  MUSTER_TRY(board_create(team->group, 0, &team->meeting));
  bool is_lame = team->meeting == NULL && team->group->local_size > 1;
  if (!comm_any(team->group, is_lame)) return MUSTER_OK;
  return status_error(MUSTER_ERROR_COMM, "the learners of a node share no memory: make /dev/shm larger (docker run "
                                         "--shm-size), or use one learner for each host");
}

muster_status team_create(struct comm *comm, const int *members, int n, struct team **out) {
  *out = NULL;
  int member = -1;
  for (int i = 0; i < n; i++)
    if (members[i] == comm->rank) member = i;
  struct team *team = member >= 0 ? calloc(1, sizeof *team) : NULL;
  bool failed = member >= 0 && team == NULL;
  MUSTER_TRY(comm_agree(comm, failed ? status_error(MUSTER_ERROR_MEMORY, "out of memory: a team") : MUSTER_OK));
  struct comm *group;
  muster_status status = comm_create_group(comm, member, &group);
  if (team == NULL) return status;
  if (status != MUSTER_OK) {
    free(team);
    return status;
  }
  *team = (struct team){.job = comm, .group = group, .keepers = MPI_COMM_NULL};
  status = comm_agree(group, connect(team));
  if (status != MUSTER_OK)
    team_destroy(&team);
  else
    *out = team;
  return status;
}

void team_destroy(struct team **handle) {
  struct team *team = *handle;
  if (team == NULL) return;
  for (int i = 0; i < team->n_blocks; i++) {
    if (team->block[i].board == NULL) free(team->block[i].memory);
    board_destroy(&team->block[i].board);
  }
  board_destroy(&team->meeting);
  if (team->keepers != MPI_COMM_NULL) MPI_Comm_free(&team->keepers);
  comm_destroy_group(&team->group);
  free(team->nodes);
  free(team);
  *handle = NULL;
}

void team_set_stages(struct team *team, struct stages *stages) { comm_set_stages(team->group, stages); }

int team_members(const struct team *team) { return team->group->size; }
int team_member(const struct team *team) { return team->group->rank; }

bool team_spans_nodes(const struct team *team) { return team->n_nodes > 1; }

muster_status team_share(struct team *team, size_t bytes, void **memory) {
  if (team->n_blocks == MAX_BLOCKS)
    return status_error(MUSTER_ERROR_INTERNAL, "a team shares more than %d blocks of memory", MAX_BLOCKS);
  struct board *board = NULL;
  MUSTER_TRY(board_create(team->group, bytes, &board));
  bool is_alone = team->group->local_size == 1;
  *memory = is_alone ? aligned_alloc(64, (bytes + 63) / 64 * 64) : board_data(board);
  if (is_alone && *memory != NULL) memset(*memory, 0, bytes);
  team->block[team->n_blocks].board = board;
  team->block[team->n_blocks++].memory = *memory;
  muster_status status = MUSTER_OK;
  if (*memory == NULL)
    status = status_error(MUSTER_ERROR_COMM,
                          "the learners of this node cannot share %.1f MB: /dev/shm has not that much left (docker run "
                          "--shm-size makes it larger); a smaller algorithm.n_steps, or one learner for each host, "
                          "takes less",
                          1e-6 * (double)bytes);
  return comm_agree(team->group, status);
}

/* --- meetings --- */

/* what the keepers do while the other members wait */
typedef muster_status (*keepers_part)(struct team *team, void *memory, const size_t *offsets);

static muster_status wait_for_all(struct team *team, keepers_part part, void *memory, const size_t *offsets) {
  struct comm *group = team->group;
  const uint32_t all_here = team->step + 1, all_there = team->step += 2;
  if (team->n_nodes == 1) {
    board_reach(team->meeting, all_there);
    return board_wait_others(team->meeting, all_there);
  }
  if (team->keepers != MPI_COMM_NULL) {
    MUSTER_TRY(board_wait_others(team->meeting, all_here));
    enum stage before = stages_enter(group->stages, STAGE_WAIT);
    muster_status status = part(team, memory, offsets);
    stages_enter(group->stages, before);
    board_reach(team->meeting, all_there);
    return status;
  }
  board_reach(team->meeting, all_here);
  return board_wait(team->meeting, team->keeper, all_there);
}

static muster_status meet(struct team *team, keepers_part part, void *memory, const size_t *offsets) {
  watchdog_meet(team->job, true);
  muster_status status = wait_for_all(team, part, memory, offsets);
  watchdog_meet(team->job, false);
  return status;
}

/* in pieces whose counts fit an int */
static muster_status send_out(struct team *team, int node, char *data, size_t bytes) {
  for (size_t done = 0; done < bytes;) {
    size_t piece = bytes - done < INT_MAX ? bytes - done : INT_MAX;
    MUSTER_TRY_MPI(MPI_Bcast(data + done, (int)piece, MPI_BYTE, node, team->keepers));
    done += piece;
  }
  return MUSTER_OK;
}

static muster_status exchange_ranges(struct team *team, void *memory, const size_t *offsets) {
  if (offsets == NULL) {
    MUSTER_TRY_MPI(MPI_Barrier(team->keepers));
    return MUSTER_OK;
  }
  /* the ranges of neighbours on one node are one piece */
  for (int first = 0, end; first < team->group->size; first = end) {
    for (end = first + 1; end < team->group->size && team->nodes[end] == team->nodes[first];) end++;
    MUSTER_TRY(send_out(team, team->nodes[first], (char *)memory + offsets[first], offsets[end] - offsets[first]));
  }
  return MUSTER_OK;
}

static muster_status spread_first(struct team *team, void *memory, const size_t *bytes) {
  return send_out(team, 0, memory, *bytes);
}

muster_status team_gather(struct team *team, void *memory, const size_t *offsets) {
  return meet(team, exchange_ranges, memory, offsets);
}

muster_status team_spread(struct team *team, void *memory, size_t bytes) {
  return meet(team, spread_first, memory, &bytes);
}

muster_status team_broadcast(struct team *team, void *data, size_t bytes) {
  return comm_broadcast(team->group, data, bytes, 0);
}
