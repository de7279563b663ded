/* What all algorithms share that learn a table of values: Q(s, a) of every Discrete observation s and Discrete action
 * a, from each step as it comes (Sutton and Barto 2018, chapters 6, 7 and 12). An algorithm adds the value of what
 * comes after a step.
 *
 *   Q(s, a) += alpha (G - Q(s, a)),   G = r_1 + gamma r_2 + ... + gamma^(m-1) r_m + gamma^m v(s'),  m <= n_steps
 *
 *   s' is the state after these m steps. The window is shorter than n_steps only where the episode ends; v(s') = 0
 * where it terminated, and a truncated one goes on at its true last observation.
 *
 * With traces, for all s and a at once (chapter 12.7; Sutton and Barto 1998, figures 7.11 and 7.14):
 *
 *   delta = r + gamma v(s') - Q(s, a)
 *   e(s, a) = e(s, a) + 1 (accumulating), or 1 (replacing)
 *   Q += alpha delta e;   e *= gamma lambda;   e = 0 where the episode ends
 *
 * The tables are doubles. The policy's table of floats, by which the actors act epsilon-greedily, is the same rounded;
 * where there are two tables, their mean. Steps are learned from in the order of time, then of environments, by each
 * learner alike, so the result depends neither on the number of actors nor on that of learners. */
#ifndef ALGO_TABLE_LEARNING_H
#define ALGO_TABLE_LEARNING_H

#include "algo/algorithm.h"
#include "algo/exploration.h"
#include "config/option.h"

enum table_trace { TRACE_NONE, TRACE_ACCUMULATING, TRACE_REPLACING };

/* The options that all of them have: the struct of an algorithm's options begins with them. */
struct table_learning_settings {
  int64_t train_freq, n_steps;
  double gamma, initial_value;
  struct option_schedule learning_rate;
  struct exploration exploration;
  int trace; /* enum table_trace; none where an algorithm has no such rows */
  double lambda;
};

/* What comes after a window of steps. */
struct table_next {
  size_t state;
  size_t action;       /* the one that the behaviour takes there; 0 where the algorithm does not await it */
  const uint8_t *mask; /* [actions] which are allowed there; NULL: all */
};

/* A step of one row, an environment's agent, as the trajectory has it. */
struct table_step {
  size_t state, action;
  const uint8_t *mask; /* [actions] at its state; NULL: all are allowed */
  double reward;
  uint8_t ended; /* 0, ENV_TERMINATED | ENV_TRUNCATED */
  size_t next_state;
  const uint8_t *next_mask;
};

struct table_learning;

/* v(s'): the value of what comes after a window. */
typedef double (*table_value)(const struct table_learning *learning, const struct table_next *next);

#define TABLE_LEARNING_TABLES 2 /* at most */

/* The state of an algorithm begins with this; all have no more. */
struct table_learning {
  struct table_learning_settings settings;
  struct model *model;   /* borrowed */
  struct stages *stages; /* borrowed; may be NULL */
  const struct trajectory *rollout;
  uint64_t seed;
  size_t rows, states, actions, pairs; /* rows of rollouts; pairs = states * actions, pair = state * actions + action */
  int tables;
  double *table[TABLE_LEARNING_TABLES]; /* [states, actions] each */
  float *policy;                        /* [states, actions] the policy's parameters */
  double exploration_rate;              /* epsilon of the policy that acts now */
  double learning_rate;
  int64_t updates; /* of a value, or with traces of the traced ones at once */
  int turn;        /* which table the present update changes */

  /* set by the algorithm's create() */
  table_value value;
  bool awaits_action; /* a step is learned from when the action after it is known: it comes with the next rollout */
  bool cuts_traces;   /* traces end where the action after a step is not greedy (Watkins) */

  /* chances that a test decides by itself: the table that an update changes, and the action after a truncated step */
  int (*choose_table)(const struct table_learning *learning);
  size_t (*choose_action)(const struct table_learning *learning, const struct table_next *next);

  /* what each row has begun */
  int32_t *open_state;   /* [rows] the state that its episode is in; -1: it begins a new one */
  uint8_t *waits;        /* [rows] whether its last step waits for an action */
  int32_t *first, *held; /* [rows] the oldest step of its window in the ring, and how many steps are in it */
  int32_t *window_pair;  /* [rows, n_steps] a ring of the steps that are not learned from yet */
  double *window_reward; /* [rows, n_steps] */
  double *trace;         /* [rows, pairs] e; NULL without traces */
  int32_t *traced;       /* [rows, pairs] the pairs whose trace is not zero */
  int32_t *traces;       /* [rows] how many these are */
  int32_t *final;        /* [environments, train_freq] where a truncated step's true last observation is in the list */

  double sum_error, sum_value; /* over the updates of one rollout, for the metrics */
};

/* What learning a table does unless an algorithm says otherwise: it learns once from each rollout of train_freq steps
 * of every environment. The policy is a table (policy_request.table) that acts epsilon-greedily. A checkpoint holds the
 * tables, and of each row the window, the traces, and what waits. */
extern const struct algorithm_base table_learning_base;

/* For .request, .update and .metrics of all of them. */
void table_learning_request(const void *options, struct policy_request *request);
MUSTER_CHECKED muster_status table_learning_update(void *algorithm, double progress_remaining, double *metrics);
extern const char *const table_learning_metrics[];

/* For .policy: a table has no hidden layers. */
#define TABLE_POLICY(name)                                                                                             \
  (&(const struct option_table){.section = "policy",                                                                   \
                                .owner = name,                                                                         \
                                .options = (const struct option_spec[]){ROW_HIDDEN_SIZES("[]"), {.key = NULL}}})

/* For .create: a second table, equal to the first one. Each update then changes one of them, by the toss of a coin. */
MUSTER_CHECKED muster_status table_learning_add_table(struct table_learning *learning, struct arena *arena);

/* The values of a state's actions, [actions], in the table of that number; and the greedy one among the allowed actions
 * (mask NULL: all), the first one of equal ones. */
static inline const double *table_values(const struct table_learning *learning, int table, size_t state) {
  return learning->table[table] + state * learning->actions;
}
size_t table_greedy(const struct table_learning *learning, const double *values, const uint8_t *mask);

/* Learns from the next step of a row, of which the trajectory has `step`. NUMERIC error where the new value is not
 * finite; no value has changed then. */
MUSTER_CHECKED muster_status table_learning_take_step(struct table_learning *learning, size_t row,
                                                      const struct table_step *step);

/* --- rows of option tables --- */

#define ROW_TABLE_LEARNING_RATE(T)                                                                                     \
  {                                                                                                                    \
    ROW_SETTING(T, learning_rate), .type = OPTION_SCHEDULE, .default_value = "0.1", .min = 0, .max = 1,                \
                                   .help = "part of the way that a value goes towards its target; lin_X falls from X " \
                                           "to zero over the run"                                                      \
  }
#define ROW_TABLE_TRAIN_FREQ(T)                                                                                        \
  {                                                                                                                    \
    ROW_SETTING(T, train_freq), .type = OPTION_INT, .default_value = "1", .min = 1, .max = 1e9,                        \
                                .help = "steps of each environment between updates, with the same policy"              \
  }
#define ROW_TABLE_N_STEPS(T)                                                                                           \
  {                                                                                                                    \
    ROW_SETTING(T, n_steps), .type = OPTION_INT, .default_value = "1", .min = 1, .max = 1e6,                           \
                             .help = "rewards that are summed up before a value takes the place of the rest"           \
  }
#define ROW_INITIAL_VALUE(T)                                                                                           \
  {                                                                                                                    \
    ROW_SETTING(T, initial_value), .type = OPTION_FLOAT, .default_value = "0", .min = -1e30, .max = 1e30,              \
                                   .help = "what all values are at the start; more than can be reached: every action " \
                                           "is tried"                                                                  \
  }
extern const char *const table_trace_names[];
#define ROW_TRACE(T)                                                                                                   \
  {                                                                                                                    \
    ROW_SETTING(T, trace), .type = OPTION_CHOICE, .default_value = "none", .choices = table_trace_names,               \
                           .help = "how an error reaches the values of earlier steps of the episode: not, or by "      \
                                   "traces that a visit adds 1 to (accumulating) or sets to 1 (replacing)"             \
  }
#define ROW_TRACE_LAMBDA(T)                                                                                            \
  {                                                                                                                    \
    ROW_SETTING(T, lambda), .type = OPTION_FLOAT, .default_value = "0.9", .min = 0, .max = 1,                          \
                            .only_when = "trace is not none", .help = "a trace falls by gamma lambda a step"           \
  }

#define ROWS_OF_TABLE_LEARNING(T)                                                                                      \
  ROW_TABLE_LEARNING_RATE(T), ROW_TABLE_TRAIN_FREQ(T), ROW_TABLE_N_STEPS(T), ROW_GAMMA(T, "0.99"),                     \
      ROW_INITIAL_VALUE(T), ROW_EXPLORATION_FRACTION(T, settings.exploration, "0.1"),                                  \
      ROW_EXPLORATION_INITIAL_EPS(T, settings.exploration, "1"),                                                       \
      ROW_EXPLORATION_FINAL_EPS(T, settings.exploration, "0.05"), ROW_EXPLORATION_EPS(T, settings.exploration)
#define ROWS_OF_TRACES(T) ROW_TRACE(T), ROW_TRACE_LAMBDA(T)

#endif
