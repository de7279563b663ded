/* The files of a replay in the run folder: replay/segment-000001.h5, ..., each a segment of the log
 * (experience/replay_log.h) that is never changed, and which all checkpoints share that need it. A checkpoint holds the
 * tail of the log, and the numbers and digests of the segments that the replay still has slots of.
 *
 * A segment is written when it is whole. One that cannot be written waits in memory and is tried again; until then no
 * checkpoint is written. A segment is removed when no checkpoint in the folder needs it.
 *
 * Writing and removing is here, reading is in train/replay_restore.h. Only the rank that leads has files. */
#ifndef TRAIN_REPLAY_FILES_H
#define TRAIN_REPLAY_FILES_H

#include "base/log.h"
#include "experience/replay_log.h"
#include "runs/folder.h"
#include "train/replay_needs.h"

/* A segment in its file. */
struct replay_file {
  int64_t number, slots;
  uint8_t seal[CHECKPOINT_SEAL_BYTES]; /* the digest of the file */
  int64_t *first, *end;                /* [N] owned: it has the slots first to end - 1 of each environment */
};

struct replay_files {
  struct replay_log *log;          /* of the algorithm, borrowed; NULL: it has no replay */
  const struct run_folder *folder; /* borrowed; NULL: nothing is written */
  const struct logger *logger;     /* borrowed */
  struct replay_file *file;        /* [n] owned: those of which the replay still has slots, the oldest first */
  size_t n;
  int64_t next_number; /* of the next segment; 0: the folder was not looked at yet */
  bool cannot_write;   /* a segment waits since it could not be written, and that was said */
  bool cannot_remove;  /* segments that nobody needs stay, and that was said */
  struct replay_needs needs;
};

void replay_files_init(struct replay_log *log, const struct run_folder *folder, const struct logger *logger,
                       struct replay_files *files);
void replay_files_release(struct replay_files *files);

/* The path of a segment in the folder of them. */
#define REPLAY_FILE_PATH_SIZE (RUN_PATH_SIZE + 96)
void replay_file_path(const char *folder, int64_t number, char path[REPLAY_FILE_PATH_SIZE]);

/* Writes the segments that wait; without a folder they are forgotten. IO error where one cannot be written: it goes on
 * waiting. */
MUSTER_CHECKED muster_status replay_files_write(struct replay_files *files);

/* The same, for between two checkpoints: that a segment cannot be written is said once, and is no error. */
MUSTER_CHECKED muster_status replay_files_keep_up(struct replay_files *files);

/* Adds tail and list to a checkpoint: "replay/tail/...", "replay/segments/...". No segment may wait. */
MUSTER_CHECKED muster_status replay_files_add(struct replay_files *files, struct checkpoint_writer *writer);

/* Removes the segments that neither the log nor any checkpoint in the folder needs, and what killed writers left. IO
 * error where a checkpoint cannot be read, which may need any of them, or a segment not be removed. */
MUSTER_CHECKED muster_status replay_files_prune(struct replay_files *files);

/* The same, for a run: that segments stay which nobody needs is said once, and is no error. */
MUSTER_CHECKED muster_status replay_files_tidy(struct replay_files *files);

/* Describes the file of a segment, but for its number and seal. MEMORY error. */
MUSTER_CHECKED muster_status replay_file_create(const struct replay_segment *segment, struct replay_file *file);

/* Adds a file to the list: takes it, also where there is an error (MEMORY). */
MUSTER_CHECKED muster_status replay_files_append(struct replay_files *files, struct replay_file *file);

/* Empties the list. */
void replay_files_forget(struct replay_files *files);

#endif
