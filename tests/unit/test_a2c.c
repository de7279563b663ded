/* A2C against PyTorch's autograd and RMSprop in both forms (tests/golden/a2c_*.h5). */
#include "algo/a2c.h"
#include "support/torch.h"

enum { STEPS = 5 };

struct golden_case {
  const char *file;
  bool gaussian;
  const struct optimizer_type *optimizer;
};

static const struct golden_case golden_cases[] = {
    {"a2c_discrete_rmsprop.h5", false, &optimizer_rmsprop},
    {"a2c_discrete_rmsproptf.h5", false, &optimizer_rmsprop_tf},
    {"a2c_discrete_normadv_rmsproptf.h5", false, &optimizer_rmsprop_tf},
    {"a2c_gaussian_rmsprop.h5", true, &optimizer_rmsprop},
    {"a2c_gaussian_rmsproptf.h5", true, &optimizer_rmsprop_tf},
};
enum { GOLDEN_CASES = sizeof golden_cases / sizeof *golden_cases };

struct fixture {
  struct arena *arena;
  struct a2c_options options;
  struct model model;
  struct trajectory rollout;
  struct policy_gradient *learner;
};

static void load_case(struct fixture *f, const struct golden_case *c) {
  const struct network_shape *shape = c->gaussian ? &torch_gaussian : &torch_discrete;
  const struct algorithm_type *type;
  void *algorithm;
  CHECK_OK_FATAL(arena_create(&f->arena));
  create_model(shape, model_critic_v, f->arena, &f->model);
  create_rollout(shape, TORCH_SAMPLES, 1, f->arena, &f->rollout);
  CHECK_OK_FATAL(algorithm_find("a2c", &type));
  CHECK_OK_FATAL(option_set_defaults(type->options, &f->options));
  f->options.settings.vf_coef = golden_attribute(c->file, "/", "vf_coef");
  f->options.settings.ent_coef.initial = golden_attribute(c->file, "/", "ent_coef");
  f->options.settings.max_grad_norm = golden_attribute(c->file, "/", "max_grad_norm");
  f->options.settings.optimizer_epsilon = golden_attribute(c->file, "/", "eps");
  f->options.settings.normalize_advantage = golden_attribute(c->file, "/", "normalize_advantage") != 0;
  strcpy(f->options.settings.optimizer, c->optimizer->name);
  struct algorithm_context context = {
      .options = &f->options, .model = &f->model, .rollout = &f->rollout, .seed = 5, .arena = f->arena};
  CHECK_OK_FATAL(algorithm_create(type, &context, &algorithm));
  f->learner = algorithm;
  load_torch(c->file, f->learner, &f->rollout);
}

/* the minibatch, its samples in the order of the file */
static double file_minibatch(struct fixture *f, struct losses *losses) {
  uint32_t index[TORCH_SAMPLES];
  for (uint32_t i = 0; i < TORCH_SAMPLES; i++) index[i] = i;
  CHECK_OK_FATAL(policy_gradient_gradient(f->learner, &a2c_loss, index, TORCH_SAMPLES, losses));
  return losses->policy + f->options.settings.ent_coef.initial * losses->entropy +
         f->options.settings.vf_coef * losses->value;
}

static void test_golden_loss(void) {
  for (size_t i = 0; i < GOLDEN_CASES; i++) {
    const struct golden_case *c = &golden_cases[i];
    struct fixture f;
    load_case(&f, c);
    struct losses losses;
    check_scalar(c->file, "f64/loss", file_minibatch(&f, &losses), 1e-5);
    check_scalar(c->file, "f64/policy_loss", losses.policy, 1e-5);
    check_scalar(c->file, "f64/value_loss", losses.value, 1e-5);
    check_scalar(c->file, "f64/entropy", -losses.entropy, 1e-5);
    check_dataset(c->file, "f64/logp", f.model.head.log_prob, TORCH_SAMPLES, 1e-5);
    check_tensors(&f.model, c->file, "f64/grad", f.model.parameters.gradients, 1e-5);
    arena_destroy(&f.arena);
  }
}

/* Checks how far the parameters have moved. The error may be a share of the tensor's largest move, plus what the
 * weights themselves are rounded by in each step, half a unit in their last place. (The moves of the TensorFlow-like
 * form are so small that this rounding is up to a hundredth of them.) Errors seen: 1e-5 for that form; 3e-5 for
 * PyTorch's, which divides each gradient by its own size, so that the rounding of small ones shows. */
static void check_steps(const struct model *model, const char *file, const char *group, int steps, double tolerance) {
  for (int i = 0; i < model->parameters.tensors; i++) {
    const struct parameter *tensor = &model->parameters.tensor[i];
    char before_path[96], after_path[96];
    torch_path("w0", tensor->name, before_path, sizeof before_path);
    torch_path(group, tensor->name, after_path, sizeof after_path);
    struct golden before = golden_read(file, before_path), after = golden_read(file, after_path);
    double largest = 0;
    for (size_t k = 0; k < tensor->count; k++) largest = fmax(largest, fabs(after.values[k] - before.values[k]));
    for (size_t k = 0; k < tensor->count; k++) {
      double weight = model->parameters.values[tensor->offset + k];
      double rounding = steps * fmax(fabs(weight), fabs(before.values[k])) * 0x1p-24;
      CU_ASSERT_TRUE(fabs(weight - after.values[k]) <= tolerance * largest + rounding);
    }
    golden_free(&before);
    golden_free(&after);
  }
}

static void test_golden_steps(void) {
  for (size_t i = 0; i < GOLDEN_CASES; i++) {
    const struct golden_case *c = &golden_cases[i];
    struct fixture f;
    load_case(&f, c);
    double tolerance = c->optimizer == &optimizer_rmsprop ? 5e-5 : 1e-5;
    for (int step = 1; step <= STEPS; step++) {
      char path[64];
      struct losses losses;
      double norm;
      snprintf(path, sizeof path, "f64/loss_at_step%d", step);
      check_scalar(c->file, path, file_minibatch(&f, &losses), 1e-5);
      CHECK_OK_FATAL(policy_gradient_optimizer_step(f.learner, golden_attribute(c->file, "/", "lr"), &norm));
      model_pack(&f.model, true);
      snprintf(path, sizeof path, "f64/grad_norm_at_step%d", step);
      check_scalar(c->file, path, norm, 1e-5);
      if (step == 1) check_tensors(&f.model, c->file, "f64/w1", f.model.parameters.values, 1e-5);
      if (step == 1) check_steps(&f.model, c->file, "f64/w1", 1, tolerance);
    }
    check_tensors(&f.model, c->file, "f64/w5", f.model.parameters.values, 1e-5);
    check_steps(&f.model, c->file, "f64/w5", STEPS, tolerance);
    arena_destroy(&f.arena);
  }
}

static const struct check_case cases[] = {
    {"loss and gradients are PyTorch's", test_golden_loss},
    {"five RMSprop steps are PyTorch's and SB3's", test_golden_steps},
};

CHECK_MAIN("a2c", cases)
