/* Runs as their folders tell them: config, metrics and summary; and which of them are the same but for the seed. */
#ifndef VIEW_RECORD_H
#define VIEW_RECORD_H

#include "config/document.h"
#include "store/json_read.h"
#include "store/metrics_read.h"

/* columns of metrics.csv that this room reads by themselves; all others it takes as they come */
#define COLUMN_STEPS "time/total_timesteps"
#define COLUMN_SECONDS "time/time_elapsed"
#define COLUMN_RETURN "rollout/ep_rew_mean"
/* the seconds that a stage took since the row before: "time/update_seconds" */
#define COLUMN_STAGE_START "time/"
#define COLUMN_STAGE_END "_seconds"

#define RECORD_LABEL_SIZE 160

struct record {
  const char *path;              /* as it was given, borrowed */
  char name[256];                /* the last part of the path */
  struct document *config;       /* without entries where the run has not written config.yaml yet */
  char *about;                   /* comments at the top of config.yaml, a line each: version, start, ranks */
  int ranks;                     /* 0: not known */
  struct metrics_table *metrics; /* without columns where there is no metrics.csv yet */
  struct json_value *summary;    /* NULL while the run goes on, and where it was killed */
  bool is_running;               /* a process of this host, or of the shared file system, holds its folder */
};

/* Runs with the same config, but for the seed and the folder, and the same number of ranks. */
struct record_group {
  size_t *members; /* [n_members] places among the records, in the order given */
  size_t n_members;
  char label[RECORD_LABEL_SIZE]; /* what tells it from the other groups */
};

struct record_set {
  struct record *records; /* [n] */
  size_t n;
  struct record_group *groups; /* [n_groups] in the order of their first members */
  size_t n_groups;
};

/* Reads n run folders; `paths` are borrowed for the life of the set. Errors: IO, FORMAT, USAGE (no run folder, one that
 * is given twice), each with the path. */
MUSTER_CHECKED muster_status record_set_read(const char *const *paths, size_t n, struct record_set **out);
void record_set_destroy(struct record_set **set); /* accepts NULL inside */

/* "CartPole-v1, ppo": the environment and the algorithm, where all runs share them. */
void record_set_title(const struct record_set *set, char title[RECORD_LABEL_SIZE]);

/* A value of the config by its dotted key; "" where there is none. */
const char *record_config(const struct record *record, const char *key);

/* "finished", "interrupted", "running", or "not finished": it was killed, or runs on another machine. */
const char *record_status(const struct record *record);

#endif
