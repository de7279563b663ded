/* Prioritized experience replay, the proportional variant (Schaul et al. 2016): a step is drawn the more often the
 * larger the error of its value was when an update last learned from it.
 *
 *   probability  P(i) = p_i^alpha / sum over k of p_k^alpha,  p_i = |error of i| + epsilon         (equation 1)
 *   weight       w_i = (N P(i))^-beta / max over the minibatch of the same = (P(i) / min P)^-beta   (section 3.4)
 *
 * A new step has the largest priority that any step has had so far. beta goes linearly from its initial to its final
 * value over the run. Draws are stratified: the sum of priorities is cut into as many equal parts as the minibatch has
 * steps, and one step is drawn from each (section 3.3).
 *
 * p^alpha are integers (experience/priorities.h). All that learn together keep the priorities of all steps, and show
 * each other the errors that they have computed, so they all draw the same steps. */
#ifndef ALGO_PRIORITIZED_REPLAY_H
#define ALGO_PRIORITIZED_REPLAY_H

#include "algo/learner_group.h"
#include "experience/priorities.h"
#include "experience/replay.h"

struct prioritized_options {
  bool is_on; /* false: steps are drawn uniformly */
  double alpha, beta, beta_final, epsilon;
};

struct prioritized_replay {
  struct prioritized_options options;
  const struct replay *replay;       /* borrowed */
  const struct learner_group *group; /* borrowed; NULL: alone */
  struct priorities priorities;      /* of row * slots + slot */
  uint64_t largest;                  /* that a step has had so far */
  size_t batch;
  float *weights;   /* [batch] of the steps that were drawn */
  uint64_t *places; /* [batch] of draws among the sum of priorities */
  float *errors;    /* [2, batch] by turns: of the last update and the one before; the group shares it */
  uint32_t turns;
  bool is_added_up; /* false: the priorities may have been read from a checkpoint since the sums were computed */
};

/* For minibatches of `batch` steps from this replay. Collective over the group. */
MUSTER_CHECKED muster_status prioritized_replay_create(const struct prioritized_options *options,
                                                       const struct replay *replay, size_t batch,
                                                       const struct learner_group *group, struct arena *arena,
                                                       struct prioritized_replay *prioritized);

/* Gives the steps of the rollout that was appended last their priorities. */
void prioritized_replay_note_rollout(struct prioritized_replay *prioritized, const struct trajectory *rollout);

/* Draws drawn[batch] for the update of this number, and fills the weights. */
void prioritized_replay_draw(struct prioritized_replay *prioritized, uint64_t seed, uint32_t update,
                             double progress_remaining, uint64_t *drawn);

/* Fills the weights of these steps: the second half of prioritized_replay_draw(). */
void prioritized_replay_weigh(struct prioritized_replay *prioritized, double beta, const uint64_t *drawn);

/* Where the errors of the steps that were drawn go: [batch], of which each member fills those of its micro-batches
 * (algo/micro_batches.h). */
float *prioritized_replay_errors(struct prioritized_replay *prioritized);

/* Gives the steps that were drawn their new priorities, from the errors. Of a step that was drawn more than once the
 * last one counts. Collective over the group. */
MUSTER_CHECKED muster_status prioritized_replay_renew(struct prioritized_replay *prioritized, const uint64_t *drawn);

/* Lists the priorities as tensors, for a checkpoint to write, or to read before the first draw; returns how many there
 * are. */
#define PRIORITIZED_REPLAY_STATE 2
int prioritized_replay_state(struct prioritized_replay *prioritized, struct tensor list[PRIORITIZED_REPLAY_STATE]);

#endif
