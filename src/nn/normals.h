/* Standard normal numbers for actions, as pure functions of seed, row and step. */
#ifndef NN_NORMALS_H
#define NN_NORMALS_H

#include "nn/distribution.h"
#include "nn/layer.h"

/* Of elements first .. first + 3, `first` a multiple of 4, of each row that acts. */
void normals_of_actions(const struct action_random *random, size_t first, size_t rows, float normals[4][TILE]);

/* Of rows first .. first + rows - 1 of the minibatch of an update, `first` a multiple of 4: noise [elements, TILE].
 * `purpose` tells apart the noises of one update. */
void normals_of_minibatch(uint64_t seed, uint32_t update, uint32_t purpose, size_t first, size_t rows, size_t elements,
                          float *noise);

/* The Ornstein-Uhlenbeck process of Stable-Baselines3, which starts at 0 with each episode:
 *   x(t) = x(t - 1) - theta dt x(t - 1) + sqrt(dt) n(t),  0 < theta dt <= 1
 * Here a number of it is a pure function of seed, row, step, element and `age`, the steps since the episode began, so
 * that there is no state to keep; the sequence of an episode has the same distribution as that recursion's. */
float normals_drift(double theta, double dt, uint64_t seed, uint32_t row, uint32_t step, uint32_t age,
                    uint32_t element);

#endif
