/* Chase-v0: all that muster needs to train the game of chase.h. */
#include "chase.h"

#include <muster/compat/puffer.h>

static const muster_env_option options[] = {{"side", "7", "cells along an edge, from 2 to 99"}, {NULL, NULL, NULL}};
static const float low[] = {-1, -1}, high[] = {1, 1};
static const int32_t action_counts[] = {4};

static int setup(Chase *env, const muster_env_setting *settings, muster_puffer_spec *spec, muster_env_error *error) {
  char *end;
  env->side = (int)strtol(settings[0].value, &end, 10);
  if (end == settings[0].value || *end != '\0' || env->side < 2 || env->side > 99)
    return muster_env_fail(error, "option side: expects an integer from 2 to 99, got \"%s\"", settings[0].value);
  spec->observation = (muster_space){.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {2}, .low = low, .high = high};
  spec->action = (muster_space){.kind = MUSTER_SPACE_DISCRETE, .counts = action_counts};
  spec->max_steps = 50; /* the game has no limit of its own: muster truncates, and keeps the last observation */
  spec->reward_threshold = 0.8;
  return 0;
}

/* The game takes its random numbers from rand(). Before each call of the game muster calls this, with the episode's own
 * random numbers, so that episodes can be repeated. */
static void seed(Chase *env, muster_random *random) {
  (void)env;
  if (random != NULL) srand(random->next(random));
}

MUSTER_PUFFER_ENV(chase, Chase, "Chase-v0", "walk to the fruit on a grid", options, .setup = setup, .random = seed,
                  .plain = true)

MUSTER_ENV_PLUGIN(&chase)
