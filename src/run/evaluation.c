#include "run/evaluation.h"

#include "base/random.h"
#include "env/block.h"

#include <math.h>

#define EVALUATION_ENVS 64

/* the episodes of one round: one in each environment of a pool */
struct round {
  struct env_pool *pool;
  size_t count, agents;
  size_t playing;               /* environments that have not finished their episode */
  size_t obs_bytes, mask_bytes; /* of one row */
  char *observation;            /* [count, agents, obs_bytes] */
  uint8_t *mask;                /* [count, agents, mask_bytes]; NULL where actions are not masked */
  char *actions;                /* [count, agents, action bytes] */
  float *log_prob, *reward;     /* [count, agents] */
  uint8_t *ended;               /* [count] */
};

/* sums towards a mean, a deviation and a range */
struct spread {
  double sum, squares, min, max;
};

static void spread_add(struct spread *spread, double value) {
  spread->sum += value;
  spread->squares += value * value;
  spread->min = fmin(spread->min, value);
  spread->max = fmax(spread->max, value);
}

static double spread_deviation(const struct spread *spread, double n) {
  double mean = spread->sum / n;
  return sqrt(fmax(0.0, spread->squares / n - mean * mean));
}

static muster_status round_create(const struct evaluation_request *request, uint64_t seed, int64_t first, size_t count,
                                  struct arena *arena, struct round *round) {
  MUSTER_TRY(env_pool_create(request->type, request->settings, seed, (int32_t)first, (int32_t)count, &round->pool));
  MUSTER_TRY(env_pool_wrap(round->pool, &request->wrappers));
  if (request->viewer != NULL) env_pool_view(round->pool, &request->viewer->env);
  const muster_env_spec *spec = env_pool_spec(round->pool);
  round->count = count;
  round->agents = (size_t)spec->agents;
  round->obs_bytes = muster_space_bytes(&spec->observation);
  round->mask_bytes = spec->masks_actions ? env_block_choices(&spec->action) : 0;
  size_t rows = count * round->agents;
  if (spec->masks_actions) MUSTER_TRY(ARENA_TAKE(arena, rows * round->mask_bytes, "evaluation", &round->mask));
  MUSTER_TRY(ARENA_TAKE(arena, rows * round->obs_bytes, "evaluation", &round->observation));
  MUSTER_TRY(ARENA_TAKE(arena, rows * muster_space_bytes(&spec->action), "evaluation", &round->actions));
  MUSTER_TRY(ARENA_TAKE(arena, rows, "evaluation", &round->log_prob));
  MUSTER_TRY(ARENA_TAKE(arena, rows, "evaluation", &round->reward));
  return ARENA_TAKE(arena, count, "evaluation", &round->ended);
}

/* the reward of one environment: the mean over its agents */
static double mean_reward(const struct round *round, size_t env) {
  double sum = 0.0;
  for (size_t agent = 0; agent < round->agents; agent++) sum += round->reward[env * round->agents + agent];
  return sum / (double)round->agents;
}

/* episodes that isolated environments lose count with what they had; dead environments have no episodes at all */
static muster_status check_restarts(struct env_pool *pool) {
  struct env_restarts restarts;
  env_pool_take_restarts(pool, &restarts);
  return restarts.stays_dead ? status_error(MUSTER_ERROR_ENVIRONMENT, "%s", restarts.text[0]) : MUSTER_OK;
}

static bool has_seen_enough(const struct evaluation_request *request) {
  return request->viewer != NULL && request->viewer->enough;
}

/* steps all environments until each has finished one episode; later episodes of a quick one do not count */
static muster_status round_play(struct round *round, struct model *model, const struct evaluation_request *request,
                                uint64_t seed, int64_t first, double *returns, int64_t *lengths) {
  size_t rows = round->count * round->agents;
  const struct model_input input = {round->observation, round->obs_bytes, {round->mask, round->mask_bytes}};
  struct env_pool_result result = {
      round->observation, round->obs_bytes, round->reward, sizeof(float), round->ended, 1, NULL};
  bool done[EVALUATION_ENVS] = {false};
  MUSTER_TRY(env_pool_reset(round->pool, round->observation, round->obs_bytes));
  round->playing = round->count;
  for (uint32_t step = 0; round->playing > 0 && !has_seen_enough(request); step++) {
    struct action_random random = {.seed = seed, .first_row = (uint32_t)first * (uint32_t)round->agents, .step = step};
    env_pool_observe(round->pool, NULL, 0, round->mask, round->mask_bytes);
    model_act(model, rows, &input, request->deterministic ? NULL : &random, round->actions, round->log_prob, 1);
    MUSTER_TRY(env_pool_step(round->pool, round->actions, 0, &result));
    MUSTER_TRY(check_restarts(round->pool));
    for (size_t n = 0; n < round->count; n++) {
      if (done[n]) continue;
      returns[n] += mean_reward(round, n);
      lengths[n]++;
      if (round->ended[n] == 0) continue;
      done[n] = true;
      round->playing--;
    }
  }
  return MUSTER_OK;
}

/* plays `count` episodes from number `first` on; `*unfinished`: those that the viewer did not want to see to their end
 */
static muster_status play_episodes(struct model *model, const struct evaluation_request *request, uint64_t seed,
                                   int64_t first, size_t count, double *returns, int64_t *lengths, size_t *unfinished) {
  struct round round = {0};
  struct arena *arena;
  MUSTER_TRY(arena_create(&arena));
  muster_status status = round_create(request, seed, first, count, arena, &round);
  if (status == MUSTER_OK) status = round_play(&round, model, request, seed, first, returns, lengths);
  *unfinished = round.playing;
  env_pool_destroy(&round.pool);
  arena_destroy(&arena);
  return status_wrap(status, "evaluation");
}

muster_status evaluation_run(struct model *model, const struct evaluation_request *request, struct evaluation *out) {
  uint64_t seed = random_derive_seed(request->seed, RANDOM_EVALUATION);
  struct spread returns = {.min = INFINITY, .max = -INFINITY}, lengths = returns;
  int64_t steps = 0, episodes = 0;
  const int64_t at_once = request->viewer != NULL ? 1 : EVALUATION_ENVS;
  while (episodes < request->episodes && !has_seen_enough(request)) {
    int64_t left = request->episodes - episodes;
    size_t count = (size_t)(left < at_once ? left : at_once), unfinished = 0;
    double round_returns[EVALUATION_ENVS] = {0};
    int64_t round_lengths[EVALUATION_ENVS] = {0};
    MUSTER_TRY(play_episodes(model, request, seed, episodes, count, round_returns, round_lengths, &unfinished));
    if (unfinished > 0) break;
    for (size_t n = 0; n < count; n++) {
      spread_add(&returns, round_returns[n]);
      spread_add(&lengths, (double)round_lengths[n]);
      steps += round_lengths[n];
    }
    episodes += (int64_t)count;
  }
  double n = (double)episodes;
  *out = (struct evaluation){episodes,    steps,       returns.sum / n, spread_deviation(&returns, n),
                             returns.min, returns.max, lengths.sum / n, spread_deviation(&lengths, n),
                             lengths.min, lengths.max};
  return MUSTER_OK;
}
