/* TokenCopy-v0 and TokenReverse-v0: what is shown, read back from the observation alone; rewards; options, state, text.
 */
#include "support/solo.h"

#include <math.h>

enum { MAX_LENGTH = 64 };

struct shape {
  int32_t vocabulary, length, width;
  bool one_hot;
};

/* the token that `width` numbers stand for; -1 if all are zero, -2 if they stand for none */
static int32_t decode(const struct shape *shape, const float *numbers) {
  int32_t zeros = 0, ones = 0, token = 0;
  for (int32_t i = 0; i < shape->width; i++) {
    if (numbers[i] != 0.0f && fabsf(numbers[i]) != 1.0f) return -2;
    zeros += numbers[i] == 0.0f;
    ones += numbers[i] == 1.0f;
    if (numbers[i] == 1.0f) token += shape->one_hot ? i : (int32_t)1 << i;
  }
  if (zeros == shape->width) return -1;
  bool sound = shape->one_hot ? ones == 1 && zeros == shape->width - 1 : zeros == 0;
  return sound && token < shape->vocabulary ? token : -2;
}

/* reads the prompt; checks the position and the last token */
static void read_observation(const struct shape *shape, const float *observation, int32_t position, int32_t last,
                             int32_t prompt[MAX_LENGTH]) {
  for (int32_t i = 0; i < shape->length; i++) CU_ASSERT_EQUAL(observation[i], i == position ? 1.0f : 0.0f);
  const float *tokens = observation + shape->length;
  for (int32_t i = 0; i < shape->length; i++) {
    prompt[i] = decode(shape, tokens + i * shape->width);
    CU_ASSERT_TRUE_FATAL(prompt[i] >= 0);
  }
  CU_ASSERT_EQUAL(decode(shape, tokens + shape->length * shape->width), last);
}

/* plays an episode with `wrong` wrong tokens at its end; returns the sum of rewards, and checks that only the last step
 * has one */
static double play(struct solo *game, const struct shape *shape, bool reverses, uint32_t episode, int32_t wrong) {
  int32_t prompt[MAX_LENGTH], again[MAX_LENGTH], last = -1;
  solo_reset(game, episode);
  read_observation(shape, game->observation, 0, -1, prompt);
  double sum = 0.0;
  for (int32_t i = 0; i < shape->length; i++) {
    int32_t token = prompt[reverses ? shape->length - 1 - i : i];
    if (i >= shape->length - wrong) token = (token + 1) % shape->vocabulary;
    double reward = solo_step(game, token);
    last = token;
    read_observation(shape, game->observation, i + 1, last, again);
    CU_ASSERT_EQUAL(memcmp(prompt, again, (size_t)shape->length * sizeof *prompt), 0);
    CU_ASSERT_EQUAL(game->terminated, i == shape->length - 1);
    if (!game->terminated) CU_ASSERT_EQUAL(reward, 0.0);
    sum += reward;
  }
  return sum;
}

static void test_rewards(void) {
  static const struct {
    muster_env_setting options[4];
    struct shape shape;
  } subjects[] = {
      {{{NULL, NULL}}, {16, 8, 4, false}},
      {{{"encoding", "one_hot"}, {NULL, NULL}}, {16, 8, 16, true}},
      {{{"vocabulary", "2"}, {"length", "1"}, {NULL, NULL}}, {2, 1, 1, false}},
      {{{"vocabulary", "17"}, {"length", "5"}, {NULL, NULL}}, {17, 5, 5, false}},
      {{{"vocabulary", "32768"}, {"length", "64"}, {NULL, NULL}}, {32768, 64, 15, false}},
      {{{"vocabulary", "1000"}, {"length", "3"}, {"encoding", "one_hot"}, {NULL, NULL}}, {1000, 3, 1000, true}},
  };
  for (size_t s = 0; s < sizeof subjects / sizeof *subjects; s++)
    for (int kind = 0; kind < 4; kind++) {
      const bool reverses = kind & 1, partial = kind & 2;
      muster_env_setting options[5];
      memcpy(options, subjects[s].options, sizeof subjects[s].options);
      size_t n = 0;
      while (options[n].key != NULL) n++;
      options[n] = (muster_env_setting){"partial", partial ? "true" : "false"};
      options[n + 1] = (muster_env_setting){NULL, NULL};
      struct solo game = solo_open(reverses ? "TokenReverse-v0" : "TokenCopy-v0", options);
      const struct shape *shape = &subjects[s].shape;
      CU_ASSERT_EQUAL_FATAL(muster_space_elements(&game.spec.observation),
                            (size_t)(shape->length + (shape->length + 1) * shape->width));
      CU_ASSERT_EQUAL(game.spec.action.counts[0], shape->vocabulary);
      for (int32_t wrong = 0; wrong <= shape->length; wrong++) {
        double share = (double)(shape->length - wrong) / (double)shape->length;
        CU_ASSERT_EQUAL(play(&game, shape, reverses, (uint32_t)wrong, wrong), partial ? share : (double)(wrong == 0));
      }
      solo_close(&game);
    }
}

/* copying and reversing want different answers to the same prompt */
static void test_copy_is_not_reverse(void) {
  const struct shape shape = {16, 8, 4, false};
  struct solo copy = solo_open("TokenCopy-v0", NULL), reverse = solo_open("TokenReverse-v0", NULL);
  CU_ASSERT_EQUAL(play(&copy, &shape, false, 5, 0), 1.0);
  CU_ASSERT_EQUAL(play(&copy, &shape, true, 5, 0), 0.0);
  CU_ASSERT_EQUAL(play(&reverse, &shape, true, 5, 0), 1.0);
  CU_ASSERT_EQUAL(play(&reverse, &shape, false, 5, 0), 0.0);
  solo_close(&copy);
  solo_close(&reverse);
}

/* each token at each place is equally likely: chi-squared over 16 tokens, 15 degrees of freedom, p = 1e-6 at 57.1 */
static void test_prompts_are_uniform(void) {
  enum { EPISODES = 4096 };
  const struct shape shape = {16, 8, 4, false};
  struct solo game = solo_open("TokenCopy-v0", NULL);
  int32_t prompt[MAX_LENGTH], count[8][16] = {{0}};
  for (uint32_t episode = 0; episode < EPISODES; episode++) {
    solo_reset(&game, episode);
    read_observation(&shape, game.observation, 0, -1, prompt);
    for (int i = 0; i < 8; i++) count[i][prompt[i]]++;
  }
  for (int i = 0; i < 8; i++) {
    double chi = 0.0, expected = EPISODES / 16.0;
    for (int token = 0; token < 16; token++) chi += (count[i][token] - expected) * (count[i][token] - expected);
    CU_ASSERT_TRUE(chi / expected < 57.1);
  }
  solo_close(&game);
}

static void test_options(void) {
  solo_refuses_options("TokenCopy-v0", SOLO_OPTIONS({"vocabulary", "1"}), "expects an integer from 2 to 32768");
  solo_refuses_options("TokenCopy-v0", SOLO_OPTIONS({"vocabulary", "32769"}), "option vocabulary");
  solo_refuses_options("TokenReverse-v0", SOLO_OPTIONS({"length", "0"}), "option length");
  solo_refuses_options("TokenReverse-v0", SOLO_OPTIONS({"partial", "1"}), "option partial");
  solo_refuses_options("TokenReverse-v0", SOLO_OPTIONS({"encoding", "words"}), "expects binary or one_hot");
  solo_refuses_options("TokenReverse-v0",
                       SOLO_OPTIONS({"encoding", "one_hot"}, {"vocabulary", "32768"}, {"length", "1024"}),
                       "choose binary");
}

static void test_refusals_and_text(void) {
  struct solo game = solo_open("TokenReverse-v0", SOLO_OPTIONS({"length", "3"}, {"vocabulary", "20"}));
  const int32_t state[6] = {1, 1, 7, 5, 6, 7};
  CU_ASSERT_EQUAL_FATAL(game.spec.state_bytes, sizeof state);
  CU_ASSERT_EQUAL_FATAL(game.type->load_state(game.env, state, &game.error), 0);
  solo_shows(&game, "reverse: 5 [6] 7\n1 of 3 emitted, 1 right, the last one was 7\n");
  solo_refuses(&game, &(int32_t){20}, "action 20 is not a token, 0 to 19");
  solo_refuses(&game, &(int32_t){-1}, "action -1");
  CU_ASSERT_EQUAL(solo_step(&game, 6), 0.0);
  CU_ASSERT_EQUAL(solo_step(&game, 5), 1.0);
  solo_refuses(&game, &(int32_t){0}, "the episode has ended");

  static const struct {
    int place;
    int32_t value;
    const char *text;
  } damages[] = {{0, 4, "of 4 tokens"}, {0, -1, "of -1 tokens"},      {1, 2, "2 right of 1"},
                 {2, 20, "is 20"},      {2, -1, "after 1 tokens"},    {3, 20, "token 0 of the prompt is 20"},
                 {5, -1, "token 2"},    {0, 0, "1 right of 0 tokens"}};
  for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
    int32_t damaged[6];
    memcpy(damaged, state, sizeof state);
    damaged[damages[i].place] = damages[i].value;
    solo_refuses_state(&game, damaged, damages[i].text);
  }
  solo_close(&game);
}

static const struct check_case cases[] = {
    {"rewards, from what the observation shows", test_rewards},
    {"copying is not reversing", test_copy_is_not_reverse},
    {"prompts are uniform", test_prompts_are_uniform},
    {"options", test_options},
    {"refusals and text", test_refusals_and_text},
};

CHECK_MAIN("token", cases)
