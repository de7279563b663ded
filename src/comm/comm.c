#include "comm/comm.h"

#include "comm/bell.h"
#include "comm/mpi_call.h"

#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

muster_status comm_status(int code, const char *call) {
  if (code == MPI_SUCCESS) return MUSTER_OK;
  char text[MPI_MAX_ERROR_STRING] = "unknown error";
  int length;
  MPI_Error_string(code, text, &length);
  return status_error(MUSTER_ERROR_COMM, "MPI failed: %s: %s", call, text);
}

/* cores of this node that the job may use; under mpirun a rank may be bound to a few of them, which does not count */
static int count_local_cores(void) {
  cpu_set_t allowed;
  if (getenv("OMPI_COMM_WORLD_SIZE") == NULL && sched_getaffinity(0, sizeof allowed, &allowed) == 0)
    return CPU_COUNT(&allowed);
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (int)online : 1;
}

/* Open MPI reads its settings in MPI_Init: a rank that waits inside MPI yields its core to whoever wants it, which
 * costs next to nothing when nobody does. What the user has set stays. */
static void choose_settings(void) {
  /* a rank does not outlive the mpirun that started it: it could only hold on to the run folder */
  if (getenv("OMPI_COMM_WORLD_SIZE") != NULL) prctl(PR_SET_PDEATHSIG, SIGKILL);
  setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
  /* a process started without mpirun needs no daemon beside it */
  if (getenv("OMPI_COMM_WORLD_SIZE") == NULL) setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
}

/* the ranks of this node, their numbers among them, and their bells */
static muster_status find_neighbours(struct comm *comm) {
  MUSTER_TRY_MPI(MPI_Comm_split_type(comm->world, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &comm->node));
  MUSTER_TRY_MPI(MPI_Comm_size(comm->node, &comm->local_size));
  comm->node_ranks = calloc((size_t)comm->size, sizeof *comm->node_ranks);
  int *ranks = calloc((size_t)comm->size, sizeof *ranks);
  muster_status status = comm->node_ranks == NULL || ranks == NULL
                             ? status_error(MUSTER_ERROR_MEMORY, "out of memory: %d ranks", comm->size)
                             : MUSTER_OK;
  if (status == MUSTER_OK) {
    for (int rank = 0; rank < comm->size; rank++) ranks[rank] = rank;
    MPI_Group all, near;
    MPI_Comm_group(comm->world, &all);
    MPI_Comm_group(comm->node, &near);
    status = comm_status(MPI_Group_translate_ranks(all, comm->size, ranks, near, comm->node_ranks),
                         "MPI_Group_translate_ranks");
    MPI_Group_free(&all);
    MPI_Group_free(&near);
  }
  free(ranks);
  MUSTER_TRY(status);
  return bells_create(comm->node, comm_oversubscribed(comm), &comm->bells);
}

muster_status comm_create(int *argc, char ***argv, struct comm **out) {
  struct comm *comm = calloc(1, sizeof *comm);
  if (comm == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory");
  comm->local_cores = count_local_cores();
  choose_settings();
  muster_status status = comm_status(MPI_Init(argc, argv), "MPI_Init");
  if (status != MUSTER_OK) {
    free(comm);
    return status;
  }
  comm->world = MPI_COMM_WORLD;
  comm->node = MPI_COMM_NULL;
  MPI_Comm_set_errhandler(comm->world, MPI_ERRORS_RETURN);
  MPI_Comm_rank(comm->world, &comm->rank);
  MPI_Comm_size(comm->world, &comm->size);
  if (gethostname(comm->host, sizeof comm->host - 1) != 0) snprintf(comm->host, sizeof comm->host, "unknown");

  status = find_neighbours(comm);
  if (status != MUSTER_OK)
    comm_destroy(&comm);
  else
    *out = comm;
  return status;
}

void comm_destroy(struct comm **handle) {
  struct comm *comm = *handle;
  if (comm == NULL) return;
  bells_destroy(&comm->bells);
  if (comm->node != MPI_COMM_NULL) MPI_Comm_free(&comm->node);
  MPI_Finalize();
  free(comm->node_ranks);
  free(comm);
  *handle = NULL;
}

_Noreturn void comm_abort(struct comm *comm, int exit_code) {
  fflush(NULL);
  MPI_Abort(comm->world, exit_code);
  _exit(exit_code);
}

bool comm_is_near(const struct comm *comm, int rank) { return comm->node_ranks[rank] != MPI_UNDEFINED; }

bool comm_ring(struct comm *comm, int rank) {
  if (!comm_is_near(comm, rank)) return false;
  bells_ring(comm->bells, comm->node_ranks[rank]);
  return true;
}

int comm_rank(const struct comm *comm) { return comm->rank; }
int comm_size(const struct comm *comm) { return comm->size; }
int comm_local_size(const struct comm *comm) { return comm->local_size; }
const char *comm_host(const struct comm *comm) { return comm->host; }
int comm_local_cores(const struct comm *comm) { return comm->local_cores; }
bool comm_oversubscribed(const struct comm *comm) { return comm->local_size > comm->local_cores; }

int comm_agree_exit_code(struct comm *comm, int exit_code, bool *speaks) {
  /* MPI_MAXLOC: among equal codes the lowest rank */
  const struct { int code, rank; } mine = {exit_code, comm->rank};
  struct {
    int code, rank;
  } first;
  if (MPI_Allreduce(&mine, &first, 1, MPI_2INT, MPI_MAXLOC, comm->world) != MPI_SUCCESS) comm_abort(comm, 1);
  *speaks = first.rank == comm->rank;
  return first.code;
}

muster_status comm_broadcast(struct comm *comm, void *data, size_t bytes, int root) {
  /* in pieces whose counts fit an int */
  for (size_t done = 0; done < bytes;) {
    size_t piece = bytes - done < INT_MAX ? bytes - done : INT_MAX;
    MUSTER_TRY_MPI(MPI_Bcast((char *)data + done, (int)piece, MPI_BYTE, root, comm->world));
    done += piece;
  }
  return MUSTER_OK;
}

muster_status comm_announce(struct comm *comm, void *data, size_t bytes, int root) {
  if (comm->rank == root) {
    for (int rank = 0; rank < comm->size; rank++)
      if (rank != root) comm_ring(comm, rank);
  } else if (comm_is_near(comm, root)) {
    bells_wait(comm->bells, 1);
  }
  return comm_broadcast(comm, data, bytes, root);
}

muster_status comm_gather_hosts(struct comm *comm, char (*hosts)[COMM_HOST_SIZE]) {
  MUSTER_TRY_MPI(MPI_Allgather(comm->host, COMM_HOST_SIZE, MPI_CHAR, hosts, COMM_HOST_SIZE, MPI_CHAR, comm->world));
  return MUSTER_OK;
}
