/* Minesweeper-v0: reveal all tiles without a mine. A revealed tile shows how many of its up to eight neighbours hold
 * mines; where that is none, the neighbours are revealed as well. The mines are laid after the first click, anywhere
 * but on the clicked tile, so that it is safe.
 *
 * A safe click earns 1, however many tiles it reveals, and `clear_bonus` on top when it reveals the last one; a mine
 * costs 10 and ends the episode. Action t clicks tile t, counted row by row. Revealed tiles are masked. Clicking one
 * nevertheless changes nothing and earns 0. Episodes end after as many steps as there are tiles, a limit that only such
 * clicks can reach. */
#include "env/envs/settings.h"
#include "env/envs/tiles.h"
#include "muster/env.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SIDE 128
#define CHANNELS 10 /* length of a tile's observation, one-hot: hidden, or its number 0 to 8 */
#define CLICK_REWARD 1.0
#define MINE_REWARD (-10.0)

static const muster_env_option minesweeper_options[] = {
    {"rows", "5", "tiles from top to bottom"},
    {"columns", "5", "tiles from left to right"},
    {"mines", "4", "number of mines"},
    {"clear_bonus", "10",
     "reward for the click that clears the field, in addition to the 1 that every safe click earns"},
    {"mask", "true", "whether revealed tiles are masked"},
    {NULL, NULL, NULL}};

/* bits of a tile in save_state(); a mine that is not hidden is one that was clicked */
enum { TILE_MINE = 1, TILE_HIDDEN = 2 };

struct minesweeper {
  int32_t rows, columns;
  int32_t mines;      /* that are laid at a first click */
  int32_t laid_mines; /* of this field; 0: none are laid yet */
  bool varies;        /* whether set_option() has changed their number */
  double clear_bonus;
  bool masks;
  int32_t tiles[1]; /* the counts of the action space */
  int32_t hidden_tiles;
  float *observation; /* [tiles, CHANNELS] */
  int32_t *pending;   /* [tiles] list of revealed tiles whose neighbours are revealed next */
  uint8_t *mine;      /* [tiles] */
  uint8_t *hidden;    /* [tiles]; the action mask */
  uint8_t *number;    /* [tiles] mines around */
};

/* the cast to 32 bits tells the compiler that there are fewer than 2^32 */
static inline size_t tile_count(const struct minesweeper *game) { return (uint32_t)game->tiles[0]; }

/* ---- life ---- */

static int read_options(const muster_env_setting *settings, struct minesweeper *game, muster_env_error *error) {
  if (setting_integer(settings, "rows", 1, MAX_SIDE, &game->rows, error) != 0) return 1;
  if (setting_integer(settings, "columns", 1, MAX_SIDE, &game->columns, error) != 0) return 1;
  game->tiles[0] = game->rows * game->columns;
  if (game->tiles[0] < 2)
    return muster_env_fail(error, "options rows and columns: expects at least 2 tiles, got %d x %d", (int)game->rows,
                           (int)game->columns);
  if (setting_integer(settings, "mines", 1, game->tiles[0] - 1, &game->mines, error) != 0) return 1;
  if (setting_number(settings, "clear_bonus", -1e6, 1e6, &game->clear_bonus, error) != 0) return 1;
  return setting_bool(settings, "mask", &game->masks, error);
}

static void minesweeper_destroy(void *env) {
  struct minesweeper *game = env;
  if (game == NULL) return;
  free(game->observation);
  free(game->pending);
  free(game->mine);
  free(game->hidden);
  free(game->number);
  free(game);
}

/* an untouched field: nothing is revealed, and no mines are laid yet */
static void clear_field(struct minesweeper *game) {
  const size_t tiles = tile_count(game);
  memset(game->mine, 0, tiles);
  memset(game->number, 0, tiles);
  memset(game->hidden, 1, tiles);
  memset(game->observation, 0, tiles * CHANNELS * sizeof *game->observation);
  for (size_t tile = 0; tile < tiles; tile++) game->observation[tile * CHANNELS] = 1.0f;
  game->hidden_tiles = game->tiles[0];
  game->laid_mines = 0;
}

static int minesweeper_create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  struct minesweeper *game = calloc(1, sizeof *game);
  if (game == NULL) return muster_env_fail(error, "out of memory");
  if (read_options(settings, game, error) != 0) {
    free(game);
    return 1;
  }
  const size_t tiles = tile_count(game);
  game->observation = malloc(tiles * CHANNELS * sizeof *game->observation);
  game->pending = malloc(tiles * sizeof *game->pending);
  game->mine = malloc(tiles);
  game->hidden = malloc(tiles);
  game->number = malloc(tiles);
  if (game->observation == NULL || game->pending == NULL || game->mine == NULL || game->hidden == NULL ||
      game->number == NULL) {
    minesweeper_destroy(game);
    return muster_env_fail(error, "out of memory for a field of %d tiles", (int)tiles);
  }
  clear_field(game);
  *env = game;
  return 0;
}

static void minesweeper_describe(const void *env, muster_env_spec *spec) {
  const struct minesweeper *game = env;
  spec->observation =
      (muster_space){.kind = MUSTER_SPACE_BOX, .rank = 3, .shape = {game->rows, game->columns, CHANNELS}};
  spec->action = (muster_space){.kind = MUSTER_SPACE_DISCRETE, .counts = game->tiles};
  spec->agents = 1;
  spec->max_steps = game->tiles[0];
  spec->reward_threshold = NAN;
  spec->masks_actions = game->masks;
  spec->state_bytes = tile_count(game);
}

/* ---- the field ---- */

/* the first and last row and column of a tile and its neighbours */
struct patch {
  int32_t top, bottom, left, right;
};

static inline struct patch patch_around(const struct minesweeper *game, int32_t tile) {
  int32_t row = tile / game->columns, column = tile % game->columns;
  return (struct patch){row > 0 ? row - 1 : 0, row < game->rows - 1 ? row + 1 : row, column > 0 ? column - 1 : 0,
                        column < game->columns - 1 ? column + 1 : column};
}

static void lay_mine(struct minesweeper *game, int32_t tile) {
  struct patch patch = patch_around(game, tile);
  game->mine[tile] = 1;
  for (int32_t row = patch.top; row <= patch.bottom; row++)
    for (int32_t column = patch.left; column <= patch.right; column++) game->number[row * game->columns + column]++;
  game->number[tile]--;
}

/* lays all mines: each set of tiles without `safe` is equally likely (Floyd's sampling: Bentley and Floyd 1987) */
static void lay_mines(struct minesweeper *game, int32_t safe, muster_random *random) {
  const int32_t places = game->tiles[0] - 1;
  for (int32_t last = places - game->mines; last < places; last++) {
    int32_t place = (int32_t)muster_random_below(random, (uint32_t)last + 1);
    int32_t tile = place + (place >= safe);
    lay_mine(game, game->mine[tile] ? last + (last >= safe) : tile);
  }
  game->laid_mines = game->mines;
}

static void reveal(struct minesweeper *game, int32_t tile) {
  float *channels = game->observation + (size_t)tile * CHANNELS;
  game->hidden[tile] = 0;
  game->hidden_tiles--;
  channels[0] = 0.0f;
  channels[1 + game->number[tile]] = 1.0f;
}

/* reveals a tile without a mine; where a revealed tile has no mines around it, its neighbours, too, and so on */
static void reveal_from(struct minesweeper *game, int32_t start) {
  int32_t pending = 0;
  reveal(game, start);
  if (game->number[start] == 0) game->pending[pending++] = start;
  while (pending > 0) {
    struct patch patch = patch_around(game, game->pending[--pending]);
    for (int32_t row = patch.top; row <= patch.bottom; row++)
      for (int32_t column = patch.left; column <= patch.right; column++) {
        int32_t tile = row * game->columns + column;
        if (!game->hidden[tile]) continue;
        reveal(game, tile);
        if (game->number[tile] == 0) game->pending[pending++] = tile;
      }
  }
}

/* ---- episodes ---- */

static void write_result(const struct minesweeper *game, muster_env_result *result) {
  const size_t tiles = tile_count(game);
  memcpy(result->observation, game->observation, tiles * CHANNELS * sizeof *game->observation);
  if (game->masks) memcpy(result->action_mask, game->hidden, tiles);
}

static int minesweeper_reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  (void)random;
  (void)error;
  clear_field(env);
  write_result(env, result);
  return 0;
}

/* clicks a hidden tile and returns the reward */
static double click(struct minesweeper *game, int32_t tile, muster_random *random, bool *terminated) {
  if (game->laid_mines == 0) lay_mines(game, tile, random);
  if (game->mine[tile]) {
    game->hidden[tile] = 0; /* in the observation the mine stays hidden: there is no channel for it */
    *terminated = true;
    return MINE_REWARD;
  }
  reveal_from(game, tile);
  *terminated = game->hidden_tiles == game->laid_mines;
  return *terminated ? CLICK_REWARD + game->clear_bonus : CLICK_REWARD;
}

static int minesweeper_step(void *env, const void *action, muster_random *random, muster_env_result *result,
                            muster_env_error *error) {
  struct minesweeper *game = env;
  int32_t tile = *(const int32_t *)action;
  if (tile < 0 || tile >= game->tiles[0])
    return muster_env_fail(error, "action %d is not a tile, 0 to %d", (int)tile, (int)game->tiles[0] - 1);
  result->reward[0] = game->hidden[tile] ? click(game, tile, random, &result->terminated) : 0.0;
  write_result(game, result);
  return 0;
}

/* The number of mines counts from the next first click on: a field on which they are laid keeps its own. */
static int minesweeper_set_option(void *env, const char *key, double value, muster_env_error *error) {
  struct minesweeper *game = env;
  if (strcmp(key, "mines") != 0) return muster_env_fail(error, "option %s cannot change: only mines can", key);
  const double mines = round(value);
  if (!(mines >= 1 && mines <= game->tiles[0] - 1))
    return muster_env_fail(error, "option mines: expects 1 to %d, got %g", (int)game->tiles[0] - 1, value);
  game->mines = (int32_t)mines;
  game->varies = true;
  return 0;
}

/* ---- state and text ---- */

static void minesweeper_save_state(const void *env, void *bytes) {
  const struct minesweeper *game = env;
  uint8_t *codes = bytes;
  for (int32_t tile = 0; tile < game->tiles[0]; tile++)
    codes[tile] = (uint8_t)(game->mine[tile] * TILE_MINE + game->hidden[tile] * TILE_HIDDEN);
}

static int minesweeper_load_state(void *env, const void *bytes, muster_env_error *error) {
  struct minesweeper *game = env;
  const uint8_t *codes = bytes;
  int32_t mines = 0, revealed = 0;
  for (int32_t tile = 0; tile < game->tiles[0]; tile++) {
    if (codes[tile] > (TILE_MINE | TILE_HIDDEN))
      return muster_env_fail(error, "tile %d has the code %d, not 0 to 3", (int)tile, codes[tile]);
    mines += (codes[tile] & TILE_MINE) != 0;
    revealed += codes[tile] == 0;
  }
  if (game->varies ? mines == 0 && revealed > 0 : mines != game->mines && (mines > 0 || revealed > 0))
    return muster_env_fail(error, "the saved field has %d mines, this one has %d", (int)mines, (int)game->mines);

  /* compute the numbers first, since revealed tiles show them */
  clear_field(game);
  for (int32_t tile = 0; tile < game->tiles[0]; tile++)
    if (codes[tile] & TILE_MINE) lay_mine(game, tile);
  for (int32_t tile = 0; tile < game->tiles[0]; tile++) {
    if (codes[tile] == 0) reveal(game, tile);
    if (codes[tile] == TILE_MINE) game->hidden[tile] = 0;
  }
  game->laid_mines = mines;
  return 0;
}

/* # hidden, a number or a blank where revealed, * the mine that was clicked */
static void minesweeper_render_text(const void *env, char *text, size_t size) {
  const struct minesweeper *game = env;
  size_t used = 0;
  for (int32_t tile = 0; tile < game->tiles[0] && used < size; tile++) {
    char mark = game->number[tile] > 0 ? (char)('0' + game->number[tile]) : ' ';
    if (game->mine[tile]) mark = '*';
    if (game->hidden[tile]) mark = '#';
    used += (size_t)snprintf(text + used, size - used, "%c%c", mark, (tile + 1) % game->columns == 0 ? '\n' : ' ');
  }
  if (used < size)
    snprintf(text + used, size - used, "%d tiles hidden, %d mines\n", (int)game->hidden_tiles,
             (int)(game->laid_mines > 0 ? game->laid_mines : game->mines));
}

/* a number in strokes of seven segments, in the game's usual colors */
static void draw_number(muster_canvas *canvas, int32_t row, int32_t column, int number) {
  static const uint32_t colors[9] = {0, 0x2455d6, 0x2e8540, 0xd03b2f, 0x1b2a7a, 0x8c2f2f, 0x2a8c8c, 0x222222, 0x777777};
  /* corners of the digit, two in each of three rows from the top; segments join two of them */
  static const int segments[7][2] = {{0, 1}, {1, 3}, {3, 5}, {4, 5}, {2, 4}, {0, 2}, {2, 3}};
  static const char *const lit[9] = {"", "12", "01643", "01623", "5612", "05623", "056423", "012", "0123456"};
  const double x = column + 0.5, y = -row - 0.5;
  for (const char *segment = lit[number]; *segment != '\0'; segment++) {
    double points[4];
    for (int end = 0; end < 2; end++) {
      int corner = segments[*segment - '0'][end];
      points[2 * end] = x + (corner % 2 == 0 ? -0.14 : 0.14) - (number == 1 ? 0.14 : 0.0);
      points[2 * end + 1] = y + 0.26 * (1 - corner / 2);
    }
    canvas->line(canvas, 2, points, 0.09, colors[number]);
  }
}

static void minesweeper_render_picture(const void *env, muster_canvas *canvas) {
  const struct minesweeper *game = env;
  tiles_view(canvas, game->rows, game->columns, 0x8f979e);
  for (int32_t tile = 0; tile < game->tiles[0]; tile++) {
    const int32_t row = tile / game->columns, column = tile % game->columns;
    bool exploded = game->mine[tile] && !game->hidden[tile];
    tiles_fill(canvas, row, column, exploded ? 0xd03b2f : game->hidden[tile] ? 0xb4bec6 : 0xf1f3f4);
    if (exploded)
      tiles_circle(canvas, row, column, 0.25, 0x222222);
    else if (!game->hidden[tile])
      draw_number(canvas, row, column, game->number[tile]);
  }
}

const muster_env_type env_minesweeper = {
    .abi = MUSTER_ENV_ABI,
    .struct_size = sizeof(muster_env_type),
    .name = "Minesweeper-v0",
    .summary = "reveal all tiles without a mine, 5x5 with 4 mines; +1 a safe click, -10 a mine, a bonus when cleared",
    .options = minesweeper_options,
    .create = minesweeper_create,
    .destroy = minesweeper_destroy,
    .describe = minesweeper_describe,
    .reset = minesweeper_reset,
    .step = minesweeper_step,
    .save_state = minesweeper_save_state,
    .load_state = minesweeper_load_state,
    .render_text = minesweeper_render_text,
    .render_picture = minesweeper_render_picture,
    .render_fps = TILES_FPS,
    .set_option = minesweeper_set_option,
};
