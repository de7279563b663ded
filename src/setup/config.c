#include "setup/config.h"

#include "base/path.h"
#include "config/text.h"
#include "env/options.h"
#include "env/plugin.h"
#include "env/pool.h"
#include "setup/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- the tables --- */

#define IN(type, name) .key = #name, .offset = offsetof(struct type, name)

static const struct option_spec general_options[] = {
    {IN(general_options, seed), .type = OPTION_INT, .default_value = "1", .min = 0, .max = RUN_SEED_MAX,
     .help = "every random number of the run follows from it"},
    {IN(general_options, total_steps), .type = OPTION_INT, .default_value = "1000000", .min = 1, .max = 1e15,
     .help = "environment steps of the whole run, rounded up to whole rollouts"},
    {.key = NULL},
};

static const char *const action_bounds_names[] = {"clip", "rescale", "none", NULL};

static const struct option_spec env_options[] = {
    {IN(env_options, name), .type = OPTION_STRING, .default_value = "CartPole-v1",
     .help = "which environment: see `muster envs`"},
    {IN(env_options, num_envs), .type = OPTION_INT, .default_value = "8", .min = 1, .max = 1e6,
     .help = "environments in all, split over the actors"},
    {IN(env_options, max_steps), .type = OPTION_INT, .default_value = "0", .min = 0, .max = INT32_MAX,
     .help = "steps after which an episode is truncated; 0: the environment's own limit"},
    {IN(env_options, frame_stack), .type = OPTION_INT, .default_value = "1", .min = 1, .max = 1024,
     .help = "last observations that are stacked, oldest first, along the first dimension; of images [rows, columns, "
             "channels] along the channels"},
    {IN(env_options, action_bounds), .type = OPTION_CHOICE, .default_value = "clip", .choices = action_bounds_names,
     .help = "Box actions are clipped to their bounds, rescaled from [-1, 1] to them, or left as drawn"},
    {IN(env_options, options), .type = OPTION_MAP, .default_value = "null",
     .help = "the environment's own options: see `muster envs NAME`"},
    {IN(env_options, schedules), .type = OPTION_MAP, .default_value = "null",
     .help = "options of it that change over the run, a curriculum: KEY: lin_2_10, or any other schedule "
             "(docs/training.md); evaluations have the values of the end"},
    {.key = NULL},
};

const char *const run_kernel_names[] = {"auto", "avx512", "avx2", "baseline", "blas", NULL};

static const char *const isolation_names[] = {"none", "process", NULL};

static const struct option_spec env_host_options[] = {
    {IN(env_host_options, plugin), .type = OPTION_STRING, .default_value = "null",
     .help =
         "shared object with environments, relative to the working directory or else to the config; null: built in"},
    {IN(env_host_options, python), .type = OPTION_STRING, .default_value = "null",
     .help = "virtual environment with the packages of Python's environments (gymnasium:ID, gymnasium-vector:ID, "
             "envpool:ID), found as plugin is; null: the one that is activated ($VIRTUAL_ENV), else those of the "
             "Python that muster was built with"},
    {IN(env_host_options, isolation), .type = OPTION_CHOICE, .default_value = "none", .choices = isolation_names,
     .help = "process: environments run in child processes, so that a crash or hang costs running episodes only"},
    {IN(env_host_options, isolation_block), .type = OPTION_INT, .default_value = "0", .min = 0, .max = 1e6,
     .only_when = "isolation is process", .help = "environments in one child process; 0: all of a rank"},
    {IN(env_host_options, step_timeout), .type = OPTION_DURATION, .default_value = "null", .min = 0,
     .min_exclusive = true, .max = 1e6, .only_when = "isolation is process",
     .help = "time that a child process may take for a step of its environments or a reset; null: no limit"},
    {IN(env_host_options, max_restarts), .type = OPTION_INT, .default_value = "10", .min = 0, .max = 1e9,
     .only_when = "isolation is process",
     .help = "child processes that a rank starts again; at the next fault the run ends with a checkpoint"},
    {.key = NULL},
};

static const char *const placement_names[] = {"packed", "spread", NULL};

static const char *const layout_names[] = {"given", "auto", NULL};

static const struct option_spec ranks_options[] = {
    {IN(ranks_options, layout), .type = OPTION_CHOICE, .default_value = "given", .choices = layout_names,
     .help = "auto (or ranks: auto): learners and colocate are chosen as a run starts, by what was measured then"},
    {IN(ranks_options, learners), .type = OPTION_INT, .default_value = "0", .min = 0, .max = LEARNER_GROUP_MAX,
     .help = "ranks that share every minibatch; 0: one, or all where they act as well; the answer is the same"},
    {IN(ranks_options, colocate), .type = OPTION_BOOL, .default_value = "false",
     .help = "whether the ranks that learn act as well, in turn"},
    {IN(ranks_options, kernels), .type = OPTION_CHOICE, .default_value = "auto", .choices = run_kernel_names,
     .help = "who multiplies matrices: our kernels for this processor, for a lesser one, or the platform's BLAS"},
    {IN(ranks_options, blas_threads), .type = OPTION_INT, .default_value = "1", .min = 1, .max = 1024,
     .help = "threads that the platform's BLAS may use in each rank"},
    {IN(ranks_options, learner_host), .type = OPTION_STRING, .default_value = "null",
     .help = "host whose first rank learns; null: rank 0 learns"},
    {IN(ranks_options, placement), .type = OPTION_CHOICE, .default_value = "packed", .choices = placement_names,
     .help = "environments go to the actors in the order of ranks, or host by host in turn; the answer is the same"},
    {.key = NULL},
};

static const struct option_spec evaluation_options[] = {
    {IN(evaluation_options, every), .type = OPTION_INT, .default_value = "0", .min = 0, .max = 1e15,
     .help = "steps between evaluations during training, which fill eval/mean_reward; 0: only at the end"},
    {IN(evaluation_options, episodes), .type = OPTION_INT, .default_value = "100", .min = 0, .max = 1e6,
     .help = "episodes of an evaluation, dealt out to all actors; 0: no evaluations, not even at the end"},
    {IN(evaluation_options, deterministic), .type = OPTION_BOOL, .default_value = "true",
     .help = "whether an evaluation takes the most probable action or samples"},
    {.key = NULL},
};

static const struct option_spec evaluation_env_options[] = {
    {IN(evaluation_env_options, name), .type = OPTION_STRING, .default_value = "null",
     .help = "which environment evaluations play, of the same observations and actions; null: that of training"},
    {IN(evaluation_env_options, plugin), .type = OPTION_STRING, .default_value = "null",
     .help = "shared object with that environment; null: that of training"},
    {IN(evaluation_env_options, max_steps), .type = OPTION_INT, .default_value = "0", .min = 0, .max = INT32_MAX,
     .help = "steps after which its episodes are truncated; 0: as in training, 10000 where there is no limit at all"},
    {IN(evaluation_env_options, options), .type = OPTION_MAP, .default_value = "null",
     .help = "options that it has instead of, or in addition to, those of env.options"},
    {.key = NULL},
};

static const struct option_spec train_options[] = {
    {IN(train_options, from), .type = OPTION_STRING, .default_value = "null",
     .help = "run folder or checkpoint of another run whose networks this one begins with; null: random ones"},
    {IN(train_options, from_digest), .type = OPTION_STRING, .default_value = "null", .may_change = true,
     .help = "what `muster inspect --digest` must say of train.from; null: anything, and it is noted here"},
    {IN(train_options, from_steps), .type = OPTION_MAYBE_INT, .default_value = "null", .min = 0, .max = 1e15,
     .may_change = true, .help = "steps of training of train.from; noted when the run begins"},
    {IN(train_options, load), .type = OPTION_TEXT_LIST, .default_value = "null",
     .example = "[policy, value, optimizer]",
     .help =
         "what is taken from train.from: networks, their layers (policy/0), normalizer, optimizer; null: all networks "
         "and the normalizer"},
    {IN(train_options, freeze), .type = OPTION_TEXT_LIST, .default_value = "null", .example = "[trunk, policy/0]",
     .help = "networks and layers that are not learned but stay as they begin; null: none"},
    {IN(train_options, changes), .type = OPTION_MAP, .default_value = "null", .may_change = true,
     .help = "noted by `muster train --allow-change`: KEY@STEPS of each option that was changed when the run was "
             "resumed, with the value before"},
    {.key = NULL},
};

static const struct option_spec stop_options[] = {
    {IN(stop_options, mean_return), .type = OPTION_MAYBE_FLOAT, .default_value = "null", .min = OPTION_NO_MIN,
     .max = OPTION_NO_MAX,
     .help = "the run ends when an evaluation, or without evaluation.every the last 100 episodes, reach this mean "
             "return; null: never"},
    {IN(stop_options, evaluations_without_gain), .type = OPTION_MAYBE_INT, .default_value = "null", .min = 1,
     .max = 1e15,
     .help = "the run ends after so many evaluations in a row that were not better than the best; null: "
             "never"},
    {IN(stop_options, seconds), .type = OPTION_DURATION, .default_value = "null", .min = 0, .min_exclusive = true,
     .max = 1e9, .help = "the run ends when it has taken so much wall time, over all its resumptions; null: never"},
    {.key = NULL},
};

static const struct option_spec checkpoint_options[] = {
    {IN(checkpoint_options, every), .type = OPTION_INT, .default_value = "0", .min = 0, .max = 1e15,
     .help = "steps between checkpoints; 0: by the clock alone; the last one is always written"},
    {IN(checkpoint_options, interval), .type = OPTION_DURATION, .default_value = "1m", .min = 0, .max = 1e9,
     .help = "a checkpoint is written when the last one is older than this (wall time); null or 0: never"},
    {IN(checkpoint_options, keep), .type = OPTION_INT, .default_value = "3", .min = 0, .max = 1e9,
     .help = "newest checkpoints that are kept; 0: all"},
    {IN(checkpoint_options, keep_best), .type = OPTION_BOOL, .default_value = "true",
     .help = "whether best.h5 keeps the checkpoint of the best evaluation, or, where there are none, of the best mean "
             "return"},
    {.key = NULL},
};

static const char *const on_nan_names[] = {"stop", "skip", NULL};

static const struct option_spec run_options[] = {
    {IN(run_options, dir), .type = OPTION_STRING, .default_value = "null",
     .help = "the run folder; null: a new numbered one, runs/<env>/<algorithm>-<number>"},
    {IN(run_options, log_interval), .type = OPTION_MAYBE_INT, .default_value = "null", .min = 1, .max = 1e9,
     .help =
         "iterations between rows of metrics.csv; null: 1, or, for rollouts of a few steps as with a replay, so many "
         "that the run has 1000 rows"},
    {IN(run_options, tensorboard), .type = OPTION_BOOL, .default_value = "true",
     .help = "whether the run folder gets event files of TensorBoard, with what metrics.csv has"},
    {IN(run_options, histograms), .type = OPTION_INT, .default_value = "0", .min = 0, .max = 1e9,
     .help = "iterations between histograms of parameters, gradients and actions for TensorBoard; 0: none"},
    {IN(run_options, time_limit), .type = OPTION_DURATION, .default_value = "null", .min = 0, .min_exclusive = true,
     .max = 1e9,
     .help = "wall time (23h45m) after which the run writes a checkpoint and ends with exit code 75; null: none"},
    {IN(run_options, watchdog), .type = OPTION_DURATION, .default_value = "1m", .min = 0, .max = 1e6,
     .help = "a rank or host that is silent for so long, or in one call of an environment, ends the run; at least 1s; "
             "null or 0: never"},
    {IN(run_options, on_nan), .type = OPTION_CHOICE, .default_value = "stop", .choices = on_nan_names,
     .help = "what a NaN or infinity does: stop ends the run, skip leaves that update out and counts it"},
    {IN(run_options, trace), .type = OPTION_BOOL, .default_value = "false",
     .help = "whether a Chrome trace of every rank's stages is written into the run folder at the end"},
    {IN(run_options, trace_iterations), .type = OPTION_INT, .default_value = "1000", .min = 1, .max = 1e6,
     .help = "newest iterations that the trace keeps; each takes about 1 KiB of every rank's memory",
     .only_when = "trace is true"},
    {.key = NULL},
};

/* algorithm.name alone: which of the algorithms' own tables applies depends on it */
struct algorithm_choice {
  char name[OPTION_STRING_SIZE];
};

static const struct option_spec algorithm_options[] = {
    {IN(algorithm_choice, name), .type = OPTION_STRING, .default_value = "ppo",
     .help = "which algorithm: see `muster algos`"},
    {.key = NULL},
};

static const struct option_spec loop_options[] = {
    {IN(loop_options, pipeline), .type = OPTION_INT, .default_value = "0", .min = 0, .max = 1,
     .help = "1: actors roll out with the policy of before the update that is under way; 0: they wait for it"},
    {IN(loop_options, straggler_fraction), .type = OPTION_FLOAT, .default_value = "1", .min = 0, .min_exclusive = true,
     .max = 1, .help = "a rollout ends when this share of the actors is done, with what the others have"},
    {.key = NULL},
};

static const struct option_table general_table = {.section = "", .options = general_options};
static const struct option_table env_table = {.section = "env", .options = env_options};
static const struct option_table env_host_table = {.section = "env", .options = env_host_options};
static const struct option_table algorithm_table = {.section = "algorithm", .options = algorithm_options};
static const struct option_table loop_table = {.section = "algorithm", .options = loop_options};
static const struct option_table ranks_table = {.section = "ranks", .options = ranks_options};
static const struct option_table evaluation_table = {.section = "evaluation", .options = evaluation_options};
static const struct option_table evaluation_env_table = {.section = "evaluation.env",
                                                         .options = evaluation_env_options};
static const struct option_table train_table = {.section = "train", .options = train_options};
static const struct option_table stop_table = {.section = "stop", .options = stop_options};
static const struct option_table checkpoint_table = {.section = "checkpoint", .options = checkpoint_options};
static const struct option_table run_table = {.section = "run", .options = run_options};

size_t run_config_tables(const struct option_table *tables[RUN_CONFIG_MAX_TABLES]) {
  size_t n = 0;
  tables[n++] = &general_table;
  tables[n++] = &env_table;
  tables[n++] = &env_host_table;
  tables[n++] = &normalize_option_table;
  tables[n++] = &model_option_table;
  for (const struct algorithm_type *const *type = algorithm_list(); *type != NULL; type++)
    if ((*type)->policy != NULL) tables[n++] = (*type)->policy;
  tables[n++] = &algorithm_table;
  tables[n++] = &loop_table;
  for (const struct algorithm_type *const *type = algorithm_list(); *type != NULL; type++)
    tables[n++] = (*type)->options;
  tables[n++] = &ranks_table;
  tables[n++] = &evaluation_table;
  tables[n++] = &evaluation_env_table;
  tables[n++] = &train_table;
  tables[n++] = &stop_table;
  tables[n++] = &checkpoint_table;
  tables[n++] = &run_table;
  return n;
}

/* a table and the object that it fills */
struct binding {
  const struct option_table *table;
  void *object;
  bool decides; /* whether it decides what is learned */
};

#define BINDINGS 14

static void bind_tables(struct run_config *config, const struct algorithm_type *algorithm,
                        struct binding bindings[BINDINGS]) {
  const struct binding all[BINDINGS] = {
      {&general_table, &config->general, true},
      {&env_table, &config->env, true},
      {&env_host_table, &config->env_host, false},
      {&normalize_option_table, &config->normalize, true},
      {&model_option_table, &config->policy, true},
      {algorithm->options, config->algorithm, true},
      {&loop_table, &config->loop, true},
      {&ranks_table, &config->ranks, false},
      {&evaluation_table, &config->evaluation, false},
      {&evaluation_env_table, &config->evaluation_env, false},
      {&train_table, &config->train, true},
      {&stop_table, &config->stop, false},
      {&checkpoint_table, &config->checkpoint, false},
      {&run_table, &config->run, false},
  };
  memcpy(bindings, all, sizeof all);
}

/* --- reading --- */

/* takes the status, and adds the place of the key in the document */
static muster_status locate(const struct document *document, const char *key, muster_status status) {
  if (status == MUSTER_OK) return MUSTER_OK;
  muster_status located = document_error(document, key, "%s", muster_status_message(status));
  muster_status_clear(&status);
  return located;
}

/* the same for a status whose message begins with the key: "policy.network: ..." */
static muster_status locate_own_key(const struct document *document, muster_status status) {
  char key[TEXT_KEY_SIZE], text[1024];
  if (status == MUSTER_OK) return MUSTER_OK;
  const char *message = muster_status_message(status);
  const size_t length = strcspn(message, ":");
  if (length >= sizeof key || message[length] == '\0') return status;
  snprintf(key, sizeof key, "%.*s", (int)length, message);
  snprintf(text, sizeof text, "%s", message + length + strspn(message + length, ": "));
  if (document_get(document, key) == NULL) return status;
  muster_status_clear(&status);
  return document_error(document, key, "%s", text);
}

static muster_status check_names(struct document *document, struct run_config *config,
                                 const struct algorithm_type **algorithm) {
  struct algorithm_choice choice;
  MUSTER_TRY(document_apply(document, &algorithm_table, &choice));
  MUSTER_TRY(locate(document, "algorithm.name", algorithm_find(choice.name, algorithm)));
  snprintf(config->algorithm_name, sizeof config->algorithm_name, "%s", (*algorithm)->name);
  return MUSTER_OK;
}

typedef muster_status locator(const char *path, const char *folder, char *found, size_t size);

/* makes a path absolute, so that every rank and every later command finds the same file */
static muster_status make_absolute(const struct document *document, const char *config_path, const char *key,
                                   locator *find, char path[OPTION_STRING_SIZE]) {
  char found[OPTION_STRING_SIZE];
  if (path[0] == '\0') return MUSTER_OK;
  const char *slash = strrchr(config_path, '/');
  char *folder = slash != NULL ? strndup(config_path, (size_t)(slash - config_path) + 1) : NULL;
  muster_status status = locate(document, key, find(path, folder, found, sizeof found));
  free(folder);
  if (status == MUSTER_OK) strcpy(path, found);
  return status;
}

static muster_status locate_plugin(const struct document *document, const char *config_path, const char *key,
                                   char plugin[OPTION_STRING_SIZE]) {
  return make_absolute(document, config_path, key, env_plugin_locate, plugin);
}

/* the virtual environment, which only environments of Python have */
static muster_status locate_python(const struct document *document, const char *config_path,
                                   struct run_config *config) {
  char *python = config->env_host.python;
  if (python[0] == '\0') return MUSTER_OK;
  if (!env_plugin_is_python(config->env.name) && !env_plugin_is_python(config->evaluation_env.name))
    return document_error(document, "env.python",
                          "is for environments gymnasium:ID, gymnasium-vector:ID and envpool:ID, and env.name is %s; "
                          "expects null",
                          config->env.name);
  return make_absolute(document, config_path, "env.python", env_plugin_locate_environment, python);
}

static muster_status locate_code(const struct document *document, const char *config_path, struct run_config *config) {
  MUSTER_TRY(locate_plugin(document, config_path, "env.plugin", config->env_host.plugin));
  MUSTER_TRY(locate_plugin(document, config_path, "evaluation.env.plugin", config->evaluation_env.plugin));
  return locate_python(document, config_path, config);
}

/* the source of a warm start is the same from any working directory, as a run may be resumed from another one */
static void locate_source(struct run_config *config) {
  char home[OPTION_STRING_SIZE], path[OPTION_STRING_SIZE];
  if (config->train.from[0] == '\0') return;
  path_here(home, sizeof home);
  path_absolute(home, config->train.from, path, sizeof path);
  strcpy(config->train.from, path);
}

static muster_status check_train(const struct document *document, const struct run_config *config) {
  const struct train_options *train = &config->train;
  if (train->from[0] != '\0') return MUSTER_OK;
  if (!train->load.is_null)
    return document_error(document, "train.load",
                          "is of a run that begins from another one; expects train.from as well");
  if (train->from_digest[0] == '\0') return MUSTER_OK;
  return document_error(document, "train.from_digest", "is that of train.from, which is missing");
}

const struct algorithm_type *run_config_algorithm(const struct run_config *config) {
  const struct algorithm_type *const *type = algorithm_list();
  while (strcmp((*type)->name, config->algorithm_name) != 0) type++;
  return *type;
}

/* the key by which the config names the environment */
static void env_key(const char *section, const struct run_config *config, char key[TEXT_KEY_SIZE]) {
  snprintf(key, TEXT_KEY_SIZE, "%s.%s", section, config->env_host.plugin[0] != '\0' ? "plugin" : "name");
}

/* whether a model can be built for the spaces of such an environment, and memory holds what is kept of its steps */
static muster_status check_policy(const struct document *document, const struct run_config *config,
                                  struct env_pool *pool) {
  const struct env_wrappers wrappers = run_config_env_wrappers(config);
  MUSTER_TRY(locate_own_key(document, env_pool_wrap(pool, &wrappers)));
  const muster_env_spec *spec = env_pool_spec(pool);
  MUSTER_TRY(
      locate_own_key(document, model_check(&config->policy, &spec->observation, &spec->action,
                                           algorithm_networks(run_config_algorithm(config), config->algorithm))));
  MUSTER_TRY(locate_own_key(document, normalizer_check(&config->normalize, spec->observation.kind)));
  return check_memory(document, config, run_config_algorithm(config), spec);
}

void run_config_curriculum(const struct run_config *config, struct curriculum *out) {
  int32_t wrong;
  muster_status status = curriculum_read(&config->env.schedules, out, &wrong);
  muster_status_clear(&status); /* resolve() has refused it */
}

/* whether the environments take all values that their options will have */
static muster_status check_curriculum(const struct document *document, const struct run_config *config,
                                      struct env_pool *pool) {
  struct curriculum *curriculum = malloc(sizeof *curriculum);
  if (curriculum == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory");
  run_config_curriculum(config, curriculum);
  muster_status status = locate_own_key(document, curriculum_try(curriculum, pool));
  free(curriculum);
  return status;
}

/* Whether the environment type takes the options, whether environments can be created with them, and, with `to_learn`,
 * whether a policy can act there. `section`: the section of the options in the document, "env" or "evaluation.env". */
static muster_status check_env_options(const struct document *document, const char *section, bool to_learn,
                                       const struct run_config *config, const muster_env_type *type) {
  char key[TEXT_KEY_SIZE];
  for (int32_t i = 0; i < config->env.options.count; i++) {
    snprintf(key, sizeof key, "%s.options.%s", section, config->env.options.keys[i]);
    MUSTER_TRY(locate(document, key, env_options_check_key(type, config->env.options.keys[i])));
  }
  /* environments that run in processes of their own are not created in this one */
  if (config->env_host.isolation != ISOLATION_NONE) return MUSTER_OK;
  muster_env_setting settings[RUN_CONFIG_ENV_SETTINGS];
  run_config_env_settings(config, settings);
  struct env_pool *pool = NULL;
  muster_status status = env_pool_create(type, settings, 0, 0, 1, &pool);
  muster_status fits = status == MUSTER_OK && to_learn ? check_policy(document, config, pool) : MUSTER_OK;
  if (status == MUSTER_OK && fits == MUSTER_OK) fits = check_curriculum(document, config, pool);
  env_pool_destroy(&pool);
  if (fits != MUSTER_OK) return fits;
  /* a USAGE error means that create() has refused its options; any other is the environment's own fault */
  bool is_refusal = muster_status_code(status) == MUSTER_ERROR_USAGE;
  snprintf(key, sizeof key, "%s.options", section);
  if (!is_refusal) env_key(section, config, key);
  return locate(document, key, status);
}

int run_config_learners(const struct run_config *config, int ranks) {
  const struct ranks_options *options = &config->ranks;
  if (ranks == 1) return 1;
  if (options->learners > 0) return (int)options->learners;
  if (!options->colocate) return 1;
  return ranks < LEARNER_GROUP_MAX ? ranks : LEARNER_GROUP_MAX;
}

/* whether there are enough ranks to learn, and others to act unless learners act as well */
static muster_status check_learners(const struct document *document, const struct run_config *config, int ranks) {
  int learners = run_config_learners(config, ranks), most = config->ranks.colocate || ranks == 1 ? ranks : ranks - 1;
  if (learners <= most) return MUSTER_OK;
  if (config->ranks.colocate)
    return document_error(document, "ranks.learners", "is more than the %d ranks of this job; expects at most %d",
                          ranks, most);
  return document_error(document, "ranks.learners",
                        "leaves none of %d ranks to act; expects at most %d, or ranks.colocate: true", ranks, most);
}

/* whether there is an environment for each actor */
static muster_status check_actors(const struct document *document, const struct run_config *config, int ranks) {
  int learn_only = config->ranks.colocate || ranks == 1 ? 0 : run_config_learners(config, ranks);
  int actors = ranks - learn_only;
  if (config->env.num_envs >= actors) return MUSTER_OK;
  return document_error(document, "env.num_envs",
                        "cannot be split over %d actors (%d ranks); expects at least %d, or start at most %d ranks",
                        actors, ranks, actors, (int)config->env.num_envs + learn_only);
}

/* whether the environment exists and passes check_env_options() */
static muster_status check_source(const struct document *document, const char *section, bool to_learn,
                                  const struct run_config *config) {
  struct env_source_request request = run_config_env_source(config);
  request.isolates = false; /* only the table of the environment's functions is read */
  char key[TEXT_KEY_SIZE];
  env_key(section, config, key);
  struct env_source source;
  MUSTER_TRY(locate(document, key, env_source_open(&request, &source)));
  muster_status status = check_env_options(document, section, to_learn, config, source.type);
  env_source_close(&source);
  return status;
}

muster_status run_config_check_environment(const struct document *document, const struct run_config *config) {
  MUSTER_TRY(check_source(document, "env", true, config));
  if (!run_config_has_evaluation_env(config)) return MUSTER_OK;
  struct run_config entered = *config;
  MUSTER_TRY(locate(document, "evaluation.env.options", run_config_enter_evaluation(&entered)));
  return check_source(document, "evaluation.env", false, &entered);
}

/* rl-zoo's files have `normalize: true`; muster has a section of that name */
static muster_status check_normalize(const struct document *document) {
  if (document_get(document, normalize_option_table.section) == NULL) return MUSTER_OK;
  return document_error(document, normalize_option_table.section,
                        "expects a section; what rl-zoo calls `normalize: true` is `normalize: {norm_obs: true, "
                        "norm_reward: true}`");
}

/* a shorter time is within what a busy machine delays: ranks that only waited for their core would count as lost */
static muster_status check_watchdog(const struct document *document, const struct run_config *config) {
  const double seconds = config->run.watchdog;
  if (seconds == 0 || seconds >= RUN_LEAST_WATCHDOG) return MUSTER_OK;
  return document_error(document, "run.watchdog",
                        "is too short to tell a lost rank from a busy one; expects 0 (never), "
                        "or at least %gs",
                        RUN_LEAST_WATCHDOG);
}

static muster_status check_histograms(const struct document *document, const struct run_config *config) {
  if (config->run.histograms == 0 || config->run.tensorboard) return MUSTER_OK;
  return document_error(document, "run.histograms", "goes to TensorBoard's event files; expects run.tensorboard: true");
}

static muster_status check_stop(const struct document *document, const struct run_config *config) {
  const struct evaluation_options *evaluation = &config->evaluation;
  if (config->stop.evaluations_without_gain == OPTION_NULL_INT) return MUSTER_OK;
  if (evaluation->every > 0 && evaluation->episodes > 0) return MUSTER_OK;
  return document_error(document, "stop.evaluations_without_gain",
                        "counts evaluations during training, of which there are none; expects null, or %s",
                        evaluation->every > 0 ? "evaluation.episodes: 1 or more"
                                              : "evaluation.every: steps between evaluations");
}

/* refuses options that the loop of an asynchronous algorithm, whose actors never wait, does not have */
static muster_status check_asynchronous(const struct document *document, const struct run_config *config,
                                        const struct algorithm_type *algorithm) {
  const struct ranks_options *ranks = &config->ranks;
  const char *name = algorithm->name;
  if (config->loop.pipeline > 0)
    return document_error(document, "algorithm.pipeline",
                          "is for actors that wait, which those of %s do not; expects 0", name);
  if (config->loop.straggler_fraction < 1)
    return document_error(document, "algorithm.straggler_fraction",
                          "is for actors that wait, which those of %s do not; expects 1", name);
  if (ranks->learners > 1 || ranks->colocate)
    return document_error(document, ranks->colocate ? "ranks.colocate" : "ranks.learners",
                          "%s has one learner, which only learns; expects %s", name, ranks->colocate ? "false" : "1");
  bool normalizes = config->normalize.norm_obs || config->normalize.norm_reward;
  bool computes = algorithm_needs(algorithm, config->algorithm).asynchronous == ASYNCHRONOUS_GRADIENTS;
  if (!normalizes || !computes) return MUSTER_OK;
  return document_error(document, config->normalize.norm_obs ? "normalize.norm_obs" : "normalize.norm_reward",
                        "needs rollouts at the learner, to which actors of %s send gradients; expects false", name);
}

/* whether all of env.schedules are schedules, and there is one time for all environments */
static muster_status check_schedules(const struct document *document, const struct run_config *config,
                                     const struct algorithm_type *algorithm) {
  const struct option_map *schedules = &config->env.schedules;
  struct curriculum *curriculum = malloc(sizeof *curriculum);
  if (curriculum == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory");
  int32_t wrong = 0;
  char key[TEXT_KEY_SIZE];
  muster_status status = curriculum_read(schedules, curriculum, &wrong);
  free(curriculum);
  if (schedules->count > 0) snprintf(key, sizeof key, "env.schedules.%s", schedules->keys[wrong]);
  if (status != MUSTER_OK) return locate(document, key, status);
  if (schedules->count == 0 || algorithm_needs(algorithm, config->algorithm).asynchronous == ASYNCHRONOUS_NONE)
    return MUSTER_OK;
  return document_error(document, key,
                        "goes by the steps of the run, of which the actors of %s, which do not wait for "
                        "each other, know no common number; expects no env.schedules",
                        algorithm->name);
}

static muster_status check_loop(const struct document *document, const struct run_config *config,
                                const struct algorithm_type *algorithm) {
  if (algorithm_needs(algorithm, config->algorithm).asynchronous != ASYNCHRONOUS_NONE)
    return check_asynchronous(document, config, algorithm);
  if (config->loop.straggler_fraction < 1 && algorithm_needs(algorithm, config->algorithm).whole_episodes)
    return document_error(document, "algorithm.straggler_fraction",
                          "cuts rollouts short, but %s learns from whole episodes; expects 1", algorithm->name);
  if (config->loop.pipeline == 0 || algorithm->corrects_lag) return MUSTER_OK;
  char names[128];
  struct text_sink sink = text_sink_start(names, sizeof names);
  for (const struct algorithm_type *const *type = algorithm_list(); *type != NULL; type++)
    if ((*type)->corrects_lag) text_print(&sink, "%s%s", sink.length > 0 ? ", " : "", (*type)->name);
  return document_error(document, "algorithm.pipeline",
                        "lets actors use an older policy, which %s does not correct for; expects 0, or one of %s",
                        algorithm->name, names);
}

/* options beside those of the algorithm that do not go together with its replay */
static muster_status check_replay(const struct document *document, const struct run_config *config,
                                  const struct algorithm_type *algorithm) {
  const struct rollout_needs needs = algorithm_needs(algorithm, config->algorithm);
  if (needs.replay == 0) return MUSTER_OK;
  if (config->normalize.norm_reward)
    return document_error(document, "normalize.norm_reward",
                          "divides rewards by statistics that change as the run goes on, and the replay of %s keeps "
                          "rewards of all times; expects false",
                          algorithm->name);
  if (needs.warm_up < config->general.total_steps) return MUSTER_OK;
  return document_error(document, "algorithm.learning_starts",
                        "leaves nothing to learn from: the run has %lld steps; expects less than total_steps",
                        (long long)config->general.total_steps);
}

/* where run.log_interval is null: at most so many rows where rollouts are brief, one for each rollout elsewhere */
#define BRIEF_ROWS 1000

static void resolve_log_interval(struct run_config *config, const struct algorithm_type *algorithm) {
  const struct rollout_needs needs = algorithm_needs(algorithm, config->algorithm);
  const int64_t each = (int64_t)needs.n_steps * config->env.num_envs, rollouts = config->general.total_steps / each;
  int64_t *interval = &config->run.log_interval;
  if (*interval != OPTION_NULL_INT) return;
  *interval = needs.is_brief && rollouts > BRIEF_ROWS ? rollouts / BRIEF_ROWS : 1;
}

static muster_status resolve(struct document *document, struct run_config *config) {
  memset(config, 0, sizeof *config);
  MUSTER_TRY(check_normalize(document));
  MUSTER_TRY(document_abbreviate(document, "ranks", "auto", "ranks.layout"));
  const struct algorithm_type *algorithm;
  MUSTER_TRY(check_names(document, config, &algorithm));
  if (algorithm->options_size > sizeof config->algorithm)
    return status_error(MUSTER_ERROR_INTERNAL, "the options of %s need %zu bytes", algorithm->name,
                        algorithm->options_size);

  struct binding bindings[BINDINGS];
  bind_tables(config, algorithm, bindings);
  for (int i = 0; i < BINDINGS; i++) MUSTER_TRY(document_apply(document, bindings[i].table, bindings[i].object));
  if (algorithm->policy != NULL) MUSTER_TRY(document_apply(document, algorithm->policy, &config->policy));
  const struct option_table *tables[RUN_CONFIG_MAX_TABLES];
  MUSTER_TRY(document_check_unknown(document, tables, run_config_tables(tables)));

  /* a layout that was chosen at an earlier start does not count */
  if (config->ranks.layout == LAYOUT_AUTO) {
    config->ranks.learners = 0;
    config->ranks.colocate = false;
  }
  config->policy.request = algorithm_request(algorithm, config->algorithm);
  MUSTER_TRY(check_histograms(document, config));
  MUSTER_TRY(check_stop(document, config));
  MUSTER_TRY(check_train(document, config));
  MUSTER_TRY(locate_own_key(document, model_options_check_short_form(&config->policy, algorithm->policy)));
  MUSTER_TRY(locate_own_key(document, model_options_check(&config->policy)));
  MUSTER_TRY(check_loop(document, config, algorithm));
  MUSTER_TRY(check_schedules(document, config, algorithm));
  MUSTER_TRY(check_replay(document, config, algorithm));
  MUSTER_TRY(algorithm_check(algorithm, document, config->algorithm, config->env.num_envs));
  resolve_log_interval(config, algorithm);
  return MUSTER_OK;
}

/* whether every option that is set counts under the others */
static muster_status check_effect(const struct document *document, struct run_config *config) {
  struct binding bindings[BINDINGS];
  bind_tables(config, run_config_algorithm(config), bindings);
  for (int i = 0; i < BINDINGS; i++) MUSTER_TRY(document_check_effect(document, bindings[i].table, bindings[i].object));
  return MUSTER_OK;
}

muster_status run_config_open(const char *path, const char *const *sets, size_t n_sets, int ranks,
                              struct run_config *config, struct document **out) {
  struct document *document;
  MUSTER_TRY(document_create(&document));
  muster_status status = document_read_file(document, path);
  for (size_t i = 0; i < n_sets && status == MUSTER_OK; i++) status = document_set(document, sets[i]);
  if (status == MUSTER_OK) status = resolve(document, config);
  if (status == MUSTER_OK) status = check_effect(document, config);
  if (status == MUSTER_OK) status = locate_code(document, path, config);
  if (status == MUSTER_OK) locate_source(config);
  if (status == MUSTER_OK) status = check_learners(document, config, ranks);
  if (status == MUSTER_OK) status = check_watchdog(document, config);
  if (status == MUSTER_OK) status = check_actors(document, config, ranks);
  if (status != MUSTER_OK)
    document_destroy(&document);
  else
    *out = document;
  return status;
}

muster_status run_config_load(const char *path, const char *const *sets, size_t n_sets, int ranks,
                              struct run_config *config) {
  struct document *document;
  MUSTER_TRY(run_config_open(path, sets, n_sets, ranks, config, &document));
  muster_status status = run_config_check_environment(document, config);
  document_destroy(&document);
  return status;
}

muster_status run_config_parse(const char *name, const char *text, struct run_config *config) {
  struct document *document;
  MUSTER_TRY(document_create(&document));
  muster_status status = document_read_text(document, name, text, strlen(text));
  if (status == MUSTER_OK) status = resolve(document, config);
  document_destroy(&document);
  return status;
}

muster_status run_config_read(const char *path, struct run_config *config) {
  struct document *document;
  MUSTER_TRY(document_create(&document));
  muster_status status = document_read_file(document, path);
  if (status == MUSTER_OK) status = resolve(document, config);
  document_destroy(&document);
  return status;
}

/* --- writing --- */

void run_config_visit(const struct run_config *config, run_config_visitor visit, void *context) {
  struct run_config copy = *config;
  struct algorithm_choice choice;
  snprintf(choice.name, sizeof choice.name, "%s", config->algorithm_name);
  struct binding bindings[BINDINGS];
  bind_tables(&copy, run_config_algorithm(config), bindings);
  for (int i = 0; i < BINDINGS; i++) {
    /* algorithm.name comes before the algorithm's own options */
    if (bindings[i].object == copy.algorithm) visit(&algorithm_table, &choice, true, context);
    visit(bindings[i].table, bindings[i].object, bindings[i].decides, context);
  }
}

struct config_file {
  FILE *file;
  const char *section; /* the section that was begun last */
};

static void write_table(const struct option_table *table, const void *object, bool decides, void *context) {
  (void)decides;
  struct config_file *config = context;
  document_write_table(config->file, table, object, &config->section);
}

void run_config_write(FILE *file, const struct run_config *config) {
  struct config_file context = {.file = file};
  run_config_visit(config, write_table, &context);
}

muster_status run_config_text(const struct run_config *config, char **text) {
  size_t size;
  FILE *file = open_memstream(text, &size);
  if (file == NULL) return status_errno(MUSTER_ERROR_MEMORY, "writing the config");
  run_config_write(file, config);
  if (fclose(file) != 0) return status_errno(MUSTER_ERROR_MEMORY, "writing the config");
  return MUSTER_OK;
}

/* visits the options of one table that differ; true as soon as a visit says so */
static bool compare_tables(const struct option_table *table, const void *before, const void *now, bool exactly,
                           run_config_difference visit, void *context) {
  for (const struct option_spec *option = table->options; option->key != NULL; option++) {
    char key[TEXT_KEY_SIZE], old_value[OPTION_TEXT_SIZE], new_value[OPTION_TEXT_SIZE];
    if (option->may_change && !exactly) continue;
    option_format(option, before, old_value, sizeof old_value);
    option_format(option, now, new_value, sizeof new_value);
    if (strcmp(old_value, new_value) == 0) continue;
    option_full_key(table, option, key, sizeof key);
    if (visit(key, old_value, new_value, context)) return true;
  }
  return false;
}

bool run_config_compare(const struct run_config *before, const struct run_config *now, bool exactly,
                        run_config_difference visit, void *context) {
  /* of two algorithms the other options cannot be compared */
  if (strcmp(before->algorithm_name, now->algorithm_name) != 0)
    return visit("algorithm.name", before->algorithm_name, now->algorithm_name, context);
  struct run_config old = *before, new = *now;
  if (!exactly) old.general.total_steps = new.general.total_steps; /* a run may be prolonged */
  struct binding old_bindings[BINDINGS], new_bindings[BINDINGS];
  bind_tables(&old, run_config_algorithm(&old), old_bindings);
  bind_tables(&new, run_config_algorithm(&new), new_bindings);
  for (int i = 0; i < BINDINGS; i++)
    if (old_bindings[i].decides &&
        compare_tables(old_bindings[i].table, old_bindings[i].object, new_bindings[i].object, exactly, visit, context))
      return true;
  return false;
}

struct difference_text {
  char *text;
  size_t size;
};

static bool write_difference(const char *key, const char *before, const char *now, void *context) {
  const struct difference_text *out = context;
  snprintf(out->text, out->size, "%s was %s and is now %s", key, before, now);
  return true;
}

bool run_config_differs(const struct run_config *before, const struct run_config *now, char *text, size_t size) {
  struct difference_text out = {text, size};
  return run_config_compare(before, now, false, write_difference, &out);
}

bool run_config_cannot_repeat(const struct run_config *before, const struct run_config *now, char *text, size_t size) {
  struct difference_text out = {text, size};
  return run_config_compare(before, now, true, write_difference, &out);
}

/* --- environments of evaluations --- */

bool run_config_has_evaluation_env(const struct run_config *config) {
  const struct evaluation_env_options *options = &config->evaluation_env;
  return options->name[0] != '\0' || options->plugin[0] != '\0' || options->max_steps > 0 || options->options.count > 0;
}

/* sets a key's value in a map, replacing the one it has */
static muster_status set_in_map(struct option_map *map, const char *key, const char *value) {
  int32_t i = 0;
  while (i < map->count && strcmp(map->keys[i], key) != 0) i++;
  if (i == OPTION_MAP_MAX)
    return status_error(MUSTER_ERROR_USAGE, "makes more than %d options together with env.options", OPTION_MAP_MAX);
  if (i == map->count) snprintf(map->keys[map->count++], sizeof map->keys[0], "%s", key);
  snprintf(map->values[i], sizeof map->values[0], "%s", value);
  return MUSTER_OK;
}

/* an option that is given has no schedule */
static void drop_schedule(struct option_map *schedules, const char *key) {
  for (int32_t i = 0; i < schedules->count; i++) {
    if (strcmp(schedules->keys[i], key) != 0) continue;
    const size_t behind = (size_t)(--schedules->count - i);
    memmove(schedules->keys[i], schedules->keys[i + 1], behind * sizeof schedules->keys[0]);
    memmove(schedules->values[i], schedules->values[i + 1], behind * sizeof schedules->values[0]);
    memmove(&schedules->lines[i], &schedules->lines[i + 1], behind * sizeof schedules->lines[0]);
  }
}

muster_status run_config_enter_evaluation(struct run_config *config) {
  const struct evaluation_env_options *options = &config->evaluation_env;
  struct env_options *env = &config->env;
  bool is_another = options->name[0] != '\0' && strcmp(options->name, env->name) != 0;
  if (is_another) env->options.count = env->schedules.count = 0;
  if (is_another) strcpy(env->name, options->name);
  if (options->plugin[0] != '\0') strcpy(config->env_host.plugin, options->plugin);
  if (options->max_steps > 0) env->max_steps = options->max_steps;
  for (int32_t i = 0; i < options->options.count; i++)
    MUSTER_TRY(set_in_map(&env->options, options->options.keys[i], options->options.values[i]));
  for (int32_t i = 0; i < options->options.count; i++) drop_schedule(&env->schedules, options->options.keys[i]);
  return MUSTER_OK;
}

static bool maps_are_equal(const struct option_map *a, const struct option_map *b) {
  bool is_equal = a->count == b->count;
  for (int32_t i = 0; is_equal && i < a->count; i++)
    is_equal = strcmp(a->keys[i], b->keys[i]) == 0 && strcmp(a->values[i], b->values[i]) == 0;
  return is_equal;
}

bool run_config_evaluates_alike(const struct run_config *a, const struct run_config *b) {
  const struct evaluation_env_options *x = &a->evaluation_env, *y = &b->evaluation_env;
  return a->evaluation.episodes == b->evaluation.episodes &&
         a->evaluation.deterministic == b->evaluation.deterministic && strcmp(x->name, y->name) == 0 &&
         x->max_steps == y->max_steps && maps_are_equal(&x->options, &y->options);
}

bool run_config_has_stop(const struct run_config *config) {
  const struct stop_options *stop = &config->stop;
  return !isnan(stop->mean_return) || stop->evaluations_without_gain != OPTION_NULL_INT || stop->seconds > 0;
}

bool run_config_stops_alike(const struct run_config *a, const struct run_config *b) {
  const struct stop_options *x = &a->stop, *y = &b->stop;
  const bool is_same_return = x->mean_return == y->mean_return || (isnan(x->mean_return) && isnan(y->mean_return));
  return is_same_return && x->evaluations_without_gain == y->evaluations_without_gain && x->seconds == y->seconds;
}

static muster_status change_env(struct document *document, const char *const *sets, size_t n_sets,
                                struct run_config *config) {
  for (size_t i = 0; i < n_sets; i++) {
    if (strncmp(sets[i], "env.", 4) != 0)
      return status_error(MUSTER_ERROR_USAGE, "--set %.80s: expects an option of env, such as env.options.KEY=VALUE",
                          sets[i]);
    MUSTER_TRY(document_set(document, sets[i]));
  }
  char name[OPTION_STRING_SIZE];
  strcpy(name, config->env.name);
  MUSTER_TRY(resolve(document, config));
  if (strcmp(name, config->env.name) != 0) config->env.schedules.count = 0;
  for (size_t i = 0; i < n_sets; i++) {
    char key[TEXT_KEY_SIZE];
    snprintf(key, sizeof key, "%.*s", (int)strcspn(sets[i], "="), sets[i]);
    if (key_is_above("env.options", key)) drop_schedule(&config->env.schedules, key + strlen("env.options."));
  }
  MUSTER_TRY(locate_code(document, "", config));
  return check_source(document, "env", false, config);
}

muster_status run_config_change_env(const char *name, const char *const *sets, size_t n_sets,
                                    struct run_config *config) {
  MUSTER_TRY(run_config_enter_evaluation(config));
  config->evaluation_env = (struct evaluation_env_options){0};
  if (n_sets == 0) return MUSTER_OK;
  char *text;
  struct document *document;
  MUSTER_TRY(run_config_text(config, &text));
  muster_status status = document_create(&document);
  if (status == MUSTER_OK) {
    status = document_read_text(document, name, text, strlen(text));
    if (status == MUSTER_OK) status = change_env(document, sets, n_sets, config);
    document_destroy(&document);
  }
  free(text);
  return status;
}

void run_config_env_settings(const struct run_config *config, muster_env_setting settings[RUN_CONFIG_ENV_SETTINGS]) {
  const struct option_map *map = &config->env.options;
  muster_env_setting *next = settings;
  for (int32_t i = 0; i < map->count; i++) *next++ = (muster_env_setting){map->keys[i], map->values[i]};
  const char *python = config->env_host.python;
  if (python[0] != '\0' && env_plugin_is_python(config->env.name)) *next++ = (muster_env_setting){"env.python", python};
  *next = (muster_env_setting){NULL, NULL};
}

struct env_wrappers run_config_env_wrappers(const struct run_config *config) {
  return (struct env_wrappers){.max_steps = (int32_t)config->env.max_steps,
                               .frame_stack = (int32_t)config->env.frame_stack,
                               .action_bounds = (enum action_bounds)config->env.action_bounds};
}

struct env_source_request run_config_env_source(const struct run_config *config) {
  const struct env_host_options *host = &config->env_host;
  return (struct env_source_request){.plugin = host->plugin,
                                     .name = config->env.name,
                                     .isolates = host->isolation == ISOLATION_PROCESS,
                                     .isolation = {.block = (int32_t)host->isolation_block,
                                                   .step_timeout = host->step_timeout,
                                                   .max_restarts = host->max_restarts}};
}
