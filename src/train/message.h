/* What an actor of an asynchronous run hands over at once: the rollout of its environments, a gradient that it computed
 * from one, before a checkpoint and at the end the states of its environments, or how far it is with its episodes of an
 * evaluation. A header, and the bytes behind it. */
#ifndef TRAIN_MESSAGE_H
#define TRAIN_MESSAGE_H

#include "train/actor.h"

enum message_kind { MESSAGE_ROLLOUT, MESSAGE_GRADIENT, MESSAGE_STATES, MESSAGE_EPISODES };

struct message {
  int32_t kind;                      /* enum message_kind */
  int32_t flags;                     /* bits of enum interrupt, FLAG_FAULT, FLAG_DEAD */
  int64_t version;                   /* updates that the policy had had which acted */
  int64_t next_version;              /* the same of what this actor does next */
  int64_t rollouts;                  /* of this actor so far */
  double seconds;                    /* that the rollout took */
  size_t rollout_bytes;              /* of what follows first: the packed rollout */
  double terms[ALGORITHM_MAX_TERMS]; /* of a gradient, which follows the rollout */
};

/* Bytes that a message of this actor takes at most. */
size_t message_room(const struct actor *actor);

/* Writes what follows the header, and rollout_bytes in it; returns the bytes of the whole message. `gradient` [count]:
 * NULL where rollouts are handed over, else that of this rollout, of which then only what came of the
 * actions is told (FIELD_OUTCOME). */
size_t message_write_rollout(const struct actor *actor, const float *gradient, size_t count, struct message *message);
size_t message_write_states(const struct actor *actor, struct message *message);
size_t message_write_episodes(const struct actor *actor, struct message *message);

/* What follows the header: the packed rollout, or states; and the gradient. */
const void *message_content(const struct message *message);
const float *message_gradient(const struct message *message);

#endif
