#include "store/appender.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

muster_status appender_open(struct appender *appender, const char *path, size_t size) {
  *appender = (struct appender){.path = strdup(path), .waiting = malloc(size), .capacity = size, .file = -1};
  if (appender->path == NULL || appender->waiting == NULL)
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: cannot open '%s'", path);
  return file_open(path, O_RDWR | O_CREAT | O_APPEND, &appender->file);
}

void appender_close(struct appender *appender) {
  if (appender->file >= 0) close(appender->file);
  free(appender->waiting);
  free(appender->path);
  *appender = (struct appender){.file = -1};
}

muster_status appender_reserve(struct appender *appender, size_t size, char **room) {
  if (appender->capacity - appender->length < size) {
    size_t capacity = 2 * (appender->length + size);
    char *waiting = realloc(appender->waiting, capacity);
    if (waiting == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: rows of '%s'", appender->path);
    appender->waiting = waiting;
    appender->capacity = capacity;
  }
  *room = appender->waiting + appender->length;
  return MUSTER_OK;
}

void appender_add(struct appender *appender, size_t length) { appender->length += length; }

/* writes all bytes that wait, or as many as possible; returns how many. A write that is incomplete gives no reason; the
 * next one does. */
static size_t write_waiting(const struct appender *appender) {
  size_t done = 0;
  while (done < appender->length) {
    ssize_t written = write(appender->file, appender->waiting + done, appender->length - done);
    if (written < 0 && errno == EINTR) continue;
    if (written == 0) errno = ENOSPC;
    if (written <= 0) return done;
    done += (size_t)written;
  }
  return done;
}

muster_status appender_flush(struct appender *appender) {
  if (write_waiting(appender) == appender->length) {
    appender->end += (off_t)appender->length;
    appender->length = 0;
    return MUSTER_OK;
  }
  muster_status status = status_errno(MUSTER_ERROR_IO, "cannot write a row to '%s'", appender->path);
  if (ftruncate(appender->file, appender->end) != 0)
    status = status_wrap(status, "the last row of '%s' is torn", appender->path);
  return status;
}

muster_status appender_sync(struct appender *appender) {
  MUSTER_TRY(appender_flush(appender));
  if (fsync(appender->file) != 0) return status_errno(MUSTER_ERROR_IO, "cannot bring '%s' to the disk", appender->path);
  return MUSTER_OK;
}

/* another descriptor is needed: the own one always writes at the end of the file */
static muster_status write_over(struct appender *appender, int file, off_t at, const char *piece, size_t length,
                                const char *before) {
  if (pwrite(file, piece, length, at) == (ssize_t)length) {
    appender->end = at + (off_t)length;
    return MUSTER_OK;
  }
  muster_status status = status_errno(MUSTER_ERROR_IO, "cannot write a row anew in '%s'", appender->path);
  const size_t before_length = (size_t)(appender->end - at);
  if (pwrite(file, before, before_length, at) != (ssize_t)before_length || ftruncate(file, appender->end) != 0)
    status = status_wrap(status, "the last row of '%s' is torn", appender->path);
  return status;
}

muster_status appender_replace(struct appender *appender, off_t at, const char *piece, size_t length) {
  const size_t before_length = (size_t)(appender->end - at);
  char *before = malloc(before_length + 1);
  int file = -1;
  if (before == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: rows of '%s'", appender->path);
  muster_status status = file_open(appender->path, O_WRONLY, &file);
  if (status == MUSTER_OK && pread(appender->file, before, before_length, at) != (ssize_t)before_length)
    status = status_errno(MUSTER_ERROR_IO, "cannot read '%s'", appender->path);
  if (status == MUSTER_OK) status = write_over(appender, file, at, piece, length, before);
  if (file >= 0) close(file);
  free(before);
  return status;
}

muster_status appender_cut(struct appender *appender, off_t end) {
  if (ftruncate(appender->file, end) != 0)
    return status_errno(MUSTER_ERROR_IO, "cannot cut '%s' back to %lld bytes", appender->path, (long long)end);
  appender->end = end;
  return MUSTER_OK;
}
