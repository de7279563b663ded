#include "nn/optimizer.h"

#include "math/vector.h"

#include <math.h>

/* --- the optimizers --- */

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

static const struct optimizer_type optimizer_adam = {
    .name = "adam",
    .summary = "Adam (Kingma and Ba 2015)",
    .moments = 2,
    .squares = 1,
    .moment_names = {"optimizer/m", "optimizer/v"},
    .step = adam_step,
};

#define RMSPROP_ALPHA 0.99f

/* RMSprop (Tieleman and Hinton 2012), as torch.optim.RMSprop: v = 0.99 v + 0.01 g^2, starting at zero,
 *   theta -= eta g / (sqrt(v) + epsilon) */
static void rmsprop_step(struct optimizer *rmsprop, float *parameters, const float *gradients, double gradient_scale,
                         double learning_rate) {
  const float scale = (float)gradient_scale, rate = (float)learning_rate, epsilon = (float)rmsprop->epsilon;
  float *v = rmsprop->moment[0];
  for (size_t i = 0; i < rmsprop->count; i++) {
    float g = gradients[i] * scale;
    v[i] = RMSPROP_ALPHA * v[i] + (1.0f - RMSPROP_ALPHA) * g * g;
    parameters[i] -= rate * g / (sqrtf(v[i]) + epsilon);
  }
}

static const struct optimizer_type optimizer_rmsprop = {
    .name = "rmsprop",
    .summary = "RMSprop as PyTorch has it",
    .moments = 1,
    .moment_names = {"optimizer/v"},
    .step = rmsprop_step,
};

/* RMSprop as TensorFlow 1 had it, Stable-Baselines3's RMSpropTFLike: v starts at one, epsilon is under the root */
static void rmsprop_tf_step(struct optimizer *rmsprop, float *parameters, const float *gradients, double gradient_scale,
                            double learning_rate) {
  const float scale = (float)gradient_scale, rate = (float)learning_rate, epsilon = (float)rmsprop->epsilon;
  float *v = rmsprop->moment[0];
  for (size_t i = 0; i < rmsprop->count; i++) {
    float g = gradients[i] * scale;
    v[i] = RMSPROP_ALPHA * v[i] + (1.0f - RMSPROP_ALPHA) * g * g;
    parameters[i] -= rate * g / sqrtf(v[i] + epsilon);
  }
}

static const struct optimizer_type optimizer_rmsprop_tf = {
    .name = "rmsprop_tf",
    .summary = "RMSprop as TensorFlow 1 had it (RMSpropTFLike of Stable-Baselines3)",
    .moments = 1,
    .moment_names = {"optimizer/v"},
    .initial_moment = 1.0f,
    .step = rmsprop_tf_step,
};

/* plain gradient descent: theta -= eta g */
static void sgd_step(struct optimizer *sgd, float *parameters, const float *gradients, double gradient_scale,
                     double learning_rate) {
  const float rate = (float)(learning_rate * gradient_scale);
  for (size_t i = 0; i < sgd->count; i++) parameters[i] -= rate * gradients[i];
}

static const struct optimizer_type optimizer_sgd = {
    .name = "sgd", .summary = "plain gradient descent", .step = sgd_step};

/* --- the registry: one line an optimizer, and its name at the same place --- */

static const struct optimizer_type *const optimizers[] = {
    [OPTIMIZER_ADAM] = &optimizer_adam,
    [OPTIMIZER_RMSPROP] = &optimizer_rmsprop,
    [OPTIMIZER_RMSPROP_TF] = &optimizer_rmsprop_tf,
    [OPTIMIZER_SGD] = &optimizer_sgd,
    NULL,
};

const char *const optimizer_names[] = {"adam", "rmsprop", "rmsprop_tf", "sgd", NULL};

const struct optimizer_type *const *optimizer_list(void) { return optimizers; }

/* --- life --- */

const char *optimizer_lacks(const struct optimizer_type *type) {
  if (type->name == NULL) return "name";
  if (type->summary == NULL) return "summary";
  if (type->moments < 0 || type->moments > OPTIMIZER_MAX_MOMENTS) return "moments in the range";
  for (int i = 0; i < type->moments; i++)
    if (type->moment_names[i] == NULL) return "moment_names";
  return type->step == NULL ? "step" : NULL;
}

muster_status optimizer_create(const struct optimizer_type *type, size_t count, double epsilon, struct arena *arena,
                               struct optimizer *optimizer) {
  const char *lack = optimizer_lacks(type);
  if (lack != NULL) return status_error(MUSTER_ERROR_INTERNAL, "the optimizer is not whole: its table lacks %s", lack);
  *optimizer = (struct optimizer){.type = type, .count = count, .epsilon = epsilon};
  for (int k = 0; k < type->moments; k++) {
    MUSTER_TRY(ARENA_TAKE(arena, count, "moments of the optimizer", &optimizer->moment[k]));
    for (size_t i = 0; i < count; i++) optimizer->moment[k][i] = type->initial_moment;
  }
  return MUSTER_OK;
}

void optimizer_step(struct optimizer *optimizer, float *parameters, const float *gradients, double gradient_scale,
                    double learning_rate) {
  optimizer->steps++;
  optimizer->type->step(optimizer, parameters, gradients, gradient_scale, learning_rate);
}

int optimizer_state(struct optimizer *optimizer, struct tensor list[OPTIMIZER_STATE]) {
  int n = 0;
  for (; n < optimizer->type->moments; n++) {
    list[n] = (struct tensor){
        optimizer->type->moment_names[n], TENSOR_F32, 1, {optimizer->count}, optimizer->moment[n], RANGE_FINITE};
    // squares of large gradients may have become infinite, which stands still
    if (n == optimizer->type->squares) list[n].range = RANGE(0, INFINITY);
  }
  list[n++] = (struct tensor){"optimizer/steps", TENSOR_I64, 0, {0}, &optimizer->steps, RANGE_COUNT};
  return n;
}
