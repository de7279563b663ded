/* Evaluations of a run: the episodes are divided among the actors as environments are, and each actor plays its part in
 * at most as many environments as it has in training. The result does not depend on how they are divided.
 *
 * An evaluation goes in slices of time. In each slice the leading rank gives a command with the policy, every actor
 * plays for a while and sends the state of its episodes. So a signal to any rank, or the time limit, can end a long
 * evaluation. Where actors wait for the learner, commands are broadcast and episodes gathered; in asynchronous runs
 * both go through the channel (play_slice of the schedule). */
#ifndef TRAIN_EVALUATOR_H
#define TRAIN_EVALUATOR_H

#include "train/command.h"
#include "train/evaluation.h"
#include "train/run.h"

struct evaluator;

/* Checks that there is an environment for it; environments are created when they are first needed. *out is NULL where
 * there are no evaluations. On failure *out is to be destroyed all the same. Collective. */
MUSTER_CHECKED muster_status evaluator_create(struct run *run, struct evaluator **out);

/* Prepares evaluator_gather(), where actors wait for the learner; nothing without evaluations. Collective. */
MUSTER_CHECKED muster_status evaluator_connect(struct evaluator *evaluator);
void evaluator_destroy(struct evaluator **evaluator); /* accepts NULL inside */

/* Plays this rank's part for a slice of time, from the start where the command says that an evaluation begins; nothing
 * on a rank that does not act. Ends in PHASE_EPISODES. */
MUSTER_CHECKED muster_status evaluator_play(struct evaluator *evaluator, const struct command *command,
                                            struct model *model);

/* Gathers the episodes on the leading rank. There *asked has the bits of enum interrupt that signals to any rank have
 * set. Collective, where actors wait for the learner. */
MUSTER_CHECKED muster_status evaluator_gather(struct evaluator *evaluator, int *asked);

/* This rank's episodes, for a message, whose bytes may be 0. The leading rank takes those of another. */
size_t evaluator_part_bytes(const struct evaluator *evaluator);
const void *evaluator_part(const struct evaluator *evaluator);
void evaluator_take_part(struct evaluator *evaluator, int rank, const void *part);

/* The leading rank: whether all episodes have ended, and how they went. */
bool evaluator_is_done(const struct evaluator *evaluator);
MUSTER_CHECKED muster_status evaluator_summarize(const struct evaluator *evaluator, struct evaluation *out);

#endif
