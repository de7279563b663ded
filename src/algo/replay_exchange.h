/* The steps of a minibatch, where several learners divide the records of a replay (experience/replay.h): all draw the
 * same steps, each packs those that it holds, and the group shows them to all. A learner that is alone reads its
 * replay. */
#ifndef ALGO_REPLAY_EXCHANGE_H
#define ALGO_REPLAY_EXCHANGE_H

#include "algo/learner_group.h"
#include "experience/replay.h"

struct replay_exchange {
  const struct replay *replay;       /* borrowed */
  const struct learner_group *group; /* borrowed; NULL: alone */
  size_t batch;
  int64_t n_steps; /* of a window */
  double gamma;
  char *packed;    /* [2, batch, replay_packed_bytes()] by turns: of this minibatch and of the one before; the group
                      shares it. The steps of a minibatch are in the order of the members that hold them. NULL: alone */
  uint32_t turns;  /* minibatches so far */
  uint32_t *place; /* [batch] of each drawn step among those of this minibatch */
};

/* How learner `group` of several divides a replay whose windows are of n_steps. */
struct replay_division replay_exchange_division(const struct learner_group *group, int64_t n_steps);

/* For minibatches of `batch` steps. Collective over the group. */
MUSTER_CHECKED muster_status replay_exchange_create(const struct replay *replay, const struct learner_group *group,
                                                    size_t batch, int64_t n_steps, double gamma, struct arena *arena,
                                                    struct replay_exchange *exchange);

/* Brings the steps drawn[batch] to all. Collective over the group. */
MUSTER_CHECKED muster_status replay_exchange_gather(struct replay_exchange *exchange, const uint64_t *drawn);

/* Fills the tile with the steps first .. first + rows - 1 of those that were gathered last. */
void replay_exchange_fill(const struct replay_exchange *exchange, const uint64_t *drawn, size_t first, size_t rows,
                          struct replay_tile *tile);

#endif
