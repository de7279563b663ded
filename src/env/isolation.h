/* Environments in child processes, so that a simulator which crashes, hangs or fails loses its running episodes and
 * nothing else.
 *
 * An isolation wraps the type of an environment in another type, whose functions send requests to child processes over
 * shared memory. A child holds a block of environments. When one dies, does not answer in time, or reports an error,
 * the episodes of its rows end as truncated, the observations stay as they were before the fault, and the child is
 * started again.
 *
 * A child is this program itself, started by posix_spawn() with other arguments. That is safe in a job of Open MPI,
 * where fork() is not: the child executes a new image at once, inherits two file descriptors and none of the library's
 * state, and never calls MPI. It may be started at any time, also again after a fault. */
#ifndef ENV_ISOLATION_H
#define ENV_ISOLATION_H

#include "base/status.h"
#include "muster/env.h"

#include <stdbool.h>

struct isolation_options {
  int32_t block;        /* environments in one child; 0: all */
  double step_timeout;  /* seconds that a child may take for a step of its environments, or a reset; 0: no limit */
  int64_t max_restarts; /* of all children of one pool together; after that, environments that die stay dead */
  const char *program;  /* what a child executes, with "env-worker" and two numbers; NULL: this program */
};

struct isolation;

/* Wraps a type. `plugin` and `name` say where a child finds the same type (plugin "": built in). Copies the strings,
 * borrows `type`. */
MUSTER_CHECKED muster_status isolation_open(const muster_env_type *type, const char *plugin, const char *name,
                                            const struct isolation_options *options, struct isolation **out);
void isolation_close(struct isolation **isolation); /* does nothing where *isolation is NULL */

/* The type that wraps the other one. It lives as long as the isolation, and its reset and step functions only take
 * random streams of base/random.h. */
const muster_env_type *isolation_type(const struct isolation *isolation);

/* Create functions of a wrapped type return this where a child process cannot be started or has died, for which no
 * option of the environment is to blame. Where the environment itself fails they return 1. */
#define ISOLATION_NO_PROCESS 2

/* Whether a type was made by isolation_open(). The error text of its block_create() is a whole message, which names the
 * environment already.
 */
bool isolation_wraps(const muster_env_type *type);

/* What happened to a child: the rows first .. first + count - 1 have lost their episodes. */
struct env_loss {
  int32_t first, count;
  int32_t row; /* the environment at fault; `first` when it isn't known */
  bool is_row_known;
  int32_t restarts; /* how often the child was started again; 0 when it stays dead at once */
  bool stays_dead;  /* max_restarts is reached */
  char text[384];
};

/* Resets all rows that `ended` marks, [n], in one request to each child. After this each of these rows has to be reset
 * by block_reset() with the same stream, which then only takes the result. Does nothing when the type is not
 * wrapped. */
void isolation_reset_ended(const muster_env_type *type, void *block, const uint8_t *ended,
                           muster_random *const *randoms);

/* Takes the next loss out of a block of a wrapped type; false when there is none, or when the type is not wrapped. */
bool isolation_take_loss(const muster_env_type *type, void *block, struct env_loss *out);
/* Whether a row's state could be saved by the last block_save_state(). */
bool isolation_has_saved(const muster_env_type *type, const void *block);

/* All that a child does from start to end: `memory` and `event` are the descriptors that it was started with. Returns
 * its exit code. */
int isolation_worker(int memory, int event);

#endif
