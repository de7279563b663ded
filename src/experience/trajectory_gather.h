/* Gathering the rollouts of all actors into the learner's batch (comm/gather.h): every field of this run, and the final
 * observations. */
#ifndef EXPERIENCE_TRAJECTORY_GATHER_H
#define EXPERIENCE_TRAJECTORY_GATHER_H

#include "comm/gather.h"
#include "experience/trajectory.h"

/* Creates the gather of the rows of `rows`: the learner passes the batch, an actor its rollout, any other rank a
 * trajectory with the same fields. Final observations are those of `final_part`: the learner's receives all, an
 * actor's is sent; a rank that has none passes a zeroed trajectory. Borrows the arrays of both and
 * `final_part`. Collective. */
MUSTER_CHECKED muster_status trajectory_gather_create(struct comm *comm, const struct topology *topology,
                                                      enum gather_rows which, const struct trajectory *rows,
                                                      struct trajectory *final_part, struct gather **out);

#endif
