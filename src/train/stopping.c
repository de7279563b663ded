#include "train/stopping.h"

#include <math.h>
#include <string.h>

/* keys of the section, in the order of enum stop_criterion */
static const char *const names[STOP_CRITERIA] = {"", "mean_return", "evaluations_without_gain", "seconds"};

static const char criterion_tensor[] = "progress/stop_criterion", steps_tensor[] = "progress/stop_steps",
                  gain_tensor[] = "progress/evaluations_without_gain";

void stopping_init(struct stopping *stopping) { *stopping = (struct stopping){.steps = -1}; }

const char *stopping_name(const struct stopping *stopping) { return names[stopping->criterion]; }

void stopping_count_evaluation(struct stopping *stopping, bool is_gain) {
  stopping->without_gain = is_gain ? 0 : stopping->without_gain + 1;
}

static enum stop_criterion find_criterion(const struct stopping *stopping, const struct stop_options *options,
                                          const struct stopping_facts *facts) {
  /* comparisons with NAN are false: of an option that is not set, and of a return that is not known */
  if (facts->mean_return >= options->mean_return) return STOP_BY_MEAN_RETURN;
  const int64_t most = options->evaluations_without_gain;
  if (most != OPTION_NULL_INT && stopping->without_gain >= most) return STOP_BY_NO_GAIN;
  return options->seconds > 0 && facts->seconds >= options->seconds ? STOP_BY_SECONDS : STOP_BY_NONE;
}

void stopping_decide(struct stopping *stopping, const struct stop_options *options,
                     const struct stopping_facts *facts) {
  if (stopping->criterion != STOP_BY_NONE) return;
  stopping->criterion = find_criterion(stopping, options, facts);
  if (stopping->criterion != STOP_BY_NONE) stopping->steps = facts->total_steps;
}

void stopping_forget(struct stopping *stopping) {
  stopping->criterion = STOP_BY_NONE;
  stopping->steps = -1;
}

int stopping_state(struct stopping *stopping, struct tensor list[STOPPING_STATE]) {
  list[0] = (struct tensor){criterion_tensor, TENSOR_I64, 0, {0}, &stopping->criterion, RANGE(0, STOP_CRITERIA - 1)};
  list[1] = (struct tensor){steps_tensor, TENSOR_I64, 0, {0}, &stopping->steps, RANGE(-1, RANGE_COUNT_MAX)};
  list[2] = (struct tensor){gain_tensor, TENSOR_I64, 0, {0}, &stopping->without_gain, RANGE_COUNT};
  return STOPPING_STATE;
}

bool stopping_has(const char *tensor) {
  return strcmp(tensor, criterion_tensor) == 0 || strcmp(tensor, steps_tensor) == 0 || strcmp(tensor, gain_tensor) == 0;
}
