#include "comm/board.h"

#include "comm/mpi_call.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* looks at a step before a rank goes to sleep: some tens of microseconds */
#define LOOKS 20000

/* how far one rank has come, padded so that two ranks' share no cache line, nor a pair that is fetched together */
struct progress {
  _Atomic uint32_t step;
  _Atomic uint32_t sleepers; /* ranks that may be sleeping until it changes */
  char padding[120];
};

struct board {
  struct comm *comm; /* borrowed */
  MPI_Win window;
  struct progress *progress; /* [ranks of the node], then the data */
  int looks;
  struct board *next; /* of the job's */
};

/* whether a call failed on any rank of the node */
static muster_status agree(struct comm *comm, bool failed, bool *any_failed) {
  int mine = failed, any = 0;
  MUSTER_TRY_MPI(MPI_Allreduce(&mine, &any, 1, MPI_INT, MPI_MAX, comm->node));
  *any_failed = any != 0;
  return MUSTER_OK;
}

muster_status board_create(struct comm *comm, size_t bytes, struct board **out) {
  *out = NULL;
  if (comm->local_size == 1) return MUSTER_OK;

  /* the first rank of the node holds the memory of all */
  struct board *board = calloc(1, sizeof *board);
  size_t wanted = comm->node_ranks[comm->rank] == 0 ? sizeof(struct progress) * (size_t)comm->local_size + bytes : 0;
  MPI_Win window = MPI_WIN_NULL;
  void *mine = NULL;
  bool failed = board == NULL;
  if (MPI_Win_allocate_shared((MPI_Aint)wanted, 1, MPI_INFO_NULL, comm->node, &mine, &window) != MPI_SUCCESS)
    failed = true;
  MUSTER_TRY(agree(comm, failed, &failed));
  if (failed) {
    if (window != MPI_WIN_NULL) MPI_Win_free(&window);
    free(board);
    return MUSTER_OK;
  }
  *board = (struct board){
      .comm = comm, .window = window, .looks = comm_oversubscribed(comm) ? 0 : LOOKS, .next = comm->boards};
  comm->boards = board;
  MPI_Aint size;
  int unit;
  MUSTER_TRY_MPI(MPI_Win_shared_query(window, 0, &size, &unit, &board->progress));
  struct progress *own = &board->progress[comm->node_ranks[comm->rank]];
  atomic_init(&own->step, 0);
  atomic_init(&own->sleepers, 0);
  MUSTER_TRY_MPI(MPI_Barrier(comm->node));
  *out = board;
  return MUSTER_OK;
}

void boards_destroy(struct board **last) {
  while (*last != NULL) {
    struct board *board = *last;
    *last = board->next;
    MPI_Win_free(&board->window);
    free(board);
  }
}

void *board_data(struct board *board) { return board != NULL ? &board->progress[board->comm->local_size] : NULL; }

void board_reach(struct board *board, uint32_t step) {
  if (board == NULL) return;
  struct progress *own = &board->progress[board->comm->node_ranks[board->comm->rank]];
  atomic_store(&own->step, step);
  if (atomic_load(&own->sleepers) > 0) syscall(SYS_futex, &own->step, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* whether a step is `wanted` or a later one; steps may wrap round */
static bool has_come(uint32_t step, uint32_t wanted) { return (int32_t)(step - wanted) >= 0; }

/* sleeps until a rank has come to a step */
static muster_status sleep_until(struct board *board, int rank, uint32_t wanted) {
  struct progress *theirs = &board->progress[board->comm->node_ranks[rank]];
  long failed = 0;

  /* announce the sleep, then look once more: a step in between makes FUTEX_WAIT return at once */
  atomic_fetch_add(&theirs->sleepers, 1);
  for (uint32_t step; !failed && !has_come(step = atomic_load(&theirs->step), wanted);)
    failed =
        syscall(SYS_futex, &theirs->step, FUTEX_WAIT, step, NULL, NULL, 0) != 0 && errno != EAGAIN && errno != EINTR;
  atomic_fetch_sub(&theirs->sleepers, 1);
  return failed ? status_errno(MUSTER_ERROR_COMM, "cannot wait for rank %d of this node", rank) : MUSTER_OK;
}

muster_status board_wait(struct board *board, int rank, uint32_t step) {
  if (board == NULL) return MUSTER_OK;
  struct progress *theirs = &board->progress[board->comm->node_ranks[rank]];
  for (int look = 0; look <= board->looks; look++) {
    if (has_come(atomic_load_explicit(&theirs->step, memory_order_acquire), step)) return MUSTER_OK;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  return sleep_until(board, rank, step);
}

muster_status board_wait_others(struct board *board, uint32_t step) {
  if (board == NULL) return MUSTER_OK;
  struct comm *comm = board->comm;
  for (int rank = 0; rank < comm->size; rank++)
    if (rank != comm->rank && comm_is_near(comm, rank)) MUSTER_TRY(board_wait(board, rank, step));
  return MUSTER_OK;
}
