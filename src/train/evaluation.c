#include "train/evaluation.h"

#include "base/clock.h"
#include "base/random.h"
#include "base/statistics.h"
#include "env/block.h"
#include "train/interrupt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct evaluation_player {
  struct evaluation_request request;
  uint64_t seed; /* of environments and actions */
  struct arena *arena;
  struct env_pool *pool;
  size_t count, agents;
  size_t obs_bytes, mask_bytes; /* of one row */
  char *observation;            /* [count, agents, obs_bytes] */
  uint8_t *mask;                /* [count, agents, mask_bytes]; NULL where actions are not masked */
  char *actions;                /* [count, agents, action bytes] */
  float *log_prob, *reward;     /* [count, agents] */
  uint8_t *ended;               /* [count] */
  uint32_t *rows, *steps;       /* [count, agents] where the actions' random numbers come from */
  struct evaluated_episode *episodes;
};

/* --- life --- */

static muster_status take_arrays(struct evaluation_player *player) {
  const muster_env_spec *spec = env_pool_spec(player->pool);
  struct arena *arena = player->arena;
  player->agents = (size_t)spec->agents;
  player->obs_bytes = muster_space_bytes(&spec->observation);
  player->mask_bytes = spec->masks_actions ? env_block_choices(&spec->action) : 0;
  const size_t rows = player->count * player->agents;
  if (spec->masks_actions) MUSTER_TRY(ARENA_TAKE(arena, rows * player->mask_bytes, "evaluation", &player->mask));
  MUSTER_TRY(ARENA_TAKE(arena, rows * player->obs_bytes, "evaluation", &player->observation));
  MUSTER_TRY(ARENA_TAKE(arena, rows * muster_space_bytes(&spec->action), "evaluation", &player->actions));
  MUSTER_TRY(ARENA_TAKE(arena, rows, "evaluation", &player->log_prob));
  MUSTER_TRY(ARENA_TAKE(arena, rows, "evaluation", &player->reward));
  MUSTER_TRY(ARENA_TAKE(arena, rows, "evaluation", &player->rows));
  MUSTER_TRY(ARENA_TAKE(arena, rows, "evaluation", &player->steps));
  return ARENA_TAKE(arena, player->count, "evaluation", &player->ended);
}

static bool spaces_are_equal(const muster_space *a, const muster_space *b) {
  bool is_equal = a->kind == b->kind && a->rank == b->rank && memcmp(a->shape, b->shape, sizeof a->shape) == 0;
  bool is_counted = a->kind == MUSTER_SPACE_DISCRETE || a->kind == MUSTER_SPACE_MULTI_DISCRETE;
  return is_equal && (!is_counted || memcmp(a->counts, b->counts, muster_space_elements(a) * sizeof *a->counts) == 0);
}

static muster_status check_spaces(const struct evaluation_player *player) {
  const struct evaluation_request *request = &player->request;
  const muster_env_spec *spec = env_pool_spec(player->pool);
  bool is_seen = request->observation == NULL || spaces_are_equal(request->observation, &spec->observation);
  bool is_done = request->action == NULL || spaces_are_equal(request->action, &spec->action);
  if (is_seen && is_done) return MUSTER_OK;
  return status_error(MUSTER_ERROR_USAGE,
                      "the %s of %s, as its options and wrappers make it, are not those that the policy has learned "
                      "with; expects an environment of the same spaces",
                      is_seen ? "actions" : "observations", request->type->name);
}

static muster_status open_player(struct evaluation_player *player) {
  const struct evaluation_request *request = &player->request;
  struct env_wrappers wrappers = request->wrappers;
  wrappers.fallback_steps = EVALUATION_FALLBACK_STEPS;
  MUSTER_TRY(arena_create(&player->arena));
  MUSTER_TRY(env_pool_create(request->type, request->settings, player->seed, request->first, (int32_t)player->count,
                             &player->pool));
  MUSTER_TRY(env_pool_wrap(player->pool, &wrappers));
  MUSTER_TRY(check_spaces(player));
  if (request->curriculum != NULL) MUSTER_TRY(curriculum_apply(request->curriculum, 0.0, player->pool));
  if (request->viewer != NULL) env_pool_view(player->pool, &request->viewer->env);
  if (request->tolerates_faults) env_pool_tolerate_faults(player->pool);
  return take_arrays(player);
}

muster_status evaluation_player_create(const struct evaluation_request *request, struct evaluated_episode *episodes,
                                       struct evaluation_player **out) {
  int32_t most = request->viewer != NULL ? 1 : EVALUATION_ENVS;
  if (request->envs > 0 && request->envs < most) most = request->envs;
  struct evaluation_player *player = calloc(1, sizeof *player);
  if (player == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: evaluation");
  player->request = *request;
  player->seed = random_derive_seed(request->seed, RANDOM_EVALUATION);
  player->count = (size_t)(request->episodes < most ? request->episodes : most);
  player->episodes = episodes;
  muster_status status = open_player(player);
  if (status != MUSTER_OK)
    evaluation_player_destroy(&player);
  else
    *out = player;
  return status_wrap(status, "evaluation");
}

void evaluation_player_destroy(struct evaluation_player **handle) {
  struct evaluation_player *player = *handle;
  if (player == NULL) return;
  env_pool_destroy(&player->pool);
  arena_destroy(&player->arena);
  free(player);
  *handle = NULL;
}

/* --- playing --- */

static bool has_seen_enough(const struct evaluation_player *player) {
  return player->request.viewer != NULL && player->request.viewer->enough;
}

/* the result of the episode that an environment plays; NULL: it plays none */
static struct evaluated_episode *current_episode(const struct evaluation_player *player, size_t env) {
  const int32_t number = env_pool_episode(player->pool, (int32_t)env);
  return number >= 0 ? &player->episodes[number - player->request.first] : NULL;
}

/* the reward of one environment: the mean over its agents */
static double mean_reward(const struct evaluation_player *player, size_t env) {
  double sum = 0.0;
  for (size_t agent = 0; agent < player->agents; agent++) sum += player->reward[env * player->agents + agent];
  return sum / (double)player->agents;
}

/* an episode that an isolated environment lost counts with what it had; a dead environment plays none: an error */
static muster_status check_restarts(struct env_pool *pool) {
  struct env_restarts restarts;
  env_pool_take_restarts(pool, &restarts);
  return restarts.stays_dead ? status_error(MUSTER_ERROR_ENVIRONMENT, "%s", restarts.text[0]) : MUSTER_OK;
}

/* the random numbers of an action depend on the numbers of its episode and step alone */
static struct action_random place_random(struct evaluation_player *player) {
  for (size_t row = 0; row < player->count * player->agents; row++) {
    const struct evaluated_episode *episode = current_episode(player, row / player->agents);
    const size_t number = episode != NULL ? (size_t)(episode - player->episodes) : 0;
    player->rows[row] = (uint32_t)(((size_t)player->request.first + number) * player->agents + row % player->agents);
    player->steps[row] = episode != NULL ? (uint32_t)episode->length : 0;
  }
  return (struct action_random){.seed = player->seed, .rows = player->rows, .steps = player->steps};
}

static void act(struct evaluation_player *player, struct model *model) {
  const struct model_input input = {player->observation, player->obs_bytes, {player->mask, player->mask_bytes}};
  const bool samples = !player->request.deterministic;
  struct action_random random = {0};
  if (samples) random = place_random(player);
  env_pool_observe(player->pool, NULL, 0, player->mask, player->mask_bytes);
  model_act(model, player->count * player->agents, &input, samples ? &random : NULL, player->actions, player->log_prob,
            1);
}

/* one step of all environments */
static muster_status step(struct evaluation_player *player, struct evaluated_episode **playing) {
  struct env_pool_result result = {
      player->observation, player->obs_bytes, player->reward, sizeof(float), player->ended, 1, NULL};
  for (size_t env = 0; env < player->count; env++) playing[env] = current_episode(player, env);
  MUSTER_TRY(env_pool_step(player->pool, player->actions, 0, &result));
  MUSTER_TRY(check_restarts(player->pool));
  const bool falls_back = env_pool_falls_back(player->pool);
  for (size_t env = 0; env < player->count; env++) {
    struct evaluated_episode *episode = playing[env];
    if (episode == NULL) continue;
    episode->episode_return += mean_reward(player, env);
    episode->length++;
    episode->ended = player->ended[env];
    bool is_cut = falls_back && episode->ended == ENV_TRUNCATED && episode->length == EVALUATION_FALLBACK_STEPS;
    if (is_cut) episode->ended |= EPISODE_CUT;
  }
  return MUSTER_OK;
}

static bool any_plays(const struct evaluation_player *player) {
  for (size_t env = 0; env < player->count; env++)
    if (env_pool_episode(player->pool, (int32_t)env) >= 0) return true;
  return false;
}

/* starts with `count` of the player's episodes, in all environments */
static muster_status begin(struct evaluation_player *player, int32_t first, int32_t count) {
  memset(player->episodes + (first - player->request.first), 0, (size_t)count * sizeof *player->episodes);
  env_pool_play_list(player->pool, first, count);
  return env_pool_reset(player->pool, player->observation, player->obs_bytes);
}

static muster_status play(struct evaluation_player *player, struct model *model, double until, bool *is_done) {
  struct evaluated_episode *playing[EVALUATION_ENVS];
  const int asked = interrupt_pending();
  bool goes_on = true;
  while (goes_on && any_plays(player)) {
    act(player, model);
    MUSTER_TRY(step(player, playing));
    goes_on = clock_seconds() < until && interrupt_pending() == asked && !has_seen_enough(player);
  }
  *is_done = !any_plays(player);
  return MUSTER_OK;
}

muster_status evaluation_player_begin(struct evaluation_player *player) {
  return status_wrap(begin(player, player->request.first, player->request.episodes), "evaluation");
}

muster_status evaluation_player_play(struct evaluation_player *player, struct model *model, double until,
                                     bool *is_done) {
  return status_wrap(play(player, model, until, is_done), "evaluation");
}

/* --- results --- */

muster_status evaluation_summarize(const struct evaluated_episode *episodes, size_t n, struct evaluation *out) {
  double *values = calloc(n > 0 ? n : 1, sizeof *values);
  if (values == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: %zu episodes", n);
  struct evaluation evaluation = {0};
  for (size_t i = 0; i < n; i++) {
    const struct evaluated_episode *episode = &episodes[i];
    values[i] = episode->ended != 0 ? episode->episode_return : (double)NAN;
    if (episode->ended == 0) continue;
    evaluation.episodes++;
    evaluation.steps += episode->length;
    evaluation.cut += (episode->ended & EPISODE_CUT) != 0;
  }
  const struct statistics returns = statistics_of(n, values);
  for (size_t i = 0; i < n; i++) values[i] = episodes[i].ended != 0 ? episodes[i].length : (double)NAN;
  const struct statistics lengths = statistics_of(n, values);
  free(values);
  evaluation.mean_return = returns.mean, evaluation.std_return = returns.std;
  evaluation.min_return = returns.min, evaluation.max_return = returns.max;
  evaluation.mean_length = lengths.mean, evaluation.std_length = lengths.std;
  evaluation.min_length = lengths.min, evaluation.max_length = lengths.max;
  *out = evaluation;
  return MUSTER_OK;
}

void evaluation_describe_cut(const struct evaluation *evaluation, char text[128]) {
  text[0] = '\0';
  if (evaluation->cut == 0) return;
  snprintf(text, 128, ", %lld of them cut off at %d steps, since the environment has no limit of its own",
           (long long)evaluation->cut, EVALUATION_FALLBACK_STEPS);
}

/* one episode after the other, for a viewer */
static muster_status show(struct evaluation_player *player, struct model *model) {
  bool is_done = true;
  for (int32_t i = 0; i < player->request.episodes && is_done && !has_seen_enough(player); i++) {
    MUSTER_TRY(begin(player, player->request.first + i, 1));
    MUSTER_TRY(play(player, model, INFINITY, &is_done));
  }
  return MUSTER_OK;
}

muster_status evaluation_run(struct model *model, const struct evaluation_request *request, struct evaluation *out) {
  const size_t n = (size_t)request->episodes;
  struct evaluated_episode *episodes = calloc(n, sizeof *episodes);
  if (episodes == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: %zu episodes", n);
  struct evaluation_player *player = NULL;
  bool is_done;
  muster_status status = evaluation_player_create(request, episodes, &player);
  if (status == MUSTER_OK && request->viewer == NULL) status = evaluation_player_begin(player);
  if (status == MUSTER_OK && request->viewer == NULL)
    status = evaluation_player_play(player, model, INFINITY, &is_done);
  if (status == MUSTER_OK && request->viewer != NULL) status = status_wrap(show(player, model), "evaluation");
  if (status == MUSTER_OK) status = evaluation_summarize(episodes, n, out);
  evaluation_player_destroy(&player);
  free(episodes);
  return status;
}
