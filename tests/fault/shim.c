/* Loaded before the C library (LD_PRELOAD): makes chosen file operations below a folder fail, or kills the process
 * at them. Settings, from the environment:
 *
 *   MUSTER_SHIM_ROOT    the folder; operations elsewhere are let through and not counted
 *   MUSTER_SHIM_LOG     a file outside of it: one line for each operation, "<number> <name> <path>", numbers from 1
 *   MUSTER_SHIM_FIRST   the operation at which the fault begins; 0: never
 *   MUSTER_SHIM_COUNT   how many operations in a row have it
 *   MUSTER_SHIM_ACTION  kill: die instead of the operation; tear: write one half, then die; short: write only one half;
 *                       or the number of an error (ENOSPC is 28) that the operation returns
 *   MUSTER_SHIM_ONLY    names of the operations that may have the fault, for example "write,open"; unset: all */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum fault { NONE, FAIL, SHORT, TEAR };

static atomic_long operations;

static long setting(const char *name) {
  const char *text = getenv(name);
  return text == NULL ? 0 : atol(text);
}

/* whether `path` lies in the folder, or is it */
static bool is_watched(const char *path) {
  const char *root = getenv("MUSTER_SHIM_ROOT");
  size_t length = root == NULL ? 0 : strlen(root);
  return length > 0 && strncmp(path, root, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* whether `name` is in the list, or there is no list */
static bool is_chosen(const char *name) {
  const char *list = getenv("MUSTER_SHIM_ONLY");
  if (list == NULL) return true;
  size_t length = strlen(name);
  for (const char *at = list; (at = strstr(at, name)) != NULL; at += length)
    if ((at == list || at[-1] == ',') && (at[length] == ',' || at[length] == '\0')) return true;
  return false;
}

static void note(long number, const char *name, const char *path) {
  char line[PATH_MAX + 64];
  const char *log = getenv("MUSTER_SHIM_LOG");
  int (*real_open)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
  ssize_t (*real_write)(int, const void *, size_t) = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
  int (*real_close)(int) = (int (*)(int))dlsym(RTLD_NEXT, "close");
  if (log == NULL) return;
  int length = snprintf(line, sizeof line, "%ld %s %s\n", number, name, path);
  int file = real_open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (real_write(file, line, (size_t)length) != length) abort();
  real_close(file);
}

/* counts an operation and says what is to happen to it; sets errno where it is to fail */
static enum fault choose(const char *name, const char *path) {
  if (!is_watched(path)) return NONE;
  long number = ++operations, first = setting("MUSTER_SHIM_FIRST");
  note(number, name, path);
  if (first == 0 || number < first || number >= first + setting("MUSTER_SHIM_COUNT") || !is_chosen(name)) return NONE;
  const char *action = getenv("MUSTER_SHIM_ACTION");
  bool writes = strcmp(name, "write") == 0;
  if (strcmp(action, "short") == 0) return writes ? SHORT : NONE;
  if (strcmp(action, "tear") == 0 && writes) return TEAR;
  if (strcmp(action, "kill") == 0 || strcmp(action, "tear") == 0) raise(SIGKILL);
  errno = atoi(action);
  return FAIL;
}

static enum fault choose_file(const char *name, int file) {
  char link[64], path[PATH_MAX];
  int before = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  errno = before;
  if (length < 0) return NONE;
  path[length] = '\0';
  return choose(name, path);
}

#define REAL(type, name, ...) type (*real)(__VA_ARGS__) = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

/* --- the operations --- */

int open(const char *path, int flags, ...);
int open64(const char *path, int flags, ...);

static int open_by(const char *name, const char *path, int flags, mode_t mode) {
  REAL(int, name, const char *, int, ...);
  return choose("open", path) == FAIL ? -1 : real(path, flags, mode);
}

int open(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return open_by("open", path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return open_by("open64", path, flags, mode);
}

ssize_t write(int file, const void *bytes, size_t size) {
  REAL(ssize_t, "write", int, const void *, size_t);
  enum fault fault = choose_file("write", file);
  if (fault == FAIL) return -1;
  if (fault == NONE) return real(file, bytes, size);
  ssize_t written = real(file, bytes, size / 2);
  if (fault == TEAR) raise(SIGKILL);
  return written;
}

int fsync(int file) {
  REAL(int, "fsync", int);
  return choose_file("fsync", file) == FAIL ? -1 : real(file);
}

int ftruncate(int file, off_t size) {
  REAL(int, "ftruncate", int, off_t);
  return choose_file("ftruncate", file) == FAIL ? -1 : real(file, size);
}

/* as in the kernel, a close() that fails closes the file all the same */
int close(int file) {
  REAL(int, "close", int);
  enum fault fault = choose_file("close", file);
  int before = errno, result = real(file);
  if (fault != FAIL) return result;
  errno = before;
  return -1;
}

int rename(const char *from, const char *to) {
  REAL(int, "rename", const char *, const char *);
  return choose("rename", to) == FAIL ? -1 : real(from, to);
}

int link(const char *from, const char *to) {
  REAL(int, "link", const char *, const char *);
  return choose("link", to) == FAIL ? -1 : real(from, to);
}

int symlink(const char *target, const char *path) {
  REAL(int, "symlink", const char *, const char *);
  return choose("symlink", path) == FAIL ? -1 : real(target, path);
}

int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  return choose("unlink", path) == FAIL ? -1 : real(path);
}

int mkdir(const char *path, mode_t mode) {
  REAL(int, "mkdir", const char *, mode_t);
  return choose("mkdir", path) == FAIL ? -1 : real(path, mode);
}
