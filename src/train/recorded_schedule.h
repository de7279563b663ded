/* The recorded schedule of an asynchronous run: which trajectories came before which update, and which policy had made
 * them. That is all in such a run that depends on time, so whoever has it can repeat the run bit for bit
 * (train/repeated_schedule.h).
 *
 * It is a table in the run folder, schedule/segment-NNNNNN.h5, in segments of RECORDED_ROWS rows. A segment is written
 * when it is full and before each checkpoint, as a whole each time, so its file is complete or does not exist. A
 * checkpoint counts the rows before it, and a resumed run cuts the table back to that. */
#ifndef TRAIN_RECORDED_SCHEDULE_H
#define TRAIN_RECORDED_SCHEDULE_H

#include "base/log.h"
#include "setup/config.h"

#define RECORDED_ROWS 65536
#define RECORDED_PATH_SIZE 1200

/* Trajectories of neighbouring environments that were taken together; a row of the table, whose columns have this
 * order. */
struct recorded_row {
  int64_t first_env, n_envs; /* n_envs 0: no trajectories, and first_env is an enum recorded_event */
  int64_t rollout;           /* its number, which its random numbers depend on */
  int64_t version;           /* of the policy that acted: updates before it */
  int64_t update;            /* number of the update that came next, from 1 */
};
enum { RECORDED_COLUMNS = sizeof(struct recorded_row) / sizeof(int64_t) };

/* What comes before an update besides trajectories; after the first two nothing can be repeated. */
enum recorded_event {
  RECORDED_STATES_LOST,    /* a rank was lost, and the states of its environments with it */
  RECORDED_CONFIG_CHANGED, /* the run was resumed with other options that decide what is learned */
  RECORDED_END             /* the run is finished: the update is not made */
};

struct recorded_schedule {
  char folder[RECORDED_PATH_SIZE];
  const struct run_config *config; /* borrowed; each segment has it */
  const struct logger *logger;     /* borrowed */
  struct recorded_row *rows;       /* [capacity], owned: of the open segment, and of full ones not yet written */
  int64_t n, capacity;
  int64_t written;  /* of these rows, in the file of the open segment */
  int64_t segments; /* before the open one */
  bool is_off;      /* nothing is recorded (any more) */
};

/* Begins the table in the folder of a run, or goes on with the one that is there, of which `keep_rows` rows count (-1:
 * the run begins). Where these cannot be read, a warning is logged, and nothing more is recorded. Errors MEMORY, IO. */
MUSTER_CHECKED muster_status recorded_schedule_open(const struct run_config *config, const char *run_folder,
                                                    int64_t keep_rows, const struct logger *logger,
                                                    struct recorded_schedule *schedule);
/* Frees the memory; does nothing to a zeroed one. */
void recorded_schedule_close(struct recorded_schedule *schedule);

/* Adds a row. A full segment that cannot be written waits in memory. */
void recorded_schedule_add(struct recorded_schedule *schedule, const struct recorded_row *row);
/* Rows so far; -1: nothing is recorded. */
int64_t recorded_schedule_rows(const struct recorded_schedule *schedule);
/* Brings all rows to the disk, before a checkpoint counts them. Error IO. */
MUSTER_CHECKED muster_status recorded_schedule_sync(struct recorded_schedule *schedule);

/* Reads the whole table of a run: `*rows` [n], allocated, is the caller's to free, and the config that the run had.
 * Errors USAGE: there is none, or it is damaged. */
MUSTER_CHECKED muster_status recorded_schedule_read(const char *run_folder, struct run_config *config,
                                                    struct recorded_row **rows, int64_t *n);

#endif
