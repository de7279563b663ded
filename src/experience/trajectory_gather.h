/* Gathering the rollouts of all actors into the learner's batch (comm/gather.h): every field that this run has, and the
 * final observations. */
#ifndef EXPERIENCE_TRAJECTORY_GATHER_H
#define EXPERIENCE_TRAJECTORY_GATHER_H

#include "comm/gather.h"
#include "experience/trajectory.h"

/* Creates the gather of the rows of `rows`: on the learner the batch, on an actor its rollout, else a trajectory of the
 * same fields. The learner collects all final observations in those of `finals`, an actor sends its own; a rank that
 * has none gives a zeroed trajectory. Borrows the arrays of both and `finals`. Collective. */
MUSTER_CHECKED muster_status trajectory_gather_create(struct comm *comm, const struct topology *topology,
                                                      enum gather_rows which, const struct trajectory *rows,
                                                      struct trajectory *finals, struct gather **out);

#endif
