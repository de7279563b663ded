/* A player of Minesweeper that looks at one revealed tile at a time: if as many mines are known around a tile as its
 * number says, its other neighbours are safe; if it has as many hidden neighbours as its number says, all of them are
 * mines. If no safe tile is known, it clicks a random one of the hidden tiles that are not known to be mines. It sees
 * what an agent sees: the observation, [rows, columns, 10], hidden or a number, one-hot. */
#ifndef SUPPORT_MINESWEEPER_SOLVER_H
#define SUPPORT_MINESWEEPER_SOLVER_H

#include "muster/random.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SOLVER_CHANNELS 10
#define SOLVER_MAX_TILES 1024

struct solver {
  int32_t rows, columns;           /* at most SOLVER_MAX_TILES tiles */
  int8_t number[SOLVER_MAX_TILES]; /* -1: hidden */
  bool mine[SOLVER_MAX_TILES], safe[SOLVER_MAX_TILES];
};

/* Lists the neighbours of a tile; returns how many there are. */
static inline int solver_neighbours(const struct solver *solver, int32_t tile, int32_t neighbour[8]) {
  int n = 0;
  for (int32_t down = -1; down <= 1; down++)
    for (int32_t right = -1; right <= 1; right++) {
      int32_t row = tile / solver->columns + down, column = tile % solver->columns + right;
      bool outside = row < 0 || row >= solver->rows || column < 0 || column >= solver->columns;
      if (!outside && (down != 0 || right != 0)) neighbour[n++] = row * solver->columns + column;
    }
  return n;
}

/* Applies both rules to one revealed tile; returns whether something new is known. */
static inline bool solver_apply(struct solver *solver, int32_t tile) {
  int32_t neighbour[8];
  int n = solver_neighbours(solver, tile, neighbour), hidden = 0, mines = 0;
  for (int i = 0; i < n; i++) {
    hidden += solver->number[neighbour[i]] < 0;
    mines += solver->mine[neighbour[i]];
  }
  bool all_mines = hidden == solver->number[tile], all_known = mines == solver->number[tile], learnt = false;
  for (int i = 0; i < n; i++) {
    int32_t other = neighbour[i];
    if (solver->number[other] >= 0 || solver->mine[other] || solver->safe[other]) continue;
    if (all_known) solver->safe[other] = learnt = true;
    if (all_mines && !all_known) solver->mine[other] = learnt = true;
  }
  return learnt;
}

/* Chooses the tile to click; `*guessed` tells whether it was a random choice. */
static inline int32_t solver_choose(struct solver *solver, const float *observation, muster_random *random,
                                    bool *guessed) {
  const int32_t tiles = solver->rows * solver->columns;
  memset(solver->mine, 0, sizeof solver->mine);
  memset(solver->safe, 0, sizeof solver->safe);
  for (int32_t tile = 0; tile < tiles; tile++)
    for (int channel = 0; channel < SOLVER_CHANNELS; channel++)
      if (observation[tile * SOLVER_CHANNELS + channel] > 0.5f) solver->number[tile] = (int8_t)(channel - 1);

  /* applies the rules until nothing new follows */
  bool learnt = true;
  while (learnt) {
    learnt = false;
    for (int32_t tile = 0; tile < tiles; tile++)
      if (solver->number[tile] >= 0) learnt |= solver_apply(solver, tile);
  }
  *guessed = false;
  for (int32_t tile = 0; tile < tiles; tile++)
    if (solver->safe[tile]) return tile;

  *guessed = true;
  int32_t candidate[SOLVER_MAX_TILES];
  uint32_t candidates = 0;
  for (int32_t tile = 0; tile < tiles; tile++)
    if (solver->number[tile] < 0 && !solver->mine[tile]) candidate[candidates++] = tile;
  return candidate[muster_random_below(random, candidates)];
}

#endif
