/* Chase, a game that follows PufferLib's convention for C and knows nothing about muster. On a square grid the player
 * walks to a fruit. Eating it ends the episode; c_step() then starts the next one by itself. */
#ifndef CHASE_H
#define CHASE_H

#include <stdlib.h>

typedef struct Chase {
  float *observations;      /* [2] distance to the fruit, to the right and down, as a fraction of the grid's side */
  int *actions;             /* [1] 0 to 3: left, right, up, down */
  float *rewards;           /* [1] */
  unsigned char *terminals; /* [1] */
  int side;                 /* cells along one edge of the grid */
  int player_x, player_y, fruit_x, fruit_y;
} Chase;

static void observe(Chase *env) {
  env->observations[0] = (float)(env->fruit_x - env->player_x) / (float)env->side;
  env->observations[1] = (float)(env->fruit_y - env->player_y) / (float)env->side;
}

static void c_reset(Chase *env) {
  env->player_x = env->player_y = env->side / 2;
  do {
    env->fruit_x = rand() % env->side;
    env->fruit_y = rand() % env->side;
  } while (env->fruit_x == env->player_x && env->fruit_y == env->player_y);
  observe(env);
}

static int clamp(int value, int limit) { return value < 0 ? 0 : value >= limit ? limit - 1 : value; }

static void c_step(Chase *env) {
  static const int step_x[] = {-1, 1, 0, 0}, step_y[] = {0, 0, -1, 1};
  env->player_x = clamp(env->player_x + step_x[env->actions[0]], env->side);
  env->player_y = clamp(env->player_y + step_y[env->actions[0]], env->side);
  env->rewards[0] = -0.05f;
  env->terminals[0] = 0;
  if (env->player_x == env->fruit_x && env->player_y == env->fruit_y) {
    env->rewards[0] = 1.0f;
    env->terminals[0] = 1;
    c_reset(env);
  }
  observe(env);
}

#endif
