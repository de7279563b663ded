/* muster envs, muster algos, muster parts, muster config: what there is to choose from. */
#include "algo/algorithm.h"
#include "base/shown.h"
#include "cli/command.h"
#include "config/reference.h"
#include "env/plugin.h"
#include "env/pool.h"
#include "env/registry.h"
#include "env/source.h"
#include "nn/distribution.h"
#include "nn/layer.h"
#include "nn/optimizer.h"
#include "setup/config.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* parses a command that takes one optional word and --help; returns -1 to go on, else an exit code */
static int parse_word(int argc, char **argv, const char *help, const char **word) {
  static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
  for (int letter; (letter = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
    if (letter != 'h') return EXIT_USAGE;
    fputs(help, stdout);
    return EXIT_DONE;
  }
  if (argc - optind > 1)
    return command_usage_error(strchr(argv[0], ' ') + 1, "expects at most one name, got %d", argc - optind);
  *word = argc > optind ? argv[optind] : NULL;
  return -1;
}

static void format_space(const muster_space *space, char *text, size_t size) {
  int used = snprintf(text, size, "%s(", space_kind_name(space->kind));
  if (space->kind == MUSTER_SPACE_DISCRETE) used += snprintf(text + used, size - (size_t)used, "%d", space->counts[0]);
  for (int32_t i = 0; i < space->rank; i++)
    used += snprintf(text + used, size - (size_t)used, "%s%d", i > 0 ? ", " : "", space->shape[i]);
  snprintf(text + used, size - (size_t)used, ")");
}

static muster_status print_env(const muster_env_type *type, bool in_full) {
  struct env_pool *pool;
  MUSTER_TRY(env_pool_create(type, NULL, 0, 0, 1, &pool));
  const muster_env_spec *spec = env_pool_spec(pool);
  char observation[128], action[128];
  format_space(&spec->observation, observation, sizeof observation);
  format_space(&spec->action, action, sizeof action);
  if (!in_full) {
    shown_print(stdout, "%-14s %-12s %-12s %s\n", type->name, observation, action, type->summary);
  } else {
    shown_print(stdout, "%s: %s\n", type->name, type->summary);
    printf("\n  observation       %s\n  action            %s\n", observation, action);
    printf("  step limit        %d\n", spec->max_steps);
    if (!isnan(spec->reward_threshold)) printf("  reward threshold  %g\n", spec->reward_threshold);
    printf("  saves its state   %s\n", spec->state_bytes > 0 ? "yes" : "no");
    if (type->options != NULL && type->options->key != NULL) printf("\noptions (env.options)\n");
    /* a key with a dot is muster's own */
    for (const muster_env_option *option = type->options; option != NULL && option->key != NULL; option++)
      if (strchr(option->key, '.') == NULL)
        shown_print(stdout, "  %-20s %-10s %s\n", option->key, option->default_value, option->help);
  }
  env_pool_destroy(&pool);
  return MUSTER_OK;
}

/* the environments of a shared object */
static muster_status print_plugin(const char *path) {
  char found[1024];
  struct env_plugin *plugin;
  MUSTER_TRY(env_plugin_locate(path, NULL, found, sizeof found));
  MUSTER_TRY(env_plugin_open(found, &plugin));
  muster_status status = MUSTER_OK;
  const muster_env_type *const *type = env_plugin_types(plugin);
  for (; *type != NULL && status == MUSTER_OK; type++) status = print_env(*type, true);
  env_plugin_close(&plugin);
  return status;
}

static muster_status print_envs(const char *name) {
  if (name != NULL && command_is_plugin(name)) return print_plugin(name);
  if (name != NULL) {
    const struct env_source_request wanted = {.name = name};
    struct env_source source;
    MUSTER_TRY(env_source_open(&wanted, &source));
    muster_status status = print_env(source.type, true);
    env_source_close(&source);
    return status;
  }
  printf("%-14s %-12s %-12s %s\n", "environment", "observation", "action", "what it is");
  for (const muster_env_type *const *type = env_registry_list(); *type != NULL; type++)
    MUSTER_TRY(print_env(*type, false));
  return MUSTER_OK;
}

int command_envs(int argc, char **argv) {
  const char *name = NULL;
  int exit_code = parse_word(argc, argv,
                             "usage: muster envs [NAME | PLUGIN]\n\nLists the environments, or describes one with "
                             "its options, or those of a plug-in (./libmyenv.so).\n",
                             &name);
  return exit_code >= 0 ? exit_code : command_finish("envs", print_envs(name));
}

int command_algos(int argc, char **argv) {
  const char *name = NULL;
  int exit_code =
      parse_word(argc, argv, "usage: muster algos [NAME]\n\nLists the algorithms, or the options of one.\n", &name);
  if (exit_code >= 0) return exit_code;
  if (name == NULL) {
    muster_status whole = algorithm_check_list(algorithm_list());
    for (const struct algorithm_type *const *type = algorithm_list(); whole == MUSTER_OK && *type != NULL; type++)
      printf("%-20s %s\n", (*type)->name, (*type)->summary);
    return command_finish("algos", whole);
  }
  const struct algorithm_type *type;
  muster_status status = algorithm_find(name, &type);
  if (status == MUSTER_OK) {
    printf("%s: %s\n\n", type->name, type->summary);
    const struct option_table *tables[] = {type->options, type->policy};
    config_reference_print(stdout, tables, type->policy != NULL ? 2 : 1, NULL);
  }
  return command_finish("algos", status);
}

static muster_status print_layers(void) {
  MUSTER_TRY(layer_check_list(layer_list()));
  printf("%-34s %s\n", "layer (policy.network)", "what it does");
  for (const struct layer_type *const *type = layer_list(); *type != NULL; type++) {
    char usage[256];
    layer_format_usage(*type, usage, sizeof usage);
    printf("%-34s %s\n", usage, (*type)->summary);
  }
  return MUSTER_OK;
}

static muster_status print_distributions(void) {
  MUSTER_TRY(distribution_check_list(distribution_list()));
  printf("\n%-34s %-14s %s\n", "distribution (policy.distribution)", "actions", "what it is");
  for (const struct distribution *const *entry = distribution_list(); *entry != NULL; entry++)
    printf("%-34s %-14s %s\n", (*entry)->name, space_kind_name((*entry)->action_kind), (*entry)->summary);
  return MUSTER_OK;
}

static muster_status print_optimizers(void) {
  MUSTER_TRY(optimizer_check_list(optimizer_list()));
  printf("\n%-34s %s\n", "optimizer (algorithm.optimizer)", "what it is");
  for (const struct optimizer_type *const *type = optimizer_list(); *type != NULL; type++)
    printf("%-34s %s\n", (*type)->name, (*type)->summary);
  return MUSTER_OK;
}

static muster_status print_parts(void) {
  MUSTER_TRY(print_layers());
  MUSTER_TRY(print_distributions());
  return print_optimizers();
}

int command_parts(int argc, char **argv) {
  const char *word = NULL;
  int exit_code = parse_word(argc, argv,
                             "usage: muster parts\n\nLists what policies and algorithms are made of: layers, "
                             "distributions of actions, optimizers.\n",
                             &word);
  if (exit_code >= 0) return exit_code;
  if (word != NULL) return command_usage_error("parts", "expects no name, got %s", word);
  return command_finish("parts", print_parts());
}

int command_config(int argc, char **argv) {
  const struct option_table *tables[RUN_CONFIG_MAX_TABLES];
  size_t n = run_config_tables(tables);

  /* not in the help: the table of docs/options.md */
  if (argc == 2 && strcmp(argv[1], "--markdown") == 0) {
    config_reference_markdown(stdout, tables, n);
    return command_finish("config", MUSTER_OK);
  }
  const char *key = NULL;
  int exit_code =
      parse_word(argc, argv,
                 "usage: muster config [KEY]\n\nLists every option of a config file with its type, default, "
                 "range and meaning;\nor one option (algorithm.n_steps), or one section (algorithm).\n",
                 &key);
  if (exit_code >= 0) return exit_code;
  return command_finish("config", config_reference_show(stdout, tables, n, key));
}
