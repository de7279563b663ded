/* The run folder: created and locked by a run that trains (train/), and read by the commands that show runs
 * (runs/info.h). */
#ifndef RUNS_FOLDER_H
#define RUNS_FOLDER_H

#include "base/status.h"
#include "setup/config.h"
#include "setup/placement.h"

#define RUN_PATH_SIZE 1024

/* The files in a run folder, besides the event files of TensorBoard. */
#define RUN_CONFIG_FILE "config.yaml"
#define RUN_METRICS_FILE "metrics.csv"
#define RUN_SUMMARY_FILE "summary.json"
#define RUN_CHECKPOINT_FOLDER "checkpoints"
#define RUN_REPLAY_FOLDER "replay"
#define RUN_LOCK_FILE ".lock"

struct run_folder {
  char path[RUN_PATH_SIZE];  /* as the user wrote it: for messages */
  char place[RUN_PATH_SIZE]; /* the same as an absolute path, like those of the files below: a simulator may change the
                                working directory of its process */
  char checkpoints[RUN_PATH_SIZE + 32];
  char replay[RUN_PATH_SIZE + 32]; /* of the segments of a replay (train/replay_files.h), once there is one */
  char metrics[RUN_PATH_SIZE + 32];
  char summary[RUN_PATH_SIZE + 32];
  char config[RUN_PATH_SIZE + 32];
  char best[RUN_PATH_SIZE + 64];
  bool resumes;     /* the folder holds a run, which is to be continued */
  bool made;        /* the folder was created by this process, for a run that has not begun */
  int lock;         /* descriptor that holds the folder's lock; 0: none */
  bool lacks_locks; /* the file system has no locks: nothing keeps a second run out */
};

/* Chooses and prepares the folder: `wanted`, else run.dir, else a new numbered one. Relative paths start at the folder
 * `home`. Without `resume` a folder that exists and is not empty is refused and nothing in it is touched; with `resume`
 * it may hold a run, or nothing yet. Takes the folder's lock, which ends with this process: where the folder's run
 * still lives, the folder is refused after a wait of some seconds. Errors: USAGE (exists), FORMAT (a run whose
 * checkpoints are gone), IO (cannot be made or written, in use). Only on the learner. */
MUSTER_CHECKED muster_status run_folder_prepare(const struct run_config *config, const char *wanted, const char *home,
                                                bool resume, struct run_folder *folder);

/* What run_folder_prepare() would choose or refuse, as `path` and `resumes` of the folder; creates and changes
 * nothing. */
MUSTER_CHECKED muster_status run_folder_preview(const struct run_config *config, const char *wanted, const char *home,
                                                bool resume, struct run_folder *folder);

/* Whether a process, on whatever host, holds the lock of the run folder at `path`; does not take the lock. */
enum folder_lock { FOLDER_FREE, FOLDER_IN_USE, FOLDER_UNKNOWN };
enum folder_lock run_folder_look_at_lock(const char *path);

/* Releases the lock. */
void run_folder_release(struct run_folder *folder);

/* Removes what run_folder_prepare() made, and the files of a run that has not begun; does nothing to a folder that was
 * there before, or that was never prepared. */
void run_folder_discard(const struct run_folder *folder);

/* Writes config.yaml: the resolved options and, as comments, version, git hash and the layout of ranks. */
MUSTER_CHECKED muster_status run_folder_write_config(const struct run_folder *folder, const struct run_config *config,
                                                     const struct placement *placement);

#endif
