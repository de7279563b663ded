/* What goes between the ranks of a run: commands with the policy, rollouts, states of environments, evaluations. Which
 * of these ways are there the schedule says (its connect()). */
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
  struct run *run;         /* borrowed */
  struct command *command; /* as last told */
  size_t
      command_parameters; /* floats of parameters in a command: the policy's, or all where actors compute gradients */
  size_t command_floats;  /* the same with the statistics behind them */
  struct gather *state_gather;
  struct evaluator *evaluator; /* train/evaluator.h; NULL: there are no evaluations */

  /* where actors wait for the learner (train/synchronous.h) */
  struct broadcast *command_broadcast;
  struct gather *rollout_gather;
  struct preemption *preemption; /* where rollouts end before all actors are done; NULL: they do not */
  struct trajectory nothing;     /* what a rank gathers that neither leads nor acts */

  /* where they do not (train/asynchronous.h) */
  struct channel *channel;
};

/* What is exchanged: borrowed. */
struct endpoints {
  const struct model *model; /* whose policy a command holds; NULL: none */
  struct gathering *gathering;
  struct actor *actor; /* of this rank; NULL: it does not act, or leads and has none yet */
  size_t command_bytes;
};

/* Prepares the exchange of all these. Collective. On failure transport_release() is still to be called. */
MUSTER_CHECKED muster_status transport_create(const struct model *model, struct gathering *gathering,
                                              struct actor *actor, struct transport *transport);

/* Bytes of a rollout of so many environments, as an actor sends it, without last observations of truncated episodes. */
size_t transport_rollout_bytes(const struct trajectory *rollout, size_t n_envs);

/* Broadcasts the learner's command. Collective. Counts as STAGE_BROADCAST, waiting for it as STAGE_WAIT; an actor on
 * another node cannot tell the message from the wait before it, and counts both as that. */
MUSTER_CHECKED muster_status transport_broadcast_command(struct transport *transport);

/* The same for a command that speaks of an evaluation, between a rollout's end and the command that follows it. */
MUSTER_CHECKED muster_status transport_broadcast_evaluation(struct transport *transport);

/* Before the actor and the gathering are gone. */
void transport_release(struct transport *transport);

#endif
