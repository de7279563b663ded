/* What parent and child of an isolation share: one piece of memory, and an event with which they wake each other. */
#ifndef ENV_ISOLATION_CHANNEL_H
#define ENV_ISOLATION_CHANNEL_H

#include "base/random.h"
#include "muster/env.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#define CHANNEL_SETTINGS 65536

enum channel_command {
  CHANNEL_CREATE,
  CHANNEL_RESET,
  CHANNEL_RESET_MARKED, /* the rows that are set in `marked` */
  CHANNEL_STEP,
  CHANNEL_SAVE,
  CHANNEL_LOAD,
  CHANNEL_TEXT,
  CHANNEL_OPTION
};

#define CHANNEL_TEXT_BYTES 16384

/* The head of the memory. The parent fills the request, then adds 1 to `asked`; the child fills the answer, then sets
 * `answered` to the same number. A side that is about to sleep says so in `..._sleeps`, and is woken by a byte through
 * the event. */
struct channel {
  _Alignas(64) _Atomic uint32_t asked, child_sleeps;
  _Alignas(64) _Atomic uint32_t answered, parent_sleeps;

  /* the request */
  enum channel_command command;
  int32_t row;
  pid_t parent;
  int32_t n;         /* CREATE: how many environments */
  double value;      /* OPTION */
  char key[64];      /* OPTION */
  bool resets_first; /* CREATE: reset all once, with any random numbers: they are stepped before a reset comes */

  /* the answer */
  bool failed;
  int32_t failed_row; /* -1: not known */
  char text[256];
  _Atomic int32_t running; /* the row that is at work, also when the child dies meanwhile; -1: not known */

  /* the answer to CREATE: the description of the environments; pointers in it mean nothing to the parent */
  muster_env_spec spec;
  bool can_save;
  size_t bytes; /* of the whole memory, this head included */

  char settings[CHANNEL_SETTINGS]; /* texts with a zero behind each: plug-in, name, key, value, ..., "" */
};

/* The arrays behind the head, one row for each environment. */
struct channel_arrays {
  float *observation_low, *observation_high, *action_low, *action_high;
  int32_t *observation_counts, *action_counts;
  unsigned char *actions, *observation, *mask;
  float *reward;
  uint8_t *terminated, *truncated, *marked;
  struct random_stream *streams; /* states of the streams; the functions in them are valid in one process only */
  unsigned char *state, *text;
  size_t observation_bytes, action_bytes, mask_bytes; /* of one environment */
};

/* Fills in where the arrays are in memory that starts at `head` (may be NULL, to learn the length). The pointers of the
 * description are not used. `choices`: the sum of the action's counts. Returns the bytes of the whole memory. */
size_t channel_layout(void *head, const muster_env_spec *spec, int32_t n, size_t choices, struct channel_arrays *out);

/* The sum of the counts of a discrete space, whose pointers must be valid; 0 for other spaces. */
size_t channel_choices(const muster_space *space);

/* Wakes the other side if it sleeps. */
void channel_wake(_Atomic uint32_t *sleeps, int event);

enum channel_outcome { CHANNEL_DONE, CHANNEL_CLOSED, CHANNEL_LATE };

/* Waits until *counter is `wanted`: looks, announces in *sleeps that it sleeps, and sleeps until the event wakes it. It
 * does not spin, since the other side may need the core. CLOSED: the other side is gone. LATE: `seconds` (0: no limit)
 * are over. */
enum channel_outcome channel_wait(_Atomic uint32_t *counter, uint32_t wanted, _Atomic uint32_t *sleeps, int event,
                                  double seconds);

#endif
