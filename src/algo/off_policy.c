#include "algo/off_policy.h"

#include "math/vector.h"

/* --- options --- */

const char *const off_policy_on_lag_names[] = {"drop", "block", NULL};

muster_status off_policy_check(const struct document *document, const struct off_policy_options *options,
                               int64_t n_steps, int64_t num_envs) {
  /* an actor sends the trajectories of all its environments at once: a batch may have up to num_envs too many */
  int64_t trajectories = options->batch + num_envs;
  if (n_steps > INT32_MAX / trajectories)
    return document_error(document, "algorithm.n_steps",
                          "makes batches of up to %lld samples with batch %lld and num_envs %lld; expects at most %d",
                          (long long)(n_steps * trajectories), (long long)options->batch, (long long)num_envs,
                          INT32_MAX);
  if (options->on_lag == ON_LAG_BLOCK && options->max_policy_lag < 1)
    return document_error(document, "algorithm.on_lag",
                          "is block, but algorithm.max_policy_lag is %s; expects a max_policy_lag of at least 1",
                          options->max_policy_lag == 0 ? "0, which all that is under way is beyond" : "null, no limit");
  return MUSTER_OK;
}

void off_policy_needs(const struct off_policy_options *options, struct rollout_needs *needs) {
  needs->asynchronous = ASYNCHRONOUS_TRAJECTORIES;
  needs->batch = (size_t)options->batch;
  needs->max_policy_lag = options->max_policy_lag == OPTION_NULL_INT ? INT64_MAX : options->max_policy_lag;
  needs->block_on_lag = options->on_lag == ON_LAG_BLOCK;
}

/* --- V-trace over a batch --- */

muster_status off_policy_create(const struct off_policy_options *options, double gamma, double pg_rho_bar,
                                size_t samples, struct arena *arena, struct off_policy *off_policy) {
  off_policy->vtrace = (struct vtrace_settings){
      .gamma = (float)gamma,
      .lambda = (float)options->vtrace_lambda,
      .rho_bar = (float)options->rho_bar,
      .c_bar = (float)options->c_bar,
      .pg_rho_bar = (float)pg_rho_bar,
  };
  return ARENA_TAKE(arena, samples, "ratios", &off_policy->ratio);
}

/* turns a row's log-probabilities under the present policy into ratios to the one that acted, and adds up what the
 * summary says */
static void make_ratios(size_t n, float *ratio, const float *behaviour, float rho_bar,
                        struct off_policy_summary *sums) {
  for (size_t t = 0; t < n; t++) {
    ratio[t] -= behaviour[t];
    sums->kl -= ratio[t];
  }
  vector_exp(n, ratio, ratio);
  for (size_t t = 0; t < n; t++) {
    sums->kl += ratio[t] - 1.0;
    sums->rho += ratio[t] > rho_bar ? rho_bar : ratio[t];
    sums->clipped += ratio[t] > rho_bar ? 1.0 : 0.0;
  }
}

struct off_policy_summary off_policy_estimate(struct off_policy *off_policy, struct policy_gradient *policy) {
  struct batch *batch = &policy->batch;
  const struct trajectory *rollout = batch->rollout;
  struct off_policy_summary summary = {0};
  model_pack(policy->model, true);
  batch_list_samples(batch);
  batch_evaluate(batch, policy->model);
  policy_gradient_log_probs(policy, off_policy->ratio);
  for (size_t index = 0; index < rollout->n_rows; index++) {
    const struct advantage_row row = batch_row(batch, index);
    size_t first = index * rollout->n_steps;
    float *ratio = off_policy->ratio + first;
    make_ratios(row.n_steps, ratio, rollout->log_prob + first, off_policy->vtrace.rho_bar, &summary);
    vtrace(&row, ratio, &off_policy->vtrace, batch->returns + first, batch->advantages + first);
  }
  double samples = (double)batch->count;
  return (struct off_policy_summary){summary.rho / samples, summary.clipped / samples, summary.kl / samples};
}

void off_policy_fill(const struct off_policy_summary *summary, double metrics[OFF_POLICY_METRICS]) {
  metrics[0] = summary->rho;
  metrics[1] = summary->clipped;
  metrics[2] = summary->kl;
}
