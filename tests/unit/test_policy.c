/* The trained-policy interface: a checkpoint written here acts as the model that it was written from, with the
 * statistics of its observations, within its bounds, and under masks; and tells the probabilities and values that
 * follow from that model. */
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
  const struct model_network_spec *networks = algorithm_networks(run_config_algorithm(&f->config), f->config.algorithm);
  CHECK_OK_FATAL(model_create(&f->config.policy, &spec->observation, &spec->action, networks, f->arena, &f->model));
  randomize_model(&f->model, 1);
  CHECK_OK_FATAL(normalizer_prepare(&f->config.normalize, f->arena, encoder));
  CHECK_OK_FATAL(normalizer_create(&f->config.normalize, encoder, 6, 0.9, f->arena, &f->normalizer));
  for (size_t i = 0; i < encoder->statistics_count / 2; i++) {
    f->normalizer.obs_mean[i] = 0.5 + (double)i;
    f->normalizer.obs_variance[i] = 4.0 + (double)i;
  }
  f->normalizer.return_variance = 4;
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

/* --- probabilities and values --- */

static const int32_t three = 3;
static const muster_env_spec choice_of_three = {
    .observation = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {3}},
    .action = {.kind = MUSTER_SPACE_DISCRETE, .counts = &three},
    .agents = 1,
};

/* a policy of three choices, with observations and masks for it */
struct estimates {
  struct fixture fixture;
  muster_policy *policy;
  float observations[N * 3];
  uint8_t masks[N * 3];
};

static void open_estimates(struct estimates *e, const char *config, const muster_env_spec *spec) {
  setup(&e->fixture, config, spec);
  e->policy = open_policy(&e->fixture);
  fill_normal(e->observations, N * 3, 1.0, 4, 0);
  for (size_t i = 0; i < N * 3; i++) e->masks[i] = i % 3 == 1 || i % 4 == 0;
}

static void close_estimates(struct estimates *e) {
  muster_policy_close(&e->policy);
  arena_destroy(&e->fixture.arena);
}

/* those with which the model samples; the critic V(s) counts in units of the environment's rewards */
static void test_actor_critic(void) {
  struct estimates e;
  open_estimates(&e, "normalize: {norm_reward: true}\npolicy: {hidden_sizes: [8]}", &choice_of_three);
  struct model *model = &e.fixture.model;
  float probabilities[N * 3], values[N], expected[N], log_prob[N];
  int32_t actions[N];
  CU_ASSERT_EQUAL(muster_policy_choices(e.policy), 3);
  CHECK_OK(muster_policy_probabilities(e.policy, N, e.observations, e.masks, probabilities));
  const struct model_input input = {e.observations, 12, {e.masks, 3}};
  const struct action_random random = {.seed = 0};
  model_act(model, N, &input, &random, actions, log_prob, 1);
  for (size_t i = 0; i < N; i++) CHECK_CLOSE(log(probabilities[3 * i + (size_t)actions[i]]), log_prob[i], 1e-5);
  for (size_t i = 0; i < N * 3; i++) CU_ASSERT_EQUAL(probabilities[i] == 0, e.masks[i] == 0);

  CHECK_OK(muster_policy_values(e.policy, N, e.observations, NULL, values));
  model_pack(model, false);
  model_values(model, N, e.observations, 12, expected);
  const double scale = sqrt(e.fixture.normalizer.return_variance + 1e-8);
  CU_ASSERT_TRUE(scale > 1.5);
  for (size_t i = 0; i < N; i++) CHECK_CLOSE(values[i], scale * expected[i], 1e-5);
  CHECK_FAILS(muster_policy_action_values(e.policy, N, e.observations, probabilities), MUSTER_ERROR_USAGE,
              "ppo learns no values of the choices of an action");
  e.observations[4] = NAN;
  CHECK_FAILS(muster_policy_values(e.policy, N, e.observations, NULL, values), MUSTER_ERROR_NUMERIC,
              "observation 1, element 1");
  close_estimates(&e);
}

/* Q(s, a) that the policy acts by: the value is the greatest one that is allowed */
static void test_action_values(void) {
  struct estimates e;
  open_estimates(&e, "algorithm: {name: dqn}\npolicy: {hidden_sizes: [8]}", &choice_of_three);
  float q[N * 3], values[N];
  CHECK_OK(muster_policy_action_values(e.policy, N, e.observations, q));
  CHECK_OK(muster_policy_values(e.policy, N, e.observations, e.masks, values));
  for (size_t first = 0; first < N; first += TILE) {
    const size_t rows = N - first < TILE ? N - first : TILE;
    size_t ld;
    const float *net = model_policy(&e.fixture.model, rows, e.observations + 3 * first, 12, &ld);
    for (size_t r = 0; r < rows; r++) {
      double best = -INFINITY;
      for (size_t a = 0; a < 3; a++) {
        CU_ASSERT_EQUAL(q[3 * (first + r) + a], net[r * ld + a]);
        if (e.masks[3 * (first + r) + a]) best = fmax(best, net[r * ld + a]);
      }
      CU_ASSERT_EQUAL(values[first + r], best);
    }
  }
  close_estimates(&e);
}

/* a critic Q(s, .) beside a policy: the mean over the policy's choices */
static void test_critic_of_choices(void) {
  static const char *const configs[] = {
      "algorithm: {name: actor-critic, critic: q}\npolicy: {hidden_sizes: [8]}",
      "algorithm: {name: sac, n_critics: 3}\npolicy: {hidden_sizes: [8]}",
  };
  for (int c = 0; c < 2; c++) {
    struct estimates e;
    open_estimates(&e, configs[c], &choice_of_three);
    float q[N * 3], probabilities[N * 3], values[N];
    CHECK_OK(muster_policy_action_values(e.policy, N, e.observations, q));
    CHECK_OK(muster_policy_probabilities(e.policy, N, e.observations, e.masks, probabilities));
    CHECK_OK(muster_policy_values(e.policy, N, e.observations, e.masks, values));
    struct model *model = &e.fixture.model;
    model_pack(model, false);
    model_take(model, TILE, e.observations, 12);
    double expected[TILE * 3] = {0};
    const size_t critics = c == 0 ? 1 : 3;
    for (size_t k = 0; k < critics; k++) {
      size_t ld;
      const float *outputs =
          model_forward(model, c == 0 ? model_find(model, "value") : model_find_member(model, "q", k), &ld);
      for (size_t i = 0; i < TILE * 3; i++) expected[i] += outputs[i / 3 * ld + i % 3] / (double)critics;
    }
    for (size_t r = 0; r < TILE; r++) {
      double mean = 0;
      for (size_t a = 0; a < 3; a++) {
        CHECK_CLOSE(q[3 * r + a], expected[3 * r + a], 1e-5);
        mean += probabilities[3 * r + a] * expected[3 * r + a];
      }
      CHECK_CLOSE(values[r], mean, 1e-5);
    }
    close_estimates(&e);
  }
}

/* critics Q(s, a) of Box actions, which read them in units from -1 to 1; quantiles count as their mean */
static void test_critic_of_actions(void) {
  static const float low[] = {-1, 0}, high[] = {0.25f, 3};
  const muster_env_spec spec = {
      .observation = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {3}},
      .action = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {2}, .low = low, .high = high},
      .agents = 1,
  };
  static const char *const configs[] = {"algorithm: {name: td3}\npolicy: {hidden_sizes: [8]}",
                                        "algorithm: {name: sac, quantiles: 5}\npolicy: {hidden_sizes: [8]}"};
  for (int c = 0; c < 2; c++) {
    struct estimates e;
    open_estimates(&e, configs[c], &spec);
    float values[N], actions[N * 2], q[N * 2];
    CU_ASSERT_EQUAL(muster_policy_choices(e.policy), 0);
    CHECK_OK(muster_policy_values(e.policy, N, e.observations, NULL, values));
    CHECK_OK(muster_policy_act(e.policy, N, e.observations, MUSTER_ACT_DETERMINISTIC, actions));
    for (size_t i = 0; i < N * 2; i++) actions[i] = 2 * (actions[i] - low[i % 2]) / (high[i % 2] - low[i % 2]) - 1;
    struct model *model = &e.fixture.model;
    model_pack(model, false);
    model_take_with_actions(model, TILE, e.observations, 12, actions);
    double expected[TILE] = {0};
    for (size_t k = 0; k < 2; k++) {
      struct model_network *critic = model_find_member(model, "q", k);
      size_t ld;
      const float *outputs = model_forward(model, critic, &ld);
      for (size_t r = 0; r < TILE; r++)
        for (size_t i = 0; i < critic->outputs; i++)
          expected[r] += outputs[r * ld + i] / (2.0 * (double)critic->outputs);
    }
    for (size_t r = 0; r < TILE; r++) CHECK_CLOSE(values[r], expected[r], 1e-5);
    CHECK_FAILS(muster_policy_probabilities(e.policy, N, e.observations, NULL, q), MUSTER_ERROR_USAGE,
                "are not discrete");
    CHECK_FAILS(muster_policy_action_values(e.policy, N, e.observations, q), MUSTER_ERROR_USAGE,
                "learns no values of the choices");
    close_estimates(&e);
  }
}

static void test_no_values(void) {
  struct estimates e;
  open_estimates(&e, "algorithm: {name: reinforce}\npolicy: {hidden_sizes: [8]}", &choice_of_three);
  float values[N];
  CHECK_FAILS(muster_policy_values(e.policy, N, e.observations, NULL, values), MUSTER_ERROR_USAGE,
              "reinforce learns no values");
  close_estimates(&e);
}

static const struct check_case cases[] = {
    {"Box", test_box},
    {"discrete, with masks", test_discrete},
    {"images", test_image},
    {"probabilities, and values of a critic", test_actor_critic},
    {"values of actions by which a policy acts", test_action_values},
    {"values of a critic of choices", test_critic_of_choices},
    {"values of critics of Box actions", test_critic_of_actions},
    {"no values", test_no_values},
};

CHECK_MAIN("policy", cases)
