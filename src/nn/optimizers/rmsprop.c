#include "nn/optimizer.h"

#include <math.h>

#define RMSPROP_ALPHA 0.99f

/* v = 0.99 v + 0.01 g^2,  theta -= eta g / (sqrt(v + under_root) + after_root) */
static void step(struct optimizer *rmsprop, float *parameters, const float *gradients, float scale, float rate,
                 float under_root, float after_root) {
  float *v = rmsprop->moment[0];
  for (size_t i = 0; i < rmsprop->count; i++) {
    float g = gradients[i] * scale;
    v[i] = RMSPROP_ALPHA * v[i] + (1.0f - RMSPROP_ALPHA) * g * g;
    parameters[i] -= rate * g / (sqrtf(v[i] + under_root) + after_root);
  }
}

/* RMSprop (Tieleman and Hinton 2012), as torch.optim.RMSprop: v starts at zero, epsilon is added to the root */
static void rmsprop_step(struct optimizer *rmsprop, float *parameters, const float *gradients, double gradient_scale,
                         double learning_rate) {
  step(rmsprop, parameters, gradients, (float)gradient_scale, (float)learning_rate, 0.0f, (float)rmsprop->epsilon);
}

const struct optimizer_type optimizer_rmsprop = {
    .name = "rmsprop",
    .summary = "RMSprop as PyTorch has it",
    .moments = 1,
    .moment_names = {"optimizer/v"},
    .is_square = {true},
    .step = rmsprop_step,
};

/* RMSprop as TensorFlow 1 had it, Stable-Baselines3's RMSpropTFLike: v starts at one, epsilon is under the root */
static void rmsprop_tf_step(struct optimizer *rmsprop, float *parameters, const float *gradients, double gradient_scale,
                            double learning_rate) {
  step(rmsprop, parameters, gradients, (float)gradient_scale, (float)learning_rate, (float)rmsprop->epsilon, 0.0f);
}

const struct optimizer_type optimizer_rmsprop_tf = {
    .name = "rmsprop_tf",
    .summary = "RMSprop as TensorFlow 1 had it (RMSpropTFLike of Stable-Baselines3)",
    .moments = 1,
    .moment_names = {"optimizer/v"},
    .is_square = {true},
    .initial_moment = 1.0f,
    .step = rmsprop_tf_step,
};
