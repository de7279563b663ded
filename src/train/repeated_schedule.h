/* A run that repeats the recorded schedule of another one (train/recorded_schedule.h), and so ends in the same state,
 * bit for bit, at any number of ranks: trajectories are made by the policies of the same versions, and are taken in the
 * same order before the same updates.
 *
 * Every rank has the table. Before an update the learner waits until all trajectories are here that its present policy
 * makes, keeps those that come later in the table, and takes those that come before the update. So it gives no newer
 * policy while an actor still needs this one, and while it gives a command no actor is in the midst of a rollout.
 *
 * An actor may have other environments than an actor of the recorded run had: it rolls out parts of its environments,
 * such that those of a row of the table are made of whole parts. */
#ifndef TRAIN_REPEATED_SCHEDULE_H
#define TRAIN_REPEATED_SCHEDULE_H

#include "comm/comm.h"
#include "train/message.h"
#include "train/recorded_schedule.h"

/* A message that has come and is not taken yet. */
struct kept_message {
  struct kept_message *next;
  struct message message; /* its content follows */
};

struct repeated_schedule {
  struct recorded_row *rows; /* [n], owned */
  int64_t n;
  int64_t *order;      /* [n], owned: the rows by their versions, those of one version in the order of the table */
  unsigned char *cuts; /* [environments + 1], owned: whether a part begins there */
  int64_t environments;
  int64_t updates; /* that the run has made when it is finished */

  /* the learner */
  int64_t taken;             /* rows so far */
  int64_t expected, arrived; /* rollouts of single environments: by policies up to the present one; that have come */
  int64_t expected_rows;     /* of `order` that `expected` counts */
  struct kept_message *kept; /* owned */

  /* an actor */
  struct actor *parts; /* [n_parts] of its environments; from the run's arena */
  int n_parts;
  int64_t at;      /* in `order`: the row that it works on */
  int64_t at_part; /* the first of its parts that may still be due for that row */
};

/* Reads the schedule of a run folder, and checks that a run of this config can repeat it: the rank that leads. Errors
 * USAGE: it cannot. repeated_schedule_share() then gives it to all ranks; collective. */
MUSTER_CHECKED muster_status repeated_schedule_read(const char *run_folder, const struct run_config *config,
                                                    struct repeated_schedule *schedule);
MUSTER_CHECKED muster_status repeated_schedule_share(struct comm *comm, int leader, int64_t environments,
                                                     struct repeated_schedule *schedule);
/* Also destroys the environments of parts. Does nothing to a zeroed one. */
void repeated_schedule_release(struct repeated_schedule *schedule);

/* --- an actor --- */

/* Divides its environments into parts. */
MUSTER_CHECKED muster_status repeated_schedule_divide(struct repeated_schedule *schedule, struct actor *actor);
/* The part that has to roll out next, if its policy is that of this version; its `rollouts` is set to the number before
 * that of its rollout. NULL: another version has to come first, or there is no more. */
struct actor *repeated_schedule_due(struct repeated_schedule *schedule, int64_t version);

/* --- the learner --- */

/* Whether a trajectory is still to come that the policy of this version, or an older one, makes. */
bool repeated_schedule_awaits(struct repeated_schedule *schedule, int64_t version);
/* Keeps a message with a rollout. Error MEMORY. */
MUSTER_CHECKED muster_status repeated_schedule_keep(struct repeated_schedule *schedule, const struct message *message,
                                                    size_t bytes);
/* The next row of the table, if it comes before the update of this number; NULL: it does not, or there is none. */
const struct recorded_row *repeated_schedule_next(struct repeated_schedule *schedule, int64_t update);
/* Takes the kept message of a rollout that begins with this environment; the caller frees it. Error INTERNAL: it has
 * not come. */
MUSTER_CHECKED muster_status repeated_schedule_find(struct repeated_schedule *schedule, int64_t first_env,
                                                    int64_t rollout, struct kept_message **found);

#endif
