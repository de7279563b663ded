#include "math/vector.h"
#include "nn/optimizer.h"

#include <math.h>

/* Rectified Adam (Liu et al. 2020, algorithm 2). With too few steps behind it the variance of Adam's divisor is
 * unknown, and the step is that of the mean gradient alone; later it is Adam's, times r: rho_inf = 2 / (1 - beta2) - 1,
 * rho = rho_inf - 2 t beta2^t / (1 - beta2^t) rho <= 5:  theta -= eta m_hat else:      theta -= eta r m_hat /
 * (sqrt(v_hat) + epsilon) r = sqrt((rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho)) The bound of 5 in
 * place of the paper's 4 is that of torch.optim.RAdam and optax.radam. */
static void radam_step(struct optimizer *radam, float *parameters, const float *gradients, double gradient_scale,
                       double learning_rate) {
  const double beta1 = 0.9, beta2 = 0.999, t = (double)radam->steps, power = pow(beta2, t);
  const double rho_inf = 2.0 / (1.0 - beta2) - 1.0, rho = rho_inf - 2.0 * t * power / (1.0 - power);
  double step_size = learning_rate / (1.0 - pow(beta1, t)), inverse_sqrt_bias2 = 1.0 / sqrt(1.0 - power);
  double epsilon = radam->epsilon;
  if (rho > 5.0) {
    step_size *= sqrt((rho - 4.0) * (rho - 2.0) * rho_inf / ((rho_inf - 4.0) * (rho_inf - 2.0) * rho));
  } else { /* the divisor becomes 1 */
    inverse_sqrt_bias2 = 0.0;
    epsilon = 1.0;
  }
  vector_adam(radam->count, parameters, gradients, radam->moment[0], radam->moment[1], (float)gradient_scale,
              (float)step_size, beta1, beta2, (float)epsilon, (float)inverse_sqrt_bias2);
}

const struct optimizer_type optimizer_radam = {
    .name = "radam",
    .summary = "rectified Adam (Liu et al. 2020)",
    .moments = 2,
    .moment_names = {"optimizer/m", "optimizer/v"},
    .is_square = {false, true},
    .step = radam_step,
};
