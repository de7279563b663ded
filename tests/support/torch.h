/* Reads minibatches that PyTorch has learned from, and compares with its results (tests/golden/{ppo,a2c}_*.h5). */
#ifndef SUPPORT_TORCH_H
#define SUPPORT_TORCH_H

#include "algo/policy_gradient.h"
#include "support/check.h"
#include "support/golden.h"
#include "support/model.h"

#include <stdio.h>

enum { TORCH_SAMPLES = 64 };

static const struct network_shape torch_discrete = {.obs_dim = 4, .actions = 2, .layers = 2, .hidden = {64, 64}};
static const struct network_shape torch_gaussian = {
    .obs_dim = 3, .layers = 2, .hidden = {64, 64}, .kind = MUSTER_SPACE_BOX, .elements = 2};

/* "policy/1/weight" -> "<group>/actor.2.weight": PyTorch counts the activations as layers */
static inline void torch_path(const char *group, const char *name, char *path, size_t size) {
  char network[16] = "", part[16] = "";
  int layer = -1;
  if (strcmp(name, "policy/log_std") == 0) {
    snprintf(path, size, "%s/log_std", group);
    return;
  }
  CU_ASSERT_EQUAL_FATAL(sscanf(name, "%15[^/]/%d/%15s", network, &layer, part), 3);
  snprintf(path, size, "%s/%s.%d.%s", group, strcmp(network, "policy") == 0 ? "actor" : "critic", 2 * layer, part);
}

static inline void read_floats(const char *file, const char *dataset, float *values, size_t n, size_t stride) {
  struct golden golden = golden_read(file, dataset);
  CU_ASSERT_EQUAL_FATAL(golden.n, n);
  for (size_t i = 0; i < n; i++) values[i * stride] = (float)golden.values[i];
  golden_free(&golden);
}

/* checks n floats of a dataset to a relative error */
static inline void check_dataset(const char *file, const char *dataset, const float *values, size_t n,
                                 double tolerance) {
  struct golden golden = golden_read(file, dataset);
  CU_ASSERT_EQUAL_FATAL(golden.n, n);
  double error = relative_error(values, golden.values, n);
  if (!(error <= tolerance)) printf("\n    %s: %s: relative error %g\n", file, dataset, error);
  CU_ASSERT_TRUE(error <= tolerance);
  golden_free(&golden);
}

static inline void check_scalar(const char *file, const char *dataset, double value, double tolerance) {
  struct golden golden = golden_read(file, dataset);
  double error = fabs(value - golden.values[0]) / fabs(golden.values[0]);
  if (!(error <= tolerance)) printf("\n    %s: %s: %.9g, relative error %g\n", file, dataset, value, error);
  CU_ASSERT_TRUE(error <= tolerance);
  golden_free(&golden);
}

/* checks a block that is laid out like the parameters; each tensor has a dataset */
static inline void check_tensors(const struct model *model, const char *file, const char *group, const float *block,
                                 double tolerance) {
  CU_ASSERT_EQUAL(model->parameters.tensors, model->head.own_count > 0 ? 13 : 12);
  for (int i = 0; i < model->parameters.tensors; i++) {
    const struct parameter *tensor = &model->parameters.tensor[i];
    char path[96];
    torch_path(group, tensor->name, path, sizeof path);
    check_dataset(file, path, block + tensor->offset, tensor->count, tolerance);
  }
}

/* the same for how far the parameters have moved since w0 */
static inline void check_moves(const struct model *model, const char *file, const char *group, double tolerance) {
  for (int i = 0; i < model->parameters.tensors; i++) {
    const struct parameter *tensor = &model->parameters.tensor[i];
    char before_path[96], after_path[96];
    torch_path("w0", tensor->name, before_path, sizeof before_path);
    torch_path(group, tensor->name, after_path, sizeof after_path);
    struct golden before = golden_read(file, before_path), after = golden_read(file, after_path);
    float moved[64 * 64];
    CU_ASSERT_FATAL(tensor->count <= 64 * 64 && before.n == tensor->count && after.n == tensor->count);
    for (size_t k = 0; k < tensor->count; k++) {
      moved[k] = (float)(model->parameters.values[tensor->offset + k] - before.values[k]);
      after.values[k] -= before.values[k];
    }
    double error = relative_error(moved, after.values, tensor->count);
    if (!(error <= tolerance)) printf("\n    %s: move to %s: relative error %g\n", file, after_path, error);
    CU_ASSERT_TRUE(error <= tolerance);
    golden_free(&before);
    golden_free(&after);
  }
}

/* Loads the weights of a file, and its minibatch as one step of 64 environments. */
static inline void load_torch(const char *file, struct policy_gradient *learner, struct trajectory *rollout) {
  struct model *model = learner->model;
  struct batch *batch = &learner->batch;
  for (int i = 0; i < model->parameters.tensors; i++) {
    const struct parameter *tensor = &model->parameters.tensor[i];
    char path[96];
    torch_path("w0", tensor->name, path, sizeof path);
    read_floats(file, path, model->parameters.values + tensor->offset, tensor->count, 1);
  }
  model_pack(model, true);

  /* one step of 64 environments: each row of observations and values has one step more, which nothing reads */
  size_t obs_dim = model->obs_dim, act_dim = model->head.elements;
  float observations[TORCH_SAMPLES * 4], actions[TORCH_SAMPLES * 2];
  read_floats(file, "in/obs", observations, TORCH_SAMPLES * obs_dim, 1);
  read_floats(file, "in/act", actions, TORCH_SAMPLES * act_dim, 1);
  for (size_t n = 0; n < TORCH_SAMPLES; n++)
    memcpy((char *)rollout->observation + n * trajectory_obs_stride(rollout), observations + n * obs_dim,
           rollout->obs_bytes);
  for (size_t i = 0; i < TORCH_SAMPLES * act_dim; i++) {
    if (model->head.counts == NULL)
      ((float *)rollout->action)[i] = actions[i];
    else
      ((int32_t *)rollout->action)[i] = (int32_t)actions[i];
  }
  read_floats(file, "in/old_logp", rollout->log_prob, TORCH_SAMPLES, 1);
  read_floats(file, "in/adv", batch->advantages, TORCH_SAMPLES, 1);
  read_floats(file, "in/old_values", batch->values, TORCH_SAMPLES, 2);
  read_floats(file, "in/returns", batch->returns, TORCH_SAMPLES, 1);
}

#endif
