/* How a process joins the job that it is a rank of, and leaves it. */
#include "comm/ending.h"
#include "comm/mpi_call.h"
#include "comm/shared_memory.h"
#include "comm/single_copy.h"
#include "comm/watchdog.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* whether a launcher (mpirun, or srun with one of its PMI plug-ins) started this process as a rank of a job */
static bool is_launched(void) {
  static const char *const signs[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"};
  for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
    if (getenv(signs[i]) != NULL) return true;
  return false;
}

/* the message when MPI does not start; the other ranks give the first one time to print it for all */
static struct deadline *limit_start(void) {
  const char *rank = getenv("OMPI_COMM_WORLD_RANK");
  double seconds = ending_start_timeout(), patience = rank == NULL || strcmp(rank, "0") == 0 ? 0 : 5;
  char host[COMM_HOST_SIZE] = "unknown", text[512];
  gethostname(host, sizeof host - 1);
  snprintf(
      text, sizeof text,
      "muster: rank %s on %s: MPI has not started within %g s: a rank has not come, or a host cannot be reached; "
      "see docs/troubleshooting.md; where a start takes that long, set MUSTER_START_TIMEOUT (seconds; 0: no limit)",
      rank != NULL ? rank : "?", host, seconds);
  return deadline_start(seconds > 0 ? seconds + patience : 0, 1, text);
}

/* Starts MPI in a process that is alone so far. Open MPI reads its settings in MPI_Init: these settings make a rank
 * that waits inside MPI yield its core to any other process, which costs next to nothing on an idle machine, and keep
 * it from trying to read other ranks' memory where that is forbidden. Settings of the user are kept. */
static muster_status join_job(struct comm *comm, int *argc, char ***argv) {
  setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
  if (!single_copy_is_allowed()) setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
  /* a rank ends when the mpirun that started it ends: it would only keep the run folder locked */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  int provided; /* other threads make no call of MPI (comm/watchdog.h) */
  MUSTER_TRY(comm_status(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread"));
  comm->world = MPI_COMM_WORLD;
  MPI_Comm_set_errhandler(comm->world, MPI_ERRORS_RETURN);
  MPI_Comm_rank(comm->world, &comm->rank);
  MPI_Comm_size(comm->world, &comm->size);
  MUSTER_TRY_MPI(MPI_Comm_split_type(comm->world, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &comm->node));
  MUSTER_TRY(comm_number_neighbours(comm));
  if (comm->local_size > 1 && comm->node_ranks[comm->rank] == 0) shared_memory_remove_left_behind();
  return MUSTER_OK;
}

muster_status comm_create(int *argc, char ***argv, struct comm **out) {
  struct comm *comm;
  MUSTER_TRY(comm_create_alone(&comm));
  struct deadline *deadline = is_launched() ? limit_start() : NULL;
  muster_status status = is_launched() ? join_job(comm, argc, argv) : MUSTER_OK;
  deadline_cancel(&deadline);
  if (status != MUSTER_OK)
    comm_destroy(&comm);
  else
    *out = comm;
  return status;
}

void comm_destroy(struct comm **handle) {
  struct comm *comm = *handle;
  if (comm == NULL) return;
  watchdog_end(comm);
  if (comm->node != MPI_COMM_NULL) MPI_Comm_free(&comm->node);
  if (comm->world != MPI_COMM_NULL) MPI_Finalize();
  watchdog_destroy(comm);
  free(comm->node_ranks);
  free(comm);
  *handle = NULL;
}
