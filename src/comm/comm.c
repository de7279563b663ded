#include "comm/comm.h"

#include "comm/ending.h"
#include "comm/mpi_call.h"

#include <limits.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* seconds for MPI to abort the job, before this process ends without it */
#define ABORT_SECONDS 10.0

muster_status comm_status(int code, const char *call) {
  if (code == MPI_SUCCESS) return MUSTER_OK;
  char text[MPI_MAX_ERROR_STRING] = "unknown error";
  int length;
  MPI_Error_string(code, text, &length);
  return status_error(MUSTER_ERROR_COMM, "MPI failed: %s: %s", call, text);
}

/* cores of this node that the job may use; under mpirun a rank may be bound to a few of them, but all are counted */
static int count_local_cores(void) {
  cpu_set_t allowed;
  if (getenv("OMPI_COMM_WORLD_SIZE") == NULL && sched_getaffinity(0, sizeof allowed, &allowed) == 0)
    return CPU_COUNT(&allowed);
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (int)online : 1;
}

muster_status comm_number_neighbours(struct comm *comm) {
  MUSTER_TRY_MPI(MPI_Comm_size(comm->node, &comm->local_size));
  if (comm->crowd < comm->local_size) comm->crowd = comm->local_size;
  free(comm->node_ranks);
  comm->node_ranks = calloc((size_t)comm->size, sizeof *comm->node_ranks);
  int *ranks = calloc((size_t)comm->size, sizeof *ranks);
  muster_status status = comm->node_ranks == NULL || ranks == NULL
                             ? status_error(MUSTER_ERROR_MEMORY, "out of memory: %d ranks", comm->size)
                             : MUSTER_OK;
  if (status == MUSTER_OK) {
    for (int rank = 0; rank < comm->size; rank++) ranks[rank] = rank;
    MPI_Group all, local;
    MPI_Comm_group(comm->world, &all);
    MPI_Comm_group(comm->node, &local);
    status = comm_status(MPI_Group_translate_ranks(all, comm->size, ranks, local, comm->node_ranks),
                         "MPI_Group_translate_ranks");
    MPI_Group_free(&all);
    MPI_Group_free(&local);
  }
  free(ranks);
  return status;
}

muster_status comm_split_node(struct comm *comm, int number) {
  if (comm->size == 1) return MUSTER_OK;
  MPI_Comm whole = comm->node;
  MUSTER_TRY_MPI(MPI_Comm_split(whole, number, comm->rank, &comm->node));
  MUSTER_TRY_MPI(MPI_Comm_free(&whole));
  return comm_number_neighbours(comm);
}

muster_status comm_create_alone(struct comm **out) {
  struct comm *comm = calloc(1, sizeof *comm);
  int *node_ranks = calloc(1, sizeof *node_ranks);
  if (comm == NULL || node_ranks == NULL) {
    free(comm);
    free(node_ranks);
    return status_error(MUSTER_ERROR_MEMORY, "out of memory");
  }
  *comm = (struct comm){.world = MPI_COMM_NULL,
                        .node = MPI_COMM_NULL,
                        .size = 1,
                        .local_size = 1,
                        .crowd = 1,
                        .local_cores = count_local_cores(),
                        .node_ranks = node_ranks,
                        .phases = &comm->own_phases};
  phases_init(comm->phases);
  if (gethostname(comm->host, sizeof comm->host - 1) != 0) snprintf(comm->host, sizeof comm->host, "unknown");
  *out = comm;
  return MUSTER_OK;
}

_Noreturn void comm_abort(struct comm *comm, int exit_code) {
  deadline_start(ABORT_SECONDS, exit_code, NULL);
  fflush(NULL);
  if (comm->world != MPI_COMM_NULL) MPI_Abort(comm->world, exit_code);
  _exit(exit_code);
}

bool comm_is_local(const struct comm *comm, int rank) { return comm->node_ranks[rank] != MPI_UNDEFINED; }

struct phases *comm_phases(struct comm *comm) {
  return comm->phases;
}

int comm_rank(const struct comm *comm) { return comm->rank; }
int comm_size(const struct comm *comm) { return comm->size; }
int comm_local_size(const struct comm *comm) { return comm->local_size; }
const char *comm_host(const struct comm *comm) { return comm->host; }
int comm_local_cores(const struct comm *comm) { return comm->local_cores; }
bool comm_oversubscribed(const struct comm *comm) { return comm->crowd > comm->local_cores; }

int comm_agree_exit_code(struct comm *comm, int exit_code, bool knows, bool *speaks) {
  *speaks = true;
  if (comm->size == 1) return exit_code;
  /* for MPI_MAXLOC: ranks that know why come before others, then the largest code; among equals the lowest rank */
  const int codes = 256;
  const struct { int code, rank; } mine = {exit_code == 0 ? 0 : exit_code + (knows ? codes : 0), comm->rank};
  struct {
    int code, rank;
  } first;
  if (MPI_Allreduce(&mine, &first, 1, MPI_2INT, MPI_MAXLOC, comm->world) != MPI_SUCCESS) comm_abort(comm, 1);
  *speaks = first.rank == comm->rank;
  return first.code % codes;
}

bool comm_any(struct comm *comm, bool mine) {
  int any = mine;
  if (comm->size > 1 && MPI_Allreduce(MPI_IN_PLACE, &any, 1, MPI_INT, MPI_LOR, comm->world) != MPI_SUCCESS)
    comm_abort(comm, 1);
  return any != 0;
}

muster_status comm_agree(struct comm *comm, muster_status status) {
  if (!comm_any(comm, status != MUSTER_OK) || status != MUSTER_OK) return status;
  return status_error(MUSTER_ERROR_COMM, "%s", "");
}

muster_status comm_broadcast(struct comm *comm, void *data, size_t bytes, int root) {
  /* in pieces whose counts fit an int */
  if (comm->size == 1) return MUSTER_OK;
  for (size_t done = 0; done < bytes;) {
    size_t piece = bytes - done < INT_MAX ? bytes - done : INT_MAX;
    MUSTER_TRY_MPI(MPI_Bcast((char *)data + done, (int)piece, MPI_BYTE, root, comm->world));
    done += piece;
  }
  return MUSTER_OK;
}

muster_status comm_gather(struct comm *comm, const void *mine, size_t bytes, void *all) {
  if (comm->size == 1) {
    memcpy(all, mine, bytes);
    return MUSTER_OK;
  }
  MUSTER_TRY_MPI(MPI_Allgather(mine, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE, comm->world));
  return MUSTER_OK;
}

struct comm_place comm_place(const struct comm *comm) {
  struct comm_place place = {.host_cores = comm->local_cores};
  memcpy(place.host, comm->host, sizeof place.host);
  if (sched_getaffinity(0, sizeof place.cores, &place.cores) != 0)
    for (int core = 0; core < comm->local_cores && core < CPU_SETSIZE; core++) CPU_SET(core, &place.cores);
  return place;
}

/* --- for the module --- */

muster_status comm_create_group(struct comm *comm, int number, struct comm **out) {
  *out = NULL;
  struct comm *group = calloc(1, sizeof *group);
  muster_status status = group == NULL ? status_error(MUSTER_ERROR_MEMORY, "out of memory: a group") : MUSTER_OK;
  status = comm_agree(comm, status);
  if (status != MUSTER_OK) {
    free(group);
    return status;
  }
  *group = (struct comm){.world = MPI_COMM_NULL,
                         .node = MPI_COMM_NULL,
                         .local_cores = comm->local_cores,
                         .crowd = comm->crowd,
                         .phases = comm->phases};
  memcpy(group->host, comm->host, sizeof group->host);
  const int color = number >= 0 ? 0 : MPI_UNDEFINED;
  status = comm_status(MPI_Comm_split(comm->world, color, number, &group->world), "MPI_Comm_split");
  if (status == MUSTER_OK)
    status = comm_status(MPI_Comm_split(comm->node, color, number, &group->node), "MPI_Comm_split");
  if (status == MUSTER_OK && number >= 0) {
    MPI_Comm_rank(group->world, &group->rank);
    MPI_Comm_size(group->world, &group->size);
    status = comm_number_neighbours(group);
  }
  if (status != MUSTER_OK || number < 0)
    comm_destroy_group(&group);
  else
    *out = group;
  return status;
}

void comm_destroy_group(struct comm **handle) {
  struct comm *group = *handle;
  if (group == NULL) return;
  if (group->node != MPI_COMM_NULL) MPI_Comm_free(&group->node);
  if (group->world != MPI_COMM_NULL) MPI_Comm_free(&group->world);
  free(group->node_ranks);
  free(group);
  *handle = NULL;
}

muster_status comm_wait(struct comm *comm, MPI_Request *requests, int n) {
  (void)comm;
  MUSTER_TRY_MPI(MPI_Waitall(n, requests, MPI_STATUSES_IGNORE));
  return MUSTER_OK;
}

muster_status comm_bytes_type(size_t bytes, MPI_Datatype *out) {
  /* in pieces, so that counts fit an int */
  const size_t piece = 1 << 20, pieces = bytes / piece;
  if (pieces > INT_MAX) return status_error(MUSTER_ERROR_USAGE, "a message of %zu bytes is too large", bytes);
  const int lengths[] = {(int)pieces, (int)(bytes % piece)};
  const MPI_Aint places[] = {0, (MPI_Aint)(pieces * piece)};
  MPI_Datatype types[] = {MPI_DATATYPE_NULL, MPI_BYTE};
  MUSTER_TRY_MPI(MPI_Type_contiguous((int)piece, MPI_BYTE, &types[0]));
  MUSTER_TRY_MPI(MPI_Type_create_struct(2, lengths, places, types, out));
  MUSTER_TRY_MPI(MPI_Type_free(&types[0]));
  MUSTER_TRY_MPI(MPI_Type_commit(out));
  return MUSTER_OK;
}
