#include "train/message.h"

#include "train/evaluator.h"

#include <string.h>

/* which parts of a rollout the learner needs */
static enum trajectory_parts parts_of(const struct worker *worker) {
  return worker->schedule->actors_compute_gradients ? TRAJECTORY_OUTCOME : TRAJECTORY_WHOLE;
}

static size_t states_bytes(const struct worker *worker) { return worker->rollout->n_envs * worker->env_state_bytes; }

size_t message_room(const struct worker *worker, const struct model *model) {
  if (!worker->topology.acts) return 0;
  size_t rollout = trajectory_packed_room(worker->rollout, parts_of(worker));
  if (worker->schedule->actors_compute_gradients) rollout += model->parameters.count * sizeof(float);
  const size_t states = states_bytes(worker), episodes = evaluator_part_bytes(worker->evaluator);
  const size_t others = states > episodes ? states : episodes;
  return sizeof(struct message) + (rollout > others ? rollout : others);
}

size_t message_write_rollout(const struct worker *worker, const float *gradient, size_t count,
                             struct message *message) {
  char *content = (char *)(message + 1);
  message->rollout_bytes = trajectory_pack(worker->rollout, parts_of(worker), content);
  const size_t gradient_bytes = gradient != NULL ? count * sizeof(float) : 0;
  if (gradient != NULL) memcpy(content + message->rollout_bytes, gradient, gradient_bytes);
  return sizeof *message + message->rollout_bytes + gradient_bytes;
}

size_t message_write_states(const struct worker *worker, struct message *message) {
  memcpy(message + 1, worker->env_states, states_bytes(worker));
  return sizeof *message + states_bytes(worker);
}

size_t message_write_episodes(const struct worker *worker, struct message *message) {
  const size_t bytes = evaluator_part_bytes(worker->evaluator);
  memcpy(message + 1, evaluator_part(worker->evaluator), bytes);
  return sizeof *message + bytes;
}

const void *message_content(const struct message *message) { return message + 1; }

const float *message_gradient(const struct message *message) {
  return (const float *)((const char *)(message + 1) + message->rollout_bytes);
}
