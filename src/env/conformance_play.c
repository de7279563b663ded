/* Checks of what happens in episodes: ends, values, actions, random numbers, truncation, speed. */
#include "base/clock.h"
#include "env/conformance_checks.h"
#include "env/pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- episodes ---- */

/* measures how many steps the other checks can play in reasonable time */
static void measure_pace(struct subject *subject) {
  struct player player = player_create(subject, 0, GUARD_NONE);
  double start = clock_seconds(), spent = 0;
  int steps = 0;
  player_reset(&player);
  while (steps < 200 && spent < 0.4 * subject->examination->seconds) {
    player_draw(&player);
    player_step(&player);
    if (player_ended(&player)) player_reset(&player);
    steps++;
    spent = clock_seconds() - start;
  }
  double affordable = subject->examination->seconds * steps / fmax(spent, 1e-6);
  subject->examination->steps = (int32_t)fmin(600, fmax(20, affordable));
  player_destroy(&player);
}

void check_episodes(struct subject *subject) {
  struct examination *examination = subject->examination;
  measure_pace(subject);
  struct player player = player_create(subject, 0, GUARD_NONE);
  int64_t steps = 0, terminated = 0, truncated = 0, limited = 0;
  double start = clock_seconds();
  player_reset(&player);
  while (steps < examination->steps || (steps < 100000 && clock_seconds() - start < examination->seconds)) {
    player_draw(&player);
    player_step(&player);
    steps++;
    if (!player_ended(&player)) continue;
    terminated += player.terminated;
    truncated += player.truncated && !player.terminated;
    limited += !player.truncated && !player.terminated;
    player_reset(&player);
  }
  player_reset(&player); /* in the middle of an episode, too */
  player_destroy(&player);
  if (terminated + truncated + limited == 0 && subject->spec.max_steps == 0)
    examination_find(examination, CONFORMANCE_NOTE,
                     "no episode ended in %lld steps of random actions, and there is no limit: training learns from "
                     "rewards alone, and no return is ever reported; set spec->max_steps",
                     (long long)steps);
  examination_find(examination, CONFORMANCE_PASS,
                   "%lld steps of random actions: %lld episodes terminated, %lld truncated by the environment, %lld at "
                   "the limit",
                   (long long)steps, (long long)terminated, (long long)truncated, (long long)limited);
}

/* ---- values ---- */

/* fails with the first value that the description does not allow; at reset when `step` is 0 */
static void check_observation(const struct player *player) {
  const struct subject *subject = player->subject;
  const muster_space *space = &subject->spec.observation;
  const size_t n = subject->observation_elements;
  for (size_t i = 0; i < n * (size_t)subject->spec.agents && space->kind != MUSTER_SPACE_BOX_U8; i++) {
    size_t element = i % n;
    if (space->kind != MUSTER_SPACE_BOX) {
      int32_t value = ((const int32_t *)(const void *)player->observation.bytes)[i];
      if (value < 0 || value >= space->counts[element])
        examination_fail(subject->examination,
                         "element %zu of the observation is %d at step %d of episode %u: expects 0 to %d", element,
                         (int)value, (int)player->step, player->episode, (int)space->counts[element] - 1);
      continue;
    }
    double value = (double)((const float *)(const void *)player->observation.bytes)[i];
    if (!isfinite(value))
      examination_fail(subject->examination,
                       "element %zu of the observation is %g at step %d of episode %u: training would stop there",
                       element, value, (int)player->step, player->episode);
    double low = space->low != NULL ? (double)space->low[element] : -INFINITY;
    double high = space->high != NULL ? (double)space->high[element] : INFINITY;
    if (value < low || value > high)
      examination_fail(subject->examination,
                       "element %zu of the observation is %.9g at step %d of episode %u, outside of its bounds %.9g to "
                       "%.9g: widen the bounds, or clip the value",
                       element, value, (int)player->step, player->episode, low, high);
  }
}

static void check_rewards(const struct player *player) {
  const double *reward = (const double *)(const void *)player->reward.bytes;
  for (int32_t agent = 0; agent < player->subject->spec.agents; agent++)
    if (!isfinite(reward[agent]))
      examination_fail(player->subject->examination,
                       "the reward of agent %d is %g at step %d of episode %u: step() must write result->reward for "
                       "each agent, a finite number",
                       (int)agent, reward[agent], (int)player->step, player->episode);
}

/* makes a step and checks all that it hands back; starts the next episode where one ended */
static void play_checked(struct player *player) {
  player_step(player);
  check_rewards(player);
  check_observation(player);
  if (!player_ended(player)) return;
  player_reset(player);
  check_observation(player);
}

void check_values(struct subject *subject) {
  struct examination *examination = subject->examination;
  struct player player = player_create(subject, 0, GUARD_NONE);
  player_reset(&player);
  check_observation(&player);
  int64_t steps = 0;
  double start = clock_seconds();
  for (; steps < examination->steps || (steps < 20000 && clock_seconds() - start < examination->seconds); steps++) {
    player_draw(&player);
    play_checked(&player);
  }
  player_destroy(&player);
  examination_find(examination, CONFORMANCE_PASS,
                   "observations within their bounds and rewards finite in %lld steps and %u episodes",
                   (long long)steps, player.next_episode);
}

/* ---- actions ---- */

/* sets one element of the action, for all agents, to one of its extreme values; false where it has no such extreme */
static bool set_extreme(struct player *player, size_t element, int extreme) {
  const muster_space *space = &player->subject->spec.action;
  const size_t n = player->subject->action_elements;
  for (size_t i = element; i < n * (size_t)player->subject->spec.agents; i += n) {
    if (space->kind == MUSTER_SPACE_BOX) {
      if (extreme > 1) return false;
      float low = space->low != NULL ? space->low[element] : -INFINITY;
      float high = space->high != NULL ? space->high[element] : INFINITY;
      float least = isfinite(low) ? low : fminf(-1e3f, high), most = isfinite(high) ? high : fmaxf(1e3f, low);
      ((float *)(void *)player->action.bytes)[i] = extreme == 0 ? least : most;
    } else if (space->kind == MUSTER_SPACE_BOX_U8) {
      if (extreme > 1) return false;
      player->action.bytes[i] = (uint8_t)(255 * extreme);
    } else {
      if (extreme >= space->counts[element]) return false;
      ((int32_t *)(void *)player->action.bytes)[i] = extreme;
    }
  }
  return true;
}

void check_actions(struct subject *subject) {
  struct examination *examination = subject->examination;
  if (subject->spec.masks_actions) {
    examination_find(examination, CONFORMANCE_PASS, "only actions that the mask allows are taken");
    return;
  }
  struct player player = player_create(subject, 0, GUARD_NONE);
  const int repeats = examination->steps / 20 + 1;
  int taken = 0;
  player_reset(&player);
  for (size_t element = 0; element < subject->action_elements && element < 64; element++)
    for (int extreme = 0; extreme < 64; extreme++) {
      player_draw(&player);
      if (!set_extreme(&player, element, extreme)) break;
      taken++;
      for (int i = 0; i < repeats; i++) {
        set_extreme(&player, element, extreme);
        play_checked(&player);
      }
    }
  player_destroy(&player);
  examination_find(examination, CONFORMANCE_PASS, "%d choices and bounds of the action space, %d steps each", taken,
                   repeats);
}

/* ---- random numbers ---- */

static void play_alone(const struct subject *subject, uint32_t index, struct trace *trace) {
  struct player player = player_create(subject, index, GUARD_NONE);
  trace_play(trace, &player, true);
  player_destroy(&player);
}

/* writes where two traces begin to differ */
static void describe_difference(const struct subject *subject, const struct trace *a, const struct trace *b, long at,
                                char *text, size_t size) {
  const unsigned char *left = a->bytes + (size_t)at * a->step_bytes, *right = b->bytes + (size_t)at * b->step_bytes;
  size_t byte = 0;
  while (left[byte] == right[byte]) byte++;
  size_t rewards = (size_t)subject->spec.agents * sizeof(double);
  const muster_space *space = &subject->spec.observation;
  size_t element_bytes = muster_space_bytes(space) / muster_space_elements(space);
  if (byte >= subject->observation_bytes) {
    bool in_reward = byte < subject->observation_bytes + rewards;
    bool in_mask = !in_reward && byte < subject->observation_bytes + rewards + subject->mask_bytes;
    snprintf(text, size, "from step %ld on the %s differs", at + 1,
             in_reward ? "reward" : (in_mask ? "action mask" : "end of the episode, or the observation after it,"));
    return;
  }
  size_t element = byte / element_bytes;
  snprintf(text, size, "from step %ld on element %zu of the observation differs", at + 1, element);
  if (space->kind != MUSTER_SPACE_BOX) return;
  float x, y;
  memcpy(&x, left + element * 4, 4);
  memcpy(&y, right + element * 4, 4);
  snprintf(text, size, "from step %ld on element %zu of the observation differs: %.9g and %.9g", at + 1, element,
           (double)x, (double)y);
}

void check_determinism(struct subject *subject) {
  struct examination *examination = subject->examination;
  struct trace first = trace_create(subject, (size_t)examination->steps), second = trace_create(subject, first.steps);
  play_alone(subject, 0, &first);
  play_alone(subject, 0, &second);
  long at = trace_compare(&first, &second);
  if (at >= 0) {
    char text[160];
    describe_difference(subject, &first, &second, at, text, sizeof text);
    examination_fail(
        examination,
        "two environments with the same options, random numbers and actions part: %s. Draw from the stream "
        "alone, never from rand() or the clock, keep no mutable globals, and set every field that you read",
        text);
  }
  examination_find(examination, CONFORMANCE_PASS, "the same bits in two environments over %zu steps", first.steps);
}

void check_randomness(struct subject *subject) {
  struct examination *examination = subject->examination;
  struct trace alone = trace_create(subject, (size_t)examination->steps), among = trace_create(subject, alone.steps);
  struct trace other = trace_create(subject, alone.steps);
  play_alone(subject, 0, &alone);

  /* plays the same environment, with two others stepped, destroyed and created in between */
  struct player player = player_create(subject, 0, GUARD_NONE), second = player_create(subject, 1, GUARD_NONE);
  player_reset(&second);
  player_reset(&player);
  for (size_t i = 0; i < alone.steps; i++) {
    trace_step(&other, i, &second);
    if (i % 16 == 8) {
      struct player third = player_create(subject, 2, GUARD_NONE);
      player_reset(&third);
      player_destroy(&third);
    }
    trace_step(&among, i, &player);
  }
  player_destroy(&second);
  player_destroy(&player);
  long at = trace_compare(&alone, &among);
  if (at >= 0) {
    char text[160];
    describe_difference(subject, &alone, &among, at, text, sizeof text);
    examination_fail(
        examination,
        "an environment does something else when others are stepped between its steps: %s. It shares state "
        "with them: a static variable, rand(), or a library's own generator",
        text);
  }
  examination_find(examination, CONFORMANCE_PASS, "the same bits alone and among others over %zu steps", alone.steps);
}

#define EPISODES 8

void check_seeds(struct subject *subject) {
  struct examination *examination = subject->examination;
  size_t steps = (size_t)examination->steps < 20 ? (size_t)examination->steps : 20;
  struct trace first = trace_create(subject, steps), next = trace_create(subject, steps);
  bool starts_differ = false, goes_differ = false;
  unsigned char *start = malloc(subject->observation_bytes);
  if (start == NULL) examination_fail(examination, "out of memory");
  for (uint32_t episode = 0; episode < EPISODES; episode++) {
    struct player player = player_create(subject, 0, GUARD_NONE);
    player.next_episode = episode;
    player_reset(&player);
    if (episode == 0) memcpy(start, player.observation.bytes, subject->observation_bytes);
    starts_differ |= memcmp(start, player.observation.bytes, subject->observation_bytes) != 0;
    trace_play(episode == 0 ? &first : &next, &player, false);
    goes_differ |= episode > 0 && trace_compare(&first, &next) >= 0;
    player_destroy(&player);
  }
  if (!goes_differ)
    examination_find(examination, CONFORMANCE_NOTE,
                     "%d episodes with different random numbers and the same actions are all alike: it draws none, "
                     "and evaluating more than one episode shows nothing new",
                     EPISODES);
  else
    examination_find(examination, CONFORMANCE_PASS, "different random numbers give %s",
                     starts_differ ? "different starts" : "the same start and different steps");
  free(start);
}

void check_resets(struct subject *subject) {
  struct examination *examination = subject->examination;
  size_t steps = (size_t)examination->steps;
  struct trace used = trace_create(subject, steps), fresh = trace_create(subject, steps);

  /* plays an episode as the second of one environment, and the same episode as the first of another */
  struct player player = player_create(subject, 0, GUARD_NONE), other = player_create(subject, 0, GUARD_NONE);
  player_reset(&player);
  for (size_t i = 0; i < steps && !player_ended(&player); i++) {
    player_draw(&player);
    player_step(&player);
  }
  player.next_episode = other.next_episode = 1;
  player.choices = other.choices;
  trace_play(&used, &player, true);
  trace_play(&fresh, &other, true);
  long at = trace_compare(&used, &fresh);
  if (at >= 0) {
    char text[160];
    describe_difference(subject, &used, &fresh, at, text, sizeof text);
    examination_fail(examination,
                     "an episode depends on those before it: %s. reset() leaves something behind: it must set all that "
                     "step() changes, from its random numbers alone",
                     text);
  }
  examination_find(examination, CONFORMANCE_PASS, "an episode is the same, whatever was played before it");
  player_destroy(&player);
  player_destroy(&other);
}

/* ---- truncation ---- */

/* a pool of one environment, as training steps it */
struct pool_run {
  struct env_pool *pool;
  unsigned char *observation, *final_observation;
  float *reward;
  uint8_t *ended;
  int32_t environment, step;
  struct final_observations final_observations;
};

static void *take(struct subject *subject, size_t bytes) {
  void *memory = calloc(1, bytes);
  if (memory == NULL) examination_fail(subject->examination, "out of memory");
  return memory;
}

/* compares the last observation of a truncated episode, and the first one of the next, with those that the environment
 * itself gives; returns whether an episode lasted until it was truncated */
static bool compare_truncation(struct subject *subject, struct pool_run *run, struct player *player) {
  struct examination *examination = subject->examination;
  for (int64_t step = 0; step < 3 * (int64_t)subject->spec.max_steps; step++) {
    player_draw(player);
    player_step(player);
    run->final_observations.count = 0;
    struct env_pool_result result = {.observation = run->observation,
                                     .observation_stride = subject->observation_bytes / (size_t)subject->spec.agents,
                                     .reward = run->reward,
                                     .reward_stride = sizeof(float),
                                     .ended = run->ended,
                                     .ended_stride = 1,
                                     .final_observations = &run->final_observations};
    muster_status status = env_pool_step(run->pool, player->action.bytes, 0, &result);
    if (status != MUSTER_OK) examination_fail(examination, "%s", muster_status_message(status));
    if (!player_ended(player)) continue;
    bool cut = !player->terminated;
    if (cut && (run->ended[0] != ENV_TRUNCATED || run->final_observations.count != 1 ||
                memcmp(run->final_observation, player->observation.bytes, subject->observation_bytes) != 0))
      examination_fail(examination,
                       "the last observation of an episode that was cut at step %d is not what step() wrote",
                       (int)player->step);
    player_reset(player);
    if (memcmp(run->observation, player->observation.bytes, subject->observation_bytes) != 0)
      examination_fail(examination,
                       "the episode after the end at step %lld starts otherwise than in a single "
                       "environment",
                       (long long)step);
    if (cut) return true;
  }
  return false;
}

void check_truncation(struct subject *subject) {
  struct examination *examination = subject->examination;
  const muster_env_spec *spec = &subject->spec;
  struct pool_run run = {0};
  muster_status status = env_pool_create(subject->type, subject->settings, subject->seed, 0, 1, &run.pool);
  if (status != MUSTER_OK) {
    examination_find(examination, CONFORMANCE_NOTE, "muster cannot train on it: %s", muster_status_message(status));
    return;
  }
  if (spec->max_steps == 0 || spec->max_steps > 100 * examination->steps) {
    examination_find(examination, CONFORMANCE_PASS, "not played: %s",
                     spec->max_steps == 0 ? "there is no limit" : "the limit is far");
    return;
  }
  size_t agents = (size_t)spec->agents;
  run.observation = take(subject, subject->observation_bytes);
  run.final_observation = take(subject, subject->observation_bytes);
  run.reward = take(subject, agents * sizeof(float));
  run.ended = take(subject, 1);
  run.final_observations = (struct final_observations){
      .capacity = 1, .environment = &run.environment, .step = &run.step, .observation = run.final_observation};
  status = env_pool_reset(run.pool, run.observation, subject->observation_bytes / agents);
  if (status != MUSTER_OK) examination_fail(examination, "%s", muster_status_message(status));
  struct player player = player_create(subject, 0, GUARD_NONE);
  player_reset(&player);
  if (compare_truncation(subject, &run, &player))
    examination_find(examination, CONFORMANCE_PASS, "an episode was cut short and kept its last observation");
  else
    examination_find(examination, CONFORMANCE_PASS, "no episode of random actions lasted to the limit of %d steps",
                     (int)spec->max_steps);
}

/* ---- speed ---- */

#define BLOCK 64

static double time_single(struct subject *subject) {
  struct player player = player_create(subject, 0, GUARD_NONE);
  int64_t steps = 0;
  player_reset(&player);
  double start = clock_seconds(), spent = 0;
  while (spent < 0.4 * subject->examination->seconds && steps < 10000000) {
    for (int i = 0; i < 8; i++) {
      player_draw(&player);
      player_step(&player);
      if (player_ended(&player)) player_reset(&player);
    }
    steps += 8;
    spent = clock_seconds() - start;
  }
  player_destroy(&player);
  return (double)steps / spent;
}

/* draws actions that the masks allow, for all environments of a pool */
static void draw_in_pool(const struct subject *subject, const struct env_pool *pool, muster_random *random,
                         uint8_t *masks, unsigned char *actions) {
  const size_t agents = (size_t)subject->spec.agents;
  if (masks != NULL) env_pool_observe(pool, NULL, 0, masks, subject->mask_bytes / agents);
  for (size_t i = 0; i < BLOCK; i++)
    subject_draw(subject, random, masks != NULL ? masks + i * subject->mask_bytes : NULL,
                 actions + i * subject->action_bytes);
}

/* steps a second of a pool of 64 environments, used as in training; with the same actions in all steps, unless there
 * are masks */
static muster_status time_steps(struct subject *subject, struct env_pool *pool, double *steps_per_second) {
  const size_t agents = (size_t)subject->spec.agents;
  unsigned char *observation = take(subject, BLOCK * subject->observation_bytes);
  unsigned char *actions = take(subject, BLOCK * subject->action_bytes);
  uint8_t *masks = subject->mask_bytes > 0 ? take(subject, BLOCK * subject->mask_bytes) : NULL;
  const struct env_pool_result result = {.observation = observation,
                                         .observation_stride = subject->observation_bytes / agents,
                                         .reward = take(subject, BLOCK * agents * sizeof(float)),
                                         .reward_stride = sizeof(float),
                                         .ended = take(subject, BLOCK),
                                         .ended_stride = 1};
  struct random_stream stream = random_stream_start(subject->seed, RANDOM_ACTION, 0, 1);
  MUSTER_TRY(env_pool_reset(pool, observation, result.observation_stride));
  draw_in_pool(subject, pool, &stream.base, masks, actions);
  int64_t steps = 0;
  double start = clock_seconds(), spent = 0;
  while (spent < 0.4 * subject->examination->seconds) {
    struct env_pool_result step = result;
    if (masks != NULL) draw_in_pool(subject, pool, &stream.base, masks, actions);
    MUSTER_TRY(env_pool_step(pool, actions, 0, &step));
    steps += BLOCK;
    spent = clock_seconds() - start;
  }
  *steps_per_second = (double)steps / spent;
  return MUSTER_OK;
}

void check_speed(struct subject *subject) {
  struct examination *examination = subject->examination;
  struct conformance_report *report = &examination->report;
  report->steps_per_second = time_single(subject);
  struct env_pool *pool;
  muster_status status = env_pool_create(subject->type, subject->settings, subject->seed, 0, BLOCK, &pool);
  if (status != MUSTER_OK) {
    examination_find(examination, CONFORMANCE_NOTE, "a pool of %d, as training has it, cannot be made: %s", BLOCK,
                     muster_status_message(status));
    examination_find(examination, CONFORMANCE_PASS, "%.3g steps/s alone", report->steps_per_second);
    return;
  }
  examination_demand(examination, time_steps(subject, pool, &report->pool_steps_per_second));
  examination_find(examination, CONFORMANCE_PASS, "%.3g steps/s alone, %.3g in a pool of %d", report->steps_per_second,
                   report->pool_steps_per_second, BLOCK);
}
