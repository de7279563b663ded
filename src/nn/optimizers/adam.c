#include "math/vector.h"
#include "nn/optimizer.h"

#include <math.h>

/* Adam (Kingma and Ba 2015, algorithm 1), as torch.optim.Adam without weight decay:
 *   m = 0.9 m + 0.1 g,  v = 0.999 v + 0.001 g^2,  theta -= eta m_hat / (sqrt(v_hat) + epsilon) */
static void adam_step(struct optimizer *adam, float *parameters, const float *gradients, double gradient_scale,
                      double learning_rate) {
  const double beta1 = 0.9, beta2 = 0.999;
  double correction1 = 1.0 - pow(beta1, (double)adam->steps);
  double correction2 = 1.0 - pow(beta2, (double)adam->steps);
  vector_adam(adam->count, parameters, gradients, adam->moment[0], adam->moment[1], (float)gradient_scale,
              (float)(learning_rate / correction1), beta1, beta2, (float)adam->epsilon,
              (float)(1.0 / sqrt(correction2)));
}

const struct optimizer_type optimizer_adam = {
    .name = "adam",
    .summary = "Adam (Kingma and Ba 2015)",
    .moments = 2,
    .moment_names = {"optimizer/m", "optimizer/v"},
    .is_square = {false, true},
    .step = adam_step,
};
