#include "train/replay_files.h"

#include "store/durable.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_FORMAT "segment-%06" PRId64 ".h5"

void replay_files_init(struct replay_log *log, const struct run_folder *folder, const struct logger *logger,
                       struct replay_files *files) {
  *files = (struct replay_files){.log = log, .folder = folder, .logger = logger};
}

void replay_file_path(const char *folder, int64_t number, char path[REPLAY_FILE_PATH_SIZE]) {
  snprintf(path, REPLAY_FILE_PATH_SIZE, "%s/" NAME_FORMAT, folder, number);
}

/* --- the list in memory --- */

static void release_file(struct replay_file *file) {
  free(file->first);
  free(file->end);
}

void replay_files_forget(struct replay_files *files) {
  for (size_t i = 0; i < files->n; i++) release_file(&files->file[i]);
  free(files->file);
  files->file = NULL;
  files->n = 0;
}

static muster_status out_of_memory(void) {
  return status_error(MUSTER_ERROR_MEMORY, "out of memory: the list of the replay's segments");
}

muster_status replay_files_append(struct replay_files *files, struct replay_file *file) {
  struct replay_file *grown = realloc(files->file, (files->n + 1) * sizeof *grown);
  if (grown == NULL) {
    release_file(file);
    return out_of_memory();
  }
  files->file = grown;
  files->file[files->n++] = *file;
  return MUSTER_OK;
}

muster_status replay_file_create(const struct replay_segment *segment, struct replay_file *file) {
  const size_t n_envs = segment->n_envs;
  *file = (struct replay_file){.slots = (int64_t)segment->slots};
  file->first = malloc(n_envs * sizeof *file->first);
  file->end = malloc(n_envs * sizeof *file->end);
  if (file->first == NULL || file->end == NULL) {
    release_file(file);
    return out_of_memory();
  }
  for (size_t env = 0; env < n_envs; env++) {
    file->first[env] = segment->first[env];
    file->end[env] = replay_segment_end(segment, env);
  }
  return MUSTER_OK;
}

/* whether the replay has slots from first to end - 1, numbers of each environment */
static bool is_live(const struct replay *replay, const int64_t *first, const int64_t *end) {
  for (size_t env = 0; env < replay->n_envs; env++)
    if (end[env] > first[env] && end[env] > replay->written[env] - (int64_t)replay->slots) return true;
  return false;
}

/* takes the segments out of the list whose slots are all overwritten */
static void drop_overwritten(struct replay_files *files) {
  size_t kept = 0;
  for (size_t i = 0; i < files->n; i++) {
    if (is_live(files->log->replay, files->file[i].first, files->file[i].end))
      files->file[kept++] = files->file[i];
    else
      release_file(&files->file[i]);
  }
  files->n = kept;
}

/* --- the folder --- */

/* reads the number in the name of a segment's file; false when it is none */
static bool parse_name(const char *name, int64_t *number) {
  char again[40];
  if (sscanf(name, "segment-%12" SCNd64, number) != 1 || *number < 0) return false;
  snprintf(again, sizeof again, NAME_FORMAT, *number);
  return strcmp(name, again) == 0;
}

/* calls `visit` for the number of every segment in the folder; where there is no folder, for none */
static muster_status for_each_number(const struct replay_files *files,
                                     muster_status (*visit)(int64_t number, void *context), void *context) {
  const char *folder = files->folder->replay;
  DIR *stream = opendir(folder);
  if (stream == NULL && errno == ENOENT) return MUSTER_OK;
  if (stream == NULL) return status_errno(MUSTER_ERROR_IO, "cannot read the folder '%s'", folder);
  muster_status status = MUSTER_OK;
  struct dirent *entry;
  int64_t number;
  while (status == MUSTER_OK && (errno = 0, entry = readdir(stream)) != NULL)
    if (parse_name(entry->d_name, &number)) status = visit(number, context);
  if (status == MUSTER_OK && errno != 0) status = status_errno(MUSTER_ERROR_IO, "cannot read the folder '%s'", folder);
  closedir(stream);
  return status;
}

static muster_status keep_largest(int64_t number, void *context) {
  int64_t *largest = context;
  if (number > *largest) *largest = number;
  return MUSTER_OK;
}

/* A number above all in the folder, so that no file is ever overwritten: a checkpoint may need it. */
static muster_status choose_number(struct replay_files *files) {
  if (files->next_number > 0) return MUSTER_OK;
  int64_t largest = files->n > 0 ? files->file[files->n - 1].number : 0;
  MUSTER_TRY(for_each_number(files, keep_largest, &largest));
  files->next_number = largest + 1;
  return MUSTER_OK;
}

static muster_status make_folder(const struct replay_files *files) {
  if (mkdir(files->folder->replay, 0777) == 0) return durable_sync_folder(files->folder->place);
  return errno == EEXIST ? MUSTER_OK : status_errno(MUSTER_ERROR_IO, "cannot make '%s'", files->folder->replay);
}

/* --- writing --- */

static muster_status write_tensors(const struct replay_files *files, const struct replay_segment *segment,
                                   enum replay_segment_names names, struct checkpoint_writer *writer) {
  struct tensor list[REPLAY_SEGMENT_TENSORS];
  const int n = replay_segment_list(files->log->replay, segment, names, list);
  for (int i = 0; i < n; i++) MUSTER_TRY(checkpoint_write_tensor(writer, &list[i]));
  return MUSTER_OK;
}

static muster_status write_segment(struct replay_files *files, const struct replay_segment *segment,
                                   uint8_t seal[CHECKPOINT_SEAL_BYTES]) {
  char path[REPLAY_FILE_PATH_SIZE];
  struct checkpoint_writer *writer;
  MUSTER_TRY(choose_number(files));
  MUSTER_TRY(make_folder(files));
  replay_file_path(files->folder->replay, files->next_number, path);
  MUSTER_TRY(checkpoint_write_begin(path, &writer));
  muster_status status = write_tensors(files, segment, REPLAY_SEGMENT, writer);
  if (status == MUSTER_OK) return checkpoint_write_commit_sealed(&writer, seal);
  checkpoint_write_abandon(&writer);
  return status;
}

/* writes one, unless its slots are overwritten already, and puts it into the list */
static muster_status write_waiting(struct replay_files *files, const struct replay_segment *segment) {
  struct replay_file file;
  MUSTER_TRY(replay_file_create(segment, &file));
  const bool is_wanted = is_live(files->log->replay, file.first, file.end);
  muster_status status = is_wanted ? write_segment(files, segment, file.seal) : MUSTER_OK;
  if (!is_wanted || status != MUSTER_OK) {
    release_file(&file);
    return status;
  }
  file.number = files->next_number++;
  return replay_files_append(files, &file);
}

muster_status replay_files_write(struct replay_files *files) {
  const struct replay_segment *segment;
  if (files->log == NULL) return MUSTER_OK;
  while ((segment = replay_log_waiting(files->log)) != NULL) {
    if (files->folder != NULL) MUSTER_TRY(write_waiting(files, segment));
    replay_log_forget_waiting(files->log);
  }
  files->cannot_write = false;
  return MUSTER_OK;
}

muster_status replay_files_keep_up(struct replay_files *files) {
  muster_status status = replay_files_write(files);
  if (muster_status_code(status) != MUSTER_ERROR_IO) return status;
  if (!files->cannot_write)
    log_warn(files->logger, "%s; training goes on, and this part of the replay waits in memory: it is tried again",
             muster_status_message(status));
  files->cannot_write = true;
  muster_status_clear(&status);
  return MUSTER_OK;
}

/* --- in a checkpoint --- */

muster_status replay_files_add(struct replay_files *files, struct checkpoint_writer *writer) {
  struct replay_list list;
  struct tensor tensors[REPLAY_LIST_TENSORS];
  struct replay_segment tail;
  drop_overwritten(files);
  MUSTER_TRY(replay_list_create(files->n, &list));
  for (size_t i = 0; i < files->n; i++) {
    list.number[i] = files->file[i].number;
    list.slots[i] = files->file[i].slots;
    memcpy(list.seal + i * CHECKPOINT_SEAL_BYTES, files->file[i].seal, CHECKPOINT_SEAL_BYTES);
  }
  replay_list_tensors(&list, tensors);
  muster_status status = MUSTER_OK;
  for (int i = 0; i < REPLAY_LIST_TENSORS && status == MUSTER_OK; i++)
    status = checkpoint_write_tensor(writer, &tensors[i]);
  replay_list_release(&list);
  MUSTER_TRY(status);
  replay_log_view_tail(files->log, &tail);
  return write_tensors(files, &tail, REPLAY_TAIL, writer);
}

/* --- removing --- */

static bool is_listed(const struct replay_files *files, int64_t number) {
  for (size_t i = 0; i < files->n; i++)
    if (files->file[i].number == number) return true;
  return false;
}

struct pruning {
  struct replay_files *files;
  bool knows; /* the checkpoints were looked through */
};

/* Removes the file of a segment. A folder of that name is not the run's, and stays. */
static muster_status remove_segment(const char *folder, int64_t number) {
  char path[REPLAY_FILE_PATH_SIZE];
  struct stat info;
  replay_file_path(folder, number, path);
  if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode)) return MUSTER_OK;
  if (unlink(path) != 0 && errno != ENOENT) return status_errno(MUSTER_ERROR_IO, "cannot remove '%s'", path);
  return MUSTER_OK;
}

/* which segments checkpoints need is only looked up where there is one that the log does not need */
static muster_status remove_unneeded(int64_t number, void *context) {
  struct pruning *pruning = context;
  struct replay_files *files = pruning->files;
  if (is_listed(files, number)) return MUSTER_OK;
  if (!pruning->knows) MUSTER_TRY(replay_needs_look(&files->needs, files->folder->checkpoints));
  pruning->knows = true;
  if (replay_needs_has(&files->needs, number)) return MUSTER_OK;
  return remove_segment(files->folder->replay, number);
}

muster_status replay_files_prune(struct replay_files *files) {
  static const char *const temporaries[] = {".segment-", NULL};
  struct pruning pruning = {.files = files};
  if (files->log == NULL || files->folder == NULL || access(files->folder->replay, F_OK) != 0) return MUSTER_OK;
  MUSTER_TRY(for_each_number(files, remove_unneeded, &pruning));
  return durable_remove_leftovers(files->folder->replay, temporaries);
}

muster_status replay_files_tidy(struct replay_files *files) {
  muster_status status = replay_files_prune(files);
  const bool fails = muster_status_code(status) == MUSTER_ERROR_IO;
  if (fails && !files->cannot_remove)
    log_warn(files->logger, "%s; parts of the replay that are not needed any more stay in %s until that is mended",
             muster_status_message(status), files->folder->replay);
  if (fails) muster_status_clear(&status);
  files->cannot_remove = fails;
  return status;
}

void replay_files_release(struct replay_files *files) {
  replay_files_forget(files);
  replay_needs_release(&files->needs);
  if (files->log != NULL) replay_log_release(files->log);
}
