/* The folder of a run's checkpoints: names, the link to the newest, what is kept, and which one is whole. */
#include "store/checkpoint.h"

#include "store/checkpoint_container.h"
#include "store/durable.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_FORMAT "step-%012" PRId64 ".h5"
#define NAME_SIZE 40

/* step counts of the checkpoints in a folder, the newest first */
struct listing {
  int64_t *steps; /* owned */
  size_t n;
};

void checkpoint_path(const char *folder, int64_t total_steps, char *path, size_t size) {
  snprintf(path, size, "%s/" NAME_FORMAT, folder, total_steps);
}

/* reads the step count of a file name; false when no checkpoint has that very name */
static bool parse_name(const char *name, int64_t *total_steps) {
  char again[NAME_SIZE];
  if (sscanf(name, "step-%19" SCNd64, total_steps) != 1 || *total_steps < 0) return false;
  snprintf(again, sizeof again, NAME_FORMAT, *total_steps);
  return strcmp(name, again) == 0;
}

static int newest_first(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x < y) - (x > y);
}

static muster_status listing_add(struct listing *listing, int64_t total_steps) {
  int64_t *steps = realloc(listing->steps, (listing->n + 1) * sizeof *steps);
  if (steps == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: cannot list the checkpoints");
  listing->steps = steps;
  listing->steps[listing->n++] = total_steps;
  return MUSTER_OK;
}

/* lists a folder; a missing folder is an empty one. The caller frees listing->steps, also after an error. */
static muster_status listing_read(const char *folder, struct listing *listing) {
  DIR *stream = opendir(folder);
  *listing = (struct listing){0};
  if (stream == NULL && errno == ENOENT) return MUSTER_OK;
  if (stream == NULL) return status_errno(MUSTER_ERROR_IO, "cannot read the folder '%s'", folder);
  muster_status status = MUSTER_OK;
  struct dirent *entry;
  int64_t total_steps;
  while (status == MUSTER_OK && (errno = 0, entry = readdir(stream)) != NULL)
    if (parse_name(entry->d_name, &total_steps)) status = listing_add(listing, total_steps);
  if (status == MUSTER_OK && errno != 0) status = status_errno(MUSTER_ERROR_IO, "cannot read the folder '%s'", folder);
  closedir(stream);
  if (listing->n > 0) qsort(listing->steps, listing->n, sizeof *listing->steps, newest_first);
  return status;
}

/* every path below `folder` fits in `size` bytes, and in ours */
static muster_status check_length(const char *folder, size_t size) {
  if (strlen(folder) + NAME_SIZE + strlen(".damaged") < (size < DURABLE_PATH_SIZE ? size : DURABLE_PATH_SIZE))
    return MUSTER_OK;
  return status_error(MUSTER_ERROR_IO, "the path of the folder '%.60s...' is too long", folder);
}

/* --- publishing --- */

static muster_status remove_file(const char *path) {
  if (unlink(path) != 0 && errno != ENOENT) return status_errno(MUSTER_ERROR_IO, "cannot remove '%s'", path);
  return MUSTER_OK;
}

static muster_status prune(const char *folder, int64_t total_steps, int64_t keep) {
  if (keep <= 0) return MUSTER_OK;
  struct listing listing;
  muster_status status = listing_read(folder, &listing);
  for (size_t i = (size_t)keep; status == MUSTER_OK && i < listing.n; i++) {
    char path[DURABLE_PATH_SIZE];
    checkpoint_path(folder, listing.steps[i], path, sizeof path);
    if (listing.steps[i] != total_steps) status = remove_file(path);
  }
  free(listing.steps);
  return status;
}

muster_status checkpoint_publish(const char *folder, int64_t total_steps, int64_t keep) {
  char path[DURABLE_PATH_SIZE], link[DURABLE_PATH_SIZE], name[NAME_SIZE];
  MUSTER_TRY(check_length(folder, sizeof path));
  checkpoint_path(folder, total_steps, path, sizeof path);
  if (access(path, F_OK) != 0) return status_errno(MUSTER_ERROR_IO, "cannot publish checkpoint '%s'", path);

  // the link first: it never points at a file that pruning has removed
  snprintf(name, sizeof name, NAME_FORMAT, total_steps);
  snprintf(link, sizeof link, "%s/latest", folder);
  MUSTER_TRY(durable_symlink(name, link));
  MUSTER_TRY(prune(folder, total_steps, keep));
  static const char *const temporaries[] = {".step-", ".latest.", NULL};
  MUSTER_TRY(durable_remove_leftovers(folder, temporaries));
  return durable_sync_folder(folder);
}

/* a copy, for file systems without hard links */
static muster_status copy_file(const char *from, const char *to) {
  struct container container = {0};
  MUSTER_TRY(container_load(from, &container));
  muster_status status = durable_write(to, container.bytes, container.size);
  free(container.bytes);
  return status;
}

muster_status checkpoint_keep(const char *folder, int64_t total_steps, const char *best) {
  char path[DURABLE_PATH_SIZE], temporary[DURABLE_PATH_SIZE];
  MUSTER_TRY(check_length(folder, sizeof path));
  checkpoint_path(folder, total_steps, path, sizeof path);
  /* the name of a temporary checkpoint, so that a leftover of it is removed like one */
  snprintf(temporary, sizeof temporary, "%s/.step-best.%ld.tmp", folder, (long)getpid());
  unlink(temporary);
  if (link(path, temporary) != 0) return copy_file(path, best);
  /* rename() does nothing, and leaves both names, when they are the same file already */
  if (rename(temporary, best) != 0) {
    muster_status status = status_errno(MUSTER_ERROR_IO, "cannot rename '%s' to '%s'", temporary, best);
    unlink(temporary);
    return status;
  }
  unlink(temporary);
  return durable_sync_folder(folder);
}

/* --- finding --- */

/* opens and closes: OK when the file is whole and of our version. `*damaged` tells damage from other errors. */
static muster_status verify(const char *path, bool *damaged) {
  struct checkpoint_reader *reader = NULL;
  muster_status status = checkpoint_open(path, &reader);
  checkpoint_close(&reader);
  *damaged = muster_status_code(status) == MUSTER_ERROR_FORMAT;
  if (!*damaged) return status;

  // whole but of another version is no damage
  struct container container = {0};
  muster_status loaded = container_load(path, &container);
  if (loaded == MUSTER_OK && container.version != CHECKPOINT_FORMAT_VERSION) *damaged = false;
  free(container.bytes);
  muster_status_clear(&loaded);
  return status;
}

static muster_status set_aside(const char *path, const char *reason, checkpoint_damaged on_damaged, void *context) {
  char aside[DURABLE_PATH_SIZE];
  snprintf(aside, sizeof aside, "%s.damaged", path);
  if (rename(path, aside) != 0)
    return status_errno(MUSTER_ERROR_IO, "cannot rename the damaged checkpoint '%s' to '%s'", path, aside);
  if (on_damaged != NULL) on_damaged(path, reason, context);
  return MUSTER_OK;
}

muster_status checkpoint_find_newest(const char *folder, checkpoint_damaged on_damaged, void *context, char *path,
                                     size_t size) {
  struct listing listing = {0};
  muster_status status = check_length(folder, size);
  if (status == MUSTER_OK) status = listing_read(folder, &listing);
  bool found = false;
  for (size_t i = 0; status == MUSTER_OK && !found && i < listing.n; i++) {
    bool damaged;
    checkpoint_path(folder, listing.steps[i], path, size);
    status = verify(path, &damaged);
    found = status == MUSTER_OK;
    if (damaged) {
      muster_status reason = status;
      status = set_aside(path, muster_status_message(reason), on_damaged, context);
      muster_status_clear(&reason);
    }
  }
  free(listing.steps);
  if (!found) path[0] = '\0';
  return status;
}

/* the newest file in a folder that verifies, as checkpoint_find_newest(), but leaves damaged ones where they are;
 * when all are damaged, returns the newest one's error. `path` is "" when there are none. */
static muster_status find_whole(const char *folder, char *path, size_t size) {
  struct listing listing = {0};
  muster_status first = check_length(folder, size);
  path[0] = '\0';
  if (first == MUSTER_OK) first = listing_read(folder, &listing);
  bool go_on = first == MUSTER_OK;
  for (size_t i = 0; go_on && i < listing.n; i++) {
    bool damaged;
    checkpoint_path(folder, listing.steps[i], path, size);
    muster_status status = verify(path, &damaged);
    go_on = damaged;
    // keep the newest file's error, unless a whole file follows
    if (status == MUSTER_OK || first == MUSTER_OK) {
      muster_status_clear(&first);
      first = status;
    } else {
      muster_status_clear(&status);
    }
  }
  free(listing.steps);
  return first;
}

muster_status checkpoint_resolve(const char *run_or_file, char *path, size_t size) {
  struct stat info;
  if (stat(run_or_file, &info) != 0)
    return status_errno(MUSTER_ERROR_IO, "cannot find the run or checkpoint '%s'", run_or_file);
  if (!S_ISDIR(info.st_mode)) {
    if ((size_t)snprintf(path, size, "%s", run_or_file) < size) return MUSTER_OK;
    return status_error(MUSTER_ERROR_IO, "the path '%.60s...' is too long", run_or_file);
  }

  // a folder of checkpoints, else a run's folder
  MUSTER_TRY(find_whole(run_or_file, path, size));
  if (path[0] != '\0') return MUSTER_OK;
  char folder[DURABLE_PATH_SIZE];
  MUSTER_TRY(check_length(run_or_file, size));
  snprintf(folder, sizeof folder, "%s/checkpoints", run_or_file);
  MUSTER_TRY(find_whole(folder, path, size));
  if (path[0] != '\0') return MUSTER_OK;
  return status_error(MUSTER_ERROR_IO, "no checkpoint (step-*.h5) in '%s' or in '%s'", run_or_file, folder);
}
