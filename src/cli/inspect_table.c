#include "cli/inspect_table.h"

#include "base/shown.h"
#include "env/pool.h"
#include "env/source.h"
#include "setup/config.h"
#include "setup/spaces.h"

#include <stdlib.h>
#include <string.h>

/* observations that are listed as text; JSON has all */
#define MOST_LINES 1000

struct table {
  struct arena *arena;
  struct run_config config;
  size_t states, actions;
  float *values;   /* [states, actions] */
  int32_t *greedy; /* [states]; -1 where all actions have the same value */
};

/* --- reading --- */

static muster_status read_config(struct checkpoint_reader *reader, struct run_config *config) {
  char *text;
  MUSTER_TRY(checkpoint_read_text(reader, "about/config", &text));
  muster_status status = run_config_parse("about/config", text, config);
  free(text);
  return status;
}

static bool is_table(const struct run_config *config) {
  return algorithm_request(run_config_algorithm(config), config->algorithm).table;
}

/* the first action of the greatest value; -1 where all are the same */
static int32_t find_greedy(const struct table *table, size_t state) {
  const float *values = table->values + state * table->actions;
  size_t best = 0;
  bool differs = false;
  for (size_t a = 1; a < table->actions; a++) {
    differs |= values[a] != values[0];
    if (values[a] > values[best]) best = a;
  }
  return differs ? (int32_t)best : -1;
}

static muster_status read_values(struct checkpoint_reader *reader, struct table *table) {
  muster_space observation, action;
  MUSTER_TRY(spaces_read(reader, "spaces/observation", table->arena, &observation));
  MUSTER_TRY(spaces_read(reader, "spaces/action", table->arena, &action));
  if (observation.kind != MUSTER_SPACE_DISCRETE || action.kind != MUSTER_SPACE_DISCRETE)
    return status_error(MUSTER_ERROR_FORMAT, "the policy is a table, and its spaces are not Discrete");
  table->states = (size_t)observation.counts[0];
  table->actions = (size_t)action.counts[0];
  MUSTER_TRY(ARENA_TAKE(table->arena, table->states * table->actions, "a table", &table->values));
  MUSTER_TRY(ARENA_TAKE(table->arena, table->states, "a table", &table->greedy));
  MUSTER_TRY(checkpoint_restore_tensor(
      reader,
      &(struct tensor){"policy/0/table", TENSOR_F32, 2, {table->states, table->actions}, table->values, RANGE_FINITE}));
  for (size_t state = 0; state < table->states; state++) table->greedy[state] = find_greedy(table, state);
  return MUSTER_OK;
}

/* --- the picture --- */

enum { PICTURE_SIZE = 16384 };

static muster_status draw_in_pool(const struct table *table, const muster_env_type *type, char *picture) {
  muster_env_setting settings[RUN_CONFIG_ENV_SETTINGS];
  struct env_pool *pool = NULL;
  run_config_env_settings(&table->config, settings);
  MUSTER_TRY(env_pool_create(type, settings, 0, 0, 1, &pool));
  int32_t *observations = calloc((size_t)env_pool_spec(pool)->agents, sizeof *observations);
  muster_status status = observations != NULL ? env_pool_reset(pool, observations, sizeof *observations)
                                              : status_error(MUSTER_ERROR_MEMORY, "out of memory");
  if (status == MUSTER_OK) env_pool_render_policy(pool, table->greedy, picture, PICTURE_SIZE);
  free(observations);
  env_pool_destroy(&pool);
  return status;
}

/* "" where the environment draws none, or cannot be created here */
static void draw(const struct table *table, char picture[PICTURE_SIZE]) {
  const struct env_source_request request = run_config_env_source(&table->config);
  struct env_source source;
  picture[0] = '\0';
  /* environments of processes of their own are not created in this one */
  if (request.isolates) return;
  muster_status status = env_source_open(&request, &source);
  if (status == MUSTER_OK && source.type->render_policy != NULL) status = draw_in_pool(table, source.type, picture);
  env_source_close(&source);
  if (status == MUSTER_OK) return;
  shown_print(stdout, "(no picture of the policy: %s)\n", muster_status_message(status));
  muster_status_clear(&status);
}

/* --- showing --- */

static void show_picture(const struct table *table) {
  char picture[PICTURE_SIZE];
  draw(table, picture);
  if (picture[0] == '\0') return;
  printf("\ngreedy policy\n");
  for (const char *line = picture; *line != '\0';) {
    const int length = (int)strcspn(line, "\n");
    shown_print(stdout, "  %.*s\n", length, line);
    line += length + (line[length] == '\n');
  }
}

static void show_line(const struct table *table, size_t state) {
  printf("  %-11zu %-6d", state, (int)table->greedy[state]);
  for (size_t a = 0; a < table->actions; a++) printf(" %10.5g", (double)table->values[state * table->actions + a]);
  printf("\n");
}

static void show_text(const struct table *table) {
  size_t listed = 0, alike = 0, more = 0;
  show_picture(table);
  printf("\nvalues\n  observation greedy");
  for (size_t a = 0; a < table->actions; a++) printf(" %3saction %-1zu", "", a);
  printf("\n");
  for (size_t state = 0; state < table->states; state++) {
    if (table->greedy[state] < 0)
      alike++;
    else if (listed == MOST_LINES)
      more++;
    else
      show_line(table, state), listed++;
  }
  if (more > 0) printf("  ... %zu more, which --json has\n", more);
  if (alike > 0) printf("  %zu observations, all of whose actions have the same value, are left out\n", alike);
}

static void show_json(const struct table *table, struct json *json) {
  json_open_object(json, "table");
  json_open_array(json, "values");
  for (size_t state = 0; state < table->states; state++) {
    json_open_array(json, NULL);
    for (size_t a = 0; a < table->actions; a++)
      json_number(json, NULL, (double)table->values[state * table->actions + a]);
    json_close_array(json);
  }
  json_close_array(json);
  json_open_array(json, "greedy");
  for (size_t state = 0; state < table->states; state++) json_int(json, NULL, table->greedy[state]);
  json_close_array(json);
  json_close_object(json);
}

muster_status inspect_table_show(struct checkpoint_reader *reader, struct json *json) {
  struct table *table;
  struct arena *arena;
  MUSTER_TRY(arena_create(&arena));
  muster_status status = ARENA_TAKE(arena, 1, "a table", &table);
  if (status == MUSTER_OK) status = read_config(reader, &table->config);
  if (status == MUSTER_OK && is_table(&table->config)) {
    table->arena = arena;
    status = read_values(reader, table);
    if (status == MUSTER_OK && json != NULL) show_json(table, json);
    if (status == MUSTER_OK && json == NULL) show_text(table);
  }
  arena_destroy(&arena);
  return status;
}
