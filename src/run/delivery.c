#include "run/delivery.h"

#include "run/evaluator.h"

#include <string.h>

/* which parts of a rollout the learner needs */
static enum trajectory_parts parts_of(const struct worker *worker) {
  return worker->plan.asynchronous == ASYNCHRONOUS_GRADIENTS ? TRAJECTORY_RETURNS : TRAJECTORY_WHOLE;
}

static size_t states_bytes(const struct worker *worker) { return worker->rollout->n_envs * worker->env_state_bytes; }

size_t delivery_room(const struct worker *worker, const struct model *model) {
  if (worker->rollout == NULL) return 0;
  bool computes = worker->plan.asynchronous == ASYNCHRONOUS_GRADIENTS;
  size_t rollout = trajectory_packed_room(worker->rollout, parts_of(worker));
  if (computes) rollout += model->parameters.count * sizeof(float);
  const size_t states = states_bytes(worker), episodes = evaluator_part_bytes(worker->evaluator);
  const size_t others = states > episodes ? states : episodes;
  return sizeof(struct delivery) + (rollout > others ? rollout : others);
}

size_t delivery_write_rollout(const struct worker *worker, const float *gradient, size_t count,
                              struct delivery *delivery) {
  char *content = (char *)(delivery + 1);
  delivery->rollout_bytes = trajectory_pack(worker->rollout, parts_of(worker), content);
  const size_t gradient_bytes = gradient != NULL ? count * sizeof(float) : 0;
  if (gradient != NULL) memcpy(content + delivery->rollout_bytes, gradient, gradient_bytes);
  return sizeof *delivery + delivery->rollout_bytes + gradient_bytes;
}

size_t delivery_write_states(const struct worker *worker, struct delivery *delivery) {
  memcpy(delivery + 1, worker->env_states, states_bytes(worker));
  return sizeof *delivery + states_bytes(worker);
}

size_t delivery_write_episodes(const struct worker *worker, struct delivery *delivery) {
  const size_t bytes = evaluator_part_bytes(worker->evaluator);
  memcpy(delivery + 1, evaluator_part(worker->evaluator), bytes);
  return sizeof *delivery + bytes;
}

const void *delivery_content(const struct delivery *delivery) { return delivery + 1; }

const float *delivery_gradient(const struct delivery *delivery) {
  return (const float *)((const char *)(delivery + 1) + delivery->rollout_bytes);
}
