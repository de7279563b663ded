/* Checks of memory and of what is kept in it: buffers, saved state, options that change, blocks, text, leaks. */
#include "base/clock.h"
#include "env/conformance_checks.h"
#include "env/spec.h"

#include <dirent.h>
#include <malloc.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *take(struct subject *subject, size_t bytes) {
  void *memory = calloc(1, bytes > 0 ? bytes : 1);
  if (memory == NULL) examination_fail(subject->examination, "out of memory");
  return memory;
}

/* ---- buffers ---- */

/* two players fill their observations with different bytes: an element that keeps them in both was not written */
static void check_written(const struct player *a, const struct player *b, const char *function) {
  const struct subject *subject = a->subject;
  const muster_space *space = &subject->spec.observation;
  size_t bytes = muster_space_bytes(space) / muster_space_elements(space);
  for (size_t i = 0; i < subject->observation_bytes / bytes; i++) {
    bool kept = true;
    for (size_t k = 0; k < bytes; k++)
      kept &= a->observation.bytes[i * bytes + k] == a->fill && b->observation.bytes[i * bytes + k] == b->fill;
    if (kept)
      examination_fail(subject->examination,
                       "%s does not write element %zu of the observation at step %d: the memory is another one at each "
                       "step, so all %zu elements must be written each time",
                       function, i, (int)a->step, subject->observation_bytes / bytes);
  }
}

void check_buffers(struct subject *subject) {
  struct examination *examination = subject->examination;

  /* one player's memory ends before a page that must not be accessed, the other's begins after one */
  struct player behind = player_create(subject, 0, GUARD_BEHIND), before = player_create(subject, 0, GUARD_BEFORE);
  behind.fill = 0x5A;
  before.fill = 0xC3;
  for (int32_t step = 0; step < examination->steps; step++) {
    if (step == 0 || player_ended(&behind)) {
      player_reset(&behind);
      player_reset(&before);
      check_written(&behind, &before, "reset()");
    }
    player_draw(&behind);
    player_draw(&before);
    player_step(&behind);
    player_step(&before);
    check_written(&behind, &before, "step()");
    if (player_ended(&behind) != player_ended(&before)) break; /* another check reports that */
  }
  player_destroy(&behind);
  player_destroy(&before);
  examination_find(examination, CONFORMANCE_PASS, "every element written, and nothing beyond, in %d steps",
                   (int)examination->steps);
}

/* ---- save and load ---- */

static void save(struct player *player, struct guarded *state) {
  player->subject->examination->call = "save_state()";
  player->subject->type->save_state(player->env, state->bytes);
  guarded_check(player->subject->examination, state);
  player->subject->examination->call = NULL;
}

static void load(struct player *player, const struct guarded *state) {
  struct examination *examination = player->subject->examination;
  muster_env_error error = {""};
  examination->call = "load_state()";
  if (player->subject->type->load_state(player->env, state->bytes, &error) != 0)
    examination_fail(examination, "load_state() refuses what save_state() has written: \"%s\"", env_error_text(&error));
  examination->call = NULL;
}

/* saved bytes must be the same each time, also those in gaps between fields */
static void compare_states(struct subject *subject, const struct guarded *a, const struct guarded *b,
                           const char *what) {
  size_t byte = 0;
  while (byte < a->size && a->bytes[byte] == b->bytes[byte]) byte++;
  if (byte < a->size)
    examination_fail(subject->examination,
                     "%s: byte %zu of %zu differs. Gaps between the fields of a struct must be zero (calloc, memset), "
                     "and pointers do not belong into the state",
                     what, byte, a->size);
}

/* compares what follows from a state in the player that saved it, and in one that loads it */
static void compare_futures(struct subject *subject, struct player *player, struct player *other,
                            const struct guarded *state, const char *who) {
  struct examination *examination = subject->examination;
  size_t steps = (size_t)examination->steps;
  struct trace here = trace_create(subject, steps), there = trace_create(subject, steps);
  load(other, state);
  other->index = player->index;
  other->stream = player->stream;
  other->choices = player->choices;
  other->episode = player->episode;
  other->next_episode = player->next_episode;
  other->step = player->step;
  if (subject->mask_bytes > 0) memcpy(other->mask.bytes, player->mask.bytes, subject->mask_bytes);
  trace_play(&here, player, false);
  trace_play(&there, other, false);
  long at = trace_compare(&here, &there);
  if (at >= 0)
    examination_fail(examination,
                     "%s that loads a saved state goes on otherwise, from step %ld after it: save_state() leaves "
                     "something out, or load_state() does not take all of it",
                     who, at + 1);
  free(here.bytes);
  free(there.bytes);
}

static void play_into_episode(struct player *player, int32_t steps) {
  player_reset(player);
  for (int32_t i = 0; i < steps; i++) {
    player_draw(player);
    player_step(player);
    if (player_ended(player)) player_reset(player);
  }
}

void check_state(struct subject *subject) {
  struct examination *examination = subject->examination;
  if (subject->spec.state_bytes == 0) {
    examination_find(examination, CONFORMANCE_NOTE,
                     "it cannot save its state, so a resumed run starts fresh episodes and is not bit-identical to an "
                     "uninterrupted one; write save_state and load_state if you can");
    return;
  }
  struct player player = player_create(subject, 0, GUARD_NONE), fresh = player_create(subject, 0, GUARD_NONE);
  struct player used = player_create(subject, 5, GUARD_NONE);
  struct guarded state = guarded_create(examination, "state", subject->spec.state_bytes, GUARD_BEHIND);
  struct guarded again = guarded_create(examination, "state", subject->spec.state_bytes, GUARD_BEHIND);
  memset(state.bytes, 0x5A, state.size);
  memset(again.bytes, 0xC3, again.size);
  play_into_episode(&player, 7);
  play_into_episode(&used, 3);
  save(&player, &state);
  save(&player, &again);
  compare_states(subject, &state, &again, "save_state() twice in a row");
  load(&fresh, &state);
  save(&fresh, &again);
  compare_states(subject, &state, &again, "a state that was loaded and saved again");

  /* each comparison goes on playing, so the next one starts from a later state */
  compare_futures(subject, &player, &fresh, &state, "a new environment");
  save(&player, &state);
  compare_futures(subject, &player, &used, &state, "an environment in the middle of another episode");
  examination_find(examination, CONFORMANCE_PASS, "%zu bytes; what follows is the same in other environments",
                   state.size);
}

/* ---- options that change ---- */

/* asks for a value; a refusal needs a text */
static bool set_option(struct player *player, const char *key, double value) {
  struct examination *examination = player->subject->examination;
  muster_env_error error = {""};
  examination->call = "set_option()";
  int failed = player->subject->type->set_option(player->env, key, value, &error);
  examination->call = NULL;
  if (failed && error.text[0] == '\0')
    examination_fail(examination, "set_option(%s, %g) fails without a text: return muster_env_fail(error, ...)", key,
                     value);
  return failed == 0;
}

/* whether an option has the value of a number */
static bool has_number(const struct subject *subject, const char *key, double *value) {
  for (const muster_env_setting *setting = subject->settings; setting->key != NULL; setting++) {
    char *end;
    if (strcmp(setting->key, key) != 0) continue;
    *value = strtod(setting->value, &end);
    return end != setting->value && *end == '\0' && isfinite(*value);
  }
  return false;
}

static void compare_episodes(struct subject *subject, const char *key, struct player *plain, struct player *changed) {
  const size_t steps = (size_t)subject->examination->steps / 2 + 1;
  struct trace here = trace_create(subject, steps), there = trace_create(subject, steps);
  trace_play(&here, plain, true);
  trace_play(&there, changed, true);
  const long at = trace_compare(&here, &there);
  if (at >= 0)
    examination_fail(
        subject->examination,
        "option %s was set to the value that it was created with, and from step %ld of the next episode on "
        "it is another environment than one that was created so",
        key, at + 1);
  free(here.bytes);
  free(there.bytes);
}

/* an option that goes away from its value and comes back leaves nothing behind; a state that was saved under another
 * value is one of that episode. Returns whether the option can be set. */
static bool check_change(struct subject *subject, const char *key, double value) {
  struct player plain = player_create(subject, 3, GUARD_NONE), changed = player_create(subject, 3, GUARD_NONE);
  bool can = set_option(&changed, key, value);
  if (can) compare_episodes(subject, key, &plain, &changed);
  const double other = value != 0 ? 2 * value : 1;
  if (can && set_option(&changed, key, other)) {
    play_into_episode(&changed, 5);
    can = set_option(&changed, key, value);
    play_into_episode(&plain, 5);
    changed.choices = plain.choices;
    changed.next_episode = plain.next_episode;
    if (can) compare_episodes(subject, key, &plain, &changed);
  }
  player_destroy(&plain);
  player_destroy(&changed);
  return can;
}

/* what follows a state is the same where options have the values of the moment, whatever they were when it was made */
static void check_changed_state(struct subject *subject, const char *key, double value) {
  if (subject->spec.state_bytes == 0) return;
  struct player player = player_create(subject, 4, GUARD_NONE), fresh = player_create(subject, 4, GUARD_NONE);
  struct guarded state = guarded_create(subject->examination, "state", subject->spec.state_bytes, GUARD_BEHIND);
  const double other = value != 0 ? 2 * value : 1;
  if (set_option(&player, key, other) && set_option(&fresh, key, other)) {
    play_into_episode(&player, 7);
    save(&player, &state);
    compare_futures(subject, &player, &fresh, &state, "a new environment whose options were set");
  }
  guarded_destroy(&state);
  player_destroy(&player);
  player_destroy(&fresh);
}

void check_changes(struct subject *subject) {
  struct examination *examination = subject->examination;
  const muster_env_type *type = subject->type;
  char names[256] = "";
  double value;
  if (type->set_option == NULL) {
    examination_find(examination, CONFORMANCE_PASS, "it has no set_option, which is only for a curriculum");
    return;
  }
  for (const muster_env_option *option = type->options; option != NULL && option->key != NULL; option++) {
    if (!has_number(subject, option->key, &value) || !check_change(subject, option->key, value)) continue;
    check_changed_state(subject, option->key, value);
    snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", names[0] != '\0' ? ", " : "", option->key);
  }
  struct player player = player_create(subject, 0, GUARD_NONE);
  if (set_option(&player, "no such option", 1))
    examination_fail(examination, "set_option() takes an option that it does not have: it has to refuse it");
  player_destroy(&player);
  examination_find(examination, CONFORMANCE_PASS, "options that can change: %s",
                   names[0] != '\0' ? names : "none listed");
}

/* ---- blocks ---- */

#define GAP 24 /* bytes between rows that must stay as they are; a multiple of 8 keeps rows aligned */

/* a block, and the memory that its rows are in */
struct block_rows {
  struct subject *subject;
  void *block;
  int32_t n;
  unsigned char *observation, *reward, *mask, *actions;
  uint8_t *terminated, *truncated;
  struct random_stream *streams;
  muster_random **randoms;
};

/* takes memory for n rows with gaps, filled with a pattern */
static unsigned char *take_rows(struct subject *subject, int32_t n, size_t bytes) {
  unsigned char *rows = take(subject, (size_t)n * (bytes + GAP));
  memset(rows, 0xA5, (size_t)n * (bytes + GAP));
  return rows;
}

static void check_gaps(const struct block_rows *rows, const char *what, const unsigned char *memory, size_t bytes) {
  for (int32_t row = 0; row < rows->n; row++)
    for (size_t i = 0; i < GAP; i++)
      if (memory[(size_t)row * (bytes + GAP) + bytes + i] != 0xA5)
        examination_fail(rows->subject->examination,
                         "block_step() wrote between the rows of the %s: use the stride from row to row, in bytes",
                         what);
}

static size_t padded(size_t bytes) { return (bytes + 7) / 8 * 8; }

static struct block_rows open_block(struct subject *subject, int32_t n) {
  struct block_rows rows = {.subject = subject, .n = n};
  muster_env_error error = {""};
  subject->examination->call = "block_create()";
  if (subject->type->block_create(subject->settings, n, &rows.block, &error) != 0)
    examination_fail(subject->examination, "block_create() of %d environments failed: \"%s\"", (int)n,
                     env_error_text(&error));
  rows.observation = take_rows(subject, n, padded(subject->observation_bytes));
  rows.reward = take_rows(subject, n, padded((size_t)subject->spec.agents * sizeof(float)));
  rows.mask = take_rows(subject, n, padded(subject->mask_bytes));
  rows.actions = take(subject, (size_t)n * subject->action_bytes);
  rows.terminated = take(subject, (size_t)n);
  rows.truncated = take(subject, (size_t)n);
  rows.streams = take(subject, (size_t)n * sizeof *rows.streams);
  rows.randoms = take(subject, (size_t)n * sizeof *rows.randoms);
  for (int32_t row = 0; row < n; row++) rows.randoms[row] = &rows.streams[row].base;
  return rows;
}

/* resets a row, as the row's player has just been reset, and compares both */
static void reset_row(struct block_rows *rows, int32_t row, const struct player *player) {
  struct subject *subject = rows->subject;
  rows->streams[row] = random_stream_start(subject->seed, RANDOM_ENV, player->index, player->episode);
  unsigned char *observation = rows->observation + (size_t)row * (padded(subject->observation_bytes) + GAP);
  double *reward = take(subject, (size_t)subject->spec.agents * sizeof *reward);
  unsigned char *mask = rows->mask + (size_t)row * (padded(subject->mask_bytes) + GAP);
  muster_env_result result = {
      .observation = observation, .reward = reward, .action_mask = subject->mask_bytes > 0 ? mask : NULL};
  muster_env_error error = {""};
  subject->examination->call = "block_reset()";
  if (subject->type->block_reset(rows->block, row, rows->randoms[row], &result, &error) != 0)
    examination_fail(subject->examination, "block_reset() of row %d failed: \"%s\"", (int)row, env_error_text(&error));
  if (memcmp(observation, player->observation.bytes, subject->observation_bytes) != 0 ||
      (subject->mask_bytes > 0 && memcmp(mask, player->mask.bytes, subject->mask_bytes) != 0))
    examination_fail(subject->examination, "block_reset() of row %d starts the episode otherwise than reset()",
                     (int)row);
  free(reward);
}

static void step_rows(struct block_rows *rows) {
  struct subject *subject = rows->subject;
  memset(rows->terminated, 0, (size_t)rows->n);
  memset(rows->truncated, 0, (size_t)rows->n);
  muster_env_block_result result = {
      .observation = rows->observation,
      .observation_stride = padded(subject->observation_bytes) + GAP,
      .reward = (float *)(void *)rows->reward,
      .reward_stride = padded((size_t)subject->spec.agents * sizeof(float)) + GAP,
      .action_mask = subject->mask_bytes > 0 ? rows->mask : NULL,
      .action_mask_stride = padded(subject->mask_bytes) + GAP,
      .terminated = rows->terminated,
      .truncated = rows->truncated,
      .failed_row = -1,
  };
  muster_env_error error = {""};
  subject->examination->call = "block_step()";
  if (subject->type->block_step(rows->block, rows->actions, rows->randoms, &result, &error) != 0)
    examination_fail(subject->examination, "block_step() failed with actions of the space: \"%s\"",
                     env_error_text(&error));
  check_gaps(rows, "observation", rows->observation, padded(subject->observation_bytes));
  check_gaps(rows, "reward", rows->reward, padded((size_t)subject->spec.agents * sizeof(float)));
  if (subject->mask_bytes > 0) check_gaps(rows, "action mask", rows->mask, padded(subject->mask_bytes));
}

/* whether n floats are the same up to rounding in the last digits; *differ tells whether any bit is different */
static bool nearly_equal(const void *a, const void *b, size_t n, bool *differ) {
  const float *x = a, *y = b;
  bool equal = true;
  for (size_t i = 0; i < n; i++) equal &= fabsf(x[i] - y[i]) <= 1e-6f * fmaxf(1.0f, fabsf(y[i]));
  *differ |= memcmp(a, b, n * sizeof *x) != 0;
  return equal;
}

/* compares a row of the block with the player that took the same action from the same state */
static void compare_row(const struct block_rows *rows, int32_t row, const struct player *player, bool *differ) {
  const struct subject *subject = rows->subject;
  const char *what = NULL;
  const size_t agents = (size_t)subject->spec.agents, reward_bytes = padded(agents * sizeof(float));
  const unsigned char *observation = rows->observation + (size_t)row * (padded(subject->observation_bytes) + GAP);
  const float *reward = (const float *)(const void *)(rows->reward + (size_t)row * (reward_bytes + GAP));
  const unsigned char *mask = rows->mask + (size_t)row * (padded(subject->mask_bytes) + GAP);
  if (subject->spec.observation.kind == MUSTER_SPACE_BOX) {
    if (!nearly_equal(observation, player->observation.bytes, agents * subject->observation_elements, differ))
      what = "observation";
  } else if (memcmp(observation, player->observation.bytes, subject->observation_bytes) != 0) {
    what = "observation";
  }
  for (size_t agent = 0; agent < agents; agent++) {
    float single = (float)((const double *)(const void *)player->reward.bytes)[agent];
    if (!nearly_equal(&reward[agent], &single, 1, differ)) what = "reward";
  }
  if (subject->mask_bytes > 0 && memcmp(mask, player->mask.bytes, subject->mask_bytes) != 0) what = "action mask";
  if ((rows->terminated[row] != 0) != player->terminated) what = "flag `terminated`";
  if ((rows->truncated[row] != 0) != player->truncated) what = "flag `truncated`";
  if (what != NULL)
    examination_fail(subject->examination,
                     "row %d of a block of %d has another %s than a single environment after step %d of episode %u",
                     (int)row, (int)rows->n, what, (int)player->step, player->episode);
}

/* gives a single environment the state of a row, so that differences in rounding do not add up over the steps */
static void follow_row(const struct block_rows *rows, int32_t row, struct player *player, struct guarded *state) {
  struct subject *subject = rows->subject;
  if (subject->spec.state_bytes == 0) return;
  subject->examination->call = "block_save_state()";
  subject->type->block_save_state(rows->block, row, state->bytes);
  guarded_check(subject->examination, state);
  load(player, state);
}

/* checks that a row of a block takes the state of a single environment exactly, and the other way round */
static void exchange_states(struct block_rows *rows, int32_t row, struct player *player) {
  struct subject *subject = rows->subject;
  struct guarded of_row = guarded_create(subject->examination, "state", subject->spec.state_bytes, GUARD_BEHIND);
  struct guarded of_single = guarded_create(subject->examination, "state", subject->spec.state_bytes, GUARD_BEHIND);
  muster_env_error error = {""};
  subject->examination->call = "block_save_state()";
  subject->type->block_save_state(rows->block, row, of_row.bytes);
  guarded_check(subject->examination, &of_row);
  load(player, &of_row);
  save(player, &of_single);
  compare_states(subject, &of_row, &of_single, "the state of a row, loaded into a single environment");
  player_reset(player);
  save(player, &of_single);
  subject->examination->call = "block_load_state()";
  if (subject->type->block_load_state(rows->block, row, of_single.bytes, &error) != 0)
    examination_fail(subject->examination, "block_load_state() refuses the state of a single environment: \"%s\"",
                     env_error_text(&error));
  subject->type->block_save_state(rows->block, row, of_row.bytes);
  compare_states(subject, &of_row, &of_single, "the state of a single environment, loaded into a row");
  guarded_destroy(&of_row);
  guarded_destroy(&of_single);
}

/* returns whether any number differed in its last bits */
static bool compare_block(struct subject *subject, int32_t n, int32_t steps) {
  struct block_rows rows = open_block(subject, n);
  struct guarded state = guarded_create(subject->examination, "state", subject->spec.state_bytes, GUARD_BEHIND);
  bool differ = false;
  struct player *players = take(subject, (size_t)n * sizeof *players);
  for (int32_t row = 0; row < n; row++) {
    players[row] = player_create(subject, (uint32_t)row, GUARD_NONE);
    player_reset(&players[row]);
    reset_row(&rows, row, &players[row]);
  }
  for (int32_t step = 0; step < steps; step++) {
    for (int32_t row = 0; row < n; row++) {
      player_draw(&players[row]);
      memcpy(rows.actions + (size_t)row * subject->action_bytes, players[row].action.bytes, subject->action_bytes);
      follow_row(&rows, row, &players[row], &state);
      player_step(&players[row]);
    }
    step_rows(&rows);
    for (int32_t row = 0; row < n; row++) {
      compare_row(&rows, row, &players[row], &differ);
      if (!player_ended(&players[row])) continue;
      player_reset(&players[row]);
      reset_row(&rows, row, &players[row]);
    }
  }

  for (int32_t row = 0; row < n && subject->spec.state_bytes > 0; row++) exchange_states(&rows, row, &players[row]);
  subject->examination->call = "block_destroy()";
  subject->type->block_destroy(rows.block);
  return differ;
}

void check_blocks(struct subject *subject) {
  struct examination *examination = subject->examination;
  if (subject->type->block_create == NULL) {
    examination_find(examination, CONFORMANCE_PASS, "it has no block functions, which are only for speed");
    return;
  }
  int32_t steps = examination->steps / 2 + 1;
  bool differ = compare_block(subject, 1, steps);
  differ |= compare_block(subject, 5, steps);
  differ |= compare_block(subject, 19, steps);
  if (differ)
    examination_find(examination, CONFORMANCE_NOTE,
                     "rows of a block differ from single environments in the last bits of a float: the two forms round "
                     "otherwise");
  examination_find(examination, CONFORMANCE_PASS, "blocks of 1, 5 and 19 equal single environments over %d steps",
                   (int)steps);
}

/* ---- text ---- */

static const size_t text_sizes[] = {1, 16, 80, 4096};

/* calls render_text(), or with `actions` render_policy(), for a text of some bytes, which must end within them */
static void check_text_of(struct subject *subject, void *env, const int32_t *actions, size_t size) {
  struct examination *examination = subject->examination;
  const char *call = actions != NULL ? "render_policy()" : "render_text()";
  struct guarded text = guarded_create(examination, "text", size, GUARD_BEHIND);
  memset(text.bytes, 'x', size);
  examination->call = call;
  if (actions != NULL)
    subject->type->render_policy(env, actions, (char *)text.bytes, size);
  else
    subject->type->render_text(env, (char *)text.bytes, size);
  guarded_check(examination, &text);
  if (memchr(text.bytes, '\0', size) == NULL)
    examination_fail(examination, "%s leaves a text of %zu bytes without its zero at the end", call, size);
  guarded_destroy(&text);
}

/* a policy that does at every observation the last action, or has no preference */
static void check_policy_text(struct subject *subject, void *env) {
  struct examination *examination = subject->examination;
  const muster_env_spec *spec = &subject->spec;
  if (spec->observation.kind != MUSTER_SPACE_DISCRETE || spec->action.kind != MUSTER_SPACE_DISCRETE)
    examination_fail(examination, "it has render_policy, which is for Discrete observations and actions");
  const size_t states = (size_t)spec->observation.counts[0];
  int32_t *actions = malloc(states * sizeof *actions);
  for (int last = 0; last < 2; last++) {
    for (size_t state = 0; state < states; state++) actions[state] = last ? spec->action.counts[0] - 1 : -1;
    for (size_t i = 0; i < sizeof text_sizes / sizeof *text_sizes; i++)
      check_text_of(subject, env, actions, text_sizes[i]);
  }
  free(actions);
}

void check_text(struct subject *subject) {
  struct examination *examination = subject->examination;
  const muster_env_type *type = subject->type;
  if (type->render_text == NULL && type->render_policy == NULL) {
    examination_find(examination, CONFORMANCE_PASS, "it has no render_text, which is only for looking at it");
    return;
  }
  struct player player = player_create(subject, 0, GUARD_NONE);
  play_into_episode(&player, 3);
  for (size_t i = 0; type->render_text != NULL && i < sizeof text_sizes / sizeof *text_sizes; i++)
    check_text_of(subject, player.env, NULL, text_sizes[i]);
  if (type->render_policy != NULL) check_policy_text(subject, player.env);
  player_destroy(&player);
  examination_find(examination, CONFORMANCE_PASS, "text ends in a zero, and fits");
}

/* ---- leaks ---- */

#if defined(__SANITIZE_ADDRESS__)
#define HEAP_IS_KNOWN false /* the sanitizer's allocator keeps freed memory, and reports leaks itself */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEAP_IS_KNOWN false
#endif
#endif
#ifndef HEAP_IS_KNOWN
#define HEAP_IS_KNOWN true
#endif

/* what a process uses: open files, bytes from malloc(), bytes in memory */
enum { FILES, HEAP, PAGES, HOLDINGS };
struct holdings {
  double held[HOLDINGS];
};

static struct holdings count_holdings(void) {
  struct mallinfo2 heap = mallinfo2();
  struct holdings holdings = {.held[HEAP] = (double)heap.uordblks + (double)heap.hblkhd};
  long total = 0, resident = 0;
  FILE *statm = fopen("/proc/self/statm", "r");
  if (statm != NULL) {
    if (fscanf(statm, "%ld %ld", &total, &resident) == 2)
      holdings.held[PAGES] = (double)resident * (double)sysconf(_SC_PAGESIZE);
    fclose(statm);
  }
  DIR *folder = opendir("/proc/self/fd");
  while (folder != NULL && readdir(folder) != NULL) holdings.held[FILES]++;
  if (folder != NULL) closedir(folder);
  return holdings;
}

/* something to repeat, always in the same environment, except live(); returns whether an episode ended by itself */

static bool start_again(struct subject *subject, struct player *player) {
  (void)subject;
  player_reset(player);
  return false;
}

/* an episode of one step */
static bool play_shortly(struct subject *subject, struct player *player) {
  (void)subject;
  player_draw(player);
  player_step(player);
  player_reset(player);
  return false;
}

static bool play_on(struct subject *subject, struct player *player) {
  (void)subject;
  player_draw(player);
  player_step(player);
  bool ended = player_ended(player);
  if (ended) player_reset(player);
  return ended;
}

/* one life: created, played a little, destroyed */
static bool live(struct subject *subject, struct player *player) {
  player->subject = subject;
  muster_env_error error = {""};
  subject->examination->call = "create()";
  if (subject->type->create(subject->settings, &player->env, &error) != 0)
    examination_fail(subject->examination, "create() failed the next time: \"%s\"", env_error_text(&error));
  player_reset(player);
  player_draw(player);
  player_step(player);
  subject->examination->call = "destroy()";
  subject->type->destroy(player->env);
  return false;
}

struct growth {
  struct holdings by;
  int n, ends; /* how often something was repeated, and how many episodes ended by themselves */
};

/* repeats something until a growth of memory can be told from chance */
static struct growth measure_once(struct subject *subject, struct player *player,
                                  bool (*repeat)(struct subject *subject, struct player *player)) {
  const double seconds = subject->examination->seconds;
  double start = clock_seconds();
  count_holdings(); /* take the memory now that these measurements need themselves, and that the library keeps */
  for (int i = 0; i < 5 || (i < 30 && clock_seconds() - start < seconds); i++) repeat(subject, player);
  struct growth growth = {.n = 0};
  const struct holdings before = count_holdings();
  start = clock_seconds();
  for (; growth.n < 20 || (growth.n < 2000 && clock_seconds() - start < seconds); growth.n++)
    growth.ends += repeat(subject, player);
  growth.by = count_holdings();
  for (int kind = 0; kind < HOLDINGS; kind++) growth.by.held[kind] -= before.held[kind];
  return growth;
}

/* whether something that was repeated leaks each time */
static bool leaks(const struct growth *growth, int kind, int times) {
  static const double least[HOLDINGS] = {[FILES] = 1, [HEAP] = 16, [PAGES] = 2048};
  if (kind != FILES && !HEAP_IS_KNOWN) return false;
  if (kind == PAGES && growth->by.held[PAGES] < 1 << 20) return false;
  return times >= 20 && growth->by.held[kind] >= least[kind] * times;
}

/* whether a growth could be a leak of what was repeated, or of the episodes that ended meanwhile */
static bool seems_to_leak(const struct growth *growth) {
  for (int kind = 0; kind < HOLDINGS; kind++)
    if (leaks(growth, kind, growth->n) || leaks(growth, kind, growth->ends)) return true;
  return false;
}

/* the same; what grew is measured up to twice more, since a library may take its time to hold all that it keeps: a leak
 * grows each time */
static struct growth measure_growth(struct subject *subject, struct player *player,
                                    bool (*repeat)(struct subject *subject, struct player *player)) {
  struct growth growth = measure_once(subject, player, repeat);
  for (int again = 0; again < 2 && seems_to_leak(&growth); again++) growth = measure_once(subject, player, repeat);
  return growth;
}

/* ends the check when something that was repeated leaks each time */
static void check_growth(struct examination *examination, const struct growth *growth, int kind, int times,
                         const char *what) {
  if (!leaks(growth, kind, times)) return;
  const double each = growth->by.held[kind] / times;
  switch (kind) {
  case FILES:
    examination_fail(examination, "each %s leaves %.1f files open: close them in destroy() at the latest", what, each);
  case HEAP:
    examination_fail(examination,
                     "each %s leaks about %.0f bytes: free in destroy() what create() has taken, and take nothing in "
                     "reset() and step() that is not freed",
                     what, each);
  default: examination_fail(examination, "the process grows by about %.0f bytes with each %s", each, what);
  }
}

void check_leaks(struct subject *subject) {
  struct examination *examination = subject->examination;
  struct player player = player_create(subject, 0, GUARD_NONE);
  player_reset(&player);
  const struct growth resets = measure_growth(subject, &player, start_again);
  const struct growth episodes = measure_growth(subject, &player, play_shortly);
  const struct growth steps = measure_growth(subject, &player, play_on);
  const struct growth lives = measure_growth(subject, &player, live);
  for (int kind = 0; kind < HOLDINGS; kind++) {
    check_growth(examination, &resets, kind, resets.n, "episode");
    /* a step leaks as much in a long episode as in a short one; a leak of an episode shows more with short ones */
    const double long_share = steps.by.held[kind] / steps.n, short_share = episodes.by.held[kind] / episodes.n;
    if (long_share >= 0.75 * short_share) check_growth(examination, &steps, kind, steps.n, "step()");
    check_growth(examination, &episodes, kind, episodes.n, "episode");
    check_growth(examination, &steps, kind, steps.ends, "episode");
    check_growth(examination, &lives, kind, lives.n, "create() and destroy()");
  }
  examination_find(examination, CONFORMANCE_PASS, "%s",
                   HEAP_IS_KNOWN ? "nothing grows with steps and episodes, nor with environments that come and go"
                                 : "no files stay open; memory is the sanitizer's to check");
}
