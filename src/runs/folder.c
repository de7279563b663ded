#include "runs/folder.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/path.h"
#include "muster/version.h"
#include "setup/build.h"
#include "store/durable.h"
#include "store/events.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* creates a folder and its parents; existing ones are fine */
static muster_status make_folders(const char *path) {
  char partial[RUN_PATH_SIZE + 32];
  snprintf(partial, sizeof partial, "%s", path);
  for (char *slash = strchr(partial + 1, '/');; slash = strchr(slash + 1, '/')) {
    if (slash != NULL) *slash = '\0';
    if (mkdir(partial, 0777) != 0 && errno != EEXIST)
      return status_errno(MUSTER_ERROR_IO, "cannot make the run folder %s: mkdir %s", path, partial);
    if (slash == NULL) return MUSTER_OK;
    *slash = '/';
  }
}

/* whether a path exists as a folder that holds anything */
static muster_status folder_has_content(const char *path, bool *has_content) {
  *has_content = false;
  DIR *folder = opendir(path);
  if (folder == NULL) {
    if (errno == ENOENT) return MUSTER_OK;
    return status_errno(MUSTER_ERROR_IO, "cannot read the run folder %s", path);
  }
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
        strcmp(entry->d_name, RUN_LOCK_FILE) != 0)
      *has_content = true;
  closedir(folder);
  return MUSTER_OK;
}

/* the first free runs/<env>/<algorithm>-NNN; mkdir() both creates and claims it, so two runs never share one */
static muster_status choose_numbered_folder(const struct run_config *config, const char *home, bool makes,
                                            struct run_folder *folder) {
  char parent[OPTION_STRING_SIZE + 16];
  snprintf(parent, sizeof parent, "runs/%s", config->env.name);
  path_absolute(home, parent, folder->place, sizeof folder->place);
  if (makes) MUSTER_TRY(make_folders(folder->place));
  for (int number = 1; number < 1000000; number++) {
    snprintf(folder->path, sizeof folder->path, "%s/%s-%03d", parent, config->algorithm_name, number);
    path_absolute(home, folder->path, folder->place, sizeof folder->place);
    if (makes ? mkdir(folder->place, 0777) == 0 : access(folder->place, F_OK) != 0) return MUSTER_OK;
    if (makes && errno != EEXIST) return status_errno(MUSTER_ERROR_IO, "cannot make the run folder %s", folder->path);
  }
  return status_error(MUSTER_ERROR_IO, "no free run number below %s: give --run-dir", parent);
}

#define LOCK_WAIT_SECONDS 10.0

/* the errors of file systems that have no locks */
static bool means_no_locks(int error) {
  return error == ENOLCK || error == ENOSYS || error == ENOTSUP || error == EINVAL;
}

/* waits until the lock on the file is this process's */
static muster_status wait_for_lock(struct run_folder *folder, int descriptor, double give_up) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET}, holder = lock;
  while (fcntl(descriptor, F_SETLK, &lock) != 0) {
    folder->lacks_locks = means_no_locks(errno);
    if (folder->lacks_locks) return MUSTER_OK;
    if (errno != EACCES && errno != EAGAIN)
      return status_errno(MUSTER_ERROR_IO, "cannot lock the run folder %s", folder->path);
    if (clock_seconds() > give_up && fcntl(descriptor, F_GETLK, &holder) == 0 && holder.l_type != F_UNLCK)
      return status_error(MUSTER_ERROR_IO,
                          "the run folder %s is in use by another run (process %ld); nothing was changed: wait until "
                          "it has ended, or give another --run-dir",
                          folder->path, (long)holder.l_pid);
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
  }
  return MUSTER_OK;
}

/* whether the path still leads to the open file: the previous holder of the lock may have removed it */
static bool is_same_file(int descriptor, const char *path) {
  struct stat open_file, named_file;
  return fstat(descriptor, &open_file) == 0 && stat(path, &named_file) == 0 && open_file.st_dev == named_file.st_dev &&
         open_file.st_ino == named_file.st_ino;
}

/* Ensures a single writer: a POSIX record lock on <run>/.lock ends with the process that holds it, however that ends,
 * and works on network file systems. Waits a while, since the holder may be about to die, as after a kill of mpirun. */
static muster_status take_lock(struct run_folder *folder) {
  char path[RUN_PATH_SIZE + 32];
  snprintf(path, sizeof path, "%s/" RUN_LOCK_FILE, folder->place);
  for (double give_up = clock_seconds() + LOCK_WAIT_SECONDS;;) {
    int descriptor;
    MUSTER_TRY(status_wrap(file_open(path, O_RDWR | O_CREAT, &descriptor), "cannot write into the run folder"));
    muster_status status = wait_for_lock(folder, descriptor, give_up);
    if (status == MUSTER_OK && (is_same_file(descriptor, path) || clock_seconds() > give_up)) {
      folder->lock = descriptor;
      return MUSTER_OK;
    }
    close(descriptor);
    MUSTER_TRY(status);
  }
}

enum folder_lock run_folder_look_at_lock(const char *path) {
  char file[PATH_MAX + 32];
  snprintf(file, sizeof file, "%s/" RUN_LOCK_FILE, path);
  int descriptor;
  muster_status status = file_open(file, O_RDONLY, &descriptor);
  bool is_open = status == MUSTER_OK;
  muster_status_clear(&status);
  if (!is_open) return access(file, F_OK) == 0 ? FOLDER_UNKNOWN : FOLDER_FREE;
  struct flock holder = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  enum folder_lock found = FOLDER_UNKNOWN;
  if (fcntl(descriptor, F_GETLK, &holder) == 0) found = holder.l_type == F_UNLCK ? FOLDER_FREE : FOLDER_IN_USE;
  close(descriptor);
  return found;
}

void run_folder_release(struct run_folder *folder) {
  if (folder->lock > 0) close(folder->lock);
  folder->lock = 0;
}

static bool holds(const struct run_folder *folder, const char *name) {
  char path[RUN_PATH_SIZE + 32];
  snprintf(path, sizeof path, "%s/%s", folder->place, name);
  return access(path, F_OK) == 0;
}

/* a run creates checkpoints/ before it writes any results: where that folder is gone but results are there, a new start
 * would overwrite them */
static muster_status check_run(const struct run_folder *folder) {
  if (holds(folder, RUN_CHECKPOINT_FOLDER)) return MUSTER_OK;
  const char *told = holds(folder, RUN_METRICS_FILE) ? RUN_METRICS_FILE : RUN_SUMMARY_FILE;
  if (!holds(folder, told)) return MUSTER_OK;
  return status_error(MUSTER_ERROR_FORMAT,
                      "cannot resume: %s holds %s of a run, but no checkpoints/; nothing was changed: copy its "
                      "checkpoints there, or start a new run with another --run-dir",
                      folder->path, told);
}

/* refuses a folder that holds anything, unless a run in it is to be continued */
static muster_status check_content(struct run_folder *folder, bool resume) {
  bool has_content;
  MUSTER_TRY(folder_has_content(folder->place, &has_content));
  if (has_content && !resume)
    return status_error(MUSTER_ERROR_USAGE,
                        "the run folder %s exists and is not empty; nothing was changed: add --resume to continue "
                        "that run, or give another --run-dir",
                        folder->path);
  folder->resumes = has_content;
  return has_content ? check_run(folder) : MUSTER_OK;
}

/* finds the folder's path and whether it holds a run; creates a numbered folder if `makes`. `*is_new`: whether there
 * was no such folder before */
static muster_status choose_folder(const struct run_config *config, const char *wanted, const char *home, bool resume,
                                   bool makes, struct run_folder *folder, bool *is_new) {
  const char *chosen = wanted != NULL && wanted[0] != '\0' ? wanted : config->run.dir;
  if (strlen(chosen) >= RUN_PATH_SIZE - 1)
    return status_error(MUSTER_ERROR_USAGE, "--run-dir: the path is longer than %d bytes", RUN_PATH_SIZE - 2);
  if (chosen[0] == '\0' && resume)
    return status_error(MUSTER_ERROR_USAGE, "--resume needs the run folder: give --run-dir DIR (or run.dir)");
  *is_new = true;
  if (chosen[0] == '\0') return choose_numbered_folder(config, home, makes, folder);
  snprintf(folder->path, sizeof folder->path, "%s", chosen);
  for (size_t n = strlen(folder->path); n > 1 && folder->path[n - 1] == '/'; n--) folder->path[n - 1] = '\0';
  path_absolute(home, folder->path, folder->place, sizeof folder->place);
  *is_new = access(folder->place, F_OK) != 0;
  return check_content(folder, resume);
}

muster_status run_folder_preview(const struct run_config *config, const char *wanted, const char *home, bool resume,
                                 struct run_folder *folder) {
  *folder = (struct run_folder){.resumes = false};
  bool is_new = false;
  return choose_folder(config, wanted, home, resume, false, folder, &is_new);
}

muster_status run_folder_prepare(const struct run_config *config, const char *wanted, const char *home, bool resume,
                                 struct run_folder *folder) {
  *folder = (struct run_folder){.resumes = false};
  bool is_new = false;
  MUSTER_TRY(choose_folder(config, wanted, home, resume, true, folder, &is_new));
  MUSTER_TRY(make_folders(folder->place));
  /* another run may have started here while this one waited for the lock */
  MUSTER_TRY(take_lock(folder));
  MUSTER_TRY(check_content(folder, resume));
  folder->made = is_new && !folder->resumes;
  snprintf(folder->checkpoints, sizeof folder->checkpoints, "%s/" RUN_CHECKPOINT_FOLDER, folder->place);
  snprintf(folder->replay, sizeof folder->replay, "%s/" RUN_REPLAY_FOLDER, folder->place);
  snprintf(folder->best, sizeof folder->best, "%s/best.h5", folder->checkpoints);
  snprintf(folder->metrics, sizeof folder->metrics, "%s/" RUN_METRICS_FILE, folder->place);
  snprintf(folder->summary, sizeof folder->summary, "%s/" RUN_SUMMARY_FILE, folder->place);
  snprintf(folder->config, sizeof folder->config, "%s/" RUN_CONFIG_FILE, folder->place);
  MUSTER_TRY(make_folders(folder->checkpoints));
  static const char *const temporaries[] = {"." RUN_CONFIG_FILE ".", "." RUN_SUMMARY_FILE ".", NULL};
  MUSTER_TRY(durable_remove_leftovers(folder->place, temporaries));
  if (access(folder->place, W_OK) != 0 || access(folder->checkpoints, W_OK) != 0)
    return status_errno(MUSTER_ERROR_IO, "cannot write into the run folder %s", folder->path);
  return MUSTER_OK;
}

void run_folder_discard(const struct run_folder *folder) {
  if (!folder->made) return;
  unlink(folder->metrics);
  unlink(folder->config);
  events_remove(folder->place);
  rmdir(folder->checkpoints);
  char lock[RUN_PATH_SIZE + 32];
  snprintf(lock, sizeof lock, "%s/" RUN_LOCK_FILE, folder->place);
  unlink(lock);
  rmdir(folder->place);
}

muster_status run_folder_write_config(const struct run_folder *folder, const struct run_config *config,
                                      const struct placement *placement) {
  char *text = NULL;
  size_t length = 0;
  FILE *file = open_memstream(&text, &length);
  if (file == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: cannot write %s", folder->config);
  const struct topology *topology = &placement->topology;
  char stamp[32];
  clock_stamp(stamp, sizeof stamp);
  fprintf(file, "# muster %s (%s), started %s\n# ranks: %d\n", MUSTER_VERSION, run_build_git_hash(), stamp,
          topology->ranks);
  for (int rank = 0; rank < topology->ranks; rank++) {
    struct env_range range = topology_envs(topology, rank);
    fprintf(file, "#   rank %d on %s: %s", rank, placement->places[rank].host, topology_role(topology, rank));
    if (range.count > 0) fprintf(file, ", environments %d to %d", range.first, range.first + range.count - 1);
    fputc('\n', file);
  }
  run_config_write(file, config);
  bool failed = ferror(file) != 0;
  /* an existing file is replaced completely or not at all: the run is resumed with it */
  muster_status status = fclose(file) != 0 || failed
                             ? status_error(MUSTER_ERROR_MEMORY, "out of memory: cannot write %s", folder->config)
                             : durable_write(folder->config, text, length);
  free(text);
  return status;
}
