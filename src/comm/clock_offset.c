#include "comm/clock_offset.h"

#include "base/clock.h"
#include "comm/mpi_call.h"

#include <math.h>
#include <stdlib.h>

#define QUESTIONS 32

/* asks the root for its time, several times; the quickest answer is the most accurate */
static muster_status ask(struct comm *comm, int root, struct clock_offset *offset) {
  offset->accuracy = INFINITY;
  for (int i = 0; i < QUESTIONS; i++) {
    double theirs, before = clock_seconds();
    MUSTER_TRY_MPI(MPI_Send(NULL, 0, MPI_DOUBLE, root, TAG_CLOCK, comm->world));
    MUSTER_TRY_MPI(MPI_Recv(&theirs, 1, MPI_DOUBLE, root, TAG_CLOCK, comm->world, MPI_STATUS_IGNORE));
    double after = clock_seconds(), half = 0.5 * (after - before);
    if (half >= offset->accuracy) continue;
    *offset = (struct clock_offset){.at = after, .seconds = theirs - (before + half), .accuracy = half};
  }
  return MUSTER_OK;
}

static muster_status answer(struct comm *comm, int rank) {
  for (int i = 0; i < QUESTIONS; i++) {
    MUSTER_TRY_MPI(MPI_Recv(NULL, 0, MPI_DOUBLE, rank, TAG_CLOCK, comm->world, MPI_STATUS_IGNORE));
    double now = clock_seconds();
    MUSTER_TRY_MPI(MPI_Send(&now, 1, MPI_DOUBLE, rank, TAG_CLOCK, comm->world));
  }
  return MUSTER_OK;
}

/* the root serves one host after the other, so that no answer is delayed by another host's */
static muster_status answer_all(struct comm *comm, const int *asks) {
  for (int rank = 0; rank < comm->size; rank++)
    if (asks[rank]) MUSTER_TRY(answer(comm, rank));
  return MUSTER_OK;
}

void clock_offset_reconcile(struct clock_offset *early, struct clock_offset *late) {
  double least = fmax(early->seconds - early->accuracy, late->seconds - late->accuracy);
  double most = fmin(early->seconds + early->accuracy, late->seconds + late->accuracy);
  if (least > most) return;
  early->seconds = late->seconds = 0.5 * (least + most);
  early->accuracy = late->accuracy = 0.5 * (most - least);
}

muster_status clock_offset_shift(struct comm *comm, int root, double least, double most, double *shift) {
  double limits[2] = {least, -most};
  *shift = 0.0;
  if (comm->size == 1) return MUSTER_OK;
  MUSTER_TRY_MPI(MPI_Allreduce(MPI_IN_PLACE, limits, 2, MPI_DOUBLE, MPI_MAX, comm->node));
  if (comm_is_local(comm, root)) return MUSTER_OK;
  least = limits[0], most = -limits[1];
  *shift = least > most ? 0.5 * (least + most) : fmin(fmax(0.0, least), most);
  return MUSTER_OK;
}

muster_status clock_offset_measure(struct comm *comm, int root, struct clock_offset *offset) {
  *offset = (struct clock_offset){.at = clock_seconds()};
  if (comm->size == 1) return MUSTER_OK;
  int node_rank = comm->node_ranks[comm->rank];
  const int asks = node_rank == 0 && !comm_is_local(comm, root);
  int *all = calloc((size_t)comm->size, sizeof *all);
  if (all == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: %d ranks", comm->size);
  muster_status status = comm_status(MPI_Gather(&asks, 1, MPI_INT, all, 1, MPI_INT, root, comm->world), "MPI_Gather");
  if (status == MUSTER_OK && comm->rank == root) status = answer_all(comm, all);
  free(all);
  if (status == MUSTER_OK && asks) status = ask(comm, root, offset);
  MUSTER_TRY(status);
  MUSTER_TRY_MPI(MPI_Bcast(offset, (int)sizeof *offset, MPI_BYTE, 0, comm->node));
  return MUSTER_OK;
}
