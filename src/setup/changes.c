#include "setup/changes.h"

#include "base/nearest.h"

#include <stdlib.h>
#include <string.h>

/* options, or whole sections, that what is in a checkpoint depends on */
static const struct {
  const char *key, *reason;
} never[] = {
    {"seed", "every random number of the run follows from it"},
    {"env.name", "the checkpoint holds the states of its environments"},
    {"env.num_envs", "the checkpoint holds the states of so many environments"},
    {"env.frame_stack", "the networks' inputs follow from it"},
    {"env.action_bounds", "what the policy's outputs mean follows from it"},
    {"normalize.norm_obs", "the checkpoint holds its statistics, or has none"},
    {"normalize.norm_reward", "the checkpoint holds its statistics, or has none"},
    {"policy", "the checkpoint holds the networks as they are"},
    {"algorithm.name", "the checkpoint holds the state of that algorithm"},
    {"algorithm.pipeline", "the checkpoint holds what goes with it"},
    {"algorithm.asynchronous", "the checkpoint holds what goes with it"},
    {"algorithm.n_steps", "rollouts and their random numbers are counted by it"},
    {"algorithm.train_freq", "rollouts and their random numbers are counted by it"},
    {"algorithm.batch", "rollouts are put together by it"},
    {"algorithm.group_size", "rollouts are put together by it"},
    {"algorithm.optimizer", "the checkpoint holds the moments of that optimizer"},
    {"algorithm.buffer_size", "the checkpoint holds the replay"},
    {"algorithm.replay.capacity", "the checkpoint holds the replay"},
    {"algorithm.replay.prioritized", "the checkpoint holds the replay"},
    {"algorithm.trace", "the checkpoint holds the traces"},
    {"algorithm.critic", "the checkpoint holds the networks as they are"},
    {"algorithm.baseline", "the checkpoint holds the networks as they are"},
    {"algorithm.n_critics", "the checkpoint holds the networks as they are"},
    {"algorithm.quantiles", "the checkpoint holds the networks as they are"},
    {"algorithm.n_quantiles", "the checkpoint holds the networks as they are"},
    {"algorithm.n_atoms", "the checkpoint holds the networks as they are"},
    {"algorithm.v_min", "what the networks' outputs mean follows from it"},
    {"algorithm.v_max", "what the networks' outputs mean follows from it"},
    {"algorithm.dueling", "the checkpoint holds the networks as they are"},
    {"algorithm.distributional", "the checkpoint holds the networks as they are"},
    {"algorithm.layer_norm", "the checkpoint holds the networks as they are"},
    {"algorithm.batch_norm", "the checkpoint holds the networks as they are"},
    {"train.from", "a run begins once"},
    {"train.load", "a run begins once"},
};

const char *allowed_changes_never(const char *key) {
  for (size_t i = 0; i < sizeof never / sizeof *never; i++)
    if (strcmp(key, never[i].key) == 0 || key_is_above(never[i].key, key)) return never[i].reason;
  return NULL;
}

/* --- what is allowed --- */

/* the next key of a text with commas, as its length; moves behind it */
static bool next_key(const char **text, const char **key, int *length) {
  if (*text == NULL) return false;
  const char *comma = strchr(*text, ',');
  *key = *text;
  *length = (int)(comma != NULL ? (size_t)(comma - *text) : strlen(*text));
  *text = comma != NULL ? comma + 1 : NULL;
  return true;
}

/* whether there is an option of that key; else the key of the most similar one */
static bool is_option(const char *wanted, char nearest[TEXT_KEY_SIZE]) {
  const struct option_table *tables[RUN_CONFIG_MAX_TABLES];
  const size_t n = run_config_tables(tables);
  size_t least = SIZE_MAX;
  for (size_t i = 0; i < n; i++)
    for (const struct option_spec *option = tables[i]->options; option->key != NULL; option++) {
      char key[TEXT_KEY_SIZE];
      option_full_key(tables[i], option, key, sizeof key);
      const size_t distance = edit_distance(wanted, key);
      if (distance < least) strcpy(nearest, key);
      if (distance < least) least = distance;
      if (strcmp(key, wanted) == 0) return true;
    }
  return false;
}

static muster_status check_key(const char *text, int length) {
  char wanted[TEXT_KEY_SIZE], nearest[TEXT_KEY_SIZE] = "";
  snprintf(wanted, sizeof wanted, "%.*s", length, text);
  if (!is_option(wanted, nearest))
    return status_error(MUSTER_ERROR_USAGE,
                        "--allow-change %s: unknown option, the nearest one is '%s'; expects keys as in "
                        "--set, with commas between them",
                        wanted, nearest);
  const char *reason = allowed_changes_never(wanted);
  if (reason == NULL) return MUSTER_OK;
  return status_error(MUSTER_ERROR_USAGE, "--allow-change %s: it can never change in a run, since %s", wanted, reason);
}

muster_status allowed_changes_check(const struct allowed_changes *allowed) {
  for (size_t i = 0; i < allowed->n; i++) {
    const char *text = allowed->texts[i], *key;
    for (int length; next_key(&text, &key, &length);) MUSTER_TRY(check_key(key, length));
  }
  return MUSTER_OK;
}

static bool is_allowed(const struct allowed_changes *allowed, const char *wanted) {
  for (size_t i = 0; i < allowed->n; i++) {
    const char *text = allowed->texts[i], *key;
    for (int length; next_key(&text, &key, &length);)
      if ((size_t)length == strlen(wanted) && strncmp(key, wanted, (size_t)length) == 0) return true;
  }
  return false;
}

/* --- what is noted --- */

struct noted_change noted_change_read(const struct run_config *config, int32_t i) {
  const struct option_map *changes = &config->train.changes;
  const char *noted = changes->keys[i], *at = strrchr(noted, '@');
  struct noted_change change = {.before = changes->values[i], .steps = at != NULL ? strtoll(at + 1, NULL, 10) : 0};
  snprintf(change.key, sizeof change.key, "%.*s", (int)(at != NULL ? (size_t)(at - noted) : strlen(noted)), noted);
  return change;
}

bool run_config_changed(const struct run_config *config, const char *key, int64_t steps) {
  for (int32_t i = 0; i < config->train.changes.count; i++) {
    const struct noted_change change = noted_change_read(config, i);
    if (change.steps == steps && (strcmp(change.key, key) == 0 || key_is_above(key, change.key))) return true;
  }
  return false;
}

static bool has_entry(const struct option_map *changes, const char *entry) {
  for (int32_t i = 0; i < changes->count; i++)
    if (strcmp(changes->keys[i], entry) == 0) return true;
  return false;
}

/* --- a run that goes on --- */

struct comparison {
  const struct run_config *before;
  struct run_config *now;
  const struct allowed_changes *allowed;
  int64_t steps;
  struct option_map changes;
  muster_status status;
};

/* whether the config that the run goes on with notes a change of the key that the checkpoint does not know */
static bool is_noted(const struct comparison *comparison, const char *key) {
  const struct run_config *now = comparison->now;
  for (int32_t i = 0; i < now->train.changes.count; i++) {
    const struct noted_change change = noted_change_read(now, i);
    if (strcmp(change.key, key) != 0) continue;
    if (!has_entry(&comparison->before->train.changes, now->train.changes.keys[i])) return true;
  }
  return false;
}

static muster_status refuse(const char *key, const char *before, const char *now, const char *reason) {
  if (reason != NULL)
    return status_error(MUSTER_ERROR_USAGE, "%s was %s and is now %s, but it can never change in a run, since %s", key,
                        before, now, reason);
  return status_error(MUSTER_ERROR_USAGE,
                      "%s was %s and is now %s, but what decides what is learned stays the same in a run, unless "
                      "--allow-change %s says otherwise",
                      key, before, now, key);
}

static bool take_change(const char *key, const char *before, const char *now, void *context) {
  struct comparison *comparison = context;
  struct option_map *changes = &comparison->changes;
  const char *reason = allowed_changes_never(key);
  if (reason != NULL || !(is_allowed(comparison->allowed, key) || is_noted(comparison, key))) {
    comparison->status = refuse(key, before, now, reason);
    return true;
  }
  char entry[sizeof changes->keys[0]];
  snprintf(entry, sizeof entry, "%s@%lld", key, (long long)comparison->steps);
  /* changed again before there was another checkpoint: the first value is the one that counted until here */
  if (has_entry(changes, entry)) return false;
  if (changes->count == OPTION_MAP_MAX) {
    comparison->status = status_error(MUSTER_ERROR_USAGE,
                                      "%s has changed, and train.changes has no room for more than "
                                      "%d changes",
                                      key, OPTION_MAP_MAX);
    return true;
  }
  strcpy(changes->keys[changes->count], entry);
  snprintf(changes->values[changes->count++], sizeof changes->values[0], "%s", before);
  return false;
}

muster_status run_config_take_changes(const struct run_config *before, const struct allowed_changes *allowed,
                                      int64_t steps, struct run_config *now) {
  struct comparison *comparison = calloc(1, sizeof *comparison);
  if (comparison == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory");
  *comparison = (struct comparison){
      .before = before, .now = now, .allowed = allowed, .steps = steps, .changes = before->train.changes};
  run_config_compare(before, now, false, take_change, comparison);
  if (comparison->status == MUSTER_OK) now->train.changes = comparison->changes;
  muster_status status = comparison->status;
  free(comparison);
  return status;
}
