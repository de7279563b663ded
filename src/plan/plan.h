/* muster plan: predicts the speed of a config at any number of ranks, from the times that its parts take on this
 * machine. */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include "comm/comm.h"
#include "plan/plan_model.h"
#include "setup/config.h"

#define PLAN_MAX_RANKS 10000

/* How long to measure: until medians are steady; as long as a start may take; once, to show that it works. */
enum plan_effort { PLAN_THOROUGH, PLAN_BRIEF, PLAN_QUICK };

struct plan_request {
  const char *config_path; /* NULL: the defaults of all options */
  const char *const *sets; /* --set key=value, [n_sets] */
  size_t n_sets;
  int ranks;                   /* the largest number of ranks to plan for */
  struct plan_cluster cluster; /* cores and ranks per node 0: the cores of this host */
  int32_t envs_per_actor;      /* 0: the config's environments, split over the actors */
  enum plan_effort effort;
  bool json;
};

/* Measures and prints. Collective: rank 0 measures what one core does, and all ranks together measure what they send
 * each other; a single rank assumes the latter. `*together`: whether all ranks know how it ended. */
MUSTER_CHECKED muster_status plan_run(struct comm *comm, const struct plan_request *request, bool *together);

/* Chooses ranks.learners and ranks.colocate for the ranks of this job: the fastest layout, judged by measurements that
 * take as long as some iterations. Rank 0 prints what was chosen, and why. Where the ranks are on several hosts, or
 * there are more of them than cores, the times of messages are assumed. Collective; fails on all ranks or on none. */
MUSTER_CHECKED muster_status plan_choose_layout(struct comm *comm, struct run_config *config);

/* Writes what the ranks of a layout do, for people. */
void plan_describe(const struct plan_layout *layout, int actors, char *text, size_t size);

#endif
