#include "comm/collect.h"

#include "comm/mpi_call.h"

#include <limits.h>
#include <stdlib.h>

/* a buffer that grows to the largest message */
struct buffer {
  void *data;
  size_t capacity;
};

static muster_status receive(struct comm *comm, int rank, struct buffer *buffer, size_t *bytes) {
  MPI_Status probed;
  int count;
  MUSTER_TRY_MPI(MPI_Probe(rank, TAG_COLLECT, comm->world, &probed));
  MUSTER_TRY_MPI(MPI_Get_count(&probed, MPI_BYTE, &count));
  if ((size_t)count > buffer->capacity) {
    free(buffer->data);
    *buffer = (struct buffer){.data = malloc((size_t)count), .capacity = (size_t)count};
    if (buffer->data == NULL)
      return status_error(MUSTER_ERROR_MEMORY, "out of memory: %d bytes of rank %d", count, rank);
  }
  MUSTER_TRY_MPI(MPI_Recv(buffer->data, count, MPI_BYTE, rank, TAG_COLLECT, comm->world, MPI_STATUS_IGNORE));
  *bytes = (size_t)count;
  return MUSTER_OK;
}

muster_status comm_collect(struct comm *comm, int root, const void *data, size_t bytes, comm_visit visit,
                           void *context) {
  if (bytes > INT_MAX)
    return status_error(MUSTER_ERROR_USAGE, "rank %d gives %zu bytes at once; expects at most %d", comm->rank, bytes,
                        INT_MAX);
  if (comm->rank != root) {
    MUSTER_TRY_MPI(MPI_Send(data, (int)bytes, MPI_BYTE, root, TAG_COLLECT, comm->world));
    return MUSTER_OK;
  }
  struct buffer buffer = {NULL, 0};
  muster_status status = MUSTER_OK, visited = MUSTER_OK;
  for (int rank = 0; rank < comm->size && status == MUSTER_OK; rank++) {
    const void *theirs = data;
    size_t count = bytes;
    if (rank != root) {
      status = receive(comm, rank, &buffer, &count);
      theirs = buffer.data;
    }
    if (status == MUSTER_OK && visited == MUSTER_OK) visited = visit(context, rank, theirs, count);
  }
  free(buffer.data);
  if (status == MUSTER_OK) return visited;
  muster_status_clear(&visited);
  return status;
}
