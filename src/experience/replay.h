/* A replay: the last steps of every environment, kept to be learned from many times, in a ring of slots.
 *
 * A slot keeps the fields of a step that are FIELD_REPLAYED (experience/fields.h). Every observation is kept once: the
 * next observation of a step is in the slot after it. The newest slot of an environment is open: its observation is
 * known, its action is not yet. An episode that was truncated takes one more slot, for its true last observation and
 * nothing else; so does an episode of which the next rollout was lost. An episode that terminated has no next
 * observation.
 *
 *   slot      w     w+1   w+2    w+3    w+4   w+5
 *   episode   o a r o a r o a r  o      o a r o ...
 *                         cut    last   next episode
 *
 * Which steps an update learns from is a pure function of the seed, the number of the update and the contents, and the
 * contents depend neither on which ranks acted nor on how many learn. */
#ifndef EXPERIENCE_REPLAY_H
#define EXPERIENCE_REPLAY_H

#include "base/arena.h"
#include "experience/trajectory.h"

/* A further value of the field `ended`, which may have ENV_TERMINATED and ENV_TRUNCATED (env/pool.h), too: the slot is
 * not a step. */
#define REPLAY_LAST 4        /* the last observation of a truncated episode, or of one whose next steps were lost */
#define REPLAY_LEAST_STEPS 2 /* of an environment that a replay keeps */

/* One array for each line of STEP_FIELDS, by its name or by its place in the table; NULL where there is none. */
struct step_arrays {
  union {
    struct {
      STEP_FIELDS(FIELD_MEMBER)
    };
    void *array[STEP_FIELD_COUNT];
  };
};

/* A field in the records of a replay. */
struct replay_field {
  int place;            /* in STEP_FIELDS */
  size_t offset, bytes; /* in a record */
  bool has_next;        /* the step after the window has it, too: observation and mask */
};

/* Which records a replay holds where several learners divide them: the slots of all rows, one row after the other, are
 * cut into `members` parts of equal size, and member `index` holds its part. Where a cut goes through a row, it also
 * holds the `window` slots behind its part of the row, into which the windows of its last steps reach. */
struct replay_division {
  size_t members, index;
  int64_t window;
};

/* The slots behind a part of a row that is cut. The slot behind the last one of a row is its first. */
struct replay_reach {
  size_t row, slot; /* where it begins */
  char *records;    /* [reach_slots, record_bytes] */
};

/* A slot of a row is a record, in which its fields lie together, so that a step and the one after it, which are drawn
 * together, are next to each other in memory. The records of the open slots are kept apart: with all that is needed to
 * draw steps, these are what each learner has whose records are divided. */
struct replay {
  size_t n_envs, agents, n_rows; /* N, A, N * A; row = environment * A + agent */
  size_t slots;                  /* of each environment: one more than the steps that it keeps */
  struct field field[STEP_FIELD_COUNT];
  struct replay_field kept[STEP_FIELD_COUNT];
  int n_kept;
  size_t bytes; /* that it takes from its arena */
  size_t record_bytes, reward_offset;
  size_t next_bytes;      /* of the fields that a next step has; they come first in a record */
  char *open;             /* [N * A, next_bytes] of the open slots: what is known before their actions */
  uint8_t *ended;         /* [N, slots] */
  int64_t *written;       /* [N] slots that were ever begun; the newest one is open */
  int64_t *rollout_slot;  /* [N] while a rollout is appended: the number of the slot that its first step takes */
  int32_t *rollout_lasts; /* [N] and how many final observations of it are appended so far */

  struct replay_division division;
  size_t first, held;           /* the records row * slots + slot that are here: so many from `first` on */
  char *records;                /* [held, record_bytes] */
  struct replay_reach reach[2]; /* of the rows that are cut where the part begins, and where it ends */
  int n_reach;
  size_t reach_slots;
};

/* Makes a replay of `capacity` steps of such rollouts, rounded up to the same number for each environment, at least
 * REPLAY_LEAST_STEPS. `division` NULL: all records are here. USAGE error where these are too many to count. */
MUSTER_CHECKED muster_status replay_create(const struct trajectory *rollout, size_t capacity,
                                           const struct replay_division *division, struct arena *arena,
                                           struct replay *replay);

/* The bytes that such a replay of n_envs of these environments takes from its arena, where all records are here. */
double replay_bytes(const muster_env_spec *env, size_t n_envs, size_t capacity);

/* The member in whose part a slot is, row * slots + slot. */
size_t replay_owner(const struct replay *replay, uint64_t slot);

/* Appends the steps of a rollout that count, and its final observations; keeps the records that it holds. The rollout
 * may be of some environments only, from number rollout->first_env on; its final observations bear the same numbers. An
 * environment goes on with the episode of its last rollout; if the rollout's first observation differs from that of the
 * open slot, it begins a new episode. */
void replay_append(struct replay *replay, const struct trajectory *rollout);

/* A kept field's entry for a row at step t of the rollout, which numbers rows from its first environment on; of an
 * environment's field, for each of its agents. */
const char *replay_rollout_entry(const struct replay *replay, const struct trajectory *rollout,
                                 const struct replay_field *kept, size_t row, size_t t);

/* Whether a slot keeps a step: it is filled, is no last observation, and is not open. */
bool replay_is_step(const struct replay *replay, size_t env, size_t slot);

/* How many slots of all rows are filled, with steps or with last observations. */
size_t replay_size(const struct replay *replay);

/* Draws n steps for the update of this number, uniformly and with replacement: drawn[n], row * slots + slot. There must
 * be at least one step. */
void replay_draw(const struct replay *replay, uint64_t seed, uint32_t update, size_t n, uint64_t *drawn);

/* One tile of drawn steps, with the sums over their windows of n_steps:
 *   reward = sum over k < m of gamma^k r_k,  discount = gamma^m, or 0 where the episode terminated,
 * m <= n_steps: the window ends earlier where the episode ends, or where the replay has no more of it. `next` is the
 * step after the window. */
struct replay_tile {
  size_t rows;             /* how many are in use */
  struct step_arrays step; /* [rows, elements] of the fields that the replay keeps */
  struct step_arrays next; /* the same for the fields that a next step has: observation and mask */
  float *discount;         /* [rows] factor of what comes after the window */
};

/* Makes a tile of at most `rows` rows, in memory from the arena. */
MUSTER_CHECKED muster_status replay_tile_create(const struct replay *replay, size_t rows, struct arena *arena,
                                                struct replay_tile *tile);

/* Gathers drawn[0 .. rows - 1], which are held here, into the tile. */
void replay_gather(const struct replay *replay, const uint64_t *drawn, size_t rows, int64_t n_steps, double gamma,
                   struct replay_tile *tile);

/* The same in two halves, for steps that another member holds: a drawn step with the sums over its window becomes
 * replay_packed_bytes() bytes, which become row r of a tile. */
size_t replay_packed_bytes(const struct replay *replay);
void replay_pack(const struct replay *replay, uint64_t drawn, int64_t n_steps, double gamma, char *packed);
void replay_unpack(const struct replay *replay, const char *packed, struct replay_tile *tile, size_t r);

/* Lists what a checkpoint holds of the replay besides its slots, which are in segments (experience/replay_segment.h),
 * as tensors "replay/..."; returns how many there are. */
#define REPLAY_STATE 1
int replay_state(struct replay *replay, struct tensor list[REPLAY_STATE]);

/* Fills the slot of this number, which replay->written[env] slots do not overwrite, if it is held here; entry[i]:
 * [agents, elements] of the field at this place in STEP_FIELDS. */
void replay_put(struct replay *replay, size_t env, int64_t number, uint8_t ended,
                const void *const entry[STEP_FIELD_COUNT]);

#endif
