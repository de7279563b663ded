/* FrozenLake-v1 and FrozenLake8x8-v1: cross a frozen lake with holes to a goal; ice is slippery. Table, limits and
 * start are those of Gymnasium. The step limit and the reward threshold follow the map. */
#include "env/envs/settings.h"
#include "env/envs/tabular.h"
#include "env/envs/tiles.h"

#define ACTIONS 4 /* 0 left, 1 down, 2 right, 3 up */

static const muster_env_option options_4x4[] = {
    {"map_name", "4x4", "4x4 (100 steps, threshold 0.70) or 8x8 (200 steps, threshold 0.85)"},
    {"is_slippery", "true", "whether a move may go to either side instead"},
    {"success_rate", "0.3333333333333333", "probability that a move on slippery ice goes where it should"},
    {NULL, NULL, NULL}};
static const muster_env_option options_8x8[] = {
    {"map_name", "8x8", "4x4 (100 steps, threshold 0.70) or 8x8 (200 steps, threshold 0.85)"},
    {"is_slippery", "true", "whether a move may go to either side instead"},
    {"success_rate", "0.3333333333333333", "probability that a move on slippery ice goes where it should"},
    {NULL, NULL, NULL}};

/* S start, F frozen, H hole, G goal; row by row */
static const struct lake {
  int32_t size, max_steps;
  double reward_threshold;
  const char *cells;
} lakes[] = {{4, 100, 0.70, "SFFFFHFHFFFHHFFG"},
             {8, 200, 0.85, "SFFFFFFFFFFFFFFFFFFHFFFFFFFFFHFFFFFHFFFFFHHFFFHFFHFFHFHFFFFHFFFG"}};
static const char *const map_names[] = {"4x4", "8x8", NULL};

/* ---- the table ---- */

static int32_t move(const struct lake *lake, int32_t state, int32_t direction) {
  static const int32_t down[ACTIONS] = {0, 1, 0, -1}, right[ACTIONS] = {-1, 0, 1, 0};
  int32_t row = state / lake->size + down[direction], column = state % lake->size + right[direction];
  if (row < 0 || row >= lake->size || column < 0 || column >= lake->size) return state;
  return row * lake->size + column;
}

/* the goal earns 1; goal and holes end the episode */
static void add_move(const struct lake *lake, struct tabular *table, int32_t state, int32_t action, int32_t direction,
                     double probability) {
  int32_t next = move(lake, state, direction);
  char cell = lake->cells[next];
  tabular_add(table, state, action,
              &(struct tabular_outcome){.probability = probability,
                                        .reward = cell == 'G' ? 1.0 : 0.0,
                                        .next = next,
                                        .terminated = cell == 'G' || cell == 'H'});
}

/* `sure`: probability that a move goes in the chosen direction; each side gets half of the rest */
static void add_action(const struct lake *lake, struct tabular *table, int32_t state, int32_t action, double sure) {
  const double side = (1.0 - sure) / 2.0;
  if (lake->cells[state] == 'G' || lake->cells[state] == 'H') {
    tabular_add(table, state, action, &(struct tabular_outcome){.probability = 1.0, .next = state, .terminated = true});
    return;
  }
  if (side > 0.0) add_move(lake, table, state, action, (action + ACTIONS - 1) % ACTIONS, side);
  if (sure > 0.0) add_move(lake, table, state, action, action, sure);
  if (side > 0.0) add_move(lake, table, state, action, (action + 1) % ACTIONS, side);
}

static int build(const muster_env_setting *settings, struct tabular *table, muster_env_error *error) {
  int map = 0;
  bool is_slippery = false;
  double success_rate = 0.0;
  if (setting_choice(settings, "map_name", map_names, &map, error) != 0) return 1;
  if (setting_bool(settings, "is_slippery", &is_slippery, error) != 0) return 1;
  if (setting_number(settings, "success_rate", 0.0, 1.0, &success_rate, error) != 0) return 1;

  const struct lake *lake = &lakes[map];
  const int32_t states = lake->size * lake->size;
  if (tabular_allocate(table, states, ACTIONS, is_slippery ? 3 : 1, error) != 0) return 1;
  for (int32_t state = 0; state < states; state++)
    for (int32_t action = 0; action < ACTIONS; action++)
      add_action(lake, table, state, action, is_slippery ? success_rate : 1.0);
  table->starts[table->start_count++] = 0;
  table->max_steps = lake->max_steps;
  table->reward_threshold = lake->reward_threshold;
  return 0;
}

/* ---- the environment ---- */

static int frozen_lake_create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  return tabular_create(build, settings, 1, env, error);
}

static int frozen_lake_block_create(const muster_env_setting *settings, int32_t n, void **block,
                                    muster_env_error *error) {
  return tabular_create(build, settings, n, block, error);
}

/* the map, with the agent's cell in brackets */
static void frozen_lake_render_text(const void *env, char *text, size_t size) {
  const struct tabular_block *block = env;
  const struct lake *lake = block->table.states == 16 ? &lakes[0] : &lakes[1];
  size_t used = 0;
  for (int32_t state = 0; state < block->table.states && used < size; state++) {
    bool here = state == block->state[0], row_ends = (state + 1) % lake->size == 0;
    used += (size_t)snprintf(text + used, size - used, "%c%c%c%s", here ? '[' : ' ', lake->cells[state],
                             here ? ']' : ' ', row_ends ? "\n" : "");
  }
}

/* arrows; H hole, G goal */
static void frozen_lake_render_policy(const void *env, const int32_t *actions, char *text, size_t size) {
  const struct tabular_block *block = env;
  const struct lake *lake = block->table.states == 16 ? &lakes[0] : &lakes[1];
  size_t used = 0;
  for (int32_t state = 0; state < block->table.states && used < size; state++) {
    const char cell = lake->cells[state];
    const char shown = cell == 'H' || cell == 'G' ? cell : tabular_mark("<v>^", actions[state]);
    used += (size_t)snprintf(text + used, size - used, "%c%s", shown, (state + 1) % lake->size == 0 ? "\n" : "  ");
  }
}

static void frozen_lake_render_picture(const void *env, muster_canvas *canvas) {
  const struct tabular_block *block = env;
  const struct lake *lake = block->table.states == 16 ? &lakes[0] : &lakes[1];
  tiles_view(canvas, lake->size, lake->size, 0xb9d6e8);
  for (int32_t state = 0; state < block->table.states; state++) {
    const int32_t row = state / lake->size, column = state % lake->size;
    tiles_fill(canvas, row, column, lake->cells[state] == 'S' ? 0xcfe8cf : 0xe4f2fa);
    if (lake->cells[state] == 'H') tiles_circle(canvas, row, column, 0.4, 0x2f6690);
    if (lake->cells[state] == 'G') tiles_flag(canvas, row, column, 0xf2b134);
  }
  tiles_figure(canvas, block->state[0] / lake->size, block->state[0] % lake->size, 0xd1495b);
}

const muster_env_type env_frozen_lake = {
    .abi = MUSTER_ENV_ABI,
    .struct_size = sizeof(muster_env_type),
    .name = "FrozenLake-v1",
    .summary = "cross a slippery frozen lake of 4x4 cells; 1 at the goal, 100 steps at most",
    .options = options_4x4,
    .create = frozen_lake_create,
    .block_create = frozen_lake_block_create,
    .render_text = frozen_lake_render_text,
    .render_picture = frozen_lake_render_picture,
    .render_fps = TILES_FPS,
    .render_policy = frozen_lake_render_policy,
    TABULAR_FUNCTIONS,
};

const muster_env_type env_frozen_lake_8x8 = {
    .abi = MUSTER_ENV_ABI,
    .struct_size = sizeof(muster_env_type),
    .name = "FrozenLake8x8-v1",
    .summary = "cross a slippery frozen lake of 8x8 cells; 1 at the goal, 200 steps at most",
    .options = options_8x8,
    .create = frozen_lake_create,
    .block_create = frozen_lake_block_create,
    .render_text = frozen_lake_render_text,
    .render_picture = frozen_lake_render_picture,
    .render_fps = TILES_FPS,
    .render_policy = frozen_lake_render_policy,
    TABULAR_FUNCTIONS,
};
