#include "comm/board.h"

#include "comm/mpi_call.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
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
  size_t bytes;
  struct progress *progress; /* [ranks of the node], then the data */
  int looks;
};

/* --- shared memory: a file that is nowhere but in memory, and without a name once all have it. MPI could share a
 * window, but Open MPI 4 hangs where the memory is not to be had, as in a container with a small /dev/shm. --- */

#define PATH_SIZE 64

/* Creates the file and writes its path; "" when it cannot be had. All of it is reserved: no write to it can fail. */
static void create_file(size_t bytes, char *path) {
  snprintf(path, PATH_SIZE, "/dev/shm/muster-XXXXXX");
  int file = mkostemp(path, O_CLOEXEC);
  if (file < 0) {
    path[0] = '\0';
    return;
  }
  if (posix_fallocate(file, 0, (off_t)bytes) != 0) {
    unlink(path);
    path[0] = '\0';
  }
  close(file);
}

/* returns NULL on failure */
static void *map_file(const char *path, size_t bytes) {
  int file = path[0] == '\0' ? -1 : open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return NULL;
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  return memory == MAP_FAILED ? NULL : memory;
}

muster_status board_create(struct comm *comm, size_t bytes, struct board **out) {
  *out = NULL;
  if (comm->local_size == 1) return MUSTER_OK;
  struct board *board = calloc(1, sizeof *board);
  bool is_first = comm->node_ranks[comm->rank] == 0;
  char path[PATH_SIZE] = "";
  bytes += sizeof(struct progress) * (size_t)comm->local_size;
  if (is_first) create_file(bytes, path);
  MUSTER_TRY_MPI(MPI_Bcast(path, PATH_SIZE, MPI_CHAR, 0, comm->node));
  void *memory = board != NULL ? map_file(path, bytes) : NULL;

  /* all ranks of the node have it, or none */
  int failed = memory == NULL, any_failed = 1;
  MUSTER_TRY_MPI(MPI_Allreduce(&failed, &any_failed, 1, MPI_INT, MPI_MAX, comm->node));
  if (is_first && path[0] != '\0') unlink(path);
  if (any_failed) {
    if (memory != NULL) munmap(memory, bytes);
    free(board);
    return MUSTER_OK;
  }
  *board = (struct board){comm, bytes, memory, comm_oversubscribed(comm) ? 0 : LOOKS};
  *out = board;
  return MUSTER_OK;
}

void board_destroy(struct board **handle) {
  if (*handle == NULL) return;
  munmap((*handle)->progress, (*handle)->bytes);
  free(*handle);
  *handle = NULL;
}

/* --- steps --- */

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

static muster_status wait_for(struct board *board, int rank, uint32_t step) {
  struct progress *theirs = &board->progress[board->comm->node_ranks[rank]];
  for (int look = 0; look <= board->looks; look++) {
    if (has_come(atomic_load_explicit(&theirs->step, memory_order_acquire), step)) return MUSTER_OK;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  return sleep_until(board, rank, step);
}

muster_status board_wait(struct board *board, int rank, uint32_t step) {
  if (board == NULL) return MUSTER_OK;
  enum stage before = stages_enter(board->comm->stages, STAGE_WAIT);
  muster_status status = wait_for(board, rank, step);
  stages_enter(board->comm->stages, before);
  return status;
}

muster_status board_wait_others(struct board *board, uint32_t step) {
  if (board == NULL) return MUSTER_OK;
  struct comm *comm = board->comm;
  enum stage before = stages_enter(comm->stages, STAGE_WAIT);
  muster_status status = MUSTER_OK;
  for (int rank = 0; rank < comm->size && status == MUSTER_OK; rank++)
    if (rank != comm->rank && comm_is_near(comm, rank)) status = wait_for(board, rank, step);
  stages_enter(comm->stages, before);
  return status;
}
