/* An update of critic_learning.h whose minibatch goes through each network at once, since layers have statistics over
 * all of it (batch_renorm), after Bhatt et al. 2024 (CrossQ), section 4:
 *
 *   critics  (s, a) and (next s, a') go through a critic in one pass, so that both are in its statistics; targets are
 *            the values of the second half, of which the loss is not a function, but its statistics are
 *   policy   s goes through it with statistics over the minibatch; next actions, and the critics' values of its
 *            actions, come from passes with running statistics
 *
 * Each learner has the rows of its micro-batches, forward and backward; learners meet for each layer with statistics
 * (algo/batch_sums.h). Gradients of parameters are then summed as ever (gradient_sum.h), from the gradients of outputs
 * that the networks have kept. Of a tile of steps a pass over both has the rows now, then those that follow. */
#ifndef ALGO_WHOLE_MINIBATCH_H
#define ALGO_WHOLE_MINIBATCH_H

#include "algo/critic_learning.h"

/* For .create of an algorithm whose model has statistics, and passes that take the minibatch twice. Collective over the
 * group. */
MUSTER_CHECKED muster_status whole_minibatch_create(const struct algorithm_context *context,
                                                    struct critic_learning *learning);

#endif
