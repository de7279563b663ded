#include "store/durable.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGEST_WRITE ((size_t)1 << 30)

/* the folder of a file, and the name of the temporary file in it */
struct place {
  char folder[DURABLE_PATH_SIZE];
  char temporary[DURABLE_PATH_SIZE];
};

static muster_status place_find(const char *path, struct place *place) {
  const char *slash = strrchr(path, '/');
  const char *name = slash == NULL ? path : slash + 1;
  int prefix = (int)(name - path);
  int folder_length = slash == NULL   ? snprintf(place->folder, sizeof place->folder, ".")
                      : slash == path ? snprintf(place->folder, sizeof place->folder, "/")
                                      : snprintf(place->folder, sizeof place->folder, "%.*s", prefix - 1, path);
  int length =
      snprintf(place->temporary, sizeof place->temporary, "%.*s.%s.%ld.tmp", prefix, path, name, (long)getpid());
  if (folder_length >= DURABLE_PATH_SIZE || length >= DURABLE_PATH_SIZE)
    return status_error(MUSTER_ERROR_IO, "the path '%.60s...' is longer than %d bytes", path, DURABLE_PATH_SIZE);
  return MUSTER_OK;
}

muster_status durable_write_through(int file, const char *path, const void *bytes, size_t size) {
  size_t done = 0;
  while (done < size) {
    size_t part = size - done < LARGEST_WRITE ? size - done : LARGEST_WRITE;
    ssize_t written = write(file, (const char *)bytes + done, part);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return status_errno(MUSTER_ERROR_IO, "cannot write '%s' (%zu of %zu bytes)", path, done, size);
    done += (size_t)written;
  }
  return MUSTER_OK;
}

static muster_status sync_file(int file, const char *path) {
  return fsync(file) == 0 ? MUSTER_OK : status_errno(MUSTER_ERROR_IO, "cannot bring '%s' to the disk", path);
}

static muster_status write_and_sync(const char *path, const char *temporary, const void *bytes, size_t size) {
  // an earlier process with our number may have left one
  unlink(temporary);
  int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0) return status_errno(MUSTER_ERROR_IO, "cannot create '%s'", temporary);

  // the result of close() matters, too: some file systems report a full disk only there
  muster_status status = durable_write_through(file, path, bytes, size);
  if (status == MUSTER_OK) status = sync_file(file, path);
  if (close(file) != 0 && status == MUSTER_OK) status = status_errno(MUSTER_ERROR_IO, "cannot close '%s'", path);
  return status;
}

muster_status durable_write(const char *path, const void *bytes, size_t size) {
  struct place place;
  MUSTER_TRY(place_find(path, &place));
  muster_status status = write_and_sync(path, place.temporary, bytes, size);
  if (status == MUSTER_OK && rename(place.temporary, path) != 0)
    status = status_errno(MUSTER_ERROR_IO, "cannot rename '%s' to '%s'", place.temporary, path);
  if (status != MUSTER_OK) {
    unlink(place.temporary);
    return status;
  }
  return status_wrap(durable_sync_folder(place.folder), "'%s' is written, but may not survive a power failure", path);
}

/* copies a whole open file */
static muster_status copy_bytes(int from, const char *from_path, int to, const char *to_path) {
  unsigned char block[1 << 16];
  for (;;) {
    ssize_t got = read(from, block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return status_errno(MUSTER_ERROR_IO, "cannot read '%s'", from_path);
    if (got == 0) return MUSTER_OK;
    MUSTER_TRY(durable_write_through(to, to_path, block, (size_t)got));
  }
}

static muster_status copy_file(const char *path, const char *copy) {
  int from, to;
  MUSTER_TRY(file_open(path, O_RDONLY, &from));
  muster_status status = file_open(copy, O_WRONLY | O_CREAT | O_EXCL, &to);
  if (status == MUSTER_OK) {
    status = copy_bytes(from, path, to, copy);
    if (status == MUSTER_OK) status = sync_file(to, copy);
    if (close(to) != 0 && status == MUSTER_OK) status = status_errno(MUSTER_ERROR_IO, "cannot close '%s'", copy);
  }
  close(from);
  return status;
}

muster_status durable_alias(const char *folder, const char *name, const char *alias, bool follows) {
  char path[DURABLE_PATH_SIZE], target[DURABLE_PATH_SIZE];
  if (snprintf(path, sizeof path, "%s/%s", folder, name) >= DURABLE_PATH_SIZE ||
      snprintf(target, sizeof target, "%s/%s", folder, alias) >= DURABLE_PATH_SIZE)
    return status_error(MUSTER_ERROR_IO, "the path '%.60s...' is longer than %d bytes", folder, DURABLE_PATH_SIZE);
  struct place place;
  MUSTER_TRY(place_find(target, &place));
  unlink(place.temporary);
  bool is_linked = (follows && symlink(name, place.temporary) == 0) || link(path, place.temporary) == 0;
  muster_status status = is_linked ? MUSTER_OK : copy_file(path, place.temporary);
  if (status == MUSTER_OK && rename(place.temporary, target) != 0)
    status = status_errno(MUSTER_ERROR_IO, "cannot rename '%s' to '%s'", place.temporary, target);
  // rename() does nothing, and leaves both names, when they are the same file already
  unlink(place.temporary);
  return status;
}

muster_status durable_sync_folder(const char *folder) {
  int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return status_errno(MUSTER_ERROR_IO, "cannot open the folder '%s'", folder);
  // some file systems have no such operation for folders
  muster_status status = MUSTER_OK;
  if (fsync(file) != 0 && errno != EINVAL && errno != ENOTSUP && errno != ENOSYS && errno != EBADF)
    status = status_errno(MUSTER_ERROR_IO, "cannot bring the folder '%s' to the disk", folder);
  close(file);
  return status;
}

/* whether a file name is that of a temporary file, ".<name>.<pid>.tmp" */
static bool is_temporary(const char *name) {
  size_t length = strlen(name);
  if (name[0] != '.' || length < strlen(".x.1.tmp") || strcmp(name + length - 4, ".tmp") != 0) return false;
  size_t at = length - 4, digits = 0;
  while (at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9') at--, digits++;
  return digits > 0 && digits <= 9 && at >= 2 && name[at - 1] == '.';
}

muster_status durable_remove_leftovers(const char *folder, const char *const *starts) {
  DIR *stream = opendir(folder);
  if (stream == NULL) return status_errno(MUSTER_ERROR_IO, "cannot read the folder '%s'", folder);
  muster_status status = MUSTER_OK;
  struct dirent *entry;
  while (status == MUSTER_OK && (entry = readdir(stream)) != NULL) {
    const char *const *start = starts;
    while (*start != NULL && strncmp(entry->d_name, *start, strlen(*start)) != 0) start++;
    if (*start == NULL || !is_temporary(entry->d_name)) continue;
    char path[DURABLE_PATH_SIZE];
    int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    if (length < DURABLE_PATH_SIZE && unlink(path) != 0 && errno != ENOENT)
      status = status_errno(MUSTER_ERROR_IO, "cannot remove '%s'", path);
  }
  closedir(stream);
  return status;
}
