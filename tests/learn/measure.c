/* Measures of a trained policy that a mean return does not show.
 *
 *   measure probabilities RUN
 *     the probability of each action in the only state of Bandit-v0 or RockPaperScissors-v0; for the latter also the
 *     exploitability: what the best answer wins in a round, 0 at 1/3 each
 *   measure successes RUN EPISODES
 *     the share of episodes in which Reacher6-v0 reaches its target, and in which it ends there; in which
 *     TokenReverse-v0 and TokenCopy-v0 emit only right tokens; in which Minesweeper-v0 is won, next to the share that
 *     the player of support/minesweeper_solver.h wins
 *
 * The most probable actions are played. RUN is a run folder or a checkpoint. Prints one JSON object on one line. */
#include "base/random.h"
#include "env/block.h"
#include "env/options.h"
#include "env/registry.h"
#include "policy/policy.h"
#include "support/minesweeper_solver.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOVES = 3, MAX_CHOICES = 1024, MAX_ELEMENTS = 16 };

static muster_status usage(void) {
  return status_error(MUSTER_ERROR_USAGE,
                      "usage: measure probabilities RUN, or measure successes RUN EPISODES, of Bandit-v0, "
                      "RockPaperScissors-v0; Reacher6-v0, Minesweeper-v0, TokenCopy-v0, TokenReverse-v0");
}

/* ---- probabilities ---- */

/* what the best answer earns against a player with these probabilities: move m is beaten by m + 1, in a circle */
static double exploitability(const double probability[MOVES]) {
  double most = 0.0;
  for (int move = 0; move < MOVES; move++)
    most = fmax(most, probability[(move + MOVES - 1) % MOVES] - probability[(move + 1) % MOVES]);
  return most;
}

/* exact, from the distribution that the policy's network gives for the constant observation 1 */
static muster_status measure_probabilities(muster_policy *policy) {
  struct model *model = &policy->model;
  struct policy_head *head = &model->head;
  if (policy->action.kind != MUSTER_SPACE_DISCRETE || muster_space_elements(&policy->observation) != 1) return usage();
  const int32_t choices = policy->action.counts[0];
  double probability[MAX_CHOICES];
  if (choices > MAX_CHOICES) return usage();

  const float observation = 1.0f;
  size_t net_ld;
  const float *net = model_policy(model, 1, &observation, sizeof observation, &net_ld);
  for (int32_t action = 0; action < choices; action++) {
    head->distribution->evaluate(head, 1, net, net_ld, (struct action_mask){0}, &action);
    probability[action] = exp((double)head->log_prob[0]);
  }
  printf("{\"probabilities\": [");
  for (int32_t action = 0; action < choices; action++) printf("%s%.6f", action > 0 ? ", " : "", probability[action]);
  printf("]");
  if (choices == MOVES && strcmp(muster_policy_env(policy), "RockPaperScissors-v0") == 0)
    printf(", \"exploitability\": %.6f", exploitability(probability));
  printf("}\n");
  return MUSTER_OK;
}

/* ---- successes ---- */

/* one environment, stepped by hand */
struct game {
  struct env_block block;
  struct random_stream random;
  float *observation;
  uint8_t *mask; /* NULL where actions are not masked */
};

/* who plays */
struct player {
  muster_policy *policy; /* NULL: the solver */
  struct solver *solver;
  struct random_stream guesses; /* of the solver */
};

/* an action of a Discrete or of a Box space */
union action {
  int32_t choice;
  float numbers[MAX_ELEMENTS];
};

/* how an episode went */
struct episode {
  double last_reward, episode_return;
  /* Reacher6-v0: whether the fingertip was within 0.05 m of the target at any step, and whether at the last one */
  bool ever_near, near;
};

static muster_status game_open(const muster_policy *policy, struct arena *arena, struct game *game) {
  const muster_env_type *type;
  const muster_env_setting *settings;
  muster_env_setting wanted[RUN_CONFIG_ENV_SETTINGS];
  run_config_env_settings(&policy->config, wanted);
  MUSTER_TRY(env_registry_find(muster_policy_env(policy), &type));
  MUSTER_TRY(env_options_match(type, wanted, arena, &settings));
  MUSTER_TRY(env_block_create(type, settings, 1, NULL, arena, &game->block));
  const muster_env_spec *spec = &game->block.spec;
  MUSTER_TRY(ARENA_TAKE(arena, muster_space_elements(&spec->observation), "observation", &game->observation));
  if (spec->masks_actions) MUSTER_TRY(ARENA_TAKE(arena, env_block_choices(&spec->action), "mask", &game->mask));
  return MUSTER_OK;
}

static muster_status choose(struct player *player, const struct game *game, union action *action) {
  if (player->policy != NULL)
    return muster_policy_act_masked(player->policy, 1, game->observation, game->mask, MUSTER_ACT_DETERMINISTIC, action);
  bool guessed;
  action->choice = solver_choose(player->solver, game->observation, &player->guesses.base, &guessed);
  return MUSTER_OK;
}

/* for Reacher6-v0, whose observation ends with the way from the fingertip to the target in m */
static bool is_near(const struct game *game) {
  const float *way = game->observation + muster_space_elements(&game->block.spec.observation) - 2;
  return hypot((double)way[0], (double)way[1]) <= 0.05;
}

/* plays the episode of that number to its end, or to the environment's step limit */
static muster_status play(struct player *player, struct game *game, uint32_t number, bool reaches,
                          struct episode *episode) {
  const muster_env_spec *spec = &game->block.spec;
  muster_env_error error = {""};
  game->random = random_stream_start(random_derive_seed(1, RANDOM_EVALUATION), RANDOM_ENV, 0, number);
  muster_random *const random = &game->random.base;
  *episode = (struct episode){0};
  if (env_block_reset(&game->block, 0, random, game->observation, game->mask, &error) != 0)
    return status_error(MUSTER_ERROR_ENVIRONMENT, "reset: %s", error.text);
  uint8_t terminated = 0, truncated = 0;
  for (int32_t step = 1; terminated == 0 && truncated == 0; step++) {
    union action action;
    float reward = 0.0f;
    MUSTER_TRY(choose(player, game, &action));
    muster_env_block_result result = {.observation = game->observation,
                                      .reward = &reward,
                                      .action_mask = game->mask,
                                      .terminated = &terminated,
                                      .truncated = &truncated};
    if (env_block_step(&game->block, &action, &random, &result, &error) != 0)
      return status_error(MUSTER_ERROR_ENVIRONMENT, "step: %s", error.text);
    episode->last_reward = (double)reward;
    episode->episode_return += (double)reward;
    episode->near = reaches && is_near(game);
    episode->ever_near |= episode->near;
    truncated |= spec->max_steps > 0 && step >= spec->max_steps;
  }
  return MUSTER_OK;
}

/* counts of episodes */
struct counts {
  long long reached, held, exact, won;
};

static muster_status count(struct player *player, struct game *game, long long episodes, bool reaches,
                           struct counts *counts) {
  *counts = (struct counts){0};
  for (long long number = 0; number < episodes; number++) {
    struct episode episode;
    MUSTER_TRY(play(player, game, (uint32_t)number, reaches, &episode));
    counts->reached += episode.ever_near;
    counts->held += episode.near;
    counts->exact += episode.episode_return >= 1.0;
    counts->won += episode.last_reward > 0.0;
  }
  return MUSTER_OK;
}

static muster_status print_successes(muster_policy *policy, struct game *game, long long episodes) {
  const char *env = muster_policy_env(policy);
  const bool reaches = strcmp(env, "Reacher6-v0") == 0, sweeps = strcmp(env, "Minesweeper-v0") == 0;
  const double all = (double)episodes;
  if (!reaches && !sweeps && strncmp(env, "Token", strlen("Token")) != 0) return usage();
  struct counts counts;
  MUSTER_TRY(count(&(struct player){.policy = policy}, game, episodes, reaches, &counts));
  if (reaches) {
    printf("{\"reached\": %.4f, \"held\": %.4f}\n", (double)counts.reached / all, (double)counts.held / all);
  } else if (sweeps) {
    static struct solver solver;
    const int32_t *shape = game->block.spec.observation.shape;
    solver.rows = shape[0];
    solver.columns = shape[1];
    struct player player = {.solver = &solver, .guesses = random_stream_start(11, RANDOM_ACTION, 0, 0)};
    struct counts by_rules;
    MUSTER_TRY(count(&player, game, episodes, false, &by_rules));
    printf("{\"won\": %.4f, \"won_by_rules\": %.4f}\n", (double)counts.won / all, (double)by_rules.won / all);
  } else {
    printf("{\"exact\": %.4f}\n", (double)counts.exact / all);
  }
  return MUSTER_OK;
}

static muster_status measure_successes(muster_policy *policy, long long episodes) {
  struct arena *arena;
  struct game game = {0};
  MUSTER_TRY(arena_create(&arena));
  muster_status status = game_open(policy, arena, &game);
  if (status == MUSTER_OK) status = print_successes(policy, &game, episodes);
  env_block_destroy(&game.block);
  arena_destroy(&arena);
  return status;
}

int main(int argc, char **argv) {
  muster_policy *policy = NULL;
  const char *what = argc > 1 ? argv[1] : "";
  const bool probabilities = strcmp(what, "probabilities") == 0 && argc == 3;
  const bool successes = strcmp(what, "successes") == 0 && argc == 4 && atoll(argv[3]) > 0;
  muster_status status = probabilities || successes ? muster_policy_open(argv[2], &policy) : usage();
  if (status == MUSTER_OK)
    status = probabilities ? measure_probabilities(policy) : measure_successes(policy, atoll(argv[3]));
  muster_policy_close(&policy);
  const int exit_code = status == MUSTER_OK ? 0 : 1;
  if (status != MUSTER_OK) fprintf(stderr, "measure: %s\n", muster_status_message(status));
  muster_status_clear(&status);
  return exit_code;
}
