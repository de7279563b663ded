/* The folder of a run's checkpoints: names of files, the second name of the newest, which ones are kept, and which are
 * complete. */
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

/* reads the step count of a file name; false when it is not exactly the name of a checkpoint */
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

/* whether an entry is a checkpoint by its name; a folder of such a name is not the run's, and is passed over */
static bool is_checkpoint(DIR *stream, const char *name, int64_t *total_steps) {
  struct stat info;
  if (!parse_name(name, total_steps)) return false;
  return fstatat(dirfd(stream), name, &info, 0) != 0 || !S_ISDIR(info.st_mode);
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
    if (is_checkpoint(stream, entry->d_name, &total_steps)) status = listing_add(listing, total_steps);
  if (status == MUSTER_OK && errno != 0) status = status_errno(MUSTER_ERROR_IO, "cannot read the folder '%s'", folder);
  closedir(stream);
  if (listing->n > 0) qsort(listing->steps, listing->n, sizeof *listing->steps, newest_first);
  return status;
}

/* checks that every path below `folder` fits in `size` bytes, and in the buffers of this file */
static muster_status check_length(const char *folder, size_t size) {
  if (strlen(folder) + NAME_SIZE + strlen(".damaged.1234567890") <
      (size < DURABLE_PATH_SIZE ? size : DURABLE_PATH_SIZE))
    return MUSTER_OK;
  return status_error(MUSTER_ERROR_IO, "the path of the folder '%.60s...' is too long", folder);
}

/* --- the state of a file --- */

/* the reason why a file of the folder cannot be used */
enum flaw { FLAW_NONE, FLAW_DAMAGED, FLAW_MISNAMED, FLAW_NOT_USABLE, FLAW_OTHER };

bool checkpoint_is_of_other_version(const char *path) {
  struct container container = {0};
  muster_status loaded = container_load(path, &container);
  bool is_other = loaded == MUSTER_OK && container.version != CHECKPOINT_FORMAT_VERSION;
  free(container.bytes);
  muster_status_clear(&loaded);
  return is_other;
}

/* whether a whole checkpoint can be continued from, as the search says */
static muster_status ask_usable(const struct checkpoint_search *search, struct checkpoint_reader *reader,
                                const char *path, enum flaw *flaw) {
  if (search == NULL || search->is_usable == NULL) return MUSTER_OK;
  muster_status status = search->is_usable(reader, search->context);
  if (status == MUSTER_OK) return MUSTER_OK;
  *flaw = muster_status_code(status) == MUSTER_ERROR_FORMAT ? FLAW_NOT_USABLE : FLAW_OTHER;
  return status_wrap(status, "checkpoint '%s'", path);
}

/* opens and closes a file: OK when it is complete, of our version, has as many steps as its name tells, and is usable,
 * if there is a search (else NULL) */
static muster_status verify(const char *folder, int64_t total_steps, const struct checkpoint_search *search, char *path,
                            size_t size, enum flaw *flaw) {
  struct checkpoint_reader *reader = NULL;
  checkpoint_path(folder, total_steps, path, size);
  *flaw = FLAW_NONE;
  muster_status status = checkpoint_open(path, &reader);
  if (status != MUSTER_OK) {
    bool is_damaged = muster_status_code(status) == MUSTER_ERROR_FORMAT && !checkpoint_is_of_other_version(path);
    *flaw = is_damaged ? FLAW_DAMAGED : FLAW_OTHER;
    return status;
  }
  int64_t steps;
  status = checkpoint_read_int(reader, CHECKPOINT_STEPS, &steps);
  if (status == MUSTER_OK && steps != total_steps)
    status = status_error(MUSTER_ERROR_FORMAT, "'%s' is the checkpoint of %" PRId64 " steps under another's name", path,
                          steps);
  if (status != MUSTER_OK) *flaw = FLAW_MISNAMED;
  if (status == MUSTER_OK) status = ask_usable(search, reader, path, flaw);
  checkpoint_close(&reader);
  return status;
}

/* --- publishing --- */

static muster_status remove_file(const char *path) {
  if (unlink(path) != 0 && errno != ENOENT) return status_errno(MUSTER_ERROR_IO, "cannot remove '%s'", path);
  return MUSTER_OK;
}

/* whether a run could continue from the checkpoint of this name */
static bool is_whole(const char *folder, int64_t total_steps) {
  char path[DURABLE_PATH_SIZE];
  enum flaw flaw;
  muster_status status = verify(folder, total_steps, NULL, path, sizeof path, &flaw);
  muster_status_clear(&status);
  return flaw == FLAW_NONE;
}

/* Removes checkpoints older than the newest `keep` complete ones of at most `total_steps` steps, of which there is one
 * of exactly these. A file with more steps in its name is not from this run. */
static muster_status prune(const char *folder, int64_t total_steps, int64_t keep) {
  if (keep <= 0) return MUSTER_OK;
  struct listing listing;
  muster_status status = listing_read(folder, &listing);
  int64_t kept = 0;
  for (size_t i = 0; status == MUSTER_OK && i < listing.n; i++) {
    const int64_t steps = listing.steps[i];
    if (steps > total_steps) continue;
    if (kept < keep) {
      kept += steps == total_steps || is_whole(folder, steps);
      continue;
    }
    char path[DURABLE_PATH_SIZE];
    checkpoint_path(folder, steps, path, sizeof path);
    status = remove_file(path);
  }
  free(listing.steps);
  return status;
}

muster_status checkpoint_publish(const char *folder, int64_t total_steps, int64_t keep) {
  char path[DURABLE_PATH_SIZE], name[NAME_SIZE];
  MUSTER_TRY(check_length(folder, sizeof path));
  checkpoint_path(folder, total_steps, path, sizeof path);
  if (access(path, F_OK) != 0) return status_errno(MUSTER_ERROR_IO, "cannot publish checkpoint '%s'", path);

  // `latest` first, so that it never points at a file that was removed
  snprintf(name, sizeof name, NAME_FORMAT, total_steps);
  MUSTER_TRY(durable_alias(folder, name, "latest", true));
  MUSTER_TRY(prune(folder, total_steps, keep));
  static const char *const temporaries[] = {".step-", ".latest.", ".best.h5.", NULL};
  MUSTER_TRY(durable_remove_leftovers(folder, temporaries));
  return durable_sync_folder(folder);
}

muster_status checkpoint_keep(const char *folder, int64_t total_steps, const char *best) {
  char name[NAME_SIZE];
  snprintf(name, sizeof name, NAME_FORMAT, total_steps);
  const char *slash = strrchr(best, '/');
  MUSTER_TRY(durable_alias(folder, name, slash == NULL ? best : slash + 1, false));
  return durable_sync_folder(folder);
}

/* --- finding --- */

/* renames a damaged file to the first free name of <name>.damaged, <name>.damaged.2, ... */
static muster_status set_aside(const char *path) {
  char aside[DURABLE_PATH_SIZE];
  struct stat info;
  snprintf(aside, sizeof aside, "%s.damaged", path);
  for (int number = 2; lstat(aside, &info) == 0; number++) snprintf(aside, sizeof aside, "%s.damaged.%d", path, number);
  if (rename(path, aside) == 0) return MUSTER_OK;
  return status_errno(MUSTER_ERROR_IO, "cannot rename the damaged checkpoint '%s' to '%s'", path, aside);
}

muster_status checkpoint_find_newest(const char *folder, const struct checkpoint_search *search, char *path,
                                     size_t size) {
  struct listing listing = {0};
  muster_status status = check_length(folder, size);
  if (status == MUSTER_OK) status = listing_read(folder, &listing);
  bool found = false;
  for (size_t i = 0; status == MUSTER_OK && !found && i < listing.n; i++) {
    enum flaw flaw;
    muster_status reason = verify(folder, listing.steps[i], search, path, size, &flaw);
    found = flaw == FLAW_NONE;
    if (flaw == FLAW_OTHER) {
      status = reason;
      break;
    }
    if (flaw == FLAW_DAMAGED) status = set_aside(path);
    if (!found && status == MUSTER_OK && search->on_passed_over != NULL)
      search->on_passed_over(path, flaw == FLAW_DAMAGED, muster_status_message(reason), search->context);
    muster_status_clear(&reason);
  }
  free(listing.steps);
  if (!found) path[0] = '\0';
  return status;
}

/* finds the newest file in a folder that verifies, as checkpoint_find_newest(), but does not rename damaged ones; when
 * none verifies, returns the error of the newest one. `path` is "" when there are none. */
static muster_status find_whole(const char *folder, char *path, size_t size) {
  struct listing listing = {0};
  muster_status first = check_length(folder, size);
  path[0] = '\0';
  if (first == MUSTER_OK) first = listing_read(folder, &listing);
  bool go_on = first == MUSTER_OK;
  for (size_t i = 0; go_on && i < listing.n; i++) {
    enum flaw flaw;
    muster_status status = verify(folder, listing.steps[i], NULL, path, size, &flaw);
    go_on = flaw == FLAW_DAMAGED || flaw == FLAW_MISNAMED;
    // keep the newest file's error, unless a complete file follows
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

muster_status checkpoint_newest_name(const char *folder, char *name, size_t size) {
  struct listing listing;
  muster_status status = listing_read(folder, &listing);
  name[0] = '\0';
  if (status == MUSTER_OK && listing.n > 0) snprintf(name, size, NAME_FORMAT, listing.steps[0]);
  free(listing.steps);
  return status;
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
