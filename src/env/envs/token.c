/* TokenCopy-v0 and TokenReverse-v0: a prompt of tokens is shown, then the agent emits as many tokens, one in each step,
 * and is rewarded once, at the end: a minimal model of tuning a language model. The prompt is drawn at reset, each
 * token being equally likely; it should emit the prompt itself, or the prompt backwards.
 *
 * The observation is made of three parts, one after the other:
 *   - position [length]: one-hot, of the token that is to be emitted now; all zeros at the end;
 *   - prompt [length, width]: its tokens in the prompt's order;
 *   - last [width]: the token that was emitted last; all zeros before the first one.
 * A token is written as its binary digits, the lowest first, -1 for 0 and +1 for 1 (`encoding: binary`, where width is
 * the number of digits of vocabulary - 1), so that a vocabulary of 32768 takes 15 numbers; or one-hot (`encoding:
 * one_hot`, where width is the vocabulary), which is longer, but easier to learn from. */
#include "env/envs/settings.h"
#include "muster/env.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_VOCABULARY 32768
#define MAX_LENGTH 1024
#define MAX_ELEMENTS (1 << 22) /* of an observation */
#define NO_TOKEN (-1)

static const muster_env_option token_options[] = {
    {"vocabulary", "16", "number of tokens, 2 to 32768"},
    {"length", "8", "tokens of the prompt, and tokens to emit"},
    {"partial", "false", "whether the reward is the share of right positions; else it is 1 if all are right, or 0"},
    {"encoding", "binary", "how a token is shown: binary (digits as -1 or +1) or one_hot"},
    {NULL, NULL, NULL}};

struct token {
  bool reverses, partial, one_hot;
  int32_t vocabulary[1]; /* the counts of the action space */
  int32_t length, width;
  int32_t position;   /* tokens emitted so far */
  int32_t right;      /* how many of these were right */
  int32_t last;       /* NO_TOKEN before the first one */
  int32_t *prompt;    /* [length] */
  float *observation; /* [length + length * width + width]: position, prompt, last */
};

static size_t observation_elements(const struct token *token) {
  return (size_t)token->length + ((size_t)token->length + 1) * (size_t)token->width;
}

/* ---- life ---- */

static int read_options(const muster_env_setting *settings, struct token *token, muster_env_error *error) {
  static const char *const encodings[] = {"binary", "one_hot", NULL};
  int encoding = 0;
  if (setting_integer(settings, "vocabulary", 2, MAX_VOCABULARY, &token->vocabulary[0], error) != 0) return 1;
  if (setting_integer(settings, "length", 1, MAX_LENGTH, &token->length, error) != 0) return 1;
  if (setting_bool(settings, "partial", &token->partial, error) != 0) return 1;
  if (setting_choice(settings, "encoding", encodings, &encoding, error) != 0) return 1;
  token->one_hot = encoding == 1;
  token->width = token->one_hot ? token->vocabulary[0] : 0;
  while (!token->one_hot && (1 << token->width) < token->vocabulary[0]) token->width++;
  if (observation_elements(token) > MAX_ELEMENTS)
    return muster_env_fail(error,
                           "option encoding: one_hot takes %zu numbers for a vocabulary of %d and a length of %d, more "
                           "than %d: choose binary",
                           observation_elements(token), (int)token->vocabulary[0], (int)token->length, MAX_ELEMENTS);
  return 0;
}

static void token_destroy(void *env) {
  struct token *token = env;
  if (token == NULL) return;
  free(token->prompt);
  free(token->observation);
  free(token);
}

static int create(bool reverses, const muster_env_setting *settings, void **env, muster_env_error *error) {
  struct token *token = calloc(1, sizeof *token);
  if (token == NULL) return muster_env_fail(error, "out of memory");
  token->reverses = reverses;
  token->last = NO_TOKEN;
  int failed = read_options(settings, token, error);
  if (!failed) {
    token->prompt = calloc((size_t)token->length, sizeof *token->prompt);
    token->observation = calloc(observation_elements(token), sizeof *token->observation);
    if (token->prompt == NULL || token->observation == NULL) failed = muster_env_fail(error, "out of memory");
  }
  if (failed) {
    token_destroy(token);
    return 1;
  }
  *env = token;
  return 0;
}

static int token_copy_create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  return create(false, settings, env, error);
}

static int token_reverse_create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  return create(true, settings, env, error);
}

static void token_describe(const void *env, muster_env_spec *spec) {
  const struct token *token = env;
  spec->observation =
      (muster_space){.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {(int32_t)observation_elements(token)}};
  spec->action = (muster_space){.kind = MUSTER_SPACE_DISCRETE, .counts = token->vocabulary};
  spec->agents = 1;
  spec->max_steps = token->length;
  spec->reward_threshold = 0.99;
  spec->masks_actions = false;
  spec->state_bytes = (3 + (size_t)token->length) * sizeof(int32_t);
}

/* ---- the observation ---- */

/* writes one token [width], or zeros for NO_TOKEN */
static void show_token(const struct token *token, int32_t which, float *out) {
  if (which == NO_TOKEN || token->one_hot) memset(out, 0, (size_t)token->width * sizeof *out);
  if (which == NO_TOKEN) return;
  if (token->one_hot) {
    out[which] = 1.0f;
    return;
  }
  for (int32_t digit = 0; digit < token->width; digit++) out[digit] = (float)((which >> digit & 1) * 2 - 1);
}

static void show_progress(struct token *token) {
  memset(token->observation, 0, (size_t)token->length * sizeof *token->observation);
  if (token->position < token->length) token->observation[token->position] = 1.0f;
  show_token(token, token->last, token->observation + token->length + (size_t)token->length * (size_t)token->width);
}

static void show_prompt(struct token *token) {
  float *out = token->observation + token->length;
  for (int32_t i = 0; i < token->length; i++, out += token->width) show_token(token, token->prompt[i], out);
}

static void write_observation(const struct token *token, void *observation) {
  memcpy(observation, token->observation, observation_elements(token) * sizeof *token->observation);
}

/* ---- episodes ---- */

static int token_reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  (void)error;
  struct token *token = env;
  for (int32_t i = 0; i < token->length; i++)
    token->prompt[i] = (int32_t)muster_random_below(random, (uint32_t)token->vocabulary[0]);
  token->position = token->right = 0;
  token->last = NO_TOKEN;
  show_prompt(token);
  show_progress(token);
  write_observation(token, result->observation);
  return 0;
}

static int token_step(void *env, const void *action, muster_random *random, muster_env_result *result,
                      muster_env_error *error) {
  (void)random;
  struct token *token = env;
  int32_t emitted = *(const int32_t *)action;
  if (emitted < 0 || emitted >= token->vocabulary[0])
    return muster_env_fail(error, "action %d is not a token, 0 to %d", (int)emitted, (int)token->vocabulary[0] - 1);
  if (token->position == token->length) return muster_env_fail(error, "the episode has ended: reset comes first");

  int32_t wanted = token->prompt[token->reverses ? token->length - 1 - token->position : token->position];
  token->right += emitted == wanted;
  token->last = emitted;
  token->position++;
  show_progress(token);
  write_observation(token, result->observation);
  result->reward[0] = 0.0;
  result->terminated = token->position == token->length;
  if (!result->terminated) return 0;
  double all = token->right == token->length ? 1.0 : 0.0;
  result->reward[0] = token->partial ? (double)token->right / (double)token->length : all;
  return 0;
}

/* ---- state and text ---- */

/* position, number of right ones, last token, prompt [length] */
static void token_save_state(const void *env, void *bytes) {
  const struct token *token = env;
  const int32_t head[3] = {token->position, token->right, token->last};
  memcpy(bytes, head, sizeof head);
  memcpy((char *)bytes + sizeof head, token->prompt, (size_t)token->length * sizeof *token->prompt);
}

static int token_load_state(void *env, const void *bytes, muster_env_error *error) {
  struct token *token = env;
  const char *prompt = (const char *)bytes + 3 * sizeof(int32_t);
  int32_t head[3];
  memcpy(head, bytes, sizeof head);
  if (head[0] < 0 || head[0] > token->length || head[1] < 0 || head[1] > head[0])
    return muster_env_fail(error, "%d right of %d tokens emitted, of %d", (int)head[1], (int)head[0],
                           (int)token->length);
  if (head[2] < NO_TOKEN || head[2] >= token->vocabulary[0] || (head[2] == NO_TOKEN) != (head[0] == 0))
    return muster_env_fail(error, "the last token is %d, after %d tokens", (int)head[2], (int)head[0]);
  for (int32_t i = 0; i < token->length; i++) {
    int32_t shown;
    memcpy(&shown, prompt + (size_t)i * sizeof shown, sizeof shown);
    if (shown < 0 || shown >= token->vocabulary[0])
      return muster_env_fail(error, "token %d of the prompt is %d, not 0 to %d", (int)i, (int)shown,
                             (int)token->vocabulary[0] - 1);
  }
  token->position = head[0];
  token->right = head[1];
  token->last = head[2];
  memcpy(token->prompt, prompt, (size_t)token->length * sizeof *token->prompt);
  show_prompt(token);
  show_progress(token);
  return 0;
}

/* the prompt, with the token to emit now in brackets; below it, what was emitted */
static void token_render_text(const void *env, char *text, size_t size) {
  const struct token *token = env;
  size_t used = (size_t)snprintf(text, size, "%s", token->reverses ? "reverse:" : "copy:");
  const int32_t now = token->reverses ? token->length - 1 - token->position : token->position;
  for (int32_t i = 0; i < token->length && used < size; i++)
    used += (size_t)snprintf(text + used, size - used, i == now ? " [%d]" : " %d", (int)token->prompt[i]);
  if (used < size)
    used += (size_t)snprintf(text + used, size - used, "\n%d of %d emitted, %d right", (int)token->position,
                             (int)token->length, (int)token->right);
  if (token->last != NO_TOKEN && used < size)
    used += (size_t)snprintf(text + used, size - used, ", the last one was %d", (int)token->last);
  if (used < size) snprintf(text + used, size - used, "\n");
}

#define TOKEN_FUNCTIONS                                                                                                \
  .destroy = token_destroy, .describe = token_describe, .reset = token_reset, .step = token_step,                      \
  .save_state = token_save_state, .load_state = token_load_state, .render_text = token_render_text

const muster_env_type env_token_copy = {
    .abi = MUSTER_ENV_ABI,
    .struct_size = sizeof(muster_env_type),
    .name = "TokenCopy-v0",
    .summary = "emit the tokens of a prompt in their order, one each step; one reward at the end",
    .options = token_options,
    .create = token_copy_create,
    TOKEN_FUNCTIONS,
};

const muster_env_type env_token_reverse = {
    .abi = MUSTER_ENV_ABI,
    .struct_size = sizeof(muster_env_type),
    .name = "TokenReverse-v0",
    .summary = "emit the tokens of a prompt backwards, one each step; one reward at the end",
    .options = token_options,
    .create = token_reverse_create,
    TOKEN_FUNCTIONS,
};
