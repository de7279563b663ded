#include "support/everywhere.h"

#include "comm/mpi_call.h"

#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* kept here since CUnit's cases take no argument: the job, or a group of all its ranks that counts as a job of its
 * own */
static struct comm *job;
static const char *nodes_of_ranks = ""; /* "": all on one */

struct comm *everywhere_comm(void) {
  return job;
}

int everywhere_node(int rank) { return nodes_of_ranks[0] == '\0' ? 0 : nodes_of_ranks[rank]; }

bool everywhere_shares(void) { return strchr(nodes_of_ranks, 'x') == NULL; }

muster_status everywhere_spread(struct comm *comm, const char *nodes) {
  int ranks = (int)strspn(nodes, "0123456789");
  if (ranks != comm_size(comm))
    return status_error(MUSTER_ERROR_USAGE, "nodes of %d ranks are given to %d", ranks, comm_size(comm));
  nodes_of_ranks = nodes;

  /* as if /dev/shm were full */
  const struct rlimit none = {.rlim_cur = 0, .rlim_max = RLIM_INFINITY};
  if (!everywhere_shares() && (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || setrlimit(RLIMIT_FSIZE, &none) != 0))
    return status_errno(MUSTER_ERROR_INTERNAL, "cannot limit the size of files");
  return comm_split_node(comm, nodes[comm_rank(comm)]);
}

bool everywhere_true(bool condition, const char *text, const char *file, int line) {
  if (!condition) fprintf(stderr, "rank %d: %s:%d: %s\n", comm_rank(job), file, line, text);
  int mine = condition, all = 0;
  if (MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_LAND, MPI_COMM_WORLD) != MPI_SUCCESS) abort();
  return all != 0;
}

bool everywhere_ok(muster_status status, const char *file, int line) {
  bool right = everywhere_true(status == MUSTER_OK, muster_status_message(status), file, line);
  muster_status_clear(&status);
  return right;
}

static int report_failure(muster_status status) {
  fprintf(stderr, "%s\n", muster_status_message(status));
  muster_status_clear(&status);
  return 1;
}

/* runs the cases with the ranks spread over nodes */
static int run_on_nodes(struct comm *whole, const char *nodes, const char *suite, const struct check_case *cases,
                        size_t n) {
  muster_status status = comm_create_group(whole, comm_rank(whole), &job);
  if (status == MUSTER_OK) status = everywhere_spread(job, nodes);
  if (status != MUSTER_OK) return report_failure(status);
  printf("\nnodes %s", nodes);
  int exit_code = check_main(suite, cases, n);
  comm_destroy_group(&job);
  return exit_code;
}

int everywhere_main(int *argc, char ***argv, const char *suite, const struct check_case *cases, size_t n) {
  struct comm *whole = NULL;
  muster_status status = comm_create(argc, argv, &whole);
  if (status != MUSTER_OK) return report_failure(status);
  if (comm_rank(whole) != 0 && freopen("/dev/null", "w", stdout) == NULL) abort();
  int exit_code = 0;
  job = whole;
  if (*argc == 1) exit_code = check_main(suite, cases, n);
  for (int i = 1; i < *argc && exit_code == 0; i++) exit_code = run_on_nodes(whole, (*argv)[i], suite, cases, n);
  comm_destroy(&whole);
  return exit_code;
}
