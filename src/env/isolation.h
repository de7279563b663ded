/* Environments in child processes, so that a simulator which crashes, hangs or fails costs its running episodes only.
 *
 * An isolation wraps the type of an environment into another one, whose functions ask child processes over shared
 * memory. A child holds a block of environments. When one dies, does not answer in time, or reports an error, its rows
 * end as truncated, their observations stay as they were before the fault, and the child is started again.
 *
 * A child is this program itself, started by posix_spawn() with other arguments. That is safe in a job of Open MPI,
 * where fork() is not: the child executes a new image at once, inherits nothing of the library's state but two
 * descriptors of ours, and never calls MPI. It may be started at any time, so also again after a fault. */
#ifndef ENV_ISOLATION_H
#define ENV_ISOLATION_H

#include "base/status.h"
#include "muster/env.h"

#include <stdbool.h>

struct isolation_options {
  int32_t block;        /* environments in one child; 0: all */
  double step_timeout;  /* seconds that a child may take for a step of its environments, or a reset; 0: no limit */
  int64_t max_restarts; /* of the children of one pool; after that, environments stay dead */
  const char *program;  /* what a child executes, with "env-worker" and two numbers; NULL: this program */
};

struct isolation;

/* Wraps a type. `plugin` and `name` say how a child finds it again (plugin "": built in). Copies the strings, borrows
 * `type`. */
MUSTER_CHECKED muster_status isolation_open(const muster_env_type *type, const char *plugin, const char *name,
                                            const struct isolation_options *options, struct isolation **out);
void isolation_close(struct isolation **isolation); /* accepts NULL inside */

/* The wrapped type, which lives as long as the isolation. Its reset and step functions take random streams of
 * base/random.h only. */
const muster_env_type *isolation_type(const struct isolation *isolation);

/* What create functions of a wrapped type return where a child process cannot be started or has died, for which no
 * option of the environment is to blame; else they fail with 1. */
#define ISOLATION_NO_PROCESS 2

/* Whether a type is a wrapped one. What its block_create() fails with is a whole message, which names the environment.
 */
bool isolation_wraps(const muster_env_type *type);

/* What happened to a child: the rows first .. first + count - 1 have lost their episodes. */
struct env_loss {
  int32_t first, count;
  int32_t row; /* of the environment at fault; `first` when it isn't known */
  bool is_row_known;
  int32_t restarts; /* of the child since the last time; 0 when it stays dead at once */
  bool stays_dead;  /* max_restarts is reached */
  char text[384];
};

/* Resets all rows that `ended` marks, [n], in one request to each child. A block_reset() of such a row, which has to
 * come next and with the same stream, then takes what is there. Does nothing when the type is not wrapped. */
void isolation_reset_ended(const muster_env_type *type, void *block, const uint8_t *ended,
                           muster_random *const *randoms);

/* Takes the next loss out of a block of a wrapped type; false when there is none, or when the type is not wrapped. */
bool isolation_take_loss(const muster_env_type *type, void *block, struct env_loss *out);
/* Whether a row's state could be saved by the last block_save_state(). */
bool isolation_has_saved(const muster_env_type *type, const void *block);

/* The life of a child: `memory` and `event` are the descriptors that it was started with. Returns its exit code. */
int isolation_worker(int memory, int event);

#endif
