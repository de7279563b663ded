#include "math/vector.h"
#include "nn/optimizer.h"

#include <math.h>

/* Adam (Kingma and Ba 2015, algorithm 1), as torch.optim.Adam without weight decay:
 *   m = 0.9 m + 0.1 g,  v = 0.999 v + 0.001 g^2,  theta -= eta m_hat / (sqrt(v_hat) + epsilon) */
static const double beta1 = 0.9, beta2 = 0.999;

/* of a step: eta / (1 - beta1^t), and 1 / sqrt(1 - beta2^t) */
enum { STEP_SIZE, INVERSE_SQRT_BIAS2 };

static void adam_begin(struct optimizer *adam, double learning_rate) {
  const double correction1 = 1.0 - pow(beta1, (double)adam->steps), correction2 = 1.0 - pow(beta2, (double)adam->steps);
  adam->constant[STEP_SIZE] = learning_rate / correction1;
  adam->constant[INVERSE_SQRT_BIAS2] = 1.0 / sqrt(correction2);
}

static void adam_step(struct optimizer *adam, float *parameters, const float *gradients, double gradient_scale,
                      double learning_rate) {
  (void)learning_rate;
  vector_adam(adam->count, parameters, gradients, adam->moment[0], adam->moment[1], (float)gradient_scale,
              (float)adam->constant[STEP_SIZE], beta1, beta2, (float)adam->epsilon,
              (float)adam->constant[INVERSE_SQRT_BIAS2]);
}

const struct optimizer_type optimizer_adam = {
    .name = "adam",
    .summary = "Adam (Kingma and Ba 2015)",
    .moments = 2,
    .moment_names = {"optimizer/m", "optimizer/v"},
    .is_square = {false, true},
    .begin = adam_begin,
    .step = adam_step,
};
