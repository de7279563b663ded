/* Taxi-v3: fetch a passenger at one of four places and set them down at another (Dietterich 2000), with the table,
 * limit and starts of Gymnasium's Taxi-v3. The state's number is ((row * 5 + column) * 5 + passenger) * 4 +
 * destination; passenger 4 sits in the taxi. */
#include "env/envs/tabular.h"
#include "env/envs/tiles.h"

#define SIDE 5
#define PLACES 4
#define IN_TAXI PLACES
#define STATES (SIDE * SIDE * (PLACES + 1) * PLACES)

enum { SOUTH, NORTH, EAST, WEST, PICK_UP, DROP_OFF, ACTIONS };

struct ride {
  int32_t row, column, passenger, destination;
};

/* the taxi can pass a colon; a bar is a wall */
static const char *const map[SIDE] = {"|R: | : :G|", "| : | : : |", "| : : : : |", "| | : | : |", "|Y| : |B: |"};
static const int32_t place_row[PLACES] = {0, 0, 4, 4}, place_column[PLACES] = {0, 4, 0, 3};

static int32_t encode(const struct ride *ride) {
  return ((ride->row * SIDE + ride->column) * (PLACES + 1) + ride->passenger) * PLACES + ride->destination;
}

static struct ride decode(int32_t state) {
  int32_t cell = state / PLACES / (PLACES + 1);
  return (struct ride){cell / SIDE, cell % SIDE, state / PLACES % (PLACES + 1), state % PLACES};
}

/* the place that the taxi is at; -1: none of the four */
static int32_t place_of(const struct ride *ride) {
  for (int32_t place = 0; place < PLACES; place++)
    if (ride->row == place_row[place] && ride->column == place_column[place]) return place;
  return -1;
}

/* ---- the table ---- */

/* the outcome of an action; a step costs 1, a wrong pick-up or drop-off 10, the right drop-off earns 20 */
static struct tabular_outcome act(struct ride ride, int32_t action) {
  struct tabular_outcome outcome = {.probability = 1.0, .reward = -1.0};
  const int32_t place = place_of(&ride);
  if (action == SOUTH && ride.row < SIDE - 1) ride.row++;
  if (action == NORTH && ride.row > 0) ride.row--;
  if (action == EAST && map[ride.row][2 * ride.column + 2] == ':') ride.column++;
  if (action == WEST && map[ride.row][2 * ride.column] == ':') ride.column--;
  if (action == PICK_UP) {
    if (place >= 0 && place == ride.passenger)
      ride.passenger = IN_TAXI;
    else
      outcome.reward = -10.0;
  }
  if (action == DROP_OFF) {
    if (place >= 0 && ride.passenger == IN_TAXI) {
      ride.passenger = place;
      outcome.terminated = place == ride.destination;
      if (outcome.terminated) outcome.reward = 20.0;
    } else {
      outcome.reward = -10.0;
    }
  }
  outcome.next = encode(&ride);
  return outcome;
}

static int build(const muster_env_setting *settings, struct tabular *table, muster_env_error *error) {
  (void)settings;
  if (tabular_allocate(table, STATES, ACTIONS, 1, error) != 0) return 1;
  for (int32_t state = 0; state < STATES; state++) {
    const struct ride ride = decode(state);
    for (int32_t action = 0; action < ACTIONS; action++) {
      const struct tabular_outcome outcome = act(ride, action);
      tabular_add(table, state, action, &outcome);
    }
    if (ride.passenger != IN_TAXI && ride.passenger != ride.destination) table->starts[table->start_count++] = state;
  }
  table->max_steps = 200;
  table->reward_threshold = 8.0;
  return 0;
}

/* ---- the environment ---- */

static int taxi_create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  return tabular_create(build, settings, 1, env, error);
}

static int taxi_block_create(const muster_env_setting *settings, int32_t n, void **block, muster_env_error *error) {
  return tabular_create(build, settings, n, block, error);
}

/* the map with its four places; _ is the taxi, @ the taxi with the passenger in it */
static void taxi_render_text(const void *env, char *text, size_t size) {
  static const char *const names[PLACES + 1] = {"R", "G", "Y", "B", "in the taxi"};
  const struct ride ride = decode(((const struct tabular_block *)env)->state[0]);
  size_t used = (size_t)snprintf(text, size, "+---------+\n");
  for (int32_t row = 0; row < SIDE && used < size; row++) {
    char line[2 * SIDE + 2];
    snprintf(line, sizeof line, "%s", map[row]);
    if (row == ride.row) line[2 * ride.column + 1] = ride.passenger == IN_TAXI ? '@' : '_';
    used += (size_t)snprintf(text + used, size - used, "%s\n", line);
  }
  if (used < size)
    snprintf(text + used, size - used, "+---------+\npassenger: %s, destination: %s\n", names[ride.passenger],
             names[ride.destination]);
}

/* a row of the maps of all destinations, or, with -1, their headings */
static size_t write_policy_row(int32_t passenger, int32_t row, const int32_t *actions, char *text, size_t size) {
  static const char names[PLACES + 1] = {'R', 'G', 'Y', 'B', '@'}; /* @: the passenger is in the taxi */
  size_t used = 0;
  for (int32_t destination = 0; destination < PLACES; destination++) {
    const char *gap = destination > 0 ? "    " : "";
    char line[3 * SIDE];
    for (int32_t column = 0; column < SIDE && row >= 0; column++) {
      const struct ride ride = {row, column, passenger, destination};
      const char mark = tabular_mark("v^><PD", actions[encode(&ride)]);
      snprintf(line + 2 * column, sizeof line - 2 * (size_t)column, "%c ", mark);
    }
    if (row < 0) snprintf(line, sizeof line, "%c to %c    ", names[passenger], names[destination]);
    if (used < size) used += (size_t)snprintf(text + used, size - used, "%s%.9s", gap, line);
  }
  if (used < size) used += (size_t)snprintf(text + used, size - used, "\n");
  return used;
}

/* for each passenger and destination a map of arrows; P pick up, D set down */
static void taxi_render_policy(const void *env, const int32_t *actions, char *text, size_t size) {
  size_t used = 0;
  (void)env;
  for (int32_t passenger = 0; passenger <= IN_TAXI; passenger++)
    for (int32_t row = -1; row < SIDE && used < size; row++)
      used += write_policy_row(passenger, row, actions, text + used, size - used);
}

/* the map with its four places; the passenger waits or rides, the flag is the destination */
static void taxi_render_picture(const void *env, muster_canvas *canvas) {
  static const uint32_t place_color[PLACES] = {0xe76f6f, 0x7cb87c, 0xe3c84f, 0x6fa0dd}; /* red, green, yellow, blue */
  const struct ride ride = decode(((const struct tabular_block *)env)->state[0]);
  tiles_view(canvas, SIDE, SIDE, 0xc9c9c9);
  for (int32_t row = 0; row < SIDE; row++)
    for (int32_t column = 0; column < SIDE; column++) tiles_fill(canvas, row, column, 0xf0f0ee);
  for (int32_t place = 0; place < PLACES; place++)
    tiles_fill(canvas, place_row[place], place_column[place], place_color[place]);
  for (int32_t row = 0; row < SIDE; row++)
    for (int32_t column = 1; column < SIDE; column++)
      if (map[row][2 * column] == '|')
        muster_canvas_rectangle(canvas, column - 0.04, column + 0.04, -row - 1, -row, 0x333333);

  tiles_flag(canvas, place_row[ride.destination], place_column[ride.destination], 0xffffff);
  const double x = ride.column, y = -ride.row;
  muster_canvas_rectangle(canvas, x + 0.14, x + 0.86, y - 0.7, y - 0.42, 0xf4c20d);
  muster_canvas_rectangle(canvas, x + 0.28, x + 0.72, y - 0.42, y - 0.24, 0xf4c20d);
  canvas->circle(canvas, x + 0.3, y - 0.7, 0.09, 0x222222);
  canvas->circle(canvas, x + 0.7, y - 0.7, 0.09, 0x222222);
  if (ride.passenger == IN_TAXI)
    canvas->circle(canvas, x + 0.5, y - 0.36, 0.09, 0x5b3a8c);
  else
    tiles_figure(canvas, place_row[ride.passenger], place_column[ride.passenger], 0x5b3a8c);
}

const muster_env_type env_taxi = {
    .abi = MUSTER_ENV_ABI,
    .struct_size = sizeof(muster_env_type),
    .name = "Taxi-v3",
    .summary = "fetch a passenger and set them down; -1 a step, 20 at the right place, 200 steps at most",
    .create = taxi_create,
    .block_create = taxi_block_create,
    .render_text = taxi_render_text,
    .render_picture = taxi_render_picture,
    .render_fps = TILES_FPS,
    .render_policy = taxi_render_policy,
    TABULAR_FUNCTIONS,
};
