/* Inside comm/: memory that the ranks of a node share. */
#ifndef COMM_SHARED_MEMORY_H
#define COMM_SHARED_MEMORY_H

#include "comm/comm.h"

struct shared_memory {
  void *bytes; /* zeroed, aligned to a page; NULL: not created */
  size_t size;
  bool is_shared; /* whether it is shared with the other ranks of the node; false: this rank is alone there, or has
                     private memory */
};

/* Creates memory of `size` bytes, the same number on all ranks of the node. Either all of them share it or none does:
 * where they cannot (/dev/shm is too small), and on a rank that is alone on its node, each rank has `size_alone`
 * private bytes. Shared memory is reserved at once, so that no write to it can fail. Error MEMORY. Collective over the
 * node. */
MUSTER_CHECKED muster_status shared_memory_create(struct comm *comm, size_t size, size_t size_alone,
                                                  struct shared_memory *out);
/* Not collective: shared memory lives until the last rank has destroyed it. Accepts memory that was not created. */
void shared_memory_destroy(struct shared_memory *memory);

/* Removes shared memory that jobs of this user have left behind because their processes were killed before all of them
 * had opened it. */
void shared_memory_remove_left_behind(void);

#endif
