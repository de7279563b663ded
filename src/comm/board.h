/* Boards: memory that the ranks of a node share, and how they wait for each other without spinning.
 *
 * A rank that waits inside MPI spins, and takes the core of the rank it waits for when there are more ranks than cores,
 * or when something else runs on the machine. So ranks of one node tell each other on a board how far they have come:
 * each has a number of steps there, which only it writes and which only grows. Whoever waits for a rank looks at its
 * number for a moment, then sleeps in the kernel (futex) until it has changed. Beside the steps a board has room for
 * data; what was written there before a step was reached can be read by whoever has waited for it.
 *
 * Ranks on other nodes are not on the board; waiting for them falls to MPI, which yields (comm_wait()).
 *
 * Where a node has one rank, or shared memory is not to be had, there is no board: NULL. Every function takes NULL, and
 * then does nothing. */
#ifndef COMM_BOARD_H
#define COMM_BOARD_H

#include "comm/comm.h"

#include <stdint.h>

struct board;

/* Room for `bytes`, zeroed, the same number on all ranks of the node. *out is NULL on all of them or on none.
 * Collective over the node. */
MUSTER_CHECKED muster_status board_create(struct comm *comm, size_t bytes, struct board **out);
/* Not collective: the memory lives until the last rank has let go of it. Accepts NULL inside. */
void board_destroy(struct board **board);

/* Removes what boards of this user have left in memory whose processes were killed before all had it. */
void board_remove_left_behind(void);

/* The shared bytes. */
void *board_data(struct board *board);

/* Tells the others that this rank has come to a step. */
void board_reach(struct board *board, uint32_t step);

/* Waits until a rank of this node (its number in the job), or every other one, has come to a step. */
MUSTER_CHECKED muster_status board_wait(struct board *board, int rank, uint32_t step);
MUSTER_CHECKED muster_status board_wait_others(struct board *board, uint32_t step);

#endif
