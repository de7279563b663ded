#include "train/replay_needs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_SIZE 4096

/* A checkpoint that was read, by its identity as a file, and the segments that it needs. */
struct replay_need {
  dev_t device;
  ino_t inode;
  off_t size;
  struct timespec written;
  struct replay_list list;
  bool is_there; /* in the folder when that was last looked through */
};

static void forget_missing(struct replay_needs *needs) {
  size_t kept = 0;
  for (size_t i = 0; i < needs->n; i++) {
    if (needs->need[i].is_there)
      needs->need[kept++] = needs->need[i];
    else
      replay_list_release(&needs->need[i].list);
  }
  needs->n = kept;
}

static struct replay_need *find_need(const struct replay_needs *needs, const struct stat *info) {
  for (size_t i = 0; i < needs->n; i++) {
    struct replay_need *need = &needs->need[i];
    if (need->device == info->st_dev && need->inode == info->st_ino && need->size == info->st_size &&
        need->written.tv_sec == info->st_mtim.tv_sec && need->written.tv_nsec == info->st_mtim.tv_nsec)
      return need;
  }
  return NULL;
}

/* reads which segments a checkpoint needs; one that is damaged needs none, since no run can continue from it */
static muster_status read_need(const char *path, struct replay_list *list) {
  struct checkpoint_reader *reader;
  muster_status status = checkpoint_open(path, &reader);
  if (status == MUSTER_OK) {
    status = checkpoint_has(reader, REPLAY_LIST_NUMBERS) ? replay_list_read(reader, list) : MUSTER_OK;
    checkpoint_close(&reader);
  }
  if (muster_status_code(status) == MUSTER_ERROR_FORMAT && !checkpoint_is_of_other_version(path))
    muster_status_clear(&status);
  return status;
}

static muster_status note_need(struct replay_needs *needs, const char *path) {
  struct stat info;
  if (stat(path, &info) != 0)
    return errno == ENOENT ? MUSTER_OK : status_errno(MUSTER_ERROR_IO, "cannot read '%s'", path);
  /* a folder of such a name is none */
  if (S_ISDIR(info.st_mode)) return MUSTER_OK;
  struct replay_need *need = find_need(needs, &info);
  if (need == NULL) {
    struct replay_need *grown = realloc(needs->need, (needs->n + 1) * sizeof *grown);
    if (grown == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: the checkpoints of the run");
    needs->need = grown;
    need = &needs->need[needs->n];
    *need = (struct replay_need){info.st_dev, info.st_ino, info.st_size, info.st_mtim, {0}, true};
    MUSTER_TRY(read_need(path, &need->list));
    needs->n++;
  }
  need->is_there = true;
  return MUSTER_OK;
}

static bool is_checkpoint(const char *name) {
  const size_t length = strlen(name);
  return name[0] != '.' && length > 3 && strcmp(name + length - 3, ".h5") == 0;
}

muster_status replay_needs_look(struct replay_needs *needs, const char *folder) {
  for (size_t i = 0; i < needs->n; i++) needs->need[i].is_there = false;
  DIR *stream = opendir(folder);
  if (stream == NULL) return status_errno(MUSTER_ERROR_IO, "cannot read the folder '%s'", folder);
  muster_status status = MUSTER_OK;
  struct dirent *entry;
  while (status == MUSTER_OK && (errno = 0, entry = readdir(stream)) != NULL) {
    if (!is_checkpoint(entry->d_name)) continue;
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    status = note_need(needs, path);
  }
  if (status == MUSTER_OK && errno != 0) status = status_errno(MUSTER_ERROR_IO, "cannot read the folder '%s'", folder);
  closedir(stream);
  forget_missing(needs);
  return status;
}

bool replay_needs_has(const struct replay_needs *needs, int64_t number) {
  for (size_t i = 0; i < needs->n; i++)
    for (size_t k = 0; k < needs->need[i].list.n; k++)
      if (needs->need[i].list.number[k] == number) return true;
  return false;
}

void replay_needs_release(struct replay_needs *needs) {
  for (size_t i = 0; i < needs->n; i++) replay_list_release(&needs->need[i].list);
  free(needs->need);
  *needs = (struct replay_needs){0};
}
