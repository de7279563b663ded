#include "algo/return_distribution.h"

#include <math.h>

/* one step of a tile: outputs of its action, of the next action of the target network, and where the gradient goes */
struct step {
  size_t n; /* atoms */
  const float *values, *next;
  float *d_values;
  double reward, discount, weight;
};

static struct step step_of(const struct value_learning *learning, const struct value_pass *pass, size_t r) {
  const struct replay_tile *tile = &learning->base.tile;
  const size_t n = learning->base.model->head.atoms, action = (size_t)((const int32_t *)tile->step.action)[r];
  return (struct step){.n = n,
                       .values = pass->values + r * pass->ld + action * n,
                       .next = pass->next_values + r * pass->next_ld + (size_t)pass->next_actions[r] * n,
                       .d_values = learning->d_values + r * learning->d_ld + action * n,
                       .reward = tile->step.reward[r],
                       .discount = tile->discount[r],
                       .weight = pass->weights[r]};
}

/* --- quantiles --- */

/* adds up one quantile's part of the loss, and of its gradient, over all targets */
static double regress(const double *targets, size_t n, double quantile, double tau, double *gradient) {
  double sum = 0, slope = 0;
  for (size_t j = 0; j < n; j++) {
    const double delta = targets[j] - quantile, size = fabs(delta), side = delta < 0 ? 1 - tau : tau;
    sum += side * (size < 1 ? 0.5 * delta * delta : size - 0.5);
    slope -= side * fmin(fmax(delta, -1), 1);
  }
  *gradient = slope / (double)n;
  return sum / (double)n;
}

void quantile_regression_loss(struct value_learning *learning, const struct value_pass *pass,
                              struct value_losses *losses) {
  double targets[RETURN_ATOMS_MAX];
  for (size_t r = 0; r < learning->base.tile.rows; r++) {
    const struct step step = step_of(learning, pass, r);
    double loss = 0, value = 0, target = 0;
    for (size_t j = 0; j < step.n; j++) {
      targets[j] = step.reward + (step.discount > 0 ? step.discount * step.next[j] : 0);
      target += targets[j] / (double)step.n;
    }
    for (size_t i = 0; i < step.n; i++) {
      double gradient;
      loss += regress(targets, step.n, step.values[i], ((double)i + 0.5) / (double)step.n, &gradient);
      value += step.values[i] / (double)step.n;
      step.d_values[i] = (float)(step.weight * gradient * pass->inverse_n);
    }
    losses->loss += step.weight * loss;
    losses->value += value;
    pass->errors[r] = (float)fabs(value - target);
  }
}

/* --- atoms --- */

void categorical_project(size_t n, double low, double high, double reward, double discount, const double *probabilities,
                         double *m) {
  const double gap = (high - low) / (double)(n - 1);
  for (size_t i = 0; i < n; i++) m[i] = 0;
  for (size_t j = 0; j < n; j++) {
    const double shifted = fmin(fmax(reward + discount * (low + (double)j * gap), low), high);
    const double place = fmin((shifted - low) / gap, (double)(n - 1));
    const size_t below = (size_t)place, above = below + 1 < n ? below + 1 : below;
    const double part = place - (double)below;
    m[below] += probabilities[j] * (1 - part);
    m[above] += probabilities[j] * part;
  }
}

/* fills the probabilities of these logits; returns the logarithm of the sum of their exponentials */
static double softmax(const float *logits, size_t n, double *probabilities) {
  double most = -INFINITY, sum = 0;
  for (size_t i = 0; i < n; i++) most = fmax(most, logits[i]);
  for (size_t i = 0; i < n; i++) sum += probabilities[i] = exp(logits[i] - most);
  for (size_t i = 0; i < n; i++) probabilities[i] /= sum;
  return most + log(sum);
}

void categorical_loss(struct value_learning *learning, const struct value_pass *pass, struct value_losses *losses) {
  const struct policy_head *head = &learning->base.model->head;
  double probabilities[RETURN_ATOMS_MAX], m[RETURN_ATOMS_MAX];
  for (size_t r = 0; r < learning->base.tile.rows; r++) {
    const struct step step = step_of(learning, pass, r);
    const double gap = (head->high - head->low) / (double)(step.n - 1);
    double loss = 0, value = 0;
    softmax(step.next, step.n, probabilities);
    categorical_project(step.n, head->low, head->high, step.reward, step.discount, probabilities, m);
    const double log_sum = softmax(step.values, step.n, probabilities);
    for (size_t i = 0; i < step.n; i++) {
      loss -= m[i] * (step.values[i] - log_sum);
      value += probabilities[i] * (head->low + (double)i * gap);
      step.d_values[i] = (float)(step.weight * (probabilities[i] - m[i]) * pass->inverse_n);
    }
    losses->loss += step.weight * loss;
    losses->value += value;
    pass->errors[r] = (float)loss;
  }
}
