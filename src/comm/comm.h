/* The job: its ranks, where they run, and the few collective calls that set-up needs. Only this module knows MPI. */
#ifndef COMM_COMM_H
#define COMM_COMM_H

#include "base/phases.h"
#include "base/status.h"

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>

#define COMM_HOST_SIZE 256

struct comm; /* one for each process */

/* Joins the job that this process is a rank of, and starts MPI. Ranks sleep or yield while they wait (comm/node.h), so
 * that they do not starve the learner. Collective. A process that no launcher started is a job by itself, without
 * MPI. */
MUSTER_CHECKED muster_status comm_create(int *argc, char ***argv, struct comm **out);
/* A job of this process alone, without MPI, whoever started it. */
MUSTER_CHECKED muster_status comm_create_alone(struct comm **out);
/* Ends MPI; accepts NULL inside. Collective: after an error on one rank call comm_abort() instead. */
void comm_destroy(struct comm **comm);
/* Ends the whole job at once with this exit code; does not return. */
_Noreturn void comm_abort(struct comm *comm, int exit_code);

int comm_rank(const struct comm *comm);
int comm_size(const struct comm *comm);
int comm_local_size(const struct comm *comm); /* ranks on this node */
const char *comm_host(const struct comm *comm);
/* Cores of this node that the job may use, and whether its ranks outnumber them. */
int comm_local_cores(const struct comm *comm);
bool comm_oversubscribed(const struct comm *comm);
/* Whether a rank is on this node. */
bool comm_is_local(const struct comm *comm, int rank);

/* What this rank does now: its main loop records its phases, functions of this module record their waits for other
 * ranks, and the watchdog reads both. It lives as long as `comm`. */
struct phases *comm_phases(struct comm *comm);

/* Collective. Agrees on an exit code, so that an error on one rank ends all of them in order: the largest code of the
 * ranks that know why they failed (`knows`), or of all ranks where none does; 0 where none has failed. `*speaks` is
 * true only on the first rank that has this code: it prints the error, which several ranks may have met. */
int comm_agree_exit_code(struct comm *comm, int exit_code, bool knows, bool *speaks);

/* Collective. Takes the status of each rank: where one has failed, all return an error. Ranks that failed themselves
 * return their own; the others return one without a text, since they do not know why. So a rank that fails alone leaves
 * no other waiting in the next collective call. */
MUSTER_CHECKED muster_status comm_agree(struct comm *comm, muster_status status);

/* Collective. Whether the argument is true on any rank. */
bool comm_any(struct comm *comm, bool mine);

/* Collective. Copies `bytes` from rank `root` to all. */
MUSTER_CHECKED muster_status comm_broadcast(struct comm *comm, void *data, size_t bytes, int root);

/* Collective. Gathers the same number of bytes of each rank in the order of ranks: all[size][bytes], filled on every
 * rank; the caller allocates. */
MUSTER_CHECKED muster_status comm_gather(struct comm *comm, const void *mine, size_t bytes, void *all);

/* Where a rank runs. */
struct comm_place {
  char host[COMM_HOST_SIZE];
  int host_cores;  /* cores of the host that the job may use */
  cpu_set_t cores; /* the cores that the rank is bound to; all of them where it is not bound */
};

/* Where this rank runs. */
struct comm_place comm_place(const struct comm *comm);

#endif
