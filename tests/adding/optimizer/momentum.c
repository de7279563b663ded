#include "nn/optimizer.h"

/* Gradient descent with momentum (Polyak 1964), as torch.optim.SGD(momentum=0.9):
 *   v = 0.9 v + g,   theta -= eta v */
static void momentum_step(struct optimizer *momentum, float *parameters, const float *gradients, double gradient_scale,
                          double learning_rate) {
  const float scale = (float)gradient_scale, rate = (float)learning_rate;
  float *v = momentum->moment[0];
  for (size_t i = 0; i < momentum->count; i++) {
    v[i] = 0.9f * v[i] + scale * gradients[i];
    parameters[i] -= rate * v[i];
  }
}

const struct optimizer_type optimizer_momentum = {
    .name = "momentum",
    .summary = "gradient descent with momentum 0.9 (Polyak 1964)",
    .moments = 1,
    .moment_names = {"optimizer/velocity"},
    .step = momentum_step,
};
