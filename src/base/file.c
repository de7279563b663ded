#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static muster_status check_kind(const char *path, const struct stat *info) {
  if (S_ISREG(info->st_mode)) return MUSTER_OK;
  return status_error(MUSTER_ERROR_IO,
                      S_ISDIR(info->st_mode) ? "'%s' is a folder, not a file" : "'%s' is not a regular file", path);
}

muster_status file_open(const char *path, int flags, int *file) {
  // check before, since opening a device may do something to it; and after, since the name may lead elsewhere by then
  struct stat info;
  if (stat(path, &info) == 0) MUSTER_TRY(check_kind(path, &info));
  int opened = open(path, flags | O_NONBLOCK | O_CLOEXEC, 0666);
  if (opened < 0) return status_errno(MUSTER_ERROR_IO, "cannot open '%s'", path);
  muster_status status =
      fstat(opened, &info) != 0 ? status_errno(MUSTER_ERROR_IO, "cannot open '%s'", path) : check_kind(path, &info);
  if (status != MUSTER_OK)
    close(opened);
  else
    *file = opened;
  return status;
}

muster_status file_open_stream(const char *path, const char *mode, FILE **stream) {
  int file = -1;
  MUSTER_TRY(file_open(path, strchr(mode, '+') != NULL ? O_RDWR : O_RDONLY, &file));
  *stream = fdopen(file, mode);
  if (*stream != NULL) return MUSTER_OK;
  muster_status status = status_errno(MUSTER_ERROR_IO, "cannot open '%s'", path);
  close(file);
  return status;
}
