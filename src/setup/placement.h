/* Where the ranks of a run are and what each does there: which host learns, how the environments are dealt out over the
 * hosts, the map of it for people, and what of it will be slow. */
#ifndef SETUP_PLACEMENT_H
#define SETUP_PLACEMENT_H

#include "comm/comm.h"
#include "comm/topology.h"
#include "setup/config.h"

#include <stdio.h>

struct placement {
  struct topology topology;
  int n_hosts;
  struct comm_place *places; /* [ranks] */
  int *hosts;                /* [ranks] number of the rank's host; hosts count in the order of their first ranks */
  int *local_ranks;          /* [ranks] the rank's number among those of its host */
  int *turns;                /* [ranks] of actors */
  int *group;                /* [ranks that learn] the leading one first, those of a host next to each other */
};

/* Places the ranks as `ranks.learner_host`, `ranks.learners`, `ranks.colocate` and `ranks.placement` say. Who learns
 * are the first ranks of the learner's host, then those of the next ones. Takes `places` [ranks], from malloc(), in any
 * case. Error USAGE: no rank is on that host. On failure placement_release() is still to be called. */
MUSTER_CHECKED muster_status placement_create(const struct run_config *config, struct comm_place *places, int ranks,
                                              int rank, struct placement *placement);
/* The same where the ranks of this job are. Collective. */
MUSTER_CHECKED muster_status placement_gather(const struct run_config *config, struct comm *comm,
                                              struct placement *placement);
void placement_release(struct placement *placement);

/* Ranks on a host. */
int placement_host_ranks(const struct placement *placement, int host);

/* Writes the map: a line for each role on each host, whatever the number of ranks. */
void placement_write_map(const struct placement *placement, FILE *file);

/* Writes a line for each thing that will be slow: more ranks than cores, a learner that shares its cores by binding,
 * more threads of BLAS than cores. */
void placement_write_warnings(const struct placement *placement, const struct ranks_options *options, FILE *file);

#endif
