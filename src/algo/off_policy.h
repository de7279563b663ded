/* What algorithms share that learn from trajectories of older policies (impala.c, appo.c): their options, and V-trace
 * over a batch. */
#ifndef ALGO_OFF_POLICY_H
#define ALGO_OFF_POLICY_H

#include "algo/policy_gradient.h"
#include "config/option.h"
#include "experience/vtrace.h"

enum off_policy_on_lag { ON_LAG_DROP, ON_LAG_BLOCK };
extern const char *const off_policy_on_lag_names[];

struct off_policy_options {
  int64_t batch;
  int64_t max_policy_lag; /* OPTION_NULL_INT: no limit */
  double vtrace_lambda, rho_bar, c_bar;
  int on_lag; /* enum off_policy_on_lag */
};

/* The rows of an option table whose struct T has these options as its member `off_policy`. */
#define ROW_OFF_POLICY(T, name) .key = #name, .offset = offsetof(T, off_policy.name)
#define ROWS_OFF_POLICY(T)                                                                                             \
  {ROW_OFF_POLICY(T, batch),                                                                                           \
   .type = OPTION_INT,                                                                                                 \
   .default_value = "8",                                                                                               \
   .min = 1,                                                                                                           \
   .max = 1e9,                                                                                                         \
   .help = "trajectories (rollouts of one environment) that an update learns from, once it has so many"},              \
      {ROW_OFF_POLICY(T, max_policy_lag),                                                                              \
       .type = OPTION_MAYBE_INT,                                                                                       \
       .default_value = "null",                                                                                        \
       .min = 0,                                                                                                       \
       .max = 1e9,                                                                                                     \
       .help = "updates that the policy of a trajectory may be behind; null: no limit"},                               \
      {ROW_OFF_POLICY(T, on_lag),                                                                                      \
       .type = OPTION_CHOICE,                                                                                          \
       .default_value = "drop",                                                                                        \
       .choices = off_policy_on_lag_names,                                                                             \
       .only_when = "max_policy_lag is not null",                                                                      \
       .help = "where trajectories would exceed max_policy_lag: drop them, or block the update until they are here"},  \
      {ROW_OFF_POLICY(T, vtrace_lambda),                                                                               \
       .type = OPTION_FLOAT,                                                                                           \
       .default_value = "1",                                                                                           \
       .min = 0,                                                                                                       \
       .max = 1,                                                                                                       \
       .help = "bias against variance in V-trace: a factor of the traces, as GAE's lambda"},                           \
      {ROW_OFF_POLICY(T, rho_bar),                                                                                     \
       .type = OPTION_FLOAT,                                                                                           \
       .default_value = "1",                                                                                           \
       .min = 0,                                                                                                       \
       .min_exclusive = true,                                                                                          \
       .max = OPTION_NO_MAX,                                                                                           \
       .help = "clip of V-trace's ratios in the TD residuals: whose values the critic learns"},                        \
  {                                                                                                                    \
    ROW_OFF_POLICY(T, c_bar), .type = OPTION_FLOAT, .default_value = "1", .min = 0, .max = OPTION_NO_MAX,              \
                              .help = "clip of V-trace's ratios in the traces: how far back a TD residual reaches"     \
  }

/* The parts of an algorithm's check() and needs() that these options have. */
MUSTER_CHECKED muster_status off_policy_check(const struct document *document, const struct off_policy_options *options,
                                              int64_t n_steps, int64_t num_envs);
void off_policy_needs(const struct off_policy_options *options, struct rollout_needs *needs);

struct off_policy {
  struct vtrace_settings vtrace;
  float *ratio; /* [rows * T] pi / mu of the actions */
};

/* `pg_rho_bar`: clip of the ratio that weighs the advantages; NAN: the loss has the ratio itself. For a batch of at
 * most `samples`. */
MUSTER_CHECKED muster_status off_policy_create(const struct off_policy_options *options, double gamma,
                                               double pg_rho_bar, size_t samples, struct arena *arena,
                                               struct off_policy *off_policy);

/* How much the policy differs from those that acted. */
struct off_policy_summary {
  double rho;     /* mean min(rho_bar, pi / mu) */
  double clipped; /* share of samples with pi / mu > rho_bar */
  double kl;      /* mean (w - 1 - log w), w = pi / mu */
};
enum { OFF_POLICY_METRICS = 3 };
#define METRIC_NAMES_OFF_POLICY "train/vtrace_rho", "train/vtrace_clipped", "train/behaviour_kl"

/* Packs the weights, lists the samples, evaluates policy and critic over the batch, and fills its advantages and
 * returns by V-trace. */
struct off_policy_summary off_policy_estimate(struct off_policy *off_policy, struct policy_gradient *policy);
void off_policy_fill(const struct off_policy_summary *summary, double metrics[OFF_POLICY_METRICS]);

#endif
