/* What the unit tests of single environments share: one environment of the registry, which the test steps itself. */
#ifndef SUPPORT_SOLO_H
#define SUPPORT_SOLO_H

#include "base/random.h"
#include "env/options.h"
#include "env/registry.h"
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

struct solo {
  const muster_env_type *type;
  struct arena *arena;
  const muster_env_setting *settings; /* the user's options, matched with those of the environment */
  void *env;
  muster_env_spec spec;
  struct random_stream stream;
  float *observation; /* [elements]; the space is a float Box */
  uint8_t *mask;      /* [choices of a Discrete action], all 1 where the environment masks nothing */
  double reward;      /* of the last step */
  bool terminated;    /* likewise */
  muster_env_error error;
};

/* Opens an environment with the user's options, a list that ends with a NULL key; NULL: no options. */
static inline struct solo solo_open(const char *name, const muster_env_setting *options) {
  struct solo solo = {.spec = {.struct_size = sizeof solo.spec}};
  CHECK_OK_FATAL(env_registry_find(name, &solo.type));
  CHECK_OK_FATAL(arena_create(&solo.arena));
  CHECK_OK_FATAL(env_options_match(solo.type, options, solo.arena, &solo.settings));
  int failed = solo.type->create(solo.settings, &solo.env, &solo.error);
  if (failed) printf("\n    %s: %s\n", name, solo.error.text);
  CU_ASSERT_FALSE_FATAL(failed);
  solo.type->describe(solo.env, &solo.spec);
  size_t choices = solo.spec.action.kind == MUSTER_SPACE_DISCRETE ? (size_t)solo.spec.action.counts[0] : 1;
  solo.observation = calloc(muster_space_elements(&solo.spec.observation), sizeof *solo.observation);
  solo.mask = malloc(choices);
  CU_ASSERT_TRUE_FATAL(solo.observation != NULL && solo.mask != NULL);
  memset(solo.mask, 1, choices);
  return solo;
}

static inline void solo_close(struct solo *solo) {
  solo->type->destroy(solo->env);
  free(solo->observation);
  free(solo->mask);
  arena_destroy(&solo->arena);
}

/* Starts the episode of that number. */
static inline void solo_reset(struct solo *solo, uint32_t episode) {
  solo->stream = random_stream_start(7, RANDOM_ENV, 0, episode);
  muster_env_result result = {.observation = solo->observation, .reward = &solo->reward, .action_mask = solo->mask};
  CU_ASSERT_EQUAL_FATAL(solo->type->reset(solo->env, &solo->stream.base, &result, &solo->error), 0);
}

/* Steps and returns what step() did: 0, or 1 with solo->error. */
static inline int solo_try(struct solo *solo, const void *action) {
  muster_env_result result = {.observation = solo->observation, .reward = &solo->reward, .action_mask = solo->mask};
  int failed = solo->type->step(solo->env, action, &solo->stream.base, &result, &solo->error);
  solo->terminated = result.terminated;
  return failed;
}

/* Steps by a choice of a Discrete space; returns the reward. */
static inline double solo_step(struct solo *solo, int32_t choice) {
  CU_ASSERT_EQUAL_FATAL(solo_try(solo, &choice), 0);
  return solo->reward;
}

/* Checks that a step with this action is refused with a text that holds `part`. */
static inline void solo_refuses(struct solo *solo, const void *action, const char *part) {
  int failed = solo_try(solo, action);
  bool told = failed && strstr(solo->error.text, part) != NULL;
  if (!told) printf("\n    step: \"%s\" instead of \"%s\"\n", failed ? solo->error.text : "taken", part);
  CU_ASSERT_TRUE(told);
}

/* Checks that create() refuses the options with a text that holds `part`. */
static inline void solo_refuses_options(const char *name, const muster_env_setting *options, const char *part) {
  const muster_env_type *type = NULL;
  struct arena *arena;
  const muster_env_setting *settings;
  void *env = NULL;
  muster_env_error error = {""};
  CHECK_OK_FATAL(env_registry_find(name, &type));
  CHECK_OK_FATAL(arena_create(&arena));
  CHECK_OK_FATAL(env_options_match(type, options, arena, &settings));
  bool refused = type->create(settings, &env, &error) != 0;
  if (!refused) type->destroy(env);
  bool told = refused && strstr(error.text, part) != NULL;
  if (!told) printf("\n    %s: \"%s\" instead of \"%s\"\n", name, refused ? error.text : "taken", part);
  CU_ASSERT_TRUE(told);
  arena_destroy(&arena);
}

#define SOLO_OPTIONS(...) ((const muster_env_setting[]){__VA_ARGS__, {NULL, NULL}})

/* Checks that load_state() refuses bytes with a text that holds `part`. */
static inline void solo_refuses_state(struct solo *solo, const void *bytes, const char *part) {
  bool refused = solo->type->load_state(solo->env, bytes, &solo->error) != 0;
  bool told = refused && strstr(solo->error.text, part) != NULL;
  if (!told) printf("\n    load_state: \"%s\" instead of \"%s\"\n", refused ? solo->error.text : "taken", part);
  CU_ASSERT_TRUE(told);
}

/* Checks that the state as text holds `part`, and that the text is cut off if the buffer is small. */
static inline void solo_shows(const struct solo *solo, const char *part) {
  char text[4096], small[8];
  memset(small, '#', sizeof small);
  solo->type->render_text(solo->env, text, sizeof text);
  if (strstr(text, part) == NULL) printf("\n    text without \"%s\":\n%s\n", part, text);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, part));
  solo->type->render_text(solo->env, small, 5);
  CU_ASSERT_EQUAL(strlen(small), 4);
  CU_ASSERT_EQUAL(memcmp(small, text, 4), 0);
  CU_ASSERT_EQUAL(small[5], '#');
}

#endif
