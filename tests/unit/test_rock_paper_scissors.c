/* RockPaperScissors-v0: the opponent against one that counts anew each round; uniform play earns 0 exactly, in
 * expectation over all games of some rounds; fixed moves are exploited; options, state, text. */
#include "support/solo.h"

#include <math.h>

enum { MOVES = 3, ROUNDS = 300 };

/* with show_last_move: what the opponent played in the last round */
static int32_t seen_move(const struct solo *game) {
  int32_t seen = -1;
  for (int32_t move = 0; move < MOVES; move++)
    if (game->observation[move] > 0.5f) seen = seen < 0 ? move : 99;
  return seen;
}

/* +1, 0 or -1 by the rules in words: paper beats rock, scissors beat paper, rock beats scissors */
static int judge(int32_t mine, int32_t theirs) {
  if (mine == theirs) return 0;
  bool wins = (mine == 1 && theirs == 0) || (mine == 2 && theirs == 1) || (mine == 0 && theirs == 2);
  return wins ? 1 : -1;
}

/* the opponent's move from the whole history: most points over the window, then most against the latest move */
static int32_t respond(const int32_t *history, int rounds, int window) {
  int best = 0, points[MOVES] = {0};
  for (int32_t move = 0; move < MOVES; move++)
    for (int i = rounds > window ? rounds - window : 0; i < rounds; i++) points[move] += judge(move, history[i]);
  for (int32_t move = 1; move < MOVES; move++) {
    bool more = points[move] > points[best];
    bool tied = points[move] == points[best];
    if (more || (tied && judge(move, history[rounds - 1]) > judge(best, history[rounds - 1]))) best = move;
  }
  return best;
}

static void test_best_response(void) {
  const struct {
    const char *text;
    int window;
  } windows[] = {{"1", 1}, {"7", 7}, {"100", 100}, {"1000", 1000}};
  for (size_t w = 0; w < sizeof windows / sizeof *windows; w++) {
    struct solo game =
        solo_open("RockPaperScissors-v0",
                  SOLO_OPTIONS({"window", windows[w].text}, {"episode_length", "300"}, {"show_last_move", "true"}));
    struct random_stream stream = random_stream_start(3, RANDOM_ACTION, 0, 0);
    int32_t history[ROUNDS], first[MOVES] = {0};
    for (uint32_t episode = 0; episode < 20; episode++) {
      solo_reset(&game, episode);
      CU_ASSERT_EQUAL(seen_move(&game), -1);
      for (int round = 0; round < ROUNDS; round++) {
        /* a mixture whose preference changes, so that windows matter */
        uint32_t drawn = muster_random_below(&stream.base, 4);
        history[round] = (int32_t)(drawn == 3 ? (uint32_t)(round / 60) % 3 : drawn);
        double reward = solo_step(&game, history[round]);
        int32_t opponent = seen_move(&game);
        CU_ASSERT_TRUE_FATAL(opponent >= 0 && opponent < MOVES);
        if (round == 0) first[opponent]++;
        if (round > 0) CU_ASSERT_EQUAL(opponent, respond(history, round, windows[w].window));
        CU_ASSERT_EQUAL(reward, judge(history[round], opponent));
        CU_ASSERT_EQUAL(game.terminated, round == ROUNDS - 1);
      }
    }
    CU_ASSERT_TRUE(first[0] > 0 && first[1] > 0 && first[2] > 0);
    solo_close(&game);
  }
}

/* all 3^7 games of 7 rounds, equally likely under uniform play: each round's reward averages to 0, and each move of
 * the opponent is equally frequent over the three first moves */
static void test_uniform_earns_nothing(void) {
  enum { LENGTH = 7, GAMES = 2187 };
  struct solo game = solo_open("RockPaperScissors-v0",
                               SOLO_OPTIONS({"window", "3"}, {"episode_length", "7"}, {"show_last_move", "true"}));
  bool first_seen[MOVES] = {false};
  int total[LENGTH] = {0}, played[LENGTH][MOVES] = {{0}}, firsts = 0;
  for (uint32_t episode = 0; firsts < MOVES && episode < 100; episode++) {
    solo_reset(&game, episode);
    solo_step(&game, 0);
    int32_t first = seen_move(&game);
    if (first_seen[first]) continue;
    first_seen[first] = true;
    firsts++;
    for (int32_t number = 0; number < GAMES; number++) {
      solo_reset(&game, episode);
      for (int32_t round = 0, rest = number; round < LENGTH; round++, rest /= 3) {
        total[round] += (int)solo_step(&game, rest % 3);
        played[round][seen_move(&game)]++;
      }
    }
  }
  CU_ASSERT_EQUAL_FATAL(firsts, MOVES);
  for (int round = 0; round < LENGTH; round++) {
    CU_ASSERT_EQUAL(total[round], 0);
    for (int move = 0; move < MOVES; move++) CU_ASSERT_EQUAL(played[round][move], GAMES);
  }
  solo_close(&game);
}

/* who always plays the same move loses every round but the first; a constant observation cannot lead to anything but a
 * fixed move */
static void test_fixed_moves_lose(void) {
  struct solo game = solo_open("RockPaperScissors-v0", NULL);
  for (int32_t move = 0; move < MOVES; move++)
    for (uint32_t episode = 0; episode < 10; episode++) {
      solo_reset(&game, episode);
      CU_ASSERT_EQUAL(game.observation[0], 1.0f);
      int rounds = 0;
      for (game.terminated = false; !game.terminated; rounds++) {
        double reward = solo_step(&game, move);
        if (rounds > 0) CU_ASSERT_EQUAL(reward, -1.0);
        CU_ASSERT_EQUAL(game.observation[0], 1.0f);
      }
      CU_ASSERT_EQUAL(rounds, 200);
    }
  solo_close(&game);
}

/* mixtures that prefer a move earn less than nothing: the stronger the preference, the less */
static void test_preferences_are_exploited(void) {
  struct solo game = solo_open("RockPaperScissors-v0", SOLO_OPTIONS({"episode_length", "1000"}));
  struct random_stream stream = random_stream_start(4, RANDOM_ACTION, 0, 0);
  double mean[3];
  for (int i = 0; i < 3; i++) {
    double sum = 0.0, preference = 0.5 + 0.2 * i;
    for (uint32_t episode = 0; episode < 20; episode++) {
      solo_reset(&game, episode);
      for (game.terminated = false; !game.terminated;) {
        bool prefers = muster_random_double(&stream.base) < preference;
        sum += solo_step(&game, prefers ? 0 : (int32_t)muster_random_below(&stream.base, 2) + 1);
      }
    }
    mean[i] = sum / 20000.0;

    /* a best response to the true mixture earns preference - (1 - preference) / 2; the opponent's window errs a
     * little */
    CU_ASSERT_TRUE(fabs(mean[i] + preference - 0.5 * (1.0 - preference)) < 0.04);
  }
  CU_ASSERT_TRUE(mean[0] < -0.2 && mean[1] < mean[0] && mean[2] < mean[1]);
  solo_close(&game);
}

static void test_options(void) {
  const char *const name = "RockPaperScissors-v0";
  solo_refuses_options(name, SOLO_OPTIONS({"window", "0"}), "option window: expects an integer from 1 to 100000");
  solo_refuses_options(name, SOLO_OPTIONS({"episode_length", "none"}), "option episode_length");
  solo_refuses_options(name, SOLO_OPTIONS({"show_last_move", "yes"}), "expects false or true");
}

static void test_refusals_and_text(void) {
  struct solo game = solo_open("RockPaperScissors-v0", SOLO_OPTIONS({"window", "4"}, {"episode_length", "9"}));
  solo_reset(&game, 0);
  solo_shows(&game, "round 0 of 9\nthe opponent counts 0 rock, 0 paper, 0 scissors\n");
  for (int i = 0; i < 6; i++) solo_step(&game, i < 3 ? 0 : 2);
  solo_shows(&game, "round 6 of 9: scissors against");
  solo_shows(&game, "counts 1 rock, 0 paper, 3 scissors\n");
  solo_refuses(&game, &(int32_t){3}, "action 3 is not 0 (rock), 1 (paper) or 2 (scissors)");
  solo_refuses(&game, &(int32_t){-1}, "action -1");

  /* seven numbers (round, counts, next, last ones), then the window */
  unsigned char bytes[7 * 4 + 4], damaged[sizeof bytes];
  CU_ASSERT_EQUAL_FATAL(game.spec.state_bytes, sizeof bytes);
  game.type->save_state(game.env, bytes);
  CU_ASSERT_EQUAL(game.type->load_state(game.env, bytes, &game.error), 0);
  for (size_t i = 0; i < sizeof bytes; i++) {
    memcpy(damaged, bytes, sizeof bytes);
    damaged[i] ^= 0x40;
    solo_refuses_state(&game, damaged, "not a game of up to 9 rounds with a window of 4");
  }
  solo_close(&game);
}

static const struct check_case cases[] = {
    {"the opponent best-responds to the window", test_best_response},
    {"uniform play earns 0 in all games together", test_uniform_earns_nothing},
    {"fixed moves lose", test_fixed_moves_lose},
    {"preferences are exploited", test_preferences_are_exploited},
    {"options", test_options},
    {"refusals and text", test_refusals_and_text},
};

CHECK_MAIN("rock-paper-scissors", cases)
