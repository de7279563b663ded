/* Prints what an environment of a plug-in looks like through muster/env.h, for tests.
 *
 *   show_environment PLUGIN NAME [KEY=VALUE...]
 *
 * A line for each: "observation KIND SHAPE", "action KIND SHAPE", "counts ..." of both, the numbers of the observation
 * after a reset ("reset ..."), its mask ("mask ..."), and the same after a step with the last choices or the upper
 * bounds, with the reward ("step ..."). Exit code 1: a call failed. */
#include "base/arena.h"
#include "base/random.h"
#include "env/options.h"
#include "env/source.h"
#include "exit_on_error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPTIONS = 16 };

static void print_space(const char *name, const muster_space *space) {
  printf("%s %d", name, (int)space->kind);
  for (int32_t i = 0; i < space->rank; i++) printf(" %d", (int)space->shape[i]);
  printf("\n%s-counts", name);
  const bool is_counted = space->kind == MUSTER_SPACE_DISCRETE || space->kind == MUSTER_SPACE_MULTI_DISCRETE;
  for (size_t i = 0; is_counted && i < muster_space_elements(space); i++) printf(" %d", (int)space->counts[i]);
  puts("");
}

static size_t count_choices(const muster_env_spec *spec) {
  size_t choices = 0;
  for (size_t i = 0; spec->masks_actions && i < muster_space_elements(&spec->action); i++)
    choices += (size_t)spec->action.counts[i];
  return choices;
}

static void print_numbers(const muster_env_spec *spec, const muster_env_result *result) {
  for (size_t i = 0; i < muster_space_elements(&spec->observation); i++) {
    if (spec->observation.kind == MUSTER_SPACE_BOX)
      printf(" %g", (double)((const float *)result->observation)[i]);
    else if (spec->observation.kind == MUSTER_SPACE_BOX_U8)
      printf(" %d", ((const uint8_t *)result->observation)[i]);
    else
      printf(" %d", (int)((const int32_t *)result->observation)[i]);
  }
  printf("\nmask");
  for (size_t i = 0; i < count_choices(spec); i++) printf(" %d", result->action_mask[i]);
  puts("");
}

/* the last choices, or the upper bounds */
static void fill_action(const muster_space *space, void *action) {
  for (size_t i = 0; i < muster_space_elements(space); i++) {
    if (space->kind == MUSTER_SPACE_BOX)
      ((float *)action)[i] = space->high != NULL ? space->high[i] : 1.0f;
    else
      ((int32_t *)action)[i] = space->counts[i] - 1;
  }
}

static void show(const muster_env_type *type, void *env, const muster_env_spec *spec) {
  double reward = 0;
  muster_env_error error = {""};
  struct random_stream stream = random_stream_start(1, RANDOM_ENV, 0, 0);
  void *action = calloc(muster_space_elements(&spec->action), sizeof(float));
  muster_env_result result = {.observation = calloc(muster_space_elements(&spec->observation), sizeof(float)),
                              .reward = &reward,
                              .action_mask = calloc(count_choices(spec) + 1, 1)};
  if (action == NULL || result.observation == NULL || result.action_mask == NULL) exit(1);
  check_call(type->reset(env, &stream.base, &result, &error), &error);
  printf("reset");
  print_numbers(spec, &result);
  fill_action(&spec->action, action);
  check_call(type->step(env, action, &stream.base, &result, &error), &error);
  printf("step %g", reward);
  print_numbers(spec, &result);
  free(action);
  free(result.observation);
  free(result.action_mask);
}

int main(int argc, char **argv) {
  if (argc < 3 || argc > 3 + MAX_OPTIONS) return 2;
  muster_env_setting options[MAX_OPTIONS + 1] = {{NULL, NULL}};
  for (int i = 3; i < argc; i++) {
    char *equals = strchr(argv[i], '=');
    if (equals == NULL) return 2;
    *equals = '\0';
    options[i - 3] = (muster_env_setting){argv[i], equals + 1};
  }
  const struct env_source_request request = {.plugin = argv[1], .name = argv[2]};
  struct env_source source;
  struct arena *arena;
  const muster_env_setting *settings;
  muster_env_error error = {""};
  void *env;
  check(arena_create(&arena));
  check(env_source_open(&request, &source));
  check(env_options_match(source.type, options, arena, &settings));
  check_call(source.type->create(settings, &env, &error), &error);
  muster_env_spec spec = {.struct_size = sizeof spec};
  source.type->describe(env, &spec);
  print_space("observation", &spec.observation);
  print_space("action", &spec.action);
  show(source.type, env, &spec);
  source.type->destroy(env);
  env_source_close(&source);
  arena_destroy(&arena);
  return 0;
}
