/* Inside comm/: memory that the ranks of a node share. */
#ifndef COMM_SHARED_MEMORY_H
#define COMM_SHARED_MEMORY_H

#include "comm/comm.h"

struct shared_memory {
  void *bytes; /* zeroed, aligned to a page; NULL: not created */
  size_t size;
  bool is_shared; /* with the other ranks of the node; false: this rank is alone there, or has memory of its own */
};

/* Memory of `size` bytes, the same number on all ranks of the node, which all of them share or none does: where they
 * cannot (/dev/shm is too small), as on a rank that is alone on its node, each has `size_alone` bytes of its own. What
 * is shared is reserved, so that no write to it can fail. Error MEMORY. Collective over the node. */
MUSTER_CHECKED muster_status shared_memory_create(struct comm *comm, size_t size, size_t size_alone,
                                                  struct shared_memory *out);
/* Not collective: shared memory lives until the last rank has destroyed it. Accepts what was not created. */
void shared_memory_destroy(struct shared_memory *memory);

/* Removes what jobs of this user have left in memory whose processes were killed before all had opened it. */
void shared_memory_remove_left_behind(void);

#endif
