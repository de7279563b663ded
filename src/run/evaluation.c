#include "run/evaluation.h"

#include "base/random.h"
#include "env/pool.h"

#include <math.h>

#define EVALUATION_ENVS 64

/* the episodes of one round: one in each environment of a pool */
struct round {
  struct env_pool *pool;
  size_t count, obs_dim, act_elements;
  float *observation; /* [count, obs_dim] */
  int32_t *actions;   /* [count, act_elements] */
  float *log_prob, *reward;
  uint8_t *ended;
  struct env_finals finals;
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
  const muster_env_spec *spec = env_pool_spec(round->pool);
  round->count = count;
  round->obs_dim = muster_space_elements(&spec->observation);
  round->act_elements = muster_space_elements(&spec->action);
  round->finals.capacity = (int32_t)count;
  MUSTER_TRY(ARENA_TAKE(arena, count * round->obs_dim, "evaluation", &round->observation));
  MUSTER_TRY(ARENA_TAKE(arena, count * round->act_elements, "evaluation", &round->actions));
  MUSTER_TRY(ARENA_TAKE(arena, count, "evaluation", &round->log_prob));
  MUSTER_TRY(ARENA_TAKE(arena, count, "evaluation", &round->reward));
  MUSTER_TRY(ARENA_TAKE(arena, count, "evaluation", &round->ended));
  MUSTER_TRY(ARENA_TAKE(arena, count, "evaluation", &round->finals.environment));
  MUSTER_TRY(ARENA_TAKE(arena, count, "evaluation", &round->finals.step));
  return arena_take(arena, count * round->obs_dim, sizeof(float), "evaluation", &round->finals.observation);
}

/* steps all environments until each has finished one episode; later episodes of a quick one do not count */
static muster_status round_play(struct round *round, struct model *model, const struct evaluation_request *request,
                                uint64_t seed, int64_t first, double *returns, int64_t *lengths) {
  size_t obs_bytes = round->obs_dim * sizeof(float), playing = round->count;
  bool done[EVALUATION_ENVS] = {false};
  MUSTER_TRY(env_pool_reset(round->pool, round->observation, obs_bytes));
  for (uint32_t step = 0; playing > 0; step++) {
    struct action_random random = {.seed = seed, .first_env = (uint32_t)first, .step = step};
    model_act(model, round->count, round->observation, round->obs_dim, request->deterministic ? NULL : &random,
              round->actions, round->log_prob, 1);
    round->finals.count = 0;
    struct env_pool_result result = {round->observation, obs_bytes, round->reward, sizeof(float),
                                     round->ended,       1,         &round->finals};
    MUSTER_TRY(env_pool_step(round->pool, round->actions, 0, &result));
    for (size_t n = 0; n < round->count; n++) {
      if (done[n]) continue;
      returns[n] += round->reward[n];
      lengths[n]++;
      if (round->ended[n] == 0) continue;
      done[n] = true;
      playing--;
    }
  }
  return MUSTER_OK;
}

muster_status evaluation_run(struct model *model, const struct evaluation_request *request, struct evaluation *out) {
  uint64_t seed = random_derive_seed(request->seed, RANDOM_EVALUATION);
  struct spread returns = {.min = INFINITY, .max = -INFINITY}, lengths = returns;
  int64_t steps = 0;
  for (int64_t first = 0; first < request->episodes; first += EVALUATION_ENVS) {
    int64_t left = request->episodes - first;
    size_t count = left < EVALUATION_ENVS ? (size_t)left : EVALUATION_ENVS;
    struct round round = {0};
    double round_returns[EVALUATION_ENVS] = {0};
    int64_t round_lengths[EVALUATION_ENVS] = {0};
    struct arena *arena;
    MUSTER_TRY(arena_create(&arena));
    muster_status status = round_create(request, seed, first, count, arena, &round);
    if (status == MUSTER_OK) status = round_play(&round, model, request, seed, first, round_returns, round_lengths);
    env_pool_destroy(&round.pool);
    arena_destroy(&arena);
    if (status != MUSTER_OK) return status_wrap(status, "evaluation");
    for (size_t n = 0; n < count; n++) {
      spread_add(&returns, round_returns[n]);
      spread_add(&lengths, (double)round_lengths[n]);
      steps += round_lengths[n];
    }
  }
  double n = (double)request->episodes;
  *out = (struct evaluation){request->episodes, steps,       returns.sum / n, spread_deviation(&returns, n),
                             returns.min,       returns.max, lengths.sum / n, spread_deviation(&lengths, n),
                             lengths.min,       lengths.max};
  return MUSTER_OK;
}
