/* PPO against PyTorch's autograd and Adam (tests/golden/ppo_*.h5), and what an update promises. */
#include "algo/batch.h"
#include "algo/ppo.h"
#include "math/vector.h"
#include "support/algorithm.h"
#include "support/check.h"
#include "support/torch.h"

#include <stdio.h>

enum { SAMPLES = TORCH_SAMPLES, STEPS = 5 };

struct fixture {
  struct arena *arena;
  struct ppo_options options;
  struct model model;
  struct trajectory rollout;
  const struct algorithm_type *type;
  struct policy_gradient *ppo;
};

/* a model and an empty rollout; the options may be changed before create_ppo() */
static void setup(struct fixture *f, const struct network_shape *shape, size_t n_envs, size_t n_steps) {
  *f = (struct fixture){0};
  CHECK_OK_FATAL(arena_create(&f->arena));
  create_model(shape, model_critic_v, f->arena, &f->model);
  create_rollout(shape, n_envs, n_steps, f->arena, &f->rollout);
  CHECK_OK_FATAL(algorithm_find("ppo", &f->type));
  CHECK_OK_FATAL(option_set_defaults(f->type->options, &f->options));
}

static void create_ppo(struct fixture *f) {
  struct algorithm_context context = {
      .options = &f->options, .model = &f->model, .rollout = &f->rollout, .seed = 5, .arena = f->arena};
  void *algorithm;
  CHECK_OK_FATAL(algorithm_create(f->type, &context, &algorithm));
  f->ppo = algorithm;
}

/* a tensor of the algorithm's state by its name */
static void *state(const struct fixture *f, const char *name) {
  struct tensor list[ALGORITHM_MAX_STATE];
  int n = algorithm_state(f->type, f->ppo, list);
  for (int i = 0; i < n; i++)
    if (strcmp(list[i].name, name) == 0) return list[i].data;
  CU_FAIL_FATAL("no such state");
  return NULL;
}

/* --- against PyTorch --- */

struct golden_case {
  const char *file;
  double vf_factor; /* the file's value loss is this number times the plain mean of squares */
  double clip_range_vf;
  bool gaussian;
};

static const struct golden_case golden_cases[] = {
    {"ppo_discrete_sb3.h5", 1.0, INFINITY, false},      {"ppo_discrete_cleanrl.h5", 0.5, INFINITY, false},
    {"ppo_discrete_cleanrl_vclip.h5", 0.5, 0.2, false}, {"ppo_gaussian_sb3.h5", 1.0, INFINITY, true},
    {"ppo_gaussian_cleanrl.h5", 0.5, INFINITY, true},   {"ppo_gaussian_cleanrl_vclip.h5", 0.5, 0.2, true},
};
enum { GOLDEN_CASES = sizeof golden_cases / sizeof *golden_cases };

/* the weights, the minibatch and the coefficients of a file */
static void load_case(struct fixture *f, const struct golden_case *c) {
  setup(f, c->gaussian ? &torch_gaussian : &torch_discrete, SAMPLES, 1);
  f->options.settings.vf_coef = c->vf_factor * golden_attribute(c->file, "/", "vf_coef");
  f->options.settings.ent_coef.initial = golden_attribute(c->file, "/", "ent_coef");
  f->options.settings.max_grad_norm = golden_attribute(c->file, "/", "max_grad_norm");
  f->options.settings.optimizer_epsilon = golden_attribute(c->file, "/", "adam_eps");
  f->options.clip_range_vf_form = PPO_VALUE_CLIP_MAX;
  create_ppo(f);
  load_torch(c->file, f->ppo, &f->rollout);
}

/* the minibatch, its samples in the order of the file */
static void file_minibatch(struct fixture *f, const struct golden_case *c, struct losses *loss) {
  uint32_t index[SAMPLES];
  for (uint32_t i = 0; i < SAMPLES; i++) index[i] = i;
  CHECK_OK_FATAL(
      ppo_minibatch_gradient(f->ppo, index, SAMPLES, golden_attribute(c->file, "/", "clip"), c->clip_range_vf, loss));
}

static double total_loss(const struct fixture *f, const struct losses *loss) {
  return loss->policy + f->options.settings.ent_coef.initial * loss->entropy +
         f->options.settings.vf_coef * loss->value;
}

/* Errors seen: relative ones up to 4e-7 (policy loss, gradients), 2e-7 of a sample; the share of clipped samples is
 * exact. */
static void test_golden_loss(void) {
  for (size_t i = 0; i < GOLDEN_CASES; i++) {
    const struct golden_case *c = &golden_cases[i];
    struct fixture f;
    load_case(&f, c);
    struct losses loss;
    file_minibatch(&f, c, &loss);
    check_scalar(c->file, "f64/policy_loss", loss.policy, 1e-5);
    check_scalar(c->file, "f64/value_loss", loss.value * c->vf_factor, 1e-5);
    check_scalar(c->file, "f64/entropy", -loss.entropy, 1e-5);
    check_scalar(c->file, "f64/approx_kl", loss.approx_kl, 1e-5);
    check_scalar(c->file, "f64/clipfrac", loss.clip_fraction, 0.0);
    check_scalar(c->file, "f64/loss", total_loss(&f, &loss), 1e-5);
    CU_ASSERT_EQUAL(loss.ratio_mismatches, SAMPLES);

    /* the values of each sample that the forward pass has left */
    const struct policy_head *tile = &f.model.head;
    float ratios[SAMPLES], values[SAMPLES];
    for (size_t r = 0; r < SAMPLES; r++) {
      ratios[r] = tile->log_prob[r] - f.rollout.log_prob[r];
      values[r] = f.model.value->network.layer[2].output[r * linear_padded(1)];
    }
    vector_exp(SAMPLES, ratios, ratios);
    check_dataset(c->file, "f64/logp", tile->log_prob, SAMPLES, 1e-5);
    check_dataset(c->file, "f64/entropy_each", tile->entropy, SAMPLES, 1e-5);
    check_dataset(c->file, "f64/ratio", ratios, SAMPLES, 1e-5);
    check_dataset(c->file, "f64/values", values, SAMPLES, 1e-5);

    /* gradients before clipping */
    check_tensors(&f.model, c->file, "f64/grad", f.model.parameters.gradients, 1e-5);
    arena_destroy(&f.arena);
  }
}

/* Adam's first moment after one step is a tenth of the clipped gradient. Errors seen: clipped gradients 5e-7, weights
 * 2e-7, and the moves alone, which contain the rounding of the weights, 4e-4 after one step and 2e-4 after five. */
static void test_golden_steps(void) {
  for (size_t i = 0; i < GOLDEN_CASES; i++) {
    const struct golden_case *c = &golden_cases[i];
    struct fixture f;
    load_case(&f, c);
    for (int step = 1; step <= STEPS; step++) {
      char path[64];
      struct losses loss;
      double norm;
      file_minibatch(&f, c, &loss);
      CHECK_OK_FATAL(policy_gradient_optimizer_step(f.ppo, golden_attribute(c->file, "/", "lr"), &norm));
      model_pack(&f.model, true);
      snprintf(path, sizeof path, "f64/loss_at_step%d", step);
      check_scalar(c->file, path, total_loss(&f, &loss), 1e-5);
      snprintf(path, sizeof path, "f64/grad_norm_at_step%d", step);
      check_scalar(c->file, path, norm, 1e-5);
      if (step > 1) continue;
      check_scalar(c->file, "f64/grad_norm", norm, 1e-5);
      const float *m = state(&f, "optimizer/m");
      float *clipped = malloc(f.model.parameters.count * sizeof *clipped);
      for (size_t k = 0; k < f.model.parameters.count; k++) clipped[k] = 10.0f * m[k];
      check_tensors(&f.model, c->file, "f64/grad_clipped", clipped, 1e-5);
      free(clipped);
      check_tensors(&f.model, c->file, "f64/w1", f.model.parameters.values, 1e-5);
      check_moves(&f.model, c->file, "f64/w1", 1e-3);
    }
    check_tensors(&f.model, c->file, "f64/w5", f.model.parameters.values, 1e-5);
    check_moves(&f.model, c->file, "f64/w5", 5e-4);
    CU_ASSERT_EQUAL(*(const int64_t *)state(&f, "optimizer/steps"), STEPS);
    arena_destroy(&f.arena);
  }
}

/* --- the first minibatch --- */

/* the learner's log-probabilities equal bit for bit those that the actor sampled with: every ratio is exactly one,
 * whatever the instruction set, the network, the minibatch and the place of a sample in it */
static void test_first_ratios_are_one(void) {
  static const struct network_shape shapes[] = {
      {.obs_dim = 4, .actions = 2, .layers = 2, .hidden = {64, 64}},
      {.obs_dim = 3, .actions = 5, .activation = 1, .layers = 1, .hidden = {33}},
      {.obs_dim = 17, .actions = 18, .share_trunk = true, .layers = 2, .hidden = {48, 20}},
      {.obs_dim = 1, .actions = 3},
      {.obs_dim = 5, .actions = 6, .masks = true, .layers = 1, .hidden = {33}, .agents = 3},
      {.obs_dim = 4, .kind = MUSTER_SPACE_MULTI_DISCRETE, .elements = 3, .counts = {3, 3, 6}, .masks = true},
      {.obs_dim = 3, .layers = 2, .hidden = {64, 64}, .kind = MUSTER_SPACE_BOX, .elements = 2, .agents = 2},
      {.obs_dim = 3, .kind = MUSTER_SPACE_BOX, .elements = 5, .log_std = MODEL_LOG_STD_STATE},
  };
  static const char *const sets[] = {"baseline", "avx2", "avx512"};
  enum { ENVS = 11, T = 13, MAX_COUNT = 3 * ENVS * T };
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes * 3; i++) {
    if (!linear_select(sets[i % 3])) continue;
    struct fixture f;
    setup(&f, &shapes[i / 3], ENVS, T);
    create_ppo(&f);
    randomize_model(&f.model, 40 + i);
    fill_rollout(&f.model, 60 + i, &f.rollout);
    uint32_t order[MAX_COUNT];
    const size_t count = f.rollout.n_rows * T;
    for (uint32_t sequence = 0; sequence < 3; sequence++) {
      random_permutation(i, RANDOM_MINIBATCH, sequence, order, count);
      for (size_t first = 0, n = 1; first < count; first += n, n = 2 * n + 1) {
        size_t rest = count - first;
        struct losses loss;
        CHECK_OK_FATAL(ppo_minibatch_gradient(f.ppo, order + first, n < rest ? n : rest, 0.2, INFINITY, &loss));
        CU_ASSERT_EQUAL(loss.ratio_mismatches, 0.0);
        CU_ASSERT_EQUAL(loss.approx_kl, 0.0);
        CU_ASSERT_EQUAL(loss.clip_fraction, 0.0);
      }
    }
    arena_destroy(&f.arena);
  }
  CU_ASSERT_TRUE(linear_select(NULL));
}

/* this makes the ratio exactly one */
static void test_exp_of_zero(void) {
  float zeros[67] = {0}, ones[67];
  zeros[5] = -0.0f;
  vector_exp(67, zeros, ones);
  for (size_t i = 0; i < 67; i++) CU_ASSERT_EQUAL(ones[i], 1.0f);
}

/* --- an update --- */

static void setup_update(struct fixture *f) {
  const struct network_shape shape = {.obs_dim = 4, .actions = 3, .layers = 1, .hidden = {16}};
  setup(f, &shape, 6, 20);
  f->options.batch_size = 50;
  f->options.n_epochs = 4;
  create_ppo(f);
  randomize_model(&f->model, 1);
  fill_rollout(&f->model, 2, &f->rollout);
}

/* 120 samples in minibatches of 50: three an epoch, the last one short */
static void test_update_counts(void) {
  struct fixture f;
  setup_update(&f);
  f.options.settings.learning_rate = (struct option_schedule){.initial = 0.02, .linear = true};
  f.options.clip_range = (struct option_schedule){.initial = 0.2};
  double metrics[ALGORITHM_MAX_METRICS];
  CHECK_OK_FATAL(f.type->update(f.ppo, 0.25, metrics));
  CU_ASSERT_EQUAL(*(const int64_t *)state(&f, "optimizer/steps"), 12);
  CU_ASSERT_EQUAL(*(const int64_t *)state(&f, "algorithm/epochs"), 4);
  CHECK_CLOSE(metric_of(f.type, metrics, "train/n_updates"), 4, 0);
  CHECK_CLOSE(metric_of(f.type, metrics, "train/learning_rate"), 0.005, 1e-12);
  CHECK_CLOSE(metric_of(f.type, metrics, "train/clip_range"), 0.2, 1e-12);
  CHECK_CLOSE(metric_of(f.type, metrics, "train/first_ratio_mismatch"), 0, 0);
  CU_ASSERT_TRUE(metric_of(f.type, metrics, "train/approx_kl") > 0);
  arena_destroy(&f.arena);
}

/* the first minibatch's approx_kl is zero, so a step is made; that of the second goes beyond the target, so none is
 * made */
static void test_target_kl_stops(void) {
  struct fixture f;
  setup_update(&f);
  f.options.target_kl = 1e-12;
  f.options.settings.learning_rate = (struct option_schedule){.initial = 0.01};
  double metrics[ALGORITHM_MAX_METRICS];
  CHECK_OK_FATAL(f.type->update(f.ppo, 1.0, metrics));
  CU_ASSERT_EQUAL(*(const int64_t *)state(&f, "optimizer/steps"), 1);
  CU_ASSERT_EQUAL(*(const int64_t *)state(&f, "algorithm/epochs"), 1);

  /* the norm is that of the gradient of the only step; the approx_kl of the second minibatch counts although it led to
   * no step, as in SB3 */
  double norm = metric_of(f.type, metrics, "train/gradient_norm"), kl = metric_of(f.type, metrics, "train/approx_kl");
  CU_ASSERT_TRUE(kl > 1.5e-12 / 2);
  arena_destroy(&f.arena);
  setup_update(&f);
  struct losses loss;
  double first_norm;
  batch_list_samples(&f.ppo->batch);
  model_pack(&f.model, true);
  CHECK_OK_FATAL(batch_estimate_advantages(&f.ppo->batch, &f.model, ADVANTAGE_GAE, f.options.settings.gamma,
                                           f.options.gae_lambda));
  uint32_t order[120];
  random_permutation(f.ppo->seed, RANDOM_MINIBATCH, 0, order, 120);
  CHECK_OK_FATAL(ppo_minibatch_gradient(f.ppo, order, 50, 0.2, INFINITY, &loss));
  CHECK_OK_FATAL(policy_gradient_optimizer_step(f.ppo, 0.0, &first_norm));
  CHECK_CLOSE(norm, first_norm, 1e-12);
  arena_destroy(&f.arena);
}

/* the parameters of the value network */
static void copy_critic(const struct fixture *f, float *values) {
  const struct parameters *parameters = &f->model.parameters;
  memcpy(values, parameters->values + f->model.policy_count,
         (parameters->count - f->model.policy_count) * sizeof *values);
}

/* With a clip of zero, where a schedule ends, the value may not move; zero does not mean no clip. It still moves in the
 * first minibatch, where it has not left its place yet, and not in those after it. */
static void test_value_clip_of_zero(void) {
  struct fixture f;
  static float before[65536], after[65536];
  double moved[3];
  for (int i = 0; i < 3; i++) {
    setup_update(&f);
    CU_ASSERT_FATAL(f.model.parameters.count <= 65536);
    f.options.clip_range_vf = (struct option_schedule){.initial = 0.2, .linear = true, .is_null = i == 2};
    f.options.settings.learning_rate = (struct option_schedule){.initial = 0.01};
    double metrics[ALGORITHM_MAX_METRICS];
    copy_critic(&f, before);
    CHECK_OK_FATAL(f.type->update(f.ppo, i == 0 ? 0.0 : 1.0, metrics));
    copy_critic(&f, after);
    CU_ASSERT_TRUE(i == 2 ? isnan(metric_of(f.type, metrics, "train/clip_range_vf"))
                          : metric_of(f.type, metrics, "train/clip_range_vf") == (i == 0 ? 0.0 : 0.2));
    moved[i] = 0;
    for (size_t k = 0; k < f.model.parameters.count - f.model.policy_count; k++)
      moved[i] += fabs((double)after[k] - before[k]);
    arena_destroy(&f.arena);
  }
  CU_ASSERT_TRUE(moved[0] < moved[1] && moved[1] < moved[2]);
}

/* options that contradict each other are reported with the file and the key */
static void test_check(void) {
  static const struct {
    const char *text, *part;
  } wrong[] = {
      {"algorithm: {n_steps: 8, batch_size: 33}", "expects at most 32"},
      {"algorithm: {n_steps: 1000000000, batch_size: 64}", "algorithm.n_steps"},
  };
  const struct algorithm_type *type;
  CHECK_OK_FATAL(algorithm_find("ppo", &type));
  for (size_t i = 0; i < 2; i++) {
    struct document *document;
    struct ppo_options options;
    CHECK_OK_FATAL(document_create(&document));
    CHECK_OK_FATAL(document_read_text(document, "run.yaml", wrong[i].text, strlen(wrong[i].text)));
    CHECK_OK_FATAL(document_apply(document, type->options, &options));
    CHECK_FAILS(algorithm_check(type, document, &options, 4), MUSTER_ERROR_USAGE, wrong[i].part);
    document_destroy(&document);
  }
}

static const struct check_case cases[] = {
    {"loss and gradients are PyTorch's", test_golden_loss},
    {"five Adam steps are PyTorch's", test_golden_steps},
    {"ratios of the first minibatch are exactly one", test_first_ratios_are_one},
    {"exp(0) is exactly one", test_exp_of_zero},
    {"epochs, minibatches and schedules of an update", test_update_counts},
    {"target_kl stops an update", test_target_kl_stops},
    {"a clip of zero does not mean no clip", test_value_clip_of_zero},
    {"options that do not fit each other", test_check},
};

CHECK_MAIN("ppo", cases)
