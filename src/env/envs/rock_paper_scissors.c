/* RockPaperScissors-v0: repeated rock-paper-scissors against an opponent that best-responds to the empirical
 * frequencies of the agent's moves (fictitious play: Brown 1951; Robinson 1951), counted over the last `window` rounds
 * of the episode. An agent that prefers a move loses on average; playing each with probability 1/3 earns 0 on average,
 * whatever the opponent does.
 *
 * The opponent's first move is drawn at reset. Later it is deterministic: it plays the move that would have won the
 * most points against the window. Of several such moves it plays the one that does best against the agent's latest
 * move. That is always one, and no move is preferred: renaming the moves in a circle renames the opponent's play, so
 * against a uniform agent it plays each move equally often. */
#include "env/envs/settings.h"
#include "muster/env.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* move m beats move m - 1, in a circle */
enum { ROCK, PAPER, SCISSORS, MOVES };
#define NO_MOVE (-1)
#define MAX_WINDOW 100000

static const muster_env_option rps_options[] = {
    {"window", "100", "latest rounds over which the opponent counts the agent's moves"},
    {"episode_length", "200", "rounds of an episode"},
    {"show_last_move", "false",
     "whether the agent sees the opponent's last move, one-hot; else it sees the constant 1"},
    {NULL, NULL, NULL}};

static const int32_t action_counts[1] = {MOVES};
static const float zeros[MOVES] = {0.0f, 0.0f, 0.0f}, ones[MOVES] = {1.0f, 1.0f, 1.0f};
static const char *const move_names[] = {"rock", "paper", "scissors"};

/* what save_state() writes, followed by the moves of the window [window] as bytes */
struct rps_state {
  int32_t round;         /* rounds played in this episode; round % window is the next place of the window */
  int32_t count[MOVES];  /* of the agent's moves in the window */
  int32_t next;          /* what the opponent will play */
  int32_t opponent_last; /* NO_MOVE before the first round */
  int32_t agent_last;    /* likewise */
};

struct rps {
  int32_t window, episode_length;
  bool show_last_move;
  struct rps_state state;
  uint8_t moves[]; /* [window] the agent's, in a circle; 0 where none was made yet */
};

/* +1 when `mine` beats `theirs`, -1 when it is beaten, 0 when both are the same */
static int32_t payoff(int32_t mine, int32_t theirs) {
  static const int8_t table[MOVES][MOVES] = {{0, -1, 1}, {1, 0, -1}, {-1, 1, 0}};
  return table[mine][theirs];
}

/* the opponent's next move, once the agent has moved */
static int32_t best_response(const struct rps_state *state) {
  int32_t best = ROCK;
  int64_t best_score = INT64_MIN;
  for (int32_t move = 0; move < MOVES; move++) {
    int64_t points = 0;
    for (int32_t i = 0; i < MOVES; i++) points += (int64_t)payoff(move, i) * state->count[i];
    /* points weigh more than the payoff against the latest move, which is -1, 0 or 1 and only decides ties */
    int64_t score = 4 * points + payoff(move, state->agent_last);
    if (score <= best_score) continue;
    best = move;
    best_score = score;
  }
  return best;
}

static int rps_create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  int32_t window = 0, episode_length = 0;
  bool show_last_move = false;
  if (setting_integer(settings, "window", 1, MAX_WINDOW, &window, error) != 0) return 1;
  if (setting_integer(settings, "episode_length", 1, INT32_MAX, &episode_length, error) != 0) return 1;
  if (setting_bool(settings, "show_last_move", &show_last_move, error) != 0) return 1;
  struct rps *rps = calloc(1, sizeof *rps + (size_t)window);
  if (rps == NULL) return muster_env_fail(error, "out of memory");
  rps->window = window;
  rps->episode_length = episode_length;
  rps->show_last_move = show_last_move;
  rps->state.opponent_last = rps->state.agent_last = NO_MOVE;
  *env = rps;
  return 0;
}

static void rps_destroy(void *env) { free(env); }

static void rps_describe(const void *env, muster_env_spec *spec) {
  const struct rps *rps = env;
  spec->observation = (muster_space){
      .kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {rps->show_last_move ? MOVES : 1}, .low = zeros, .high = ones};
  spec->action = (muster_space){.kind = MUSTER_SPACE_DISCRETE, .counts = action_counts};
  spec->agents = 1;
  spec->max_steps = rps->episode_length;
  spec->reward_threshold = NAN;
  spec->masks_actions = false;
  spec->state_bytes = sizeof(struct rps_state) + (size_t)rps->window;
}

/* where the opponent's last move is shown, all zeros before its first move */
static void write_observation(const struct rps *rps, float *observation) {
  if (!rps->show_last_move) {
    observation[0] = 1.0f;
    return;
  }
  for (int32_t move = 0; move < MOVES; move++) observation[move] = move == rps->state.opponent_last ? 1.0f : 0.0f;
}

static int rps_reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  (void)error;
  struct rps *rps = env;
  int32_t first = (int32_t)muster_random_below(random, MOVES);
  rps->state = (struct rps_state){.next = first, .opponent_last = NO_MOVE, .agent_last = NO_MOVE};
  memset(rps->moves, 0, (size_t)rps->window);
  write_observation(rps, result->observation);
  return 0;
}

/* puts the agent's move into the window, in place of the oldest one if it is full */
static void remember(struct rps *rps, int32_t move) {
  struct rps_state *state = &rps->state;
  uint8_t *place = &rps->moves[state->round % rps->window];
  if (state->round >= rps->window) state->count[*place]--;
  *place = (uint8_t)move;
  state->count[move]++;
  state->agent_last = move;
  state->round++;
}

static int rps_step(void *env, const void *action, muster_random *random, muster_env_result *result,
                    muster_env_error *error) {
  (void)random;
  struct rps *rps = env;
  struct rps_state *state = &rps->state;
  int32_t move = *(const int32_t *)action;
  if (move < 0 || move >= MOVES)
    return muster_env_fail(error, "action %d is not 0 (rock), 1 (paper) or 2 (scissors)", (int)move);
  if (state->round >= rps->episode_length) return muster_env_fail(error, "the episode has ended: reset comes first");

  result->reward[0] = payoff(move, state->next);
  state->opponent_last = state->next;
  remember(rps, move);
  state->next = best_response(state);
  write_observation(rps, result->observation);
  result->terminated = state->round >= rps->episode_length;
  return 0;
}

static void rps_save_state(const void *env, void *bytes) {
  const struct rps *rps = env;
  memcpy(bytes, &rps->state, sizeof rps->state);
  memcpy((char *)bytes + sizeof rps->state, rps->moves, (size_t)rps->window);
}

/* whether the counts agree with the moves of the window, and the other fields are valid moves */
static bool state_is_sound(const struct rps *rps, const struct rps_state *state, const uint8_t *moves) {
  int32_t count[MOVES] = {0};
  if (state->round < 0 || state->round > rps->episode_length) return false;
  if (state->next < 0 || state->next >= MOVES) return false;
  const int32_t least = state->round == 0 ? NO_MOVE : 0, most = state->round == 0 ? NO_MOVE : MOVES - 1;
  if (state->opponent_last < least || state->opponent_last > most) return false;
  if (state->agent_last < least || state->agent_last > most) return false;
  for (int32_t i = 0; i < rps->window && i < state->round; i++) {
    if (moves[i] >= MOVES) return false;
    count[moves[i]]++;
  }
  return memcmp(count, state->count, sizeof count) == 0;
}

static int rps_load_state(void *env, const void *bytes, muster_env_error *error) {
  struct rps *rps = env;
  struct rps_state state;
  memcpy(&state, bytes, sizeof state);
  const uint8_t *moves = (const uint8_t *)bytes + sizeof state;
  if (!state_is_sound(rps, &state, moves))
    return muster_env_fail(error, "the saved rounds are not a game of up to %d rounds with a window of %d",
                           (int)rps->episode_length, (int)rps->window);
  rps->state = state;
  memcpy(rps->moves, moves, (size_t)rps->window);
  return 0;
}

/* the last round, and what the opponent has counted */
static void rps_render_text(const void *env, char *text, size_t size) {
  const struct rps *rps = env;
  const struct rps_state *state = &rps->state;
  size_t used = (size_t)snprintf(text, size, "round %d of %d", (int)state->round, (int)rps->episode_length);
  if (state->round > 0 && used < size)
    used += (size_t)snprintf(text + used, size - used, ": %s against %s, reward %+d", move_names[state->agent_last],
                             move_names[state->opponent_last], (int)payoff(state->agent_last, state->opponent_last));
  if (used < size)
    snprintf(text + used, size - used, "\nthe opponent counts %d rock, %d paper, %d scissors\n",
             (int)state->count[ROCK], (int)state->count[PAPER], (int)state->count[SCISSORS]);
}

const muster_env_type env_rock_paper_scissors = {
    .abi = MUSTER_ENV_ABI,
    .struct_size = sizeof(muster_env_type),
    .name = "RockPaperScissors-v0",
    .summary = "rock-paper-scissors against an opponent that exploits whichever move is preferred; +1, 0 or -1 a round",
    .options = rps_options,
    .create = rps_create,
    .destroy = rps_destroy,
    .describe = rps_describe,
    .reset = rps_reset,
    .step = rps_step,
    .save_state = rps_save_state,
    .load_state = rps_load_state,
    .render_text = rps_render_text,
};
