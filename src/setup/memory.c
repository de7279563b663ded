#include "setup/memory.h"

#include "base/memory.h"
#include "config/text.h"
#include "experience/replay.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#define GB 1e9

static bool has_option(const struct option_table *table, const char *key) {
  const struct option_spec *option = table->options;
  while (option->key != NULL && strcmp(option->key, key) != 0) option++;
  return option->key != NULL;
}

/* whether several ranks, which may be on several hosts, have a part each of what is gathered */
static bool is_divided(const struct run_config *config) { return config->ranks.learners > 1 || config->ranks.colocate; }

/* Whether the rollout of all environments fits, and each array of one environment into a message. */
static muster_status check_rollout(const struct document *document, const struct run_config *config,
                                   const struct algorithm_type *algorithm, const muster_env_spec *spec) {
  const char *key = has_option(algorithm->options, "train_freq") ? "algorithm.train_freq" : "algorithm.n_steps";
  const size_t n_steps = algorithm_needs(algorithm, config->algorithm).n_steps;
  struct field fields[STEP_FIELD_COUNT];
  double bytes = 0, largest = 0; /* of one environment */
  step_fields_list(spec, n_steps, fields);
  for (int i = 0; i < STEP_FIELD_COUNT; i++) {
    const size_t entries = field_row_count(&fields[i], 1, (size_t)spec->agents) * field_entries(&fields[i], n_steps);
    const double array = (double)entries * (double)fields[i].bytes;
    bytes += array;
    largest = fmax(largest, array);
  }
  const double all = bytes * (double)config->env.num_envs, total = memory_total();
  const double part = fmin(is_divided(config) ? 1 : total / all, INT_MAX / largest);
  if (part >= 1) return MUSTER_OK;
  return document_error(document, key,
                        "makes rollouts of %.1f GB, %.1f GB of each environment; this machine has %.1f GB, and a "
                        "message to the learner takes %.1f GB of an environment's observations; expects at most %.0f",
                        all / GB, bytes / GB, total / GB, INT_MAX / GB, floor((double)n_steps * part));
}

/* the key by which the config says how many steps a replay keeps */
static const char *replay_key(const struct document *document) {
  static const char key[] = "algorithm.replay.capacity";
  const char *capacity = document_get(document, key);
  return capacity != NULL && !text_is_null(capacity) ? key : "algorithm.buffer_size";
}

static muster_status check_replay(const struct document *document, const struct run_config *config,
                                  const struct algorithm_type *algorithm, const muster_env_spec *spec) {
  const size_t capacity = algorithm_needs(algorithm, config->algorithm).replay;
  const double bytes = replay_bytes(spec, (size_t)config->env.num_envs, capacity), total = memory_total();
  if (capacity == 0 || is_divided(config) || bytes <= total) return MUSTER_OK;
  return document_error(document, replay_key(document),
                        "needs %.1f GB for these observations, and this machine has %.1f GB; expects at most %.0f",
                        bytes / GB, total / GB, (double)capacity * total / bytes);
}

/* Where the algorithm keeps a table, both spaces are Discrete. */
static muster_status check_table(const struct document *document, const struct run_config *config,
                                 const struct algorithm_type *algorithm, const muster_env_spec *spec) {
  const struct rollout_needs needs = algorithm_needs(algorithm, config->algorithm);
  if (needs.pair_bytes == 0) return MUSTER_OK;
  const int observations = spec->observation.counts[0], actions = spec->action.counts[0];
  const double pairs = (double)observations * actions, rows = (double)config->env.num_envs * spec->agents;
  const double table = pairs * (double)needs.pair_bytes, traces = pairs * rows * (double)needs.row_pair_bytes;
  const double total = memory_total();
  if (pairs > INT32_MAX || table > total)
    return document_error(document, "algorithm.name",
                          "a table of %d observations and %d actions has %.0f values, %.1f GB, and this machine has "
                          "%.1f GB; expects at most %d values, or dqn, which has networks",
                          observations, actions, pairs, table / GB, total / GB, INT32_MAX);
  if (table + traces <= total) return MUSTER_OK;
  return document_error(document, "algorithm.trace",
                        "needs %.1f GB for traces of %.0f values in each of %.0f environments and agents, and this "
                        "machine has %.1f GB; expects none, or fewer environments",
                        traces / GB, pairs, rows, total / GB);
}

muster_status check_memory(const struct document *document, const struct run_config *config,
                           const struct algorithm_type *algorithm, const muster_env_spec *spec) {
  MUSTER_TRY(check_rollout(document, config, algorithm, spec));
  MUSTER_TRY(check_table(document, config, algorithm, spec));
  return check_replay(document, config, algorithm, spec);
}
