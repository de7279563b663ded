/* Plug-ins: where they are searched, what is said about wrong ones, tables of other versions. */
#include "env/plugin.h"

#include "env/pool.h"
#include "env/source.h"
#include "setup/config.h"
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLUGIN(variant) TEST_BINARY_DIR "/plugins/plugin_" variant ".so"

static struct env_plugin *open_plugin(const char *path) {
  struct env_plugin *plugin = NULL;
  CHECK_OK_FATAL(env_plugin_open(path, &plugin));
  return plugin;
}

static void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  fputs(text, file);
  CU_ASSERT_EQUAL(fclose(file), 0);
}

static void test_sound(void) {
  struct env_plugin *plugin = open_plugin(PLUGIN("sound"));
  const muster_env_type *const *types = env_plugin_types(plugin);
  CU_ASSERT_STRING_EQUAL(types[0]->name, "Plug-v0");
  CU_ASSERT_STRING_EQUAL(types[0]->summary, "a plug-in");
  CU_ASSERT_STRING_EQUAL(types[1]->name, "Other-v3");
  CU_ASSERT_STRING_EQUAL(types[1]->summary, "");
  CU_ASSERT_PTR_NULL(types[2]);
  const muster_env_type *type = NULL;
  CHECK_OK(env_plugin_find(plugin, "Other-v3", &type));
  CU_ASSERT_PTR_EQUAL(type, types[1]);
  CHECK_FAILS(env_plugin_find(plugin, "Othr-v3", &type), MUSTER_ERROR_USAGE,
              "has no environment 'Othr-v3'; the nearest one is 'Other-v3'");
  env_plugin_close(&plugin);
  CU_ASSERT_PTR_NULL(plugin);
  env_plugin_close(&plugin);
}

static void test_wrong(void) {
  struct env_plugin *plugin = NULL;
  const char *folder = check_folder("plugin-wrong");
  char text[1100];
  snprintf(text, sizeof text, "%s/text.so", folder);
  write_file(text, "this is no shared object\n");
  CHECK_FAILS(env_plugin_open(text, &plugin), MUSTER_ERROR_USAGE, "text.so");
  CHECK_FAILS(env_plugin_open(text, &plugin), MUSTER_ERROR_USAGE, "the plug-in cannot be loaded");
  CHECK_FAILS(env_plugin_open("/nowhere/at/all.so", &plugin), MUSTER_ERROR_USAGE, "cannot be loaded: /nowhere");
  CHECK_FAILS(env_plugin_open(PLUGIN("bare"), &plugin), MUSTER_ERROR_USAGE,
              "plugin_bare.so has no function muster_env_types(): end one of its sources with MUSTER_ENV_PLUGIN");
  CHECK_FAILS(env_plugin_open(PLUGIN("abi"), &plugin), MUSTER_ERROR_USAGE,
              "was built for version 42 of the interface of environments, this muster has version 1");
  CHECK_FAILS(env_plugin_open(PLUGIN("empty"), &plugin), MUSTER_ERROR_USAGE, "lists no environments");
  CHECK_FAILS(env_plugin_open(PLUGIN("nameless"), &plugin), MUSTER_ERROR_USAGE, "an environment without a name");
  CHECK_FAILS(env_plugin_open(PLUGIN("unsized"), &plugin), MUSTER_ERROR_USAGE, "struct_size is 0 bytes");
  /* a pipe that nobody writes to, and a folder */
  char pipe_path[64];
  snprintf(pipe_path, sizeof pipe_path, "/tmp/muster-plugin-%d", (int)getpid());
  CU_ASSERT_EQUAL_FATAL(mkfifo(pipe_path, 0600), 0);
  CHECK_FAILS(env_plugin_open(pipe_path, &plugin), MUSTER_ERROR_USAGE, "is not a regular file");
  unlink(pipe_path);
  CHECK_FAILS(env_plugin_open("/", &plugin), MUSTER_ERROR_USAGE, "is not a regular file");
  CU_ASSERT_PTR_NULL(plugin);
}

static void test_versions(void) {
  struct env_plugin *plugin = open_plugin(PLUGIN("older"));
  const muster_env_type *type = env_plugin_types(plugin)[0];
  CU_ASSERT_PTR_NOT_NULL(type->step);
  CU_ASSERT_TRUE(type->render_text == NULL);
  CU_ASSERT_TRUE(type->block_load_state == NULL);
  CU_ASSERT_TRUE(type->render_picture == NULL);
  CU_ASSERT_EQUAL(type->render_fps, 0.0);
  CU_ASSERT_EQUAL(type->struct_size, sizeof *type);
  env_plugin_close(&plugin);
  plugin = open_plugin(PLUGIN("newer"));
  CU_ASSERT_STRING_EQUAL(env_plugin_types(plugin)[0]->name, "Plug-v0");
  env_plugin_close(&plugin);
}

/* the same environment twice, as training and evaluation have it */
static void test_pool(void) {
  const struct env_source_request request = {.plugin = PLUGIN("sound"), .name = "Plug-v0"};
  struct env_source source, again;
  CHECK_OK_FATAL(env_source_open(&request, &source));
  CHECK_OK_FATAL(env_source_open(&request, &again));
  const muster_env_setting options[] = {{"start", "2.5"}, {NULL, NULL}};
  struct env_pool *pool = NULL;
  CHECK_OK_FATAL(env_pool_create(source.type, options, 1, 0, 3, &pool));
  float observation[3] = {0};
  CHECK_OK(env_pool_reset(pool, observation, sizeof(float)));
  for (int i = 0; i < 3; i++) CU_ASSERT_EQUAL(observation[i], 2.5f);
  env_pool_destroy(&pool);
  env_source_close(&again);
  env_source_close(&source);

  const struct env_source_request wrong = {.plugin = PLUGIN("sound"), .name = "CartPole-v1"};
  CHECK_FAILS(env_source_open(&wrong, &source), MUSTER_ERROR_USAGE, "has no environment 'CartPole-v1'");
  const struct env_source_request built_in = {.plugin = "", .name = "CartPole-v1"};
  CHECK_OK(env_source_open(&built_in, &source));
  env_source_close(&source);
}

/* a plug-in that makes environments of names that it does not list, which take options that it does not list */
static void test_find(void) {
  struct env_source source;
  const struct env_source_request request = {.plugin = PLUGIN("finds"), .name = "Anything-v9"};
  CHECK_OK_FATAL(env_source_open(&request, &source));
  const muster_env_setting options[] = {{"colour", "red"}, {"start", "2.5"}, {NULL, NULL}};
  struct env_pool *pool = NULL;
  CHECK_OK_FATAL(env_pool_create(source.type, options, 1, 0, 1, &pool));
  float observation = 0;
  CHECK_OK(env_pool_reset(pool, &observation, sizeof observation));
  CU_ASSERT_EQUAL(observation, 2.5f);
  env_pool_destroy(&pool);

  const muster_env_setting twice[] = {{"colour", "red"}, {"colour", "blue"}, {NULL, NULL}};
  CHECK_FAILS(env_pool_create(source.type, twice, 1, 0, 1, &pool), MUSTER_ERROR_USAGE, "option 'colour'");
  const muster_env_setting licence[] = {{"licence", "Solver 3"}, {NULL, NULL}};
  CHECK_FAILS(env_pool_create(source.type, licence, 1, 0, 1, &pool), MUSTER_ERROR_ENVIRONMENT,
              "environment Any: it cannot be created: no licence of Solver 3 is left");
  env_source_close(&source);
  const struct env_source_request other = {.plugin = PLUGIN("finds"), .name = "Other-v0"};
  CHECK_FAILS(env_source_open(&other, &source), MUSTER_ERROR_USAGE, "no environment 'Other-v0': names here begin");
}

static void test_locate(void) {
  char found[1024], here[1024], in_folder[1200];
  const char *folder = check_folder("plugin-locate");
  CU_ASSERT_PTR_NOT_NULL_FATAL(getcwd(here, sizeof here));
  snprintf(in_folder, sizeof in_folder, "%s/other.so", folder);
  write_file(in_folder, "");

  /* found in the folder of the config when it is not in the working directory; an absolute path stays as it is */
  CHECK_OK(env_plugin_locate("./other.so", folder, found, sizeof found));
  CU_ASSERT_STRING_EQUAL(found, in_folder);
  CHECK_OK(env_plugin_locate(in_folder, NULL, found, sizeof found));
  CU_ASSERT_STRING_EQUAL(found, in_folder);
  CHECK_FAILS(env_plugin_locate("other.so", NULL, found, sizeof found), MUSTER_ERROR_USAGE, here);
  CHECK_FAILS(env_plugin_locate("other.so", "/nowhere", found, sizeof found), MUSTER_ERROR_USAGE,
              "nor is there /nowhere/other.so");
  CHECK_FAILS(env_plugin_locate("/nowhere.so", folder, found, sizeof found), MUSTER_ERROR_USAGE,
              "there is no plug-in /nowhere.so");
}

static void test_config(void) {
  const char *folder = check_folder("plugin-config");
  char path[1200], command[2600];
  snprintf(path, sizeof path, "%s/config.yaml", folder);
  snprintf(command, sizeof command, "cp %s %s/mine.so", PLUGIN("sound"), folder);
  CU_ASSERT_EQUAL_FATAL(system(command), 0);
  struct run_config *config = malloc(sizeof *config);
  CU_ASSERT_PTR_NOT_NULL_FATAL(config);

  /* relative to the config, kept as an absolute path */
  write_file(path, "env: {plugin: mine.so, name: Plug-v0, options: {start: 3}}\n");
  CHECK_OK(run_config_load(path, NULL, 0, 1, config));
  CU_ASSERT_EQUAL(config->env_host.plugin[0], '/');
  CU_ASSERT_PTR_NOT_NULL(strstr(config->env_host.plugin, "plugin-config/mine.so"));

  /* a run stays the same run when the library is at another place */
  struct run_config *moved = malloc(sizeof *moved);
  CU_ASSERT_PTR_NOT_NULL_FATAL(moved);
  *moved = *config;
  snprintf(moved->env_host.plugin, sizeof moved->env_host.plugin, "/elsewhere.so");
  char text[256];
  CU_ASSERT_FALSE(run_config_differs(config, moved, text, sizeof text));
  free(moved);

  write_file(path, "env: {plugin: mine.so, name: Plug-v0, options: {stat: 3}}\n");
  CHECK_FAILS(run_config_load(path, NULL, 0, 1, config), MUSTER_ERROR_USAGE, "the nearest one is 'start'");
  write_file(path, "env:\n  plugin: yours.so\n  name: Plug-v0\n");
  CHECK_FAILS(run_config_load(path, NULL, 0, 1, config), MUSTER_ERROR_USAGE, "config.yaml:2: env.plugin");
  free(config);
}

static const struct check_case cases[] = {
    {"a sound plug-in", test_sound},
    {"what is wrong is said", test_wrong},
    {"tables of older and newer headers", test_versions},
    {"pools of plug-ins", test_pool},
    {"a plug-in that finds environments by name", test_find},
    {"where a plug-in is looked for", test_locate},
    {"env.plugin", test_config},
};

CHECK_MAIN("plugin", cases)
