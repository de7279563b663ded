#include "nn/optimizer.h"

/* plain gradient descent: theta -= eta g */
static void sgd_step(struct optimizer *sgd, float *parameters, const float *gradients, double gradient_scale,
                     double learning_rate) {
  const float rate = (float)(learning_rate * gradient_scale);
  for (size_t i = 0; i < sgd->count; i++) parameters[i] -= rate * gradients[i];
}

const struct optimizer_type optimizer_sgd = {.name = "sgd", .summary = "plain gradient descent", .step = sgd_step};
