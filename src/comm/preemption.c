#include "comm/preemption.h"

#include "comm/counters.h"
#include "comm/mpi_call.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

struct preemption {
  struct comm *comm; /* borrowed */
  uint64_t actors, needed;
  uint64_t start;              /* crossings of all rollouts before this one */
  bool leads, is_far;          /* this rank */
  bool is_open;                /* this rank has had to do with the line in this rollout */
  bool is_told;                /* the leading rank: has told the far actors; a far actor: was told */
  struct counters *counters;   /* of the leading rank's node; NULL on others and where it cannot be had */
  _Atomic uint64_t *crossings; /* on it; NULL on a far actor */
  _Atomic uint64_t own;        /* in its place where there is none */

  /* persistent; on the leading rank those with all far actors, on such an actor with the leading rank */
  int n_far;
  MPI_Request *done, *enough; /* [n_far] */
  int *heard;                 /* [n_far] which of `done` have come */
};

/* --- set-up --- */

/* the leading rank's, or a far actor's */
static muster_status prepare_messages(struct preemption *line, int peer) {
  MPI_Comm world = line->comm->world;
  const int i = line->n_far++;
  if (line->leads) {
    MUSTER_TRY_MPI(MPI_Recv_init(NULL, 0, MPI_BYTE, peer, TAG_DONE, world, &line->done[i]));
    MUSTER_TRY_MPI(MPI_Send_init(NULL, 0, MPI_BYTE, peer, TAG_ENOUGH, world, &line->enough[i]));
  } else {
    MUSTER_TRY_MPI(MPI_Send_init(NULL, 0, MPI_BYTE, peer, TAG_DONE, world, &line->done[i]));
    MUSTER_TRY_MPI(MPI_Recv_init(NULL, 0, MPI_BYTE, peer, TAG_ENOUGH, world, &line->enough[i]));
  }
  return MUSTER_OK;
}

static muster_status meet(struct preemption *line, const struct topology *topology) {
  const int leader = topology->learner;
  const bool is_near = comm_is_near(line->comm, leader);
  if (is_near) MUSTER_TRY(counters_create(line->comm, sizeof *line->crossings, &line->counters));
  if (line->counters != NULL) line->crossings = counters_data(line->counters);
  if (line->counters == NULL && line->leads) line->crossings = &line->own;
  line->is_far = topology->acts && line->crossings == NULL;
  if (line->is_far) return prepare_messages(line, leader);
  for (int rank = 0; line->leads && rank < topology->ranks; rank++) {
    bool counts_itself = rank == leader || (line->counters != NULL && comm_is_near(line->comm, rank));
    if (topology_rank_acts(topology, rank) && !counts_itself) MUSTER_TRY(prepare_messages(line, rank));
  }
  return MUSTER_OK;
}

static muster_status allocate(const struct topology *topology, struct preemption **out) {
  struct preemption *line = calloc(1, sizeof *line);
  *out = line;
  if (line != NULL) {
    const size_t peers = topology->leads ? (size_t)topology->ranks : 1;
    line->done = calloc(peers, sizeof *line->done);
    line->enough = calloc(peers, sizeof *line->enough);
    line->heard = calloc(peers, sizeof *line->heard);
  }
  bool failed = line == NULL || line->done == NULL || line->enough == NULL || line->heard == NULL;
  return failed ? status_error(MUSTER_ERROR_MEMORY, "out of memory: finish line") : MUSTER_OK;
}

muster_status preemption_create(struct comm *comm, const struct topology *topology, int needed,
                                struct preemption **out) {
  *out = NULL;
  if (needed >= topology->actors) return MUSTER_OK;
  struct preemption *line;
  muster_status status = comm_agree(comm, allocate(topology, &line));
  if (status == MUSTER_OK) {
    line->comm = comm;
    line->actors = (uint64_t)topology->actors;
    line->needed = (uint64_t)needed;
    line->leads = topology->leads;
    status = comm_agree(comm, meet(line, topology));
  }
  if (status != MUSTER_OK)
    preemption_destroy(&line);
  else
    *out = line;
  return status;
}

static void free_requests(MPI_Request *requests, int n) {
  for (int i = 0; requests != NULL && i < n; i++)
    if (requests[i] != MPI_REQUEST_NULL) MPI_Request_free(&requests[i]);
  free(requests);
}

void preemption_destroy(struct preemption **handle) {
  struct preemption *line = *handle;
  if (line == NULL) return;
  free_requests(line->done, line->n_far);
  free_requests(line->enough, line->n_far);
  free(line->heard);
  counters_destroy(&line->counters);
  free(line);
  *handle = NULL;
}

/* --- a rollout --- */

/* whoever is to be told expects it from here on */
static muster_status open_line(struct preemption *line) {
  if (line->is_open) return MUSTER_OK;
  line->is_open = true;
  line->is_told = false;
  if (line->n_far > 0) MUSTER_TRY_MPI(MPI_Startall(line->n_far, line->leads ? line->done : line->enough));
  return MUSTER_OK;
}

static bool enough_have_crossed(const struct preemption *line) {
  return atomic_load_explicit(line->crossings, memory_order_relaxed) - line->start >= line->needed;
}

/* the leading rank: counts the far actors that are done, and tells all of them once it is enough */
static muster_status look_around(struct preemption *line) {
  if (line->n_far == 0) return MUSTER_OK;
  int n = 0;
  MUSTER_TRY_MPI(MPI_Testsome(line->n_far, line->done, &n, line->heard, MPI_STATUSES_IGNORE));
  if (n != MPI_UNDEFINED) atomic_fetch_add(line->crossings, (uint64_t)n);
  if (line->is_told || !enough_have_crossed(line)) return MUSTER_OK;
  line->is_told = true;
  MUSTER_TRY_MPI(MPI_Startall(line->n_far, line->enough));
  return MUSTER_OK;
}

muster_status preemption_is_due(struct preemption *line, bool *is_over) {
  *is_over = false;
  if (line == NULL) return MUSTER_OK;
  MUSTER_TRY(open_line(line));
  if (line->is_far) {
    int has_come = line->is_told;
    if (!has_come) MUSTER_TRY_MPI(MPI_Test(line->enough, &has_come, MPI_STATUS_IGNORE));
    *is_over = line->is_told = has_come != 0;
    return MUSTER_OK;
  }
  if (line->leads) MUSTER_TRY(look_around(line));
  *is_over = enough_have_crossed(line);
  return MUSTER_OK;
}

muster_status preemption_report_done(struct preemption *line) {
  if (line == NULL) return MUSTER_OK;
  MUSTER_TRY(open_line(line));
  if (line->is_far)
    MUSTER_TRY_MPI(MPI_Start(line->done));
  else
    atomic_fetch_add(line->crossings, 1);
  return line->leads ? look_around(line) : MUSTER_OK;
}

muster_status preemption_await(struct preemption *line) {
  if (line == NULL || line->n_far == 0) return MUSTER_OK;
  MUSTER_TRY(open_line(line));
  enum stage before = stages_enter(line->comm->stages, STAGE_WAIT);
  muster_status status = look_around(line);
  while (status == MUSTER_OK && !line->is_told) {
    sched_yield();
    status = look_around(line);
  }
  stages_enter(line->comm->stages, before);
  return status;
}

muster_status preemption_end_rollout(struct preemption *line) {
  if (line == NULL || !line->is_open) return MUSTER_OK;
  /* an actor has sent its message before its rollout, the leading rank before it had all of them */
  MUSTER_TRY(comm_wait(line->comm, line->done, line->n_far));
  MUSTER_TRY(comm_wait(line->comm, line->enough, line->n_far));
  line->start += line->actors;
  if (line->leads && line->n_far > 0) atomic_store(line->crossings, line->start);
  line->is_open = false;
  return MUSTER_OK;
}
