#include "store/output.h"

#include "store/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* where the path of a request leads */
struct target {
  char path[DURABLE_PATH_SIZE]; /* path of a regular file, after all links are followed */
  int stream;                   /* one of the standard streams; -1: none */
  bool is_special;
};

/* ---- links ---- */

/* the folder of a path, "." where it names none */
static void folder_of(const char *path, char folder[DURABLE_PATH_SIZE]) {
  const char *slash = strrchr(path, '/');
  int length = slash == NULL ? 1 : slash == path ? 1 : (int)(slash - path);
  snprintf(folder, DURABLE_PATH_SIZE, "%.*s", length, slash == NULL ? "." : path);
}

/* follows one symbolic link; false where there is none */
static bool follow_link(char path[DURABLE_PATH_SIZE]) {
  char target[DURABLE_PATH_SIZE], folder[DURABLE_PATH_SIZE], next[2 * DURABLE_PATH_SIZE];
  ssize_t length = readlink(path, target, sizeof target - 1);
  if (length < 0) return false;
  target[length] = '\0';
  folder_of(path, folder);
  int size = target[0] == '/' ? snprintf(next, sizeof next, "%s", target)
                              : snprintf(next, sizeof next, "%s/%s", folder, target);
  if (size >= DURABLE_PATH_SIZE) return false;
  strcpy(path, next);
  return true;
}

static muster_status follow_links(const struct output_request *request, char path[DURABLE_PATH_SIZE]) {
  enum { MOST_LINKS = 40 };
  if (strlen(request->path) >= DURABLE_PATH_SIZE)
    return status_error(MUSTER_ERROR_USAGE, "%s: the path is longer than %d bytes", request->option,
                        DURABLE_PATH_SIZE - 1);
  strcpy(path, request->path);
  for (int links = 0; links < MOST_LINKS; links++)
    if (!follow_link(path)) return MUSTER_OK;
  errno = ELOOP;
  return status_errno(MUSTER_ERROR_IO, "%s: cannot write %s", request->option, request->path);
}

/* ---- what the path leads to ---- */

static bool is_same(const struct stat *a, const struct stat *b) {
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* the standard stream that leads to the same file; -1: none */
static int find_stream(const struct stat *file) {
  struct stat stream;
  for (int number = STDOUT_FILENO; number <= STDERR_FILENO; number++)
    if (fstat(number, &stream) == 0 && is_same(file, &stream)) return number;
  return -1;
}

bool output_is_stdout(const char *path) {
  struct stat file, stream;
  return stat(path, &file) == 0 && fstat(STDOUT_FILENO, &stream) == 0 && is_same(&file, &stream);
}

bool output_is_special(const char *path) {
  struct stat file;
  return stat(path, &file) == 0 && !S_ISREG(file.st_mode) && !S_ISDIR(file.st_mode);
}

static bool has_mark(const char *bytes, size_t length) {
  return memmem(bytes, length, OUTPUT_MARK, strlen(OUTPUT_MARK)) != NULL;
}

/* whether a regular file is empty or was made by muster */
static bool may_be_replaced(const char *path, off_t size) {
  char bytes[OUTPUT_MARK_REACH];
  if (size == 0) return true;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  ssize_t length = pread(file, bytes, sizeof bytes, 0);
  bool found = length > 0 && has_mark(bytes, (size_t)length);
  off_t end = size > (off_t)sizeof bytes ? size - (off_t)sizeof bytes : 0;
  length = found ? 0 : pread(file, bytes, sizeof bytes, end);
  found = found || (length > 0 && has_mark(bytes, (size_t)length));
  close(file);
  return found;
}

/* refuses to replace a file of the user's, or one that may not be written */
static muster_status check_file(const struct output_request *request, const char *path, const struct stat *file) {
  if (access(path, W_OK) != 0) return status_errno(MUSTER_ERROR_IO, "%s: cannot write %s", request->option, path);
  if (request->force || may_be_replaced(path, file->st_size)) return MUSTER_OK;
  return status_error(MUSTER_ERROR_USAGE,
                      "%s: %s exists and was not made by muster; nothing was changed: name another file, or give "
                      "--force to replace it",
                      request->option, request->path);
}

static muster_status check_folder(const struct output_request *request, const char *path) {
  char folder[DURABLE_PATH_SIZE];
  struct stat about;
  folder_of(path, folder);
  if (stat(folder, &about) == 0) {
    if (S_ISDIR(about.st_mode) && access(folder, W_OK | X_OK) == 0) return MUSTER_OK;
    if (!S_ISDIR(about.st_mode)) errno = ENOTDIR;
  }
  return status_errno(MUSTER_ERROR_IO, "%s: cannot write %s into the folder %s", request->option, request->path,
                      folder);
}

static muster_status find_target(const struct output_request *request, struct target *target) {
  struct stat file;
  size_t length = strlen(request->path);
  *target = (struct target){.stream = -1};
  bool exists = stat(request->path, &file) == 0;
  if (length == 0 || request->path[length - 1] == '/' || (exists && S_ISDIR(file.st_mode)))
    return status_error(MUSTER_ERROR_USAGE, "%s: '%s' is a folder; expects the name of a file", request->option,
                        request->path);
  if (exists) target->stream = find_stream(&file);
  if (target->stream >= 0) return MUSTER_OK;
  target->is_special = exists && !S_ISREG(file.st_mode);
  if (target->is_special && access(request->path, W_OK) != 0)
    return status_errno(MUSTER_ERROR_IO, "%s: cannot write %s", request->option, request->path);
  if (target->is_special) return MUSTER_OK;
  MUSTER_TRY(follow_links(request, target->path));
  if (exists) MUSTER_TRY(check_file(request, target->path, &file));
  return check_folder(request, target->path);
}

muster_status output_check(const struct output_request *request) {
  struct target target;
  return find_target(request, &target);
}

/* ---- writing ---- */

static muster_status write_stream(int stream, const char *path, const void *bytes, size_t size) {
  fflush(stream == STDOUT_FILENO ? stdout : stderr);
  return durable_write_through(stream, path, bytes, size);
}

static muster_status write_special(const char *path, const void *bytes, size_t size) {
  int file = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
  if (file < 0) return status_errno(MUSTER_ERROR_IO, "cannot open '%s'", path);
  muster_status status = durable_write_through(file, path, bytes, size);
  if (close(file) != 0 && status == MUSTER_OK) status = status_errno(MUSTER_ERROR_IO, "cannot close '%s'", path);
  return status;
}

muster_status output_write(const struct output_request *request, const void *bytes, size_t size) {
  struct target target;
  MUSTER_TRY(find_target(request, &target));
  muster_status status = target.stream >= 0  ? write_stream(target.stream, request->path, bytes, size)
                         : target.is_special ? write_special(request->path, bytes, size)
                                             : durable_write(target.path, bytes, size);
  return status_wrap(status, "%s", request->option);
}
