#include "train/message.h"

#include "train/evaluator.h"

#include <string.h>

/* which parts of a rollout the learner needs */
static enum trajectory_parts parts_of(const struct actor *actor) {
  return actor->run->schedule->actors_compute_gradients ? TRAJECTORY_OUTCOME : TRAJECTORY_WHOLE;
}

static size_t states_bytes(const struct actor *actor) { return actor->rollout->n_envs * actor->run->env_state_bytes; }

size_t message_room(const struct actor *actor) {
  size_t rollout = trajectory_packed_room(actor->rollout, parts_of(actor));
  if (actor->run->schedule->actors_compute_gradients) rollout += actor->model->parameters.count * sizeof(float);
  const size_t states = states_bytes(actor), episodes = evaluator_part_bytes(actor->transport->evaluator);
  const size_t others = states > episodes ? states : episodes;
  return sizeof(struct message) + (rollout > others ? rollout : others);
}

size_t message_write_rollout(const struct actor *actor, const float *gradient, size_t count, struct message *message) {
  char *content = (char *)(message + 1);
  message->rollout_bytes = trajectory_pack(actor->rollout, parts_of(actor), content);
  const size_t gradient_bytes = gradient != NULL ? count * sizeof(float) : 0;
  if (gradient != NULL) memcpy(content + message->rollout_bytes, gradient, gradient_bytes);
  return sizeof *message + message->rollout_bytes + gradient_bytes;
}

size_t message_write_states(const struct actor *actor, struct message *message) {
  memcpy(message + 1, actor->env_states, states_bytes(actor));
  return sizeof *message + states_bytes(actor);
}

size_t message_write_episodes(const struct actor *actor, struct message *message) {
  const size_t bytes = evaluator_part_bytes(actor->transport->evaluator);
  memcpy(message + 1, evaluator_part(actor->transport->evaluator), bytes);
  return sizeof *message + bytes;
}

const void *message_content(const struct message *message) { return message + 1; }

const float *message_gradient(const struct message *message) {
  return (const float *)((const char *)(message + 1) + message->rollout_bytes);
}
