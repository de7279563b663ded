/* Evaluations of a run: the episodes are dealt out to the actors as environments are, and each plays its part in at
 * most as many environments as it has in training. What comes out is the same however they are dealt out.
 *
 * An evaluation goes in slices of time. In each the leading rank tells a policy, every actor plays for a while, and
 * hands over how far it has come; so a signal to any rank, or the clock, ends one that takes long. Where actors wait
 * for the learner, commands are broadcast and episodes gathered; else both go through the channel: the schedule says
 * (play_slice). */
#ifndef TRAIN_EVALUATOR_H
#define TRAIN_EVALUATOR_H

#include "train/command.h"
#include "train/evaluation.h"
#include "train/run.h"

struct evaluator;

/* Checks that there are environments for it, which are made when they are first needed. *out is NULL where there are no
 * evaluations. On failure *out is to be destroyed all the same. Collective. */
MUSTER_CHECKED muster_status evaluator_create(struct run *run, struct evaluator **out);

/* Prepares evaluator_gather(), where actors wait for the learner; nothing without evaluations. Collective. */
MUSTER_CHECKED muster_status evaluator_connect(struct evaluator *evaluator);
void evaluator_destroy(struct evaluator **evaluator); /* accepts NULL inside */

/* Plays this rank's part for a slice of time, from the start where the command says that an evaluation begins; nothing
 * on a rank that does not act. Ends in PHASE_EPISODES. */
MUSTER_CHECKED muster_status evaluator_play(struct evaluator *evaluator, const struct command *command,
                                            struct model *model);

/* Brings the episodes to the leading rank, and to it alone what signals have asked of any rank (*asked, bits of enum
 * interrupt). Collective, where actors wait for the learner. */
MUSTER_CHECKED muster_status evaluator_gather(struct evaluator *evaluator, int *asked);

/* This rank's part, for a message; `bytes` may be 0. And the leading rank takes that of another. */
size_t evaluator_part_bytes(const struct evaluator *evaluator);
const void *evaluator_part(const struct evaluator *evaluator);
void evaluator_take_part(struct evaluator *evaluator, int rank, const void *part);

/* The leading rank: whether all episodes have ended, and how they went. */
bool evaluator_is_done(const struct evaluator *evaluator);
MUSTER_CHECKED muster_status evaluator_summarize(const struct evaluator *evaluator, struct evaluation *out);

#endif
