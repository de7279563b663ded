#include "comm/ping.h"

#include "comm/mpi_call.h"

#include <limits.h>
#include <stdlib.h>

struct ping {
  struct comm *comm; /* borrowed */
  size_t bytes[2];   /* of a message from rank 0, and of one to it */
  char *buffer[2];   /* rank 0 has room for one message from each other rank */
  MPI_Request *requests;
};

enum { OUT, BACK };

muster_status ping_create(struct comm *comm, size_t out_bytes, size_t back_bytes, struct ping **out) {
  if (out_bytes > INT_MAX || back_bytes > INT_MAX)
    return status_error(MUSTER_ERROR_USAGE, "a bare message of %zu bytes: expects at most %d",
                        out_bytes > back_bytes ? out_bytes : back_bytes, INT_MAX);
  struct ping *ping = calloc(1, sizeof *ping);
  if (ping == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: ping");
  size_t peers = comm->rank == 0 ? (size_t)comm->size - 1 : 1;
  *ping = (struct ping){.comm = comm,
                        .bytes = {out_bytes, back_bytes},
                        .buffer = {calloc(1, out_bytes + 1), calloc(peers + 1, back_bytes + 1)},
                        .requests = calloc(peers + 1, sizeof(MPI_Request))};
  if (ping->buffer[OUT] == NULL || ping->buffer[BACK] == NULL || ping->requests == NULL) {
    ping_destroy(&ping);
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: ping");
  }
  *out = ping;
  return MUSTER_OK;
}

void ping_destroy(struct ping **ping) {
  if (*ping == NULL) return;
  free((*ping)->buffer[OUT]);
  free((*ping)->buffer[BACK]);
  free((*ping)->requests);
  free(*ping);
  *ping = NULL;
}

muster_status ping_out(struct ping *ping) {
  const struct comm *comm = ping->comm;
  int bytes = (int)ping->bytes[OUT];
  if (comm->rank != 0) {
    MUSTER_TRY_MPI(MPI_Recv(ping->buffer[OUT], bytes, MPI_BYTE, 0, TAG_PING, comm->world, MPI_STATUS_IGNORE));
    return MUSTER_OK;
  }
  for (int rank = 1; rank < comm->size; rank++)
    MUSTER_TRY_MPI(
        MPI_Isend(ping->buffer[OUT], bytes, MPI_BYTE, rank, TAG_PING, comm->world, &ping->requests[rank - 1]));
  MUSTER_TRY_MPI(MPI_Waitall(comm->size - 1, ping->requests, MPI_STATUSES_IGNORE));
  return MUSTER_OK;
}

muster_status ping_back(struct ping *ping) {
  const struct comm *comm = ping->comm;
  int bytes = (int)ping->bytes[BACK];
  if (comm->rank != 0) {
    MUSTER_TRY_MPI(MPI_Send(ping->buffer[BACK], bytes, MPI_BYTE, 0, TAG_PING, comm->world));
    return MUSTER_OK;
  }
  for (int rank = 1; rank < comm->size; rank++) {
    char *place = ping->buffer[BACK] + (size_t)(rank - 1) * ping->bytes[BACK];
    MUSTER_TRY_MPI(MPI_Irecv(place, bytes, MPI_BYTE, rank, TAG_PING, comm->world, &ping->requests[rank - 1]));
  }
  MUSTER_TRY_MPI(MPI_Waitall(comm->size - 1, ping->requests, MPI_STATUSES_IGNORE));
  return MUSTER_OK;
}
