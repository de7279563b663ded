#include "runs/list.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 4
#define PATH_BYTES 4096

/* takes the run at a path out of the previous list; NULL: it was not there */
static struct run_info *take(struct run_list *before, const char *path) {
  for (int i = 0; i < before->n; i++) {
    struct run_info *info = before->info[i];
    if (info == NULL || strcmp(info->path, path) != 0) continue;
    before->info[i] = NULL;
    return info;
  }
  return NULL;
}

static muster_status add(struct run_list *list, struct run_list *before, const char *path) {
  if (list->n == list->capacity) {
    int capacity = 2 * list->capacity + 16;
    struct run_info **infos = realloc(list->info, (size_t)capacity * sizeof(struct run_info *));
    if (infos == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory for %d runs", capacity);
    list->info = infos;
    list->capacity = capacity;
  }
  struct run_info *info = take(before, path);
  if (info == NULL) MUSTER_TRY(run_info_create(path, &info));
  list->info[list->n++] = info;
  return MUSTER_OK;
}

static int is_visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }

/* adds the runs in a folder, or the folder itself if it is a run or cannot be read */
static muster_status add_below(struct run_list *list, struct run_list *before, const char *path, int depth) {
  if (run_info_is_run(path)) return add(list, before, path);
  struct dirent **entries = NULL;
  int n = depth > 0 ? scandir(path, &entries, is_visible, versionsort) : 0;
  if (n < 0 && errno != ENOENT) return add(list, before, path);
  muster_status status = MUSTER_OK;
  for (int i = 0; i < n; i++) {
    char below[PATH_BYTES];
    struct stat file;
    int length = snprintf(below, sizeof below, "%s/%s", path, entries[i]->d_name);
    free(entries[i]);
    if (status != MUSTER_OK || length >= (int)sizeof below || stat(below, &file) != 0) continue;
    if (S_ISDIR(file.st_mode)) status = add_below(list, before, below, depth - 1);
  }
  free(entries);
  return status;
}

static muster_status add_path(struct run_list *list, struct run_list *before, const char *path) {
  struct stat file;
  char trimmed[PATH_BYTES];
  if (stat(path, &file) != 0) return status_errno(MUSTER_ERROR_IO, "cannot find the run %s", path);
  if (!S_ISDIR(file.st_mode))
    return status_error(MUSTER_ERROR_USAGE, "'%s' is no folder: give that of a run, or one with runs in it", path);
  if (strlen(path) >= sizeof trimmed) return status_error(MUSTER_ERROR_USAGE, "the path '%.60s...' is too long", path);
  strcpy(trimmed, path);
  for (size_t length = strlen(trimmed); length > 1 && trimmed[length - 1] == '/'; length--) trimmed[length - 1] = '\0';
  int n = list->n;
  MUSTER_TRY(add_below(list, before, trimmed, DEPTH));
  return list->n > n ? MUSTER_OK : add(list, before, trimmed);
}

muster_status run_list_find(struct run_list *list, const char *const *paths, int n) {
  struct run_list before = *list;
  *list = (struct run_list){0};
  muster_status status = MUSTER_OK;
  for (int i = 0; i < n && status == MUSTER_OK; i++) status = add_path(list, &before, paths[i]);
  run_list_destroy(&before);
  return status;
}

void run_list_destroy(struct run_list *list) {
  for (int i = 0; i < list->n; i++) run_info_destroy(&list->info[i]);
  free(list->info);
  *list = (struct run_list){0};
}

void run_list_refresh(struct run_list *list) {
  for (int i = 0; i < list->n; i++) run_info_refresh(list->info[i]);
}
