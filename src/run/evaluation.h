/* Playing whole episodes with a fixed policy. */
#ifndef RUN_EVALUATION_H
#define RUN_EVALUATION_H

#include "env/pool.h"
#include "nn/model.h"

/* Who looks at every state while episodes are played, which are then played one after the other. `enough` is for
 * `env.look` to set: the evaluation then ends with the episodes that have finished. */
struct evaluation_viewer {
  struct env_viewer env;
  bool enough;
};

struct evaluation_request {
  const muster_env_type *type;
  const muster_env_setting *settings; /* may be NULL */
  struct env_wrappers wrappers;
  uint64_t seed; /* the episodes are the same for the same seed; training never sees them */
  int64_t episodes;
  bool deterministic;
  struct evaluation_viewer *viewer; /* NULL: nobody looks */
};

struct evaluation {
  int64_t episodes, steps;
  double mean_return, std_return, min_return, max_return; /* std of the population, as NumPy's default */
  double mean_length, std_length, min_length, max_length;
};

/* Plays the episodes, up to 64 at once, each environment exactly one at a time, so that short episodes do not count
 * more than long ones. Which episodes they are does not depend on how many are played at once. The return of an episode
 * is the mean over its agents. Nothing that the model has learned changes, statistics of observations included. The
 * model's policy weights must be packed. Where the viewer had enough, out->episodes is smaller than asked for;
 * the numbers say nothing when it is 0. Not collective. */
MUSTER_CHECKED muster_status evaluation_run(struct model *model, const struct evaluation_request *request,
                                            struct evaluation *out);

#endif
