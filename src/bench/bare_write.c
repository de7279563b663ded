#include "bench/bare_write.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static muster_status run_bare_write(void *context) {
  struct bare_write *bare = context;
  int file = open(bare->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return status_errno(MUSTER_ERROR_IO, "cannot create '%s'", bare->path);
  muster_status status = MUSTER_OK;
  for (size_t done = 0; done < bare->bytes && status == MUSTER_OK;) {
    ssize_t written = write(file, bare->content + done, bare->bytes - done);
    if (written >= 0)
      done += (size_t)written;
    else if (errno != EINTR)
      status = status_errno(MUSTER_ERROR_IO, "cannot write '%s'", bare->path);
  }
  if (status == MUSTER_OK && fsync(file) != 0)
    status = status_errno(MUSTER_ERROR_IO, "cannot bring '%s' to the disk", bare->path);
  if (close(file) != 0 && status == MUSTER_OK) status = status_errno(MUSTER_ERROR_IO, "cannot close '%s'", bare->path);
  return status;
}

muster_status bare_write_create(const char *folder, size_t bytes, struct arena *arena, struct bare_write *bare) {
  *bare = (struct bare_write){.bytes = bytes, .work = {.run = run_bare_write, .context = bare}};
  snprintf(bare->path, sizeof bare->path, "%s/bare", folder);
  return ARENA_TAKE(arena, bare->bytes, "a bare file", &bare->content);
}

/* --- the folder --- */

muster_status bench_folder_make(char folder[BENCH_FOLDER_SIZE]) {
  snprintf(folder, BENCH_FOLDER_SIZE, "muster-bench-XXXXXX");
  if (mkdtemp(folder) != NULL) return MUSTER_OK;
  return status_errno(MUSTER_ERROR_IO, "cannot make a folder in the current one to write checkpoints to");
}

static int remove_entry(const char *path, const struct stat *information, int type, struct FTW *place) {
  (void)information, (void)type, (void)place;
  return remove(path);
}

muster_status bench_folder_remove(const char *folder, muster_status status) {
  if (nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0 && status == MUSTER_OK)
    return status_errno(MUSTER_ERROR_IO, "cannot remove '%s'", folder);
  return status;
}
