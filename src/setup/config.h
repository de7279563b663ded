/* The whole configuration of a run: every module's options in one plain struct that rank 0 reads and all ranks get. */
#ifndef SETUP_CONFIG_H
#define SETUP_CONFIG_H

#include "algo/algorithm.h"
#include "config/document.h"
#include "env/source.h"
#include "experience/normalizer.h"
#include "muster/env.h"
#include "nn/model.h"
#include "setup/curriculum.h"

#define RUN_CONFIG_ALGORITHM_BYTES 4096
#define RUN_CONFIG_MAX_TABLES 128 /* at most two for each algorithm, and a dozen others */

/* The largest seed: beyond it JSON and other programs no longer tell neighbouring integers apart. */
#define RUN_SEED_MAX 9007199254740992

struct general_options {
  int64_t seed, total_steps; /* seed: at most RUN_SEED_MAX */
};

struct env_options {
  char name[OPTION_STRING_SIZE];
  int64_t num_envs, max_steps, frame_stack;
  int action_bounds; /* enum action_bounds */
  struct option_map options;
  struct option_map schedules; /* options that change over the run (setup/curriculum.h) */
};

/* names for linear_select(); the first one means that linear_select() chooses */
extern const char *const run_kernel_names[];

/* where the environments' code comes from and where it runs; none of this decides what is learned */
struct env_host_options {
  char plugin[OPTION_STRING_SIZE]; /* absolute path; "": built in */
  char python[OPTION_STRING_SIZE]; /* absolute path of a virtual environment; "": none was named */
  int isolation;                   /* enum isolation_kind */
  int64_t isolation_block, max_restarts;
  double step_timeout; /* seconds; 0: none */
};

enum isolation_kind { ISOLATION_NONE, ISOLATION_PROCESS };

enum placement_kind { PLACEMENT_PACKED, PLACEMENT_SPREAD };

/* whether `learners` and `colocate` are as given, or chosen when a run starts, from the measured times of a rollout and
 * an update */
enum layout_kind { LAYOUT_GIVEN, LAYOUT_AUTO };

struct ranks_options {
  int kernels; /* index into run_kernel_names; 0: the best */
  int64_t blas_threads;
  char learner_host[OPTION_STRING_SIZE]; /* "": where rank 0 is */
  int placement;                         /* enum placement_kind */
  int layout;                            /* enum layout_kind */
  int64_t learners;                      /* 0: one learner; all ranks where learners act as well */
  bool colocate;
};

struct evaluation_options {
  int64_t every, episodes; /* episodes: 0: no evaluations */
  bool deterministic;
};

/* evaluation.env: what evaluations use in place of the options in env; none of this decides what is learned */
struct evaluation_env_options {
  char name[OPTION_STRING_SIZE], plugin[OPTION_STRING_SIZE]; /* "": as in training */
  int64_t max_steps;                                         /* 0: as in training */
  struct option_map options;                                 /* the options that differ */
};

/* train: what a run begins with, and what of it stays as it is */
struct train_options {
  char from[OPTION_STRING_SIZE];        /* absolute path of a run folder or checkpoint; "": none */
  char from_digest[OPTION_STRING_SIZE]; /* what `muster inspect --digest` says of it; "": not known yet */
  int64_t from_steps;                   /* how far it had learned; OPTION_NULL_INT: not known yet */
  struct option_text_list load, freeze;
  struct option_map changes; /* "algorithm.gamma@8192": the value before (setup/changes.h) */
};

/* stop: when a run ends before total_steps; as total_steps, it may be changed in a run */
struct stop_options {
  double mean_return;               /* NAN: none */
  int64_t evaluations_without_gain; /* OPTION_NULL_INT: none */
  double seconds;                   /* 0: none */
};

struct checkpoint_options {
  int64_t every, keep; /* steps; files */
  double interval;     /* seconds */
  bool keep_best;
};

/* options of the loop around the algorithm */
struct loop_options {
  int64_t pipeline;
  double straggler_fraction;
};

enum on_nan { ON_NAN_STOP, ON_NAN_SKIP };

#define RUN_LEAST_WATCHDOG 1.0

struct run_options {
  char dir[OPTION_STRING_SIZE];
  int64_t log_interval;
  double time_limit; /* seconds; 0: none */
  double watchdog;   /* seconds, at least RUN_LEAST_WATCHDOG; 0: off */
  int on_nan;        /* enum on_nan */
  bool tensorboard;
  int64_t histograms; /* iterations; 0: none */
  bool trace;
  int64_t trace_iterations;
};

struct run_config {
  struct general_options general;
  struct env_options env;
  struct env_host_options env_host;
  struct normalize_options normalize;
  struct model_options policy;
  struct ranks_options ranks;
  struct evaluation_options evaluation;
  struct evaluation_env_options evaluation_env;
  struct train_options train;
  struct stop_options stop;
  struct checkpoint_options checkpoint;
  struct run_options run;
  struct loop_options loop;
  char algorithm_name[64];
  _Alignas(16) unsigned char algorithm[RUN_CONFIG_ALGORITHM_BYTES]; /* the options struct of that algorithm */
};

/* Reads a YAML file and the --set assignments into a config, and checks all that can be checked before a job of `ranks`
 * ranks begins: types, ranges, unknown keys, the algorithm's own conditions, that the environment exists and takes its
 * options, that every actor gets an environment. Errors: USAGE, with file, line, key, value and what is expected. */
MUSTER_CHECKED muster_status run_config_load(const char *path, const char *const *sets, size_t n_sets, int ranks,
                                             struct run_config *config);

/* The same in two steps. The first step calls no environment, whose code may take long or never return. It fills `*out`
 * with the places of the options, which the messages of the second step name; the caller destroys it. */
MUSTER_CHECKED muster_status run_config_open(const char *path, const char *const *sets, size_t n_sets, int ranks,
                                             struct run_config *config, struct document **out);
MUSTER_CHECKED muster_status run_config_check_environment(const struct document *document,
                                                          const struct run_config *config);

/* The same from a text (the config in a checkpoint), whose environment need not exist here; messages give `name` as the
 * file. */
MUSTER_CHECKED muster_status run_config_parse(const char *name, const char *text, struct run_config *config);

/* Changes the config of a checkpoint for `muster eval`: applies run_config_enter_evaluation(), then assignments to
 * env.*; other assignments are USAGE errors. A plug-in that is set must exist. */
MUSTER_CHECKED muster_status run_config_change_env(const char *name, const char *const *sets, size_t n_sets,
                                                   struct run_config *config);

/* The same from the config.yaml of a run folder. */
MUSTER_CHECKED muster_status run_config_read(const char *path, struct run_config *config);

/* Writes the resolved config as YAML that run_config_load() reads back to the same config. */
void run_config_write(FILE *file, const struct run_config *config);

/* The same as a text, which the caller frees. */
MUSTER_CHECKED muster_status run_config_text(const struct run_config *config, char **text);

/* Finds the first option that decides what is learned and differs between two configs ("env.num_envs"), and writes its
 * key and both values into text[size]; false when there is none. A resumed run may differ in ranks, checkpoints,
 * evaluation and folders. */
bool run_config_differs(const struct run_config *before, const struct run_config *now, char *text, size_t size);
/* The same of options that must be equal where a run repeats another one: total_steps, too, and those that may change
 * in a run. */
bool run_config_cannot_repeat(const struct run_config *before, const struct run_config *now, char *text, size_t size);

/* Calls `visit` for every option that decides what is learned and differs between two configs, with its values as YAML,
 * until a visit returns true; returns whether one did. Of other algorithms algorithm.name alone is visited. `exactly`:
 * total_steps and the options that may change in a run count, too. */
typedef bool (*run_config_difference)(const char *key, const char *before, const char *now, void *context);
bool run_config_compare(const struct run_config *before, const struct run_config *now, bool exactly,
                        run_config_difference visit, void *context);

/* Calls `visit` for every table that applies to the config, with the struct that it describes, in the order in which a
 * config is written; `decides`: whether the table's options decide what is learned. */
typedef void (*run_config_visitor)(const struct option_table *table, const void *object, bool decides, void *context);
void run_config_visit(const struct run_config *config, run_config_visitor visit, void *context);

/* All option tables: the general ones, and those of every algorithm. Returns their number. */
size_t run_config_tables(const struct option_table *tables[RUN_CONFIG_MAX_TABLES]);

/* The algorithm of a config; the registry has it, since the config was checked. */
const struct algorithm_type *run_config_algorithm(const struct run_config *config);

/* The environment's options as pairs for env_pool_create(), borrowed from the config, ended by a NULL key; for one of
 * Python also the virtual environment. */
#define RUN_CONFIG_ENV_SETTINGS (OPTION_MAP_MAX + 2)
void run_config_env_settings(const struct run_config *config, muster_env_setting settings[RUN_CONFIG_ENV_SETTINGS]);

/* Reads the curriculum of a config that was checked. */
void run_config_curriculum(const struct run_config *config, struct curriculum *out);

/* Whether evaluations have another environment, other options or another limit than training. */
bool run_config_has_evaluation_env(const struct run_config *config);

/* Replaces the options in env by those in evaluation.env, so that the functions below describe the environments of
 * evaluations. Where these are of another type, the environment options of training are dropped, and so are its
 * schedules; an option that is given has no schedule. USAGE error where there are too many options. */
MUSTER_CHECKED muster_status run_config_enter_evaluation(struct run_config *config);

/* Whether evaluations of two configs can be compared: the same episodes of the same environments. */
bool run_config_evaluates_alike(const struct run_config *a, const struct run_config *b);

/* Whether any criterion of `stop` is set, and whether two configs have the same. */
bool run_config_has_stop(const struct run_config *config);
bool run_config_stops_alike(const struct run_config *a, const struct run_config *b);

/* How many of `ranks` ranks learn. */
int run_config_learners(const struct run_config *config, int ranks);

/* The wrappers between the environments and the policy. */
struct env_wrappers run_config_env_wrappers(const struct run_config *config);

/* Where the environments come from; borrowed from the config. */
struct env_source_request run_config_env_source(const struct run_config *config);

#endif
