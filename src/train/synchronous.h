/* Functions for the tables of schedules whose actors wait for the learner: commands are broadcast, rollouts gathered,
 * and all ranks count the same iterations. The steps of their loops are in train/learner.h and train/actor.h. */
#ifndef TRAIN_SYNCHRONOUS_H
#define TRAIN_SYNCHRONOUS_H

#include "train/learner.h"

size_t synchronous_batch_envs(const struct run *run);
MUSTER_CHECKED muster_status synchronous_connect(struct transport *transport, const struct endpoints *ends);
MUSTER_CHECKED muster_status synchronous_act(struct actor *actor);
void synchronous_begin_rollout(struct actor *actor);
MUSTER_CHECKED muster_status synchronous_before_step(struct actor *actor, size_t t, bool *is_over);
MUSTER_CHECKED muster_status synchronous_iterate(struct learner *learner);
MUSTER_CHECKED muster_status synchronous_play_slice(struct learner *learner);
MUSTER_CHECKED muster_status synchronous_end_evaluation(struct learner *learner);
MUSTER_CHECKED muster_status synchronous_restored(struct learner *learner);
int64_t synchronous_give_up_rollouts(struct learner *learner);

#endif
