/* CliffWalking-v0 and -v1: walk along a cliff to the goal (Sutton and Barto 2018, example 6.6), with the table and
 * start of Gymnasium, which gave the name -v1 to the same task when it added the slippery form. Gymnasium sets no step
 * limit; the option max_steps does. */
#include "env/envs/settings.h"
#include "env/envs/tabular.h"
#include "env/envs/tiles.h"

#include <math.h>

#define ROWS 4
#define COLUMNS 12
#define STATES (ROWS * COLUMNS)
#define ACTIONS 4 /* 0 up, 1 right, 2 down, 3 left */
#define START ((ROWS - 1) * COLUMNS)
#define GOAL (STATES - 1)

static const muster_env_option cliff_walking_options[] = {
    {"is_slippery", "false", "whether a move goes to either side instead, each with probability 1/3"},
    {"max_steps", "0", "steps after which an episode is truncated; 0: never, as in Gymnasium"},
    {NULL, NULL, NULL}};

static bool is_cliff(int32_t state) { return state > START && state < GOAL; }

static int32_t move(int32_t state, int32_t direction) {
  static const int32_t down[ACTIONS] = {-1, 0, 1, 0}, right[ACTIONS] = {0, 1, 0, -1};
  int32_t row = state / COLUMNS + down[direction], column = state % COLUMNS + right[direction];
  if (row < 0 || row >= ROWS || column < 0 || column >= COLUMNS) return state;
  return row * COLUMNS + column;
}

/* a step costs 1; a step over the cliff costs 100 and goes back to the start */
static void add_move(struct tabular *table, int32_t state, int32_t action, int32_t direction, double probability) {
  int32_t next = move(state, direction);
  tabular_add(table, state, action,
              &(struct tabular_outcome){.probability = probability,
                                        .reward = is_cliff(next) ? -100.0 : -1.0,
                                        .next = is_cliff(next) ? START : next,
                                        .terminated = next == GOAL});
}

static int build(const muster_env_setting *settings, struct tabular *table, muster_env_error *error) {
  bool is_slippery = false;
  if (setting_bool(settings, "is_slippery", &is_slippery, error) != 0) return 1;
  if (setting_integer(settings, "max_steps", 0, INT32_MAX, &table->max_steps, error) != 0) return 1;

  if (tabular_allocate(table, STATES, ACTIONS, is_slippery ? 3 : 1, error) != 0) return 1;
  for (int32_t state = 0; state < STATES; state++)
    for (int32_t action = 0; action < ACTIONS; action++) {
      if (!is_slippery) add_move(table, state, action, action, 1.0);
      for (int32_t turn = -1; is_slippery && turn <= 1; turn++)
        add_move(table, state, action, (action + turn + ACTIONS) % ACTIONS, 1.0 / 3.0);
    }
  table->starts[table->start_count++] = START;
  table->reward_threshold = NAN;
  return 0;
}

static int cliff_walking_create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  return tabular_create(build, settings, 1, env, error);
}

static int cliff_walking_block_create(const muster_env_setting *settings, int32_t n, void **block,
                                      muster_env_error *error) {
  return tabular_create(build, settings, n, block, error);
}

/* o free, C cliff, T goal, x the agent */
static void cliff_walking_render_text(const void *env, char *text, size_t size) {
  const struct tabular_block *block = env;
  size_t used = 0;
  for (int32_t state = 0; state < STATES && used < size; state++) {
    char cell = state == block->state[0] ? 'x' : state == GOAL ? 'T' : is_cliff(state) ? 'C' : 'o';
    used += (size_t)snprintf(text + used, size - used, "%c%s", cell, (state + 1) % COLUMNS == 0 ? "\n" : "  ");
  }
}

/* arrows; C cliff, T goal */
static void cliff_walking_render_policy(const void *env, const int32_t *actions, char *text, size_t size) {
  (void)env;
  size_t used = 0;
  for (int32_t state = 0; state < STATES && used < size; state++) {
    char cell = state == GOAL ? 'T' : is_cliff(state) ? 'C' : tabular_mark("^>v<", actions[state]);
    used += (size_t)snprintf(text + used, size - used, "%c%s", cell, (state + 1) % COLUMNS == 0 ? "\n" : "  ");
  }
}

static void cliff_walking_render_picture(const void *env, muster_canvas *canvas) {
  const int32_t here = ((const struct tabular_block *)env)->state[0];
  tiles_view(canvas, ROWS, COLUMNS, 0x9a8b6f);
  for (int32_t state = 0; state < STATES; state++)
    tiles_fill(canvas, state / COLUMNS, state % COLUMNS, is_cliff(state) ? 0x4a3f35 : 0xc8d5a3);
  tiles_flag(canvas, GOAL / COLUMNS, GOAL % COLUMNS, 0xf2b134);
  tiles_figure(canvas, here / COLUMNS, here % COLUMNS, 0xd1495b);
}

const muster_env_type env_cliff_walking_v0 = {
    .abi = MUSTER_ENV_ABI,
    .struct_size = sizeof(muster_env_type),
    .name = "CliffWalking-v0",
    .summary = "walk along a cliff to the goal; -1 a step, -100 over the cliff, no step limit of its own",
    .options = cliff_walking_options,
    .create = cliff_walking_create,
    .block_create = cliff_walking_block_create,
    .render_text = cliff_walking_render_text,
    .render_picture = cliff_walking_render_picture,
    .render_fps = TILES_FPS,
    .render_policy = cliff_walking_render_policy,
    TABULAR_FUNCTIONS,
};

const muster_env_type env_cliff_walking_v1 = {
    .abi = MUSTER_ENV_ABI,
    .struct_size = sizeof(muster_env_type),
    .name = "CliffWalking-v1",
    .summary = "CliffWalking-v0 under its newer name",
    .options = cliff_walking_options,
    .create = cliff_walking_create,
    .block_create = cliff_walking_block_create,
    .render_text = cliff_walking_render_text,
    .render_picture = cliff_walking_render_picture,
    .render_fps = TILES_FPS,
    .render_policy = cliff_walking_render_policy,
    TABULAR_FUNCTIONS,
};
