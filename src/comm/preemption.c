#include "comm/preemption.h"

#include "comm/mpi_call.h"
#include "comm/node.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

struct preemption {
  struct comm *comm; /* borrowed */
  uint64_t actors, needed;
  uint64_t start;         /* the count at the end of the previous rollout */
  bool leads, is_remote;  /* this rank */
  bool is_begun;          /* whether this rank has begun with this rollout */
  bool is_told;           /* on the leading rank: whether it has told the remote actors; on a remote actor: whether it
                             was told */
  struct node *node;      /* created for the leading rank; holds the number of actors that are done */
  _Atomic uint64_t *done; /* the number of actors that are done; NULL on a remote actor */

  /* persistent; on the leading rank one for each remote actor, on a remote actor one with the leading rank */
  int n_remote;
  MPI_Request *is_done, *enough; /* [n_remote] */
  int *heard;                    /* [n_remote] which of `is_done` have arrived */
};

/* --- set-up --- */

/* creates the requests of the leading rank, or of a remote actor */
static muster_status prepare_messages(struct preemption *preemption, int peer) {
  MPI_Comm world = preemption->comm->world;
  const int i = preemption->n_remote++;
  if (preemption->leads) {
    MUSTER_TRY_MPI(MPI_Recv_init(NULL, 0, MPI_BYTE, peer, TAG_DONE, world, &preemption->is_done[i]));
    MUSTER_TRY_MPI(MPI_Send_init(NULL, 0, MPI_BYTE, peer, TAG_ENOUGH, world, &preemption->enough[i]));
  } else {
    MUSTER_TRY_MPI(MPI_Send_init(NULL, 0, MPI_BYTE, peer, TAG_DONE, world, &preemption->is_done[i]));
    MUSTER_TRY_MPI(MPI_Recv_init(NULL, 0, MPI_BYTE, peer, TAG_ENOUGH, world, &preemption->enough[i]));
  }
  return MUSTER_OK;
}

static muster_status connect(struct preemption *preemption, const struct topology *topology) {
  const int leader = topology->learner;
  const struct node *node = preemption->node;
  if (node_has(node, leader)) preemption->done = node->data;
  preemption->is_remote = topology->acts && preemption->done == NULL;
  if (preemption->is_remote) return prepare_messages(preemption, leader);
  for (int rank = 0; preemption->leads && rank < topology->ranks; rank++)
    if (topology_rank_acts(topology, rank) && !node_has(node, rank)) MUSTER_TRY(prepare_messages(preemption, rank));
  return MUSTER_OK;
}

static muster_status allocate(const struct topology *topology, struct preemption **out) {
  struct preemption *preemption = calloc(1, sizeof *preemption);
  *out = preemption;
  if (preemption != NULL) {
    const size_t peers = topology->leads ? (size_t)topology->ranks : 1;
    preemption->is_done = calloc(peers, sizeof *preemption->is_done);
    preemption->enough = calloc(peers, sizeof *preemption->enough);
    preemption->heard = calloc(peers, sizeof *preemption->heard);
  }
  bool failed =
      preemption == NULL || preemption->is_done == NULL || preemption->enough == NULL || preemption->heard == NULL;
  return failed ? status_error(MUSTER_ERROR_MEMORY, "out of memory: preemption") : MUSTER_OK;
}

muster_status preemption_create(struct comm *comm, const struct topology *topology, int needed,
                                struct preemption **out) {
  *out = NULL;
  if (needed >= topology->actors) return MUSTER_OK;
  struct preemption *preemption;
  muster_status status = comm_agree(comm, allocate(topology, &preemption));
  if (status == MUSTER_OK) {
    preemption->comm = comm;
    preemption->actors = (uint64_t)topology->actors;
    preemption->needed = (uint64_t)needed;
    preemption->leads = topology->leads;
    const size_t bytes = sizeof *preemption->done;
    status = node_create(comm, topology->learner, bytes, bytes, &preemption->node);
  }
  if (status == MUSTER_OK) status = comm_agree(comm, connect(preemption, topology));
  if (status != MUSTER_OK)
    preemption_destroy(&preemption);
  else
    *out = preemption;
  return status;
}

static void free_requests(MPI_Request *requests, int n) {
  for (int i = 0; requests != NULL && i < n; i++)
    if (requests[i] != MPI_REQUEST_NULL) MPI_Request_free(&requests[i]);
  free(requests);
}

void preemption_destroy(struct preemption **handle) {
  struct preemption *preemption = *handle;
  if (preemption == NULL) return;
  free_requests(preemption->is_done, preemption->n_remote);
  free_requests(preemption->enough, preemption->n_remote);
  free(preemption->heard);
  node_destroy(&preemption->node);
  free(preemption);
  *handle = NULL;
}

/* --- a rollout --- */

/* starts the receives of this rollout: on the leading rank for reports, on a remote actor for the end */
static muster_status begin(struct preemption *preemption) {
  if (preemption->is_begun) return MUSTER_OK;
  preemption->is_begun = true;
  preemption->is_told = false;
  if (preemption->n_remote > 0)
    MUSTER_TRY_MPI(MPI_Startall(preemption->n_remote, preemption->leads ? preemption->is_done : preemption->enough));
  return MUSTER_OK;
}

static bool enough_are_done(const struct preemption *preemption) {
  return atomic_load_explicit(preemption->done, memory_order_relaxed) - preemption->start >= preemption->needed;
}

/* on the leading rank: counts the remote actors that are done, and tells all of them once enough actors are */
static muster_status count_remote(struct preemption *preemption) {
  if (preemption->n_remote == 0) return MUSTER_OK;
  int n = 0;
  MUSTER_TRY_MPI(MPI_Testsome(preemption->n_remote, preemption->is_done, &n, preemption->heard, MPI_STATUSES_IGNORE));
  if (n != MPI_UNDEFINED) atomic_fetch_add(preemption->done, (uint64_t)n);
  if (preemption->is_told || !enough_are_done(preemption)) return MUSTER_OK;
  preemption->is_told = true;
  MUSTER_TRY_MPI(MPI_Startall(preemption->n_remote, preemption->enough));
  return MUSTER_OK;
}

muster_status preemption_is_due(struct preemption *preemption, bool *is_due) {
  *is_due = false;
  if (preemption == NULL) return MUSTER_OK;
  MUSTER_TRY(begin(preemption));
  if (preemption->is_remote) {
    int has_come = preemption->is_told;
    if (!has_come) MUSTER_TRY_MPI(MPI_Test(preemption->enough, &has_come, MPI_STATUS_IGNORE));
    *is_due = preemption->is_told = has_come != 0;
    return MUSTER_OK;
  }
  if (preemption->leads) MUSTER_TRY(count_remote(preemption));
  *is_due = enough_are_done(preemption);
  return MUSTER_OK;
}

muster_status preemption_report_done(struct preemption *preemption) {
  if (preemption == NULL) return MUSTER_OK;
  MUSTER_TRY(begin(preemption));
  if (preemption->is_remote)
    MUSTER_TRY_MPI(MPI_Start(preemption->is_done));
  else
    atomic_fetch_add(preemption->done, 1);
  return preemption->leads ? count_remote(preemption) : MUSTER_OK;
}

muster_status preemption_await(struct preemption *preemption) {
  if (preemption == NULL || preemption->n_remote == 0) return MUSTER_OK;
  MUSTER_TRY(begin(preemption));
  enum stage before = phases_wait(preemption->comm->phases);
  muster_status status = count_remote(preemption);
  while (status == MUSTER_OK && !preemption->is_told) {
    sched_yield();
    status = count_remote(preemption);
  }
  phases_resume(preemption->comm->phases, before);
  return status;
}

muster_status preemption_end_rollout(struct preemption *preemption) {
  if (preemption == NULL || !preemption->is_begun) return MUSTER_OK;
  /* these waits end at once: an actor sends its message before its rollout, and the leading rank sent its own before it
   * had received all rollouts */
  MUSTER_TRY(comm_wait(preemption->comm, preemption->is_done, preemption->n_remote));
  MUSTER_TRY(comm_wait(preemption->comm, preemption->enough, preemption->n_remote));
  preemption->start += preemption->actors;
  if (preemption->leads && preemption->n_remote > 0) atomic_store(preemption->done, preemption->start);
  preemption->is_begun = false;
  return MUSTER_OK;
}
