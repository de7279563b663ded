/* Minesweeper-v0: fields made by hand, flood fill against a naive one, the first click, where mines are laid, rewards,
 * the mask, options, state, text; and how often a player that follows rules wins. */
#include "support/minesweeper_solver.h"
#include "support/solo.h"

#include <math.h>

enum { CHANNELS = 10, MAX_TILES = 256, MINE = 1, HIDDEN = 2 };

struct field {
  int32_t rows, columns, tiles;
  uint8_t code[MAX_TILES]; /* codes as in the saved state */
};

static struct field read_field(const struct solo *game) {
  const int32_t *shape = game->spec.observation.shape;
  struct field field = {.rows = shape[0], .columns = shape[1], .tiles = shape[0] * shape[1]};
  CU_ASSERT_EQUAL_FATAL(game->spec.state_bytes, (size_t)field.tiles);
  CU_ASSERT_TRUE_FATAL(field.tiles <= MAX_TILES);
  game->type->save_state(game->env, field.code);
  return field;
}

static int32_t count_mines(const struct field *field) {
  int32_t mines = 0;
  for (int32_t tile = 0; tile < field->tiles; tile++) mines += (field->code[tile] & MINE) != 0;
  return mines;
}

/* whether two tiles touch; a tile touches itself, too */
static bool touch(const struct field *field, int32_t a, int32_t b) {
  return abs(a / field->columns - b / field->columns) <= 1 && abs(a % field->columns - b % field->columns) <= 1;
}

static int32_t number_of(const struct field *field, int32_t tile) {
  int32_t number = 0;
  for (int32_t other = 0; other < field->tiles; other++)
    number += other != tile && (field->code[other] & MINE) != 0 && touch(field, tile, other);
  return number;
}

/* reveals a safe tile the naive way: goes on as long as a revealed tile without mines around it touches a hidden one */
static void reveal_naively(struct field *field, int32_t clicked) {
  field->code[clicked] &= (uint8_t)~HIDDEN;
  for (bool changed = true; changed;) {
    changed = false;
    for (int32_t tile = 0; tile < field->tiles; tile++) {
      if (field->code[tile] != 0 || number_of(field, tile) != 0) continue;
      for (int32_t other = 0; other < field->tiles; other++) {
        if (!touch(field, tile, other) || !(field->code[other] & HIDDEN)) continue;
        field->code[other] &= (uint8_t)~HIDDEN;
        changed = true;
      }
    }
  }
}

/* the observation shows this field, and the mask its hidden tiles */
static void check_shown(const struct solo *game, const struct field *field) {
  for (int32_t tile = 0; tile < field->tiles; tile++) {
    const float *channels = game->observation + tile * CHANNELS;
    const bool hidden = field->code[tile] & HIDDEN, exploded = field->code[tile] == MINE;
    const int32_t hot = hidden || exploded ? 0 : 1 + number_of(field, tile);
    for (int32_t channel = 0; channel < CHANNELS; channel++)
      CU_ASSERT_EQUAL(channels[channel], channel == hot ? 1.0f : 0.0f);
    CU_ASSERT_EQUAL(game->mask[tile], hidden);
  }
}

/* loads a field from its rows: * a mine, . a safe tile, all hidden */
static void load_field(struct solo *game, const char *picture) {
  uint8_t code[MAX_TILES];
  int32_t tiles = game->spec.action.counts[0];
  CU_ASSERT_EQUAL_FATAL(strlen(picture), (size_t)tiles);
  for (int32_t i = 0; i < tiles; i++) code[i] = picture[i] == '*' ? MINE | HIDDEN : HIDDEN;
  CU_ASSERT_EQUAL_FATAL(game->type->load_state(game->env, code, &game->error), 0);
}

static struct solo open_field(const char *rows, const char *columns, const char *mines) {
  return solo_open("Minesweeper-v0", SOLO_OPTIONS({"rows", rows}, {"columns", columns}, {"mines", mines}));
}

/* ---- fields made by hand ---- */

static void test_by_hand(void) {
  struct solo game = open_field("4", "6", "3");
  load_field(&game, "*....."
                    "......"
                    "....*."
                    ".....*");
  solo_shows(&game, "# # # # # #\n# # # # # #\n# # # # # #\n# # # # # #\n24 tiles hidden, 3 mines\n");

  /* a number is revealed alone */
  CU_ASSERT_EQUAL(solo_step(&game, 16 + 1), 1.0);
  solo_shows(&game, "# # # # # #\n# # # # # #\n# # # # # 2\n# # # # # #\n23 tiles hidden, 3 mines\n");

  /* a flood over the middle and both sides of it; the click earns 1 */
  CU_ASSERT_EQUAL(solo_step(&game, 2), 1.0);
  solo_shows(&game, "# 1        \n1 1   1 1 1\n      1 # 2\n      1 # #\n4 tiles hidden, 3 mines\n");
  CU_ASSERT_FALSE(game.terminated);

  /* the last safe tile clears the field */
  CU_ASSERT_EQUAL(solo_step(&game, 22), 11.0);
  CU_ASSERT_TRUE(game.terminated);
  solo_shows(&game, "# 1        \n1 1   1 1 1\n      1 # 2\n      1 2 #\n3 tiles hidden, 3 mines\n");
  solo_close(&game);

  /* the highest number, and a mine */
  game = open_field("3", "3", "8");
  load_field(&game, "***"
                    "*.*"
                    "***");
  CU_ASSERT_EQUAL(solo_step(&game, 4), 11.0);
  CU_ASSERT_EQUAL(game.observation[4 * CHANNELS + 9], 1.0f);
  load_field(&game, "***"
                    "*.*"
                    "***");
  CU_ASSERT_EQUAL(solo_step(&game, 8), -10.0);
  CU_ASSERT_TRUE(game.terminated);
  solo_shows(&game, "# # #\n# # #\n# # *\n9 tiles hidden, 8 mines\n");
  solo_close(&game);
}

/* ---- games by chance ---- */

/* one game of allowed random clicks, each step against the naive field; returns whether it was won */
static bool play_checked(struct solo *game, int32_t mines, muster_random *choices) {
  struct field field = read_field(game);
  check_shown(game, &field);
  for (int32_t clicks = 1;; clicks++) {
    int32_t tile = (int32_t)muster_random_below(choices, (uint32_t)field.tiles);
    while (!game->mask[tile]) tile = (tile + 1) % field.tiles;
    double reward = solo_step(game, tile);
    struct field after = read_field(game);
    if (clicks == 1)
      for (int32_t i = 0; i < field.tiles; i++) field.code[i] |= after.code[i] & MINE;

    CU_ASSERT_EQUAL(count_mines(&after), mines);
    bool exploded = field.code[tile] & MINE;
    CU_ASSERT_FALSE(exploded && clicks == 1);
    if (exploded)
      field.code[tile] = MINE;
    else
      reveal_naively(&field, tile);
    CU_ASSERT_EQUAL(memcmp(field.code, after.code, (size_t)field.tiles), 0);
    check_shown(game, &field);

    int32_t hidden = 0;
    for (int32_t i = 0; i < field.tiles; i++) hidden += (field.code[i] & HIDDEN) != 0;
    bool cleared = !exploded && hidden == mines;
    CU_ASSERT_EQUAL(reward, exploded ? -10.0 : (cleared ? 11.0 : 1.0));
    CU_ASSERT_EQUAL(game->terminated, exploded || cleared);
    if (game->terminated) return cleared;
  }
}

static void test_against_naive(void) {
  static const struct {
    const char *rows, *columns, *mines;
  } fields[] = {{"5", "5", "4"},  {"8", "8", "10"}, {"9", "4", "3"},  {"1", "12", "2"},
                {"12", "1", "2"}, {"2", "1", "1"},  {"3", "4", "11"}, {"16", "16", "12"}};
  struct random_stream choices = random_stream_start(5, RANDOM_ACTION, 0, 0);
  int won = 0, lost = 0;
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    struct solo game = open_field(fields[i].rows, fields[i].columns, fields[i].mines);
    for (uint32_t episode = 0; episode < 40; episode++) {
      solo_reset(&game, episode);
      bool cleared = play_checked(&game, atoi(fields[i].mines), &choices.base);
      won += cleared;
      lost += !cleared;
    }
    solo_close(&game);
  }
  CU_ASSERT_TRUE(won > 40 && lost > 40);
}

/* from every tile, also with the highest number of mines, where the first click clears the field */
static void test_first_click_is_safe(void) {
  static const char *const mines[] = {"1", "6", "23", "24"};
  for (int i = 0; i < 4; i++) {
    struct solo game = open_field("5", "5", mines[i]);
    for (int32_t tile = 0; tile < 25; tile++)
      for (uint32_t episode = 0; episode < 50; episode++) {
        solo_reset(&game, episode);
        CU_ASSERT_TRUE(solo_step(&game, tile) > 0.0);
        struct field field = read_field(&game);
        CU_ASSERT_EQUAL(field.code[tile], 0);
        CU_ASSERT_EQUAL(count_mines(&field), atoi(mines[i]));
      }
    solo_close(&game);
  }
}

/* each of the 10 pairs of mines next to a clicked tile of six is equally likely: chi-squared, 9 degrees of freedom,
 * p = 1e-6 at 45.1 */
static void test_mines_are_uniform(void) {
  enum { GAMES = 10000 };
  struct solo game = open_field("2", "3", "2");
  for (int32_t clicked = 0; clicked < 6; clicked++) {
    int32_t count[64] = {0}, pairs = 0;
    for (uint32_t episode = 0; episode < GAMES; episode++) {
      solo_reset(&game, episode);
      solo_step(&game, clicked);
      struct field field = read_field(&game);
      int which = 0;
      for (int tile = 0; tile < 6; tile++) which |= (field.code[tile] & MINE) << tile;
      count[which]++;
    }
    double chi = 0.0, expected = GAMES / 10.0;
    for (int which = 0; which < 64; which++) {
      if (count[which] == 0) continue;
      pairs++;
      chi += (count[which] - expected) * (count[which] - expected) / expected;
    }
    CU_ASSERT_EQUAL(pairs, 10);
    CU_ASSERT_TRUE(chi < 45.1);
  }
  solo_close(&game);
}

/* a click on a masked tile */
static void test_masked_clicks(void) {
  struct solo game = open_field("4", "6", "3");
  load_field(&game, "*....."
                    "......"
                    "....*."
                    ".....*");
  solo_step(&game, 2);
  struct field before = read_field(&game);
  CU_ASSERT_EQUAL(solo_step(&game, 2), 0.0);
  CU_ASSERT_FALSE(game.terminated);
  struct field after = read_field(&game);
  CU_ASSERT_EQUAL(memcmp(before.code, after.code, (size_t)before.tiles), 0);
  check_shown(&game, &before);
  CU_ASSERT_EQUAL(game.spec.max_steps, 24);
  CU_ASSERT_TRUE(game.spec.masks_actions);
  solo_close(&game);

  /* without the option no mask is written */
  game = solo_open("Minesweeper-v0", SOLO_OPTIONS({"mask", "false"}, {"clear_bonus", "0"}, {"mines", "24"}));
  CU_ASSERT_FALSE(game.spec.masks_actions);
  solo_reset(&game, 0);
  CU_ASSERT_EQUAL(solo_step(&game, 7), 1.0);
  CU_ASSERT_TRUE(game.terminated);
  CU_ASSERT_EQUAL(game.mask[7], 1);
  solo_close(&game);
}

static void test_options(void) {
  const char *const name = "Minesweeper-v0";
  solo_refuses_options(name, SOLO_OPTIONS({"rows", "0"}), "option rows: expects an integer from 1 to 128");
  solo_refuses_options(name, SOLO_OPTIONS({"columns", "129"}), "option columns");
  solo_refuses_options(name, SOLO_OPTIONS({"rows", "1"}, {"columns", "1"}), "at least 2 tiles, got 1 x 1");
  solo_refuses_options(name, SOLO_OPTIONS({"mines", "0"}), "option mines: expects an integer from 1 to 24");
  solo_refuses_options(name, SOLO_OPTIONS({"mines", "25"}), "option mines");
  solo_refuses_options(name, SOLO_OPTIONS({"clear_bonus", "much"}), "option clear_bonus");
  solo_refuses_options(name, SOLO_OPTIONS({"mask", "1"}), "option mask");
}

static void test_refusals(void) {
  struct solo game = open_field("2", "3", "2");
  solo_reset(&game, 0);
  solo_refuses(&game, &(int32_t){6}, "action 6 is not a tile, 0 to 5");
  solo_refuses(&game, &(int32_t){-1}, "action -1");
  solo_refuses_state(&game, (const uint8_t[6]){3, 3, 2, 2, 2, 4}, "tile 5 has the code 4");
  solo_refuses_state(&game, (const uint8_t[6]){3, 3, 3, 2, 2, 2}, "the saved field has 3 mines, this one has 2");
  solo_refuses_state(&game, (const uint8_t[6]){2, 2, 2, 2, 2, 0}, "the saved field has 0 mines");
  solo_close(&game);
}

/* ---- a player by rules ---- */

/* the number of 10,000 games that the solver wins, where what it calls safe has to be safe. With `rules` false it only
 * guesses */
static int count_wins(const char *rows, const char *columns, const char *mines, bool rules) {
  static struct solver solver;
  struct solo game = open_field(rows, columns, mines);
  solver.rows = atoi(rows);
  solver.columns = atoi(columns);
  struct random_stream stream = random_stream_start(11, RANDOM_ACTION, 0, 0);
  int wins = 0;
  for (uint32_t episode = 0; episode < 10000; episode++) {
    solo_reset(&game, episode);
    for (game.terminated = false; !game.terminated;) {
      bool guessed = true;
      int32_t tile = rules ? solver_choose(&solver, game.observation, &stream.base, &guessed)
                           : (int32_t)muster_random_below(&stream.base, (uint32_t)game.spec.action.counts[0]);
      while (!game.mask[tile]) tile = (tile + 1) % game.spec.action.counts[0];
      double reward = solo_step(&game, tile);
      CU_ASSERT_TRUE(guessed || reward > 0.0);
      wins += game.terminated && reward > 0.0;
    }
  }
  solo_close(&game);
  return wins;
}

static void test_rule_solver(void) {
  static const char *const fields[][3] = {{"5", "5", "4"}, {"8", "8", "10"}};
  for (int i = 0; i < 2; i++) {
    int by_rules = count_wins(fields[i][0], fields[i][1], fields[i][2], true);
    int by_chance = count_wins(fields[i][0], fields[i][1], fields[i][2], false);
    printf("\n    %sx%s with %s mines: the rules of single tiles win %.2f %% of 10000 games, chance %.2f %%",
           fields[i][0], fields[i][1], fields[i][2], by_rules / 100.0, by_chance / 100.0);
    CU_ASSERT_TRUE(by_rules > 2 * by_chance);
  }
  printf("\n  ");
}

static const struct check_case cases[] = {
    {"fields made by hand", test_by_hand},
    {"games against a naive field", test_against_naive},
    {"the first click is safe", test_first_click_is_safe},
    {"mines are laid uniformly", test_mines_are_uniform},
    {"masked clicks", test_masked_clicks},
    {"options", test_options},
    {"refusals", test_refusals},
    {"a player by rules", test_rule_solver},
};

CHECK_MAIN("minesweeper", cases)
