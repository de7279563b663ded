/* A message of an actor in an asynchronous run. It brings a rollout, or the gradient that the actor computed from one;
 * before a checkpoint and at the end the states of its environments; in an evaluation its episodes. A header, then its
 * content. */
#ifndef TRAIN_MESSAGE_H
#define TRAIN_MESSAGE_H

#include "train/actor.h"

enum message_kind { MESSAGE_ROLLOUT, MESSAGE_GRADIENT, MESSAGE_STATES, MESSAGE_EPISODES };

struct message {
  int32_t kind;                      /* enum message_kind */
  int32_t flags;                     /* bits of enum interrupt, FLAG_FAULT, FLAG_DEAD */
  int64_t version;                   /* updates before the policy that acted */
  int64_t next_version;              /* the same of the policy that this actor acts with next */
  int64_t rollouts;                  /* that this actor has made */
  int32_t first_env, n_envs;         /* of the rollout */
  double seconds;                    /* that the rollout took */
  size_t rollout_bytes;              /* of the packed rollout, which comes first in the content */
  double terms[ALGORITHM_MAX_TERMS]; /* of a gradient, which comes after the rollout */
};

/* Bytes that a message of this actor takes at most. */
size_t message_room(const struct actor *actor);

/* Write the content, and message_write_rollout() the header's rollout_bytes; they return the bytes of the whole
 * message. `gradient` [count]: that of the rollout, of which the message then has only what came of the actions
 * (FIELD_OUTCOME); NULL: the message has the whole rollout. */
size_t message_write_rollout(const struct actor *actor, const float *gradient, size_t count, struct message *message);
size_t message_write_states(const struct actor *actor, struct message *message);
size_t message_write_episodes(const struct actor *actor, struct message *message);

/* The content: a packed rollout, states or episodes. And the gradient, after the rollout. */
const void *message_content(const struct message *message);
const float *message_gradient(const struct message *message);

#endif
