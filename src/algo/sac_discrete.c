/* Soft actor-critic for Discrete actions (Christodoulou 2019): critics have a value for every choice, so that what sac
 * estimates from a drawn action is the mean over all actions. Sums over a are over the choices that are allowed.
 *
 *   value    V(s) = sum_a pi(a|s) (min_i Q_i(s, a) - alpha log pi(a|s)),  Q_i by their slow copies  (equation 10)
 *   target   y = R + discount * V(next s)
 *   policy   L = mean sum_a pi(a|s) (alpha log pi(a|s) - min_i Q_i(s, a))  (equation 12)
 *            of which the derivative by logit b is pi_b (g_b - sum_a pi_a g_a),  g = alpha log pi - min Q
 *   temperature  L = -mean log(alpha) * sum_a pi(a|s) (log pi(a|s) + target_entropy)  (equation 11, of log alpha as
 *            for Box actions) */
#include "algo/sac.h"

#include <math.h>
#include <string.h>

/* one row of the policy's logits, and of the critics' values */
struct row {
  const float *logits;
  const uint8_t *mask; /* NULL: every choice is allowed */
  size_t choices;
  double most, log_sum;
};

static bool is_allowed(const struct row *row, size_t a) { return row->mask == NULL || row->mask[a] != 0; }

static struct row row_of(const struct critic_learning *learning, const float *net, size_t ld, const uint8_t *mask,
                         size_t r) {
  const size_t choices = learning->base.model->head.choices;
  struct row row = {net + r * ld, mask != NULL ? mask + r * choices : NULL, choices, -INFINITY, 0};
  for (size_t a = 0; a < choices; a++)
    if (is_allowed(&row, a) && !(row.logits[a] <= row.most)) row.most = row.logits[a];
  for (size_t a = 0; a < choices; a++)
    if (is_allowed(&row, a)) row.log_sum += exp(row.logits[a] - row.most);
  row.log_sum = log(row.log_sum);
  return row;
}

static double log_probability(const struct row *row, size_t a) { return row->logits[a] - row->most - row->log_sum; }

/* the least of the critics' values of choice a in row r */
static double least_value(const struct critic_learning *learning, size_t r, size_t a) {
  double least = learning->values[0][r * learning->value_ld + a];
  for (size_t i = 1; i < learning->n_run; i++) {
    const double value = learning->values[i][r * learning->value_ld + a];
    if (value < least) least = value;
  }
  return least;
}

/* the mean over the actions of alpha log pi - min Q: minus V; and that of log pi */
static double mean_loss(const struct critic_learning *learning, const struct row *row, size_t r,
                        double *mean_log_prob) {
  const double alpha = ((const struct sac *)learning)->ent_coef;
  double mean = 0;
  *mean_log_prob = 0;
  for (size_t a = 0; a < row->choices; a++) {
    if (!is_allowed(row, a)) continue;
    const double log_prob = log_probability(row, a), probability = exp(log_prob);
    mean += probability * (alpha * log_prob - least_value(learning, r, a));
    *mean_log_prob += probability * log_prob;
  }
  return mean;
}

static void find_targets(struct critic_learning *learning, size_t first, size_t rows) {
  (void)first;
  const struct replay_tile *tile = &learning->base.tile;
  struct model *model = learning->base.model;
  size_t ld;
  critic_learning_take(learning, rows, tile->next.observation, NULL);
  const float *net = model_forward(model, learning->next_policy, &ld);
  sac_run_targets(learning);
  for (size_t r = 0; r < rows; r++) {
    const double discount = tile->discount[r];
    double rest = 0, log_prob;
    if (discount > 0) {
      const struct row row = row_of(learning, net, ld, tile->next.mask, r);
      rest = -discount * mean_loss(learning, &row, r, &log_prob);
    }
    learning->targets[r] = (float)(tile->step.reward[r] + rest);
  }
}

/* the loss of row r, whose gradients by the logits become a row of d_net */
static void find_loss(struct critic_learning *learning, const struct row *row, size_t r, struct actor_losses *losses) {
  const double alpha = ((struct sac *)learning)->ent_coef, inverse_n = 1.0 / (double)learning->base.settings.batch_size;
  double mean_log_prob;
  const double mean = mean_loss(learning, row, r, &mean_log_prob);
  losses->loss += mean;
  losses->log_prob += mean_log_prob;
  for (size_t a = 0; a < row->choices; a++) {
    if (!is_allowed(row, a)) continue;
    const double log_prob = log_probability(row, a), own = alpha * log_prob - least_value(learning, r, a);
    learning->d_net[r * learning->d_net_ld + a] = (float)(exp(log_prob) * (own - mean) * inverse_n);
  }
}

static void improve(struct critic_learning *learning, size_t first, const struct linear_groups *groups,
                    const void *observations, float *gradient, struct actor_losses *losses) {
  struct model *model = learning->base.model;
  const uint8_t *mask = critic_learning_masks(learning, first);
  const size_t rows = linear_groups_rows(groups);
  size_t ld;
  critic_learning_take(learning, rows, observations, NULL);
  const float *net = model_forward(model, model->policy, &ld);
  critic_learning_run(learning, learning->critic, learning->n_critics);
  memset(learning->d_net, 0, linear_padded_rows(rows) * learning->d_net_ld * sizeof *learning->d_net);
  for (size_t i = 0, r = 0, end = 0; i < groups->count; i++)
    for (end += groups->rows[i]; r < end; r++) {
      const struct row row = row_of(learning, net, ld, mask, r);
      find_loss(learning, &row, r, &losses[i]);
    }
  critic_learning_fill_gradient(learning, groups, gradient);
}

double sac_discrete_target_entropy(size_t choices) { return 0.98 * log((double)choices); }

const struct critic_rules sac_discrete_rules = {
    .squares = 0.5f, .find_targets = find_targets, .improve = improve, .finish = sac_learn_temperature};
