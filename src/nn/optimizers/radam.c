#include "math/vector.h"
#include "nn/optimizer.h"

#include <math.h>

/* Rectified Adam (Liu et al. 2020, algorithm 2). With too few steps behind it the variance of Adam's divisor is
 * unknown, and the step is that of the mean gradient alone; later it is Adam's, times r: rho_inf = 2 / (1 - beta2) - 1,
 * rho = rho_inf - 2 t beta2^t / (1 - beta2^t) rho <= 5:  theta -= eta m_hat else:      theta -= eta r m_hat /
 * (sqrt(v_hat) + epsilon) r = sqrt((rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho)) The bound of 5 in
 * place of the paper's 4 is that of torch.optim.RAdam and optax.radam. */
static const double beta1 = 0.9, beta2 = 0.999;

/* of a step, as vector_adam() takes them */
enum { STEP_SIZE, INVERSE_SQRT_BIAS2, EPSILON };

static void radam_begin(struct optimizer *radam, double learning_rate) {
  const double t = (double)radam->steps, power = pow(beta2, t);
  const double rho_inf = 2.0 / (1.0 - beta2) - 1.0, rho = rho_inf - 2.0 * t * power / (1.0 - power);
  double *constant = radam->constant;
  constant[STEP_SIZE] = learning_rate / (1.0 - pow(beta1, t));
  constant[INVERSE_SQRT_BIAS2] = 1.0 / sqrt(1.0 - power);
  constant[EPSILON] = radam->epsilon;
  if (rho > 5.0) {
    constant[STEP_SIZE] *= sqrt((rho - 4.0) * (rho - 2.0) * rho_inf / ((rho_inf - 4.0) * (rho_inf - 2.0) * rho));
  } else { /* the divisor becomes 1 */
    constant[INVERSE_SQRT_BIAS2] = 0.0;
    constant[EPSILON] = 1.0;
  }
}

static void radam_step(struct optimizer *radam, float *parameters, const float *gradients, double gradient_scale,
                       double learning_rate) {
  const double *constant = radam->constant;
  (void)learning_rate;
  vector_adam(radam->count, parameters, gradients, radam->moment[0], radam->moment[1], (float)gradient_scale,
              (float)constant[STEP_SIZE], beta1, beta2, (float)constant[EPSILON], (float)constant[INVERSE_SQRT_BIAS2]);
}

const struct optimizer_type optimizer_radam = {
    .name = "radam",
    .summary = "rectified Adam (Liu et al. 2020)",
    .moments = 2,
    .moment_names = {"optimizer/m", "optimizer/v"},
    .is_square = {false, true},
    .begin = radam_begin,
    .step = radam_step,
};
