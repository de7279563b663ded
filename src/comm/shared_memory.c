#include "comm/shared_memory.h"

#include "comm/mpi_call.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Shared memory is a file that exists only in memory; its name is removed once all ranks have opened it. An MPI shared
 * window would do the same, but Open MPI 4 hangs where there is not enough memory, as in a container with a small
 * /dev/shm.
 *
 * The process that creates a file holds a lock on it as long as the file has a name. The lock ends with its holder, so
 * a named file without a lock was left behind by a process that was killed in between, in whatever container it ran,
 * and the next job removes it. */

#define FOLDER "/dev/shm"
#define PREFIX "muster-"
#define PATH_SIZE 64

/* how often to create a file again: another job may take it for one left behind, and remove it, before it is locked */
#define ATTEMPTS 8

/* whether a name in the folder is one of ours whose lock nobody holds; if so, the file is then locked by this
 * process */
static bool is_left_behind(int folder, const char *name, int *file) {
  struct stat found;
  *file = openat(folder, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (*file < 0) return false;
  bool is_ours = fstat(*file, &found) == 0 && S_ISREG(found.st_mode) && found.st_uid == geteuid() && found.st_nlink > 0;
  return is_ours && flock(*file, LOCK_EX | LOCK_NB) == 0;
}

void shared_memory_remove_left_behind(void) {
  DIR *folder = opendir(FOLDER);
  if (folder == NULL) return;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    int file = -1;
    if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0 || strlen(entry->d_name) != strlen(PREFIX) + 6) continue;
    if (is_left_behind(dirfd(folder), entry->d_name, &file)) unlinkat(dirfd(folder), entry->d_name, 0);
    if (file >= 0) close(file);
  }
  closedir(folder);
}

/* creates a file with a name and a lock; -1 on failure */
static int create_locked(char *path) {
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    struct stat made;
    snprintf(path, PATH_SIZE, FOLDER "/" PREFIX "XXXXXX");
    int file = mkostemp(path, O_CLOEXEC);
    if (file < 0) return -1;
    if (flock(file, LOCK_EX | LOCK_NB) == 0 && fstat(file, &made) == 0 && made.st_nlink > 0) return file;
    unlink(path);
    close(file);
  }
  return -1;
}

/* Creates the file and writes its path; "" on failure. All of it is reserved: no write to it can fail.
 * Returns the descriptor that holds the lock. */
static int create_file(size_t bytes, char *path) {
  int file = create_locked(path);
  if (file >= 0 && posix_fallocate(file, 0, (off_t)bytes) == 0) return file;
  if (file >= 0) {
    unlink(path);
    close(file);
  }
  path[0] = '\0';
  return -1;
}

/* returns NULL on failure */
static void *map_file(const char *path, size_t bytes) {
  int file = path[0] == '\0' ? -1 : open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return NULL;
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  return memory == MAP_FAILED ? NULL : memory;
}

/* NULL where the ranks of the node cannot share so much memory; all of them get it, or none does */
static muster_status share(struct comm *comm, size_t size, void **out) {
  bool is_first = comm->node_ranks[comm->rank] == 0;
  char path[PATH_SIZE] = "";
  int lock = is_first ? create_file(size, path) : -1;
  MUSTER_TRY_MPI(MPI_Bcast(path, PATH_SIZE, MPI_CHAR, 0, comm->node));
  void *bytes = map_file(path, size);
  int failed = bytes == NULL, any_failed = 1;
  MUSTER_TRY_MPI(MPI_Allreduce(&failed, &any_failed, 1, MPI_INT, MPI_MAX, comm->node));
  if (lock >= 0) {
    unlink(path);
    close(lock);
  }
  if (any_failed && bytes != NULL) munmap(bytes, size);
  *out = any_failed ? NULL : bytes;
  return MUSTER_OK;
}

muster_status shared_memory_create(struct comm *comm, size_t size, size_t size_alone, struct shared_memory *out) {
  *out = (struct shared_memory){.size = size};
  if (comm->local_size > 1) MUSTER_TRY(share(comm, size, &out->bytes));
  out->is_shared = out->bytes != NULL;
  if (out->is_shared) return MUSTER_OK;
  void *bytes = mmap(NULL, size_alone, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (bytes == MAP_FAILED) return status_error(MUSTER_ERROR_MEMORY, "out of memory: %zu bytes", size_alone);
  *out = (struct shared_memory){.bytes = bytes, .size = size_alone};
  return MUSTER_OK;
}

void shared_memory_destroy(struct shared_memory *memory) {
  if (memory->bytes != NULL) munmap(memory->bytes, memory->size);
  *memory = (struct shared_memory){0};
}
