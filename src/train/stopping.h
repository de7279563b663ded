/* The end of a run before total_steps: the criteria of the section `stop` of its config, and what they count. Only on
 * the rank that leads. All but `seconds` go by numbers that do not depend on the ranks. */
#ifndef TRAIN_STOPPING_H
#define TRAIN_STOPPING_H

#include "setup/config.h"
#include "store/checkpoint.h"

#include <stdbool.h>
#include <stdint.h>

#define STOPPING_STATE 3

enum stop_criterion { STOP_BY_NONE, STOP_BY_MEAN_RETURN, STOP_BY_NO_GAIN, STOP_BY_SECONDS, STOP_CRITERIA };

struct stopping {
  int64_t criterion;    /* enum stop_criterion: the first one that held; the run ends by it */
  int64_t steps;        /* total_steps at that moment; -1: none has held */
  int64_t without_gain; /* evaluations since the best one */
};

/* What the criteria are held against. */
struct stopping_facts {
  int64_t total_steps;
  double mean_return; /* of the best evaluation; where there are none, of 100 episodes of training; NAN: not known */
  double seconds;     /* wall time of the run so far */
};

void stopping_init(struct stopping *stopping);

/* The option's key without its section, "mean_return"; "" for STOP_BY_NONE. */
const char *stopping_name(const struct stopping *stopping);

/* Counts an evaluation, which was better than all before it or was not. */
void stopping_count_evaluation(struct stopping *stopping, bool is_gain);

/* Notes the first criterion that holds, unless one has held already. */
void stopping_decide(struct stopping *stopping, const struct stop_options *options, const struct stopping_facts *facts);

/* Forgets which criterion has held, since they are others now. */
void stopping_forget(struct stopping *stopping);

/* The state as tensors "progress/...", for a checkpoint; returns their number. */
int stopping_state(struct stopping *stopping, struct tensor list[STOPPING_STATE]);
/* Whether a tensor is one of these. */
bool stopping_has(const char *tensor);

#endif
