/* Steps an environment of Python and muster's own one with the same actions, from the same state, and prints how far
 * they ever were apart.
 *
 *   step_beside PLUGIN PYTHON_FOLDER NAME START SEED
 *
 * NAME: an environment of classic control. START: the numbers of its state, with commas. Prints "STEPS OBSERVATION
 * REWARD": how many steps both took, and the largest differences, relative above 1. Exit code 1: one of them failed, or
 * their episodes end differently. */
#include "base/arena.h"
#include "base/random.h"
#include "env/bounds.h"
#include "env/options.h"
#include "env/source.h"
#include "exit_on_error.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_STATE = 8, MAX_OBSERVATION = 16 };

struct side {
  struct env_source source;
  void *env;
  float observation[MAX_OBSERVATION];
  double reward;
  muster_env_result result;
};

static void open_side(const char *plugin, const char *name, const muster_env_setting *options, struct arena *arena,
                      struct side *side) {
  const struct env_source_request request = {.plugin = plugin, .name = name};
  const muster_env_setting *settings;
  muster_env_error error = {""};
  check(env_source_open(&request, &side->source));
  check(env_options_match(side->source.type, options, arena, &settings));
  check_call(side->source.type->create(settings, &side->env, &error), &error);
  side->result = (muster_env_result){.observation = side->observation, .reward = &side->reward};
}

static void step(struct side *side, const void *action, muster_random *random) {
  muster_env_error error = {""};
  side->result.terminated = side->result.truncated = false;
  check_call(side->source.type->step(side->env, action, random, &side->result, &error), &error);
}

static double difference(double a, double b) { return fabs(a - b) / fmax(1.0, fabs(b)); }

/* puts both into the state; the environment of Python has it as an option */
static void start(struct side *python, struct side *own, const char *text, muster_random *random) {
  double state[MAX_STATE] = {0};
  muster_env_error error = {""};
  char *end = (char *)text;
  for (int i = 0; i < MAX_STATE && *end != '\0'; i++) state[i] = strtod(end + (*end == ','), &end);
  check_call(own->source.type->reset(own->env, random, &own->result, &error), &error);
  check_call(own->source.type->load_state(own->env, state, &error), &error);
  check_call(python->source.type->reset(python->env, random, &python->result, &error), &error);
}

static void draw(const muster_space *space, muster_random *random, void *action) {
  if (space->kind == MUSTER_SPACE_BOX)
    *(float *)action = action_bounds_draw(space, 0, random);
  else
    *(int32_t *)action = (int32_t)muster_random_below(random, (uint32_t)space->counts[0]);
}

/* returns how many steps both took */
static int play(struct side *python, struct side *own, muster_random *random, double worst[2]) {
  muster_env_spec spec = {.struct_size = sizeof spec};
  own->source.type->describe(own->env, &spec);
  for (int steps = 1; steps <= spec.max_steps; steps++) {
    union {
      float number;
      int32_t choice;
    } action;
    draw(&spec.action, random, &action);
    step(own, &action, random);
    step(python, &action, random);
    for (size_t i = 0; i < muster_space_elements(&spec.observation); i++)
      worst[0] = fmax(worst[0], difference((double)python->observation[i], (double)own->observation[i]));
    worst[1] = fmax(worst[1], difference(python->reward, own->reward));
    if (python->result.terminated != own->result.terminated || python->result.truncated) {
      fprintf(stderr, "the episodes end differently at step %d\n", steps);
      exit(1);
    }
    if (own->result.terminated) return steps;
  }
  return spec.max_steps;
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  char start_option[256];
  snprintf(start_option, sizeof start_option, "[%s]", argv[4]);
  const muster_env_setting options[] = {
      {"env.python", argv[2]}, {"kind", argv[3]}, {"start", start_option}, {NULL, NULL}};
  struct arena *arena;
  check(arena_create(&arena));
  struct side python = {0}, own = {0};
  open_side("", argv[3], NULL, arena, &own);
  open_side(argv[1], "gymnasium:own_environments:Started", options, arena, &python);
  struct random_stream stream = random_stream_start((uint64_t)strtoull(argv[5], NULL, 10), RANDOM_ENV, 0, 0);
  double worst[2] = {0};
  start(&python, &own, argv[4], &stream.base);
  printf("%d %g %g\n", play(&python, &own, &stream.base, worst), worst[0], worst[1]);
  python.source.type->destroy(python.env);
  own.source.type->destroy(own.env);
  env_source_close(&python.source);
  env_source_close(&own.source);
  arena_destroy(&arena);
  return 0;
}
