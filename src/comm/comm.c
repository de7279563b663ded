#include "comm/comm.h"

#include "comm/mpi_call.h"

#include <limits.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* Open MPI reads its settings in MPI_Init: ranks that outnumber the cores have to yield while they wait */
static void choose_waiting(int local_cores) {
  const char *local = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
  int local_size = local != NULL ? atoi(local) : 1;
  if (local_size > local_cores) setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
}

muster_status comm_create(int *argc, char ***argv, struct comm **out) {
  struct comm *comm = calloc(1, sizeof *comm);
  if (comm == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory");
  comm->local_cores = count_local_cores();
  choose_waiting(comm->local_cores);
  /* a process started without mpirun needs no daemon beside it */
  if (getenv("OMPI_COMM_WORLD_SIZE") == NULL) setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);

  muster_status status = comm_status(MPI_Init(argc, argv), "MPI_Init");
  if (status != MUSTER_OK) {
    free(comm);
    return status;
  }
  comm->world = MPI_COMM_WORLD;
  MPI_Comm_set_errhandler(comm->world, MPI_ERRORS_RETURN);
  MPI_Comm_rank(comm->world, &comm->rank);
  MPI_Comm_size(comm->world, &comm->size);
  if (gethostname(comm->host, sizeof comm->host - 1) != 0) snprintf(comm->host, sizeof comm->host, "unknown");

  MPI_Comm node;
  status = comm_status(MPI_Comm_split_type(comm->world, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &node),
                       "MPI_Comm_split_type");
  if (status == MUSTER_OK) {
    MPI_Comm_size(node, &comm->local_size);
    MPI_Comm_free(&node);
  }
  *out = comm;
  return status;
}

void comm_destroy(struct comm **comm) {
  if (*comm == NULL) return;
  MPI_Finalize();
  free(*comm);
  *comm = NULL;
}

_Noreturn void comm_abort(struct comm *comm, int exit_code) {
  fflush(NULL);
  MPI_Abort(comm->world, exit_code);
  _exit(exit_code);
}

int comm_rank(const struct comm *comm) { return comm->rank; }
int comm_size(const struct comm *comm) { return comm->size; }
int comm_local_size(const struct comm *comm) { return comm->local_size; }
const char *comm_host(const struct comm *comm) { return comm->host; }
int comm_local_cores(const struct comm *comm) { return comm->local_cores; }
bool comm_oversubscribed(const struct comm *comm) { return comm->local_size > comm->local_cores; }

int comm_agree_exit_code(struct comm *comm, int exit_code) {
  int largest = exit_code;
  if (MPI_Allreduce(&exit_code, &largest, 1, MPI_INT, MPI_MAX, comm->world) != MPI_SUCCESS) comm_abort(comm, 1);
  return largest;
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

muster_status comm_gather_hosts(struct comm *comm, char (*hosts)[COMM_HOST_SIZE]) {
  MUSTER_TRY_MPI(MPI_Allgather(comm->host, COMM_HOST_SIZE, MPI_CHAR, hosts, COMM_HOST_SIZE, MPI_CHAR, comm->world));
  return MUSTER_OK;
}
