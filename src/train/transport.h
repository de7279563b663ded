/* What the ranks of a run send each other: commands with the policy, rollouts, states of environments, evaluations. The
 * schedule decides which of the members below exist (its connect()). */
#ifndef TRAIN_TRANSPORT_H
#define TRAIN_TRANSPORT_H

#include "comm/broadcast.h"
#include "comm/channel.h"
#include "comm/gather.h"
#include "comm/preemption.h"
#include "nn/model.h"
#include "train/command.h"
#include "train/gathering.h"

struct actor;

struct transport {
  struct run *run;           /* borrowed */
  struct command *command;   /* the last one */
  size_t command_parameters; /* floats of parameters in it: the policy's, or all where actors compute gradients */
  size_t command_floats;     /* the same and the statistics of observations */
  struct gather *state_gather;
  struct evaluator *evaluator; /* train/evaluator.h; NULL: there are no evaluations */

  /* where actors wait for the learner (train/synchronous.h) */
  struct broadcast *command_broadcast;
  struct gather *rollout_gather;
  struct preemption *preemption; /* where rollouts end before all actors are done; NULL: they do not */
  struct trajectory nothing;     /* for a rank that neither leads nor acts, which has no rows to send */

  /* where they do not wait (train/asynchronous.h) */
  struct channel *channel;
};

/* What a rank sends and receives. All is borrowed. */
struct endpoints {
  const struct model *model; /* whose policy a command holds; NULL: none */
  struct gathering *gathering;
  struct actor *actor; /* of this rank; NULL: it does not act, or it leads and has none yet */
  size_t command_bytes;
};

/* Prepares all of it. Collective. On failure transport_release() is still to be called. */
MUSTER_CHECKED muster_status transport_create(const struct model *model, struct gathering *gathering,
                                              struct actor *actor, struct transport *transport);

/* Bytes of a rollout of so many environments, as an actor sends it, without last observations of truncated episodes. */
size_t transport_rollout_bytes(const struct trajectory *rollout, size_t n_envs);

/* Broadcasts the learner's command. Collective. Counts as STAGE_BROADCAST, waiting for it as STAGE_WAIT; an actor on
 * another node cannot tell the message from the wait before it, and counts both as that. */
MUSTER_CHECKED muster_status transport_broadcast_command(struct transport *transport);

/* The same for a command of an evaluation, between the end of a rollout and the next other command. */
MUSTER_CHECKED muster_status transport_broadcast_evaluation(struct transport *transport);

/* Before the actor and the gathering are gone. */
void transport_release(struct transport *transport);

#endif
