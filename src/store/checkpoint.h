/* Checkpoint files: named tensors, attributes and texts in HDF5, written so that a file is either complete or does not
 * exist. This module knows nothing of algorithms: it writes what it is given. The layout is in
 * docs/checkpoint-format.md. */
#ifndef STORE_CHECKPOINT_H
#define STORE_CHECKPOINT_H

#include "base/status.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHECKPOINT_FORMAT_VERSION 1

enum tensor_type { TENSOR_F32, TENSOR_F64, TENSOR_I32, TENSOR_I64, TENSOR_U8, TENSOR_U32, TENSOR_U64 };

#define TENSOR_MAX_RANK 4

/* Which values the elements of a tensor may have, both bounds included. Files may come from anybody: nothing is
 * restored without such a range, which keeps out values that would do harm. */
struct tensor_range {
  double least, most;
  enum { RANGE_IS_MISSING, RANGE_IS_NUMBERS, RANGE_IS_NUMBERS_OR_NAN } kind;
};

/* Ranges. NONE: for tensors that are only written. */
#define RANGE_NONE ((struct tensor_range){.kind = RANGE_IS_MISSING})
#define RANGE(least, most) ((struct tensor_range){(least), (most), RANGE_IS_NUMBERS})
#define RANGE_OR_NAN(least, most) ((struct tensor_range){(least), (most), RANGE_IS_NUMBERS_OR_NAN})
#define RANGE_ANY RANGE_OR_NAN(-INFINITY, INFINITY)
#define RANGE_FINITE RANGE(-(double)FLT_MAX, (double)FLT_MAX)
/* Counters: no run reaches 2^53 (285 years at a million steps a second), and all smaller ones are exact as doubles. */
#define RANGE_COUNT_MAX 9007199254740992.0
#define RANGE_COUNT RANGE(0, RANGE_COUNT_MAX)
/* Sums of floats, of as many as such a counter can count. */
#define RANGE_SUM RANGE(-(double)FLT_MAX *RANGE_COUNT_MAX, (double)FLT_MAX *RANGE_COUNT_MAX)

/* A named view of an array in memory; row-major, contiguous. `name` is its path in the file: "policy/0/weight". */
struct tensor {
  const char *name; /* borrowed */
  enum tensor_type type;
  int rank; /* 0 for a scalar */
  size_t shape[TENSOR_MAX_RANK];
  void *data; /* borrowed; read by the writer, written by the reader */
  struct tensor_range range;
};

size_t tensor_elements(const struct tensor *tensor);
size_t tensor_bytes(const struct tensor *tensor);
/* Value i of its data as a double. */
double tensor_element(const struct tensor *tensor, size_t i);
const char *tensor_type_name(enum tensor_type type); /* "float32", "uint8", ...; borrowed */

/* --- writing: begin, add, commit (or abandon) --- */
struct checkpoint_writer;

/* Starts a checkpoint in memory; nothing happens in the folder of `path` (copied) before the commit. */
MUSTER_CHECKED muster_status checkpoint_write_begin(const char *path, struct checkpoint_writer **out);
/* Adds one dataset, checksummed (fletcher32); groups on its path are made as needed. Empty tensors are allowed. Copies.
 * Error INTERNAL when the name is taken. */
MUSTER_CHECKED muster_status checkpoint_write_tensor(struct checkpoint_writer *writer, const struct tensor *tensor);
/* Add an attribute (int, float) or a text dataset under a path like "total_steps" or "algorithm/learning_rate". */
MUSTER_CHECKED muster_status checkpoint_write_int(struct checkpoint_writer *writer, const char *name, int64_t value);
MUSTER_CHECKED muster_status checkpoint_write_float(struct checkpoint_writer *writer, const char *name, double value);
MUSTER_CHECKED muster_status checkpoint_write_text(struct checkpoint_writer *writer, const char *name,
                                                   const char *text);
/* Computes the digest, writes a temporary file next to `path`, fsyncs, renames it onto `path`, fsyncs the folder. Takes
 * the writer. On failure the temporary file is removed, and what was at `path` before stays as it is. (A limit on file
 * sizes leads to an error only in a process that ignores SIGXFSZ; else that signal ends it.) */
MUSTER_CHECKED muster_status checkpoint_write_commit(struct checkpoint_writer **handle);
/* The same, and tells the digest of the file that is in its first line, by which others may refer to it. */
#define CHECKPOINT_SEAL_BYTES 16
MUSTER_CHECKED muster_status checkpoint_write_commit_sealed(struct checkpoint_writer **handle,
                                                            uint8_t seal[CHECKPOINT_SEAL_BYTES]);
/* Drops what was added; does nothing where *handle is NULL. */
void checkpoint_write_abandon(struct checkpoint_writer **handle);

/* --- reading --- */
struct checkpoint_reader;

/* Opens a file and verifies that it is a checkpoint of muster, of a known version, and that its length and digest are
 * right. The content is held in memory until checkpoint_close(), so the file may be replaced meanwhile. Errors: IO
 * (missing, unreadable), FORMAT (empty, truncated, damaged, foreign, newer version), each naming the path and what to
 * do. */
MUSTER_CHECKED muster_status checkpoint_open(const char *path, struct checkpoint_reader **out);
void checkpoint_close(struct checkpoint_reader **handle);       /* does nothing where *handle is NULL */
size_t checkpoint_size(const struct checkpoint_reader *reader); /* bytes of the file */
/* The digest in its first line, as checkpoint_write_commit_sealed() told it. */
void checkpoint_seal(const struct checkpoint_reader *reader, uint8_t seal[CHECKPOINT_SEAL_BYTES]);

/* Reads the dataset `tensor->name` into tensor->data. Its type, rank and shape must be those of the file; otherwise the
 * error names both. */
MUSTER_CHECKED muster_status checkpoint_read_tensor(struct checkpoint_reader *reader, const struct tensor *tensor);
/* The same for data from which a run or a policy continues: each element must be within tensor->range, else a FORMAT
 * error names the file, the dataset, the element, its value and the range. INTERNAL error where the range is
 * missing. */
MUSTER_CHECKED muster_status checkpoint_restore_tensor(struct checkpoint_reader *reader, const struct tensor *tensor);
/* Fills type, rank and shape of a dataset, without data; the name must be set. FORMAT error when there is none. The
 * bytes of the tensor never exceed the size of the file, whatever the file says: the caller may allocate them without
 * further checks.
 */
MUSTER_CHECKED muster_status checkpoint_describe_tensor(struct checkpoint_reader *reader, struct tensor *tensor);
bool checkpoint_has(struct checkpoint_reader *reader, const char *name); /* tensor, text, attribute or group */
MUSTER_CHECKED muster_status checkpoint_read_int(struct checkpoint_reader *reader, const char *name, int64_t *value);
MUSTER_CHECKED muster_status checkpoint_read_float(struct checkpoint_reader *reader, const char *name, double *value);
/* `*text` is allocated; the caller frees it. */
MUSTER_CHECKED muster_status checkpoint_read_text(struct checkpoint_reader *reader, const char *name, char **text);
/* Calls `visit` for every tensor (without data) in the order of names, depth first; stops at the first error and
 * returns it. `visit` may read from the reader. */
typedef muster_status (*checkpoint_visit)(const struct tensor *tensor, void *context);
MUSTER_CHECKED muster_status checkpoint_for_each(struct checkpoint_reader *reader, checkpoint_visit visit,
                                                 void *context);

/* One hash over names, types, shapes and contents of all tensors whose name `is_counted` accepts, in the order of
 * names: equal hashes mean equal tensors. 32 hexadecimal digits (XXH3-128) and a terminating zero. */
#define CHECKPOINT_DIGEST_SIZE 33
typedef bool (*checkpoint_filter)(const char *name);
MUSTER_CHECKED muster_status checkpoint_digest(struct checkpoint_reader *reader, checkpoint_filter is_counted,
                                               char digest[CHECKPOINT_DIGEST_SIZE]);

/* --- the folder of a run's checkpoints: step-000000102400.h5 ..., and `latest`, a second name of the newest --- */

/* The attribute that tells the steps of a checkpoint. The search for the newest one passes over a file whose name tells
 * other steps: anybody can rename files. */
#define CHECKPOINT_STEPS "about/total_steps"

/* Path of the checkpoint for a step count: "<folder>/step-%012lld.h5". */
void checkpoint_path(const char *folder, int64_t total_steps, char *path, size_t size);
/* Makes <folder>/latest another name of the file of that step count, in one step: a symbolic link, or, where the file
 * system has none, a hard link or a copy. Removes files older than the newest `keep` complete ones of at most that step
 * count (keep <= 0 keeps all), and temporary files. Other names are left alone. A folder has one writer. */
MUSTER_CHECKED muster_status checkpoint_publish(const char *folder, int64_t total_steps, int64_t keep);
/* Makes `best`, a path in the same folder, another name of the checkpoint of that step count, in one step: it stays
 * when the checkpoint itself is removed. Where the file system has no hard links the file is copied. */
MUSTER_CHECKED muster_status checkpoint_keep(const char *folder, int64_t total_steps, const char *best);
/* Finds the newest file in `folder` that verifies, has the steps that its name tells, and is usable. A damaged file is
 * renamed to <name>.damaged, or .damaged.2 and so on where that is taken; one with a wrong name, or that is not usable,
 * stays. All are reported through `on_passed_over`, and the next older file is tried. `path` is "" when there is none,
 * or no folder. A file that cannot be read, or is complete but of a newer format, is not damaged: it stays, and its
 * error is returned. */
struct checkpoint_search {
  void (*on_passed_over)(const char *path, bool is_damaged, const char *reason, void *context); /* may be NULL */
  /* Whether a whole file can be continued from: FORMAT error, which gets the file's path in front, where it cannot; any
   * other error ends the search. May be NULL. */
  muster_status (*is_usable)(struct checkpoint_reader *reader, void *context);
  void *context;
};
MUSTER_CHECKED muster_status checkpoint_find_newest(const char *folder, const struct checkpoint_search *search,
                                                    char *path, size_t size);
/* Whether a complete file is of another format version than this program's: then it is no damage that it cannot be
 * read. */
bool checkpoint_is_of_other_version(const char *path);
/* The name of the file with the most steps; "" when there is none. The file is not read, so use this only to show
 * it. */
MUSTER_CHECKED muster_status checkpoint_newest_name(const char *folder, char *name, size_t size);
/* Finds the checkpoint that a user means by a path: a file means itself; a folder of checkpoints or a run folder (its
 * checkpoints/) means the newest there that verifies. Renames nothing. Errors: IO (nothing of that name, no checkpoint
 * there), FORMAT (none verifies). */
MUSTER_CHECKED muster_status checkpoint_resolve(const char *run_or_file, char *path, size_t size);

#endif
