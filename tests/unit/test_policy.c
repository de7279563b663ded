/* The trained-policy interface: a checkpoint written here acts as the model that it was written from, with the
 * statistics of its observations, within its bounds, and under masks. */
#include "muster/policy.h"

#include "setup/config.h"
#include "setup/spaces.h"
#include "support/check.h"
#include "support/model.h"

#include <stdio.h>

enum { N = 150 };

struct fixture {
  struct arena *arena;
  struct run_config config;
  struct model model;
  struct normalizer normalizer;
  char path[512];
};

static muster_status write_tensors(struct fixture *f, const muster_env_spec *spec, struct checkpoint_writer *writer) {
  char *text;
  MUSTER_TRY(run_config_text(&f->config, &text));
  muster_status status = checkpoint_write_text(writer, "about/config", text);
  free(text);
  MUSTER_TRY(status);
  MUSTER_TRY(checkpoint_write_int(writer, "about/total_steps", 77));
  MUSTER_TRY(spaces_write(writer, "spaces/observation", &spec->observation));
  MUSTER_TRY(spaces_write(writer, "spaces/action", &spec->action));
  for (int i = 0; i < f->model.parameters.tensors; i++) {
    struct tensor tensor = parameter_tensor(&f->model.parameters, &f->model.parameters.tensor[i]);
    MUSTER_TRY(checkpoint_write_tensor(writer, &tensor));
  }
  struct tensor list[NORMALIZER_STATE];
  int n = normalizer_state(&f->normalizer, list);
  for (int i = 0; i < n; i++) MUSTER_TRY(checkpoint_write_tensor(writer, &list[i]));
  return MUSTER_OK;
}

/* a random model for these spaces, in a checkpoint */
static void setup(struct fixture *f, const char *config, const muster_env_spec *spec) {
  *f = (struct fixture){0};
  CHECK_OK_FATAL(arena_create(&f->arena));
  CHECK_OK_FATAL(run_config_parse("test", config, &f->config));
  struct encoder *encoder = &f->model.encoder;
  CHECK_OK_FATAL(
      model_create(&f->config.policy, &spec->observation, &spec->action, model_critic_v, f->arena, &f->model));
  randomize_model(&f->model, 1);
  CHECK_OK_FATAL(normalizer_prepare(&f->config.normalize, f->arena, encoder));
  CHECK_OK_FATAL(normalizer_create(&f->config.normalize, encoder, 6, 0.9, f->arena, &f->normalizer));
  for (size_t i = 0; i < encoder->statistics_count / 2; i++) {
    f->normalizer.obs_mean[i] = 0.5 + (double)i;
    f->normalizer.obs_variance[i] = 4.0 + (double)i;
  }
  normalizer_publish(&f->normalizer);
  snprintf(f->path, sizeof f->path, "%s/policy.h5", TEST_BINARY_DIR);
  struct checkpoint_writer *writer;
  CHECK_OK_FATAL(checkpoint_write_begin(f->path, &writer));
  CHECK_OK_FATAL(write_tensors(f, spec, writer));
  CHECK_OK_FATAL(checkpoint_write_commit(&writer));
}

static muster_policy *open_policy(const struct fixture *f) {
  muster_policy *policy = NULL;
  CHECK_OK_FATAL(muster_policy_open(f->path, &policy));
  return policy;
}

/* Box: raw observations are normalised inside, actions are brought within their bounds */
static void test_box(void) {
  static const float low[] = {-1, 0}, high[] = {0.25f, 3};
  const muster_env_spec spec = {
      .observation = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {3}},
      .action = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {2}, .low = low, .high = high},
      .agents = 1,
  };
  static const char *const configs[] = {
      "normalize: {norm_obs: true, norm_reward: true}\npolicy: {hidden_sizes: [8]}",
      "env: {action_bounds: rescale}\npolicy: {hidden_sizes: [8], log_std: state}",
      "env: {action_bounds: none}\nnormalize: {clip_obs: 0.5}\npolicy: {hidden_sizes: [8]}",
  };
  for (int c = 0; c < 3; c++) {
    struct fixture f;
    setup(&f, configs[c], &spec);
    muster_policy *policy = open_policy(&f);
    const muster_space *action = muster_policy_action_space(policy);
    CU_ASSERT_EQUAL(muster_policy_total_steps(policy), 77);
    CU_ASSERT_TRUE_FATAL(action->kind == MUSTER_SPACE_BOX && action->low != NULL && action->high != NULL);
    CU_ASSERT_TRUE(memcmp(action->low, low, sizeof low) == 0 && memcmp(action->high, high, sizeof high) == 0);
    CU_ASSERT_PTR_NULL(muster_policy_observation_space(policy)->low);
    float observations[N * 3], drawn[N * 2], actions[N * 2], log_prob[N];
    fill_normal(observations, N * 3, 3.0, 2, 0);
    const struct model_input input = {.observation = observations, .observation_stride = 12};
    for (int stochastic = 0; stochastic < 2; stochastic++) {
      struct action_random random = {.seed = 9};
      muster_policy_seed(policy, 9);
      model_act(&f.model, N, &input, stochastic ? &random : NULL, drawn, log_prob, 1);
      CHECK_OK(muster_policy_act(policy, N, observations, stochastic ? MUSTER_ACT_STOCHASTIC : MUSTER_ACT_DETERMINISTIC,
                                 actions));
      for (size_t i = 0; i < N * 2; i++) {
        double span = high[i % 2] - low[i % 2], sent = drawn[i];
        if (c == 1) sent = low[i % 2] + (fmin(fmax(sent, -1), 1) + 1) / 2 * span;
        if (c == 0) sent = fmin(fmax(sent, low[i % 2]), high[i % 2]);
        CHECK_CLOSE(actions[i], sent, 1e-6);
      }
    }
    uint8_t mask[2] = {1, 1};
    CHECK_FAILS(muster_policy_act_masked(policy, 1, observations, mask, MUSTER_ACT_DETERMINISTIC, actions),
                MUSTER_ERROR_USAGE, "no masks");
    observations[4] = INFINITY;
    CHECK_FAILS(muster_policy_act(policy, N, observations, MUSTER_ACT_DETERMINISTIC, actions), MUSTER_ERROR_NUMERIC,
                "observation 1, element 1");
    muster_policy_close(&policy);
    arena_destroy(&f.arena);
  }
}

/* discrete observations and masked MultiDiscrete actions; what is out of range or allows nothing is refused */
static void test_discrete(void) {
  static const int32_t counts[] = {4, 3}, choices[] = {2, 5};
  const muster_env_spec spec = {
      .observation = {.kind = MUSTER_SPACE_MULTI_DISCRETE, .rank = 1, .shape = {2}, .counts = counts},
      .action = {.kind = MUSTER_SPACE_MULTI_DISCRETE, .rank = 1, .shape = {2}, .counts = choices},
      .agents = 1,
      .masks_actions = true,
  };
  struct fixture f;
  setup(&f, "policy: {hidden_sizes: [8]}", &spec);
  muster_policy *policy = open_policy(&f);
  int32_t observations[N * 2], drawn[N * 2], actions[N * 2];
  uint8_t masks[N * 7];
  float log_prob[N];
  for (int32_t i = 0; i < N * 2; i++) observations[i] = i / 2 % counts[i % 2];
  for (size_t i = 0; i < N * 7; i++) masks[i] = i % 7 == 1 || i % 7 == 4 || i % 3 == 0;
  const struct model_input input = {observations, 8, {masks, 7}};
  const struct action_random random = {.seed = 0};
  model_act(&f.model, N, &input, &random, drawn, log_prob, 1);
  CHECK_OK(muster_policy_act_masked(policy, N, observations, masks, MUSTER_ACT_STOCHASTIC, actions));
  CU_ASSERT_EQUAL(memcmp(drawn, actions, sizeof actions), 0);
  for (size_t i = 0; i < N; i++)
    CU_ASSERT_TRUE(masks[i * 7 + (size_t)actions[2 * i]] && masks[i * 7 + 2 + (size_t)actions[2 * i + 1]]);

  memset(masks + 3 * 7 + 2, 0, 5);
  CHECK_FAILS(muster_policy_act_masked(policy, N, observations, masks, MUSTER_ACT_DETERMINISTIC, actions),
              MUSTER_ERROR_NUMERIC, "mask 3 allows no choice of element 1");
  observations[11] = 3;
  CHECK_FAILS(muster_policy_act(policy, N, observations, MUSTER_ACT_DETERMINISTIC, actions), MUSTER_ERROR_NUMERIC,
              "observation 5, element 1 is 3, not in 0 to 2");
  muster_policy_close(&policy);
  arena_destroy(&f.arena);
}

/* images come as bytes */
static void test_image(void) {
  static const int32_t choices = 3;
  const muster_env_spec spec = {
      .observation = {.kind = MUSTER_SPACE_BOX_U8, .rank = 3, .shape = {1, 2, 2}},
      .action = {.kind = MUSTER_SPACE_DISCRETE, .counts = &choices},
      .agents = 1,
  };
  struct fixture f;
  setup(&f, "policy: {hidden_sizes: [8]}", &spec);
  muster_policy *policy = open_policy(&f);
  uint8_t observations[N * 4];
  int32_t drawn[N], actions[N];
  for (size_t i = 0; i < sizeof observations; i++) observations[i] = (uint8_t)(37 * i);
  const struct model_input input = {.observation = observations, .observation_stride = 4};
  model_act(&f.model, N, &input, NULL, drawn, NULL, 0);
  CHECK_OK(muster_policy_act(policy, N, observations, MUSTER_ACT_DETERMINISTIC, actions));
  CU_ASSERT_EQUAL(memcmp(drawn, actions, sizeof actions), 0);
  muster_policy_close(&policy);
  arena_destroy(&f.arena);
}

static const struct check_case cases[] = {
    {"Box", test_box},
    {"discrete, with masks", test_discrete},
    {"images", test_image},
};

CHECK_MAIN("policy", cases)
