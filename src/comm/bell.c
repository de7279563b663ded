#include "comm/bell.h"

#include "comm/mpi_call.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* looks at the counter before a rank goes to sleep: some tens of microseconds */
#define LOOKS 20000

/* one rank's bell, padded so that two ranks' bells share no cache line */
struct bell {
  _Atomic uint32_t rung;   /* how often, modulo 2^32 */
  _Atomic uint32_t asleep; /* whether the owner may be sleeping */
  char padding[248];
};

struct bells {
  MPI_Win window;
  struct bell **bell; /* of each rank of the node */
  int node_rank;
  uint32_t heard; /* rings that this rank has waited for */
  int looks;
  struct stages *stages; /* where waiting is counted; may be NULL */
};

static muster_status find_bells(struct bells *bells, int count) {
  for (int rank = 0; rank < count; rank++) {
    MPI_Aint size;
    int unit;
    MUSTER_TRY_MPI(MPI_Win_shared_query(bells->window, rank, &size, &unit, &bells->bell[rank]));
  }
  return MUSTER_OK;
}

muster_status bells_create(MPI_Comm node, bool oversubscribed, struct bells **out) {
  *out = NULL;
  int count, rank;
  MUSTER_TRY_MPI(MPI_Comm_size(node, &count));
  MUSTER_TRY_MPI(MPI_Comm_rank(node, &rank));
  if (count == 1) return MUSTER_OK;

  struct bells *bells = calloc(1, sizeof *bells);
  struct bell **table = calloc((size_t)count, sizeof *table);
  int failed = bells == NULL || table == NULL;
  void *mine = NULL;
  MPI_Win window = MPI_WIN_NULL;
  if (MPI_Win_allocate_shared(sizeof(struct bell), 1, MPI_INFO_NULL, node, &mine, &window) != MPI_SUCCESS) failed = 1;
  /* all ranks of the node have bells, or none */
  int any_failed = failed;
  MUSTER_TRY_MPI(MPI_Allreduce(&failed, &any_failed, 1, MPI_INT, MPI_MAX, node));
  if (any_failed) {
    if (window != MPI_WIN_NULL) MPI_Win_free(&window);
    free(bells);
    free(table);
    return MUSTER_OK;
  }
  *bells = (struct bells){window, table, rank, 0, oversubscribed ? 0 : LOOKS, NULL};
  struct bell *own = mine;
  atomic_init(&own->rung, 0);
  atomic_init(&own->asleep, 0);
  *out = bells;
  MUSTER_TRY(find_bells(bells, count));
  MUSTER_TRY_MPI(MPI_Barrier(node));
  return MUSTER_OK;
}

void bells_destroy(struct bells **handle) {
  if (*handle == NULL) return;
  MPI_Win_free(&(*handle)->window);
  free((*handle)->bell);
  free(*handle);
  *handle = NULL;
}

void bells_ring(struct bells *bells, int node_rank) {
  if (bells == NULL) return;
  struct bell *bell = bells->bell[node_rank];
  atomic_fetch_add(&bell->rung, 1);
  if (atomic_load(&bell->asleep)) syscall(SYS_futex, &bell->rung, FUTEX_WAKE, 1, NULL, NULL, 0);
}

void bells_set_stages(struct bells *bells, struct stages *stages) {
  if (bells != NULL) bells->stages = stages;
}

static void hear(struct bells *bells, int times) {
  struct bell *own = bells->bell[bells->node_rank];
  const uint32_t wanted = bells->heard += (uint32_t)times;
  for (int look = 0; look < bells->looks; look++) {
    if ((int32_t)(atomic_load_explicit(&own->rung, memory_order_acquire) - wanted) >= 0) return;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  /* announce the sleep, then look once more: a ring in between makes FUTEX_WAIT return at once */
  atomic_store(&own->asleep, 1);
  for (uint32_t rung; (int32_t)((rung = atomic_load(&own->rung)) - wanted) < 0;)
    syscall(SYS_futex, &own->rung, FUTEX_WAIT, rung, NULL, NULL, 0);
  atomic_store(&own->asleep, 0);
}

void bells_wait(struct bells *bells, int times) {
  if (bells == NULL) return;
  enum stage before = stages_enter(bells->stages, STAGE_WAIT);
  hear(bells, times);
  stages_enter(bells->stages, before);
}
