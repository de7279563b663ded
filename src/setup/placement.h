/* Where the ranks of a run are and what each of them does: which host learns, how the environments are dealt out over
 * the hosts; the map that shows this to people, and warnings about what will be slow. */
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
  int *turns;                /* [ranks] the actors' turns (struct topology) */
  int *group;                /* [ranks that learn] the leading one first, those of a host next to each other */
};

/* Places the ranks as `ranks.learner_host`, `ranks.learners`, `ranks.colocate` and `ranks.placement` say. The learners
 * are the first ranks of the learner's host, then those of the next hosts. Takes `places` [ranks], from malloc(), in
 * any case. Error USAGE: no rank is on that host. placement_release() must be called even after a failure. */
MUSTER_CHECKED muster_status placement_create(const struct run_config *config, struct comm_place *places, int ranks,
                                              int rank, struct placement *placement);
/* The same for the ranks of this job, which tell each other where they are. Collective. */
MUSTER_CHECKED muster_status placement_gather(const struct run_config *config, struct comm *comm,
                                              struct placement *placement);
void placement_release(struct placement *placement);

/* The number of ranks on a host. */
int placement_host_ranks(const struct placement *placement, int host);

/* Writes the map: a line for each role on each host, whatever the number of ranks. */
void placement_write_map(const struct placement *placement, FILE *file);

/* Writes a line for each thing that will be slow: more ranks than cores, a learner that shares its cores by binding,
 * more threads of BLAS than cores. */
void placement_write_warnings(const struct placement *placement, const struct ranks_options *options, FILE *file);

#endif
