/* The exploration rate of epsilon-greedy policies over a run, by the options of Stable-Baselines3's DQN: epsilon falls
 * linearly from exploration_initial_eps to exploration_final_eps over the first exploration_fraction of the run; or by
 * any schedule in their place. */
#ifndef ALGO_EXPLORATION_H
#define ALGO_EXPLORATION_H

#include "config/option.h"
#include "nn/model.h"

/* The options: the struct of an algorithm's options has them as `exploration`. */
struct exploration {
  double fraction, initial_eps, final_eps;
  struct option_schedule eps; /* is_null: by the three numbers */
};

/* The exploration rate when this part of the run is left. */
double exploration_rate(const struct exploration *exploration, double progress_remaining);

/* Makes it the rate of the model's policy, whose distribution is epsilon-greedy (nn/distributions/greedy.h). */
void exploration_set(struct model *model, double rate);

/* Their rows in an algorithm's table: T is its struct, `member` the options' place in it. */
#define ROW_EXPLORATION_FRACTION(T, member, value)                                                                     \
  {                                                                                                                    \
    .key = "exploration_fraction", .offset = offsetof(T, member.fraction), .type = OPTION_FLOAT,                       \
    .default_value = value, .min = 0, .max = 1, .help = "part of the run over which the exploration rate falls"        \
  }
#define ROW_EXPLORATION_INITIAL_EPS(T, member, value)                                                                  \
  {                                                                                                                    \
    .key = "exploration_initial_eps", .offset = offsetof(T, member.initial_eps), .type = OPTION_FLOAT,                 \
    .default_value = value, .min = 0, .max = 1, .only_when = "exploration_fraction is not 0",                          \
    .help = "probability of a random action at the start"                                                              \
  }
#define ROW_EXPLORATION_FINAL_EPS(T, member, value)                                                                    \
  {                                                                                                                    \
    .key = "exploration_final_eps", .offset = offsetof(T, member.final_eps), .type = OPTION_FLOAT,                     \
    .default_value = value, .min = 0, .max = 1,                                                                        \
    .help = "probability of a random action after exploration_fraction of the run"                                     \
  }

#define ROW_EXPLORATION_EPS(T, member)                                                                                 \
  {                                                                                                                    \
    .key = "exploration_eps", .offset = offsetof(T, member.eps), .type = OPTION_MAYBE_SCHEDULE,                        \
    .default_value = "null", .min = 0, .max = 1,                                                                       \
    .help = "probability of a random action by any schedule; null: by the three options above"                         \
  }

#endif
