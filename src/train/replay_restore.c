#include "train/replay_restore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A segment that was read, and its memory. */
struct loaded {
  struct replay_segment segment;
  void *memory; /* owned */
};

static muster_status loaded_create(const struct replay *replay, size_t slots, struct loaded *loaded) {
  const size_t bytes = replay_segment_bytes(replay, slots);
  loaded->memory = aligned_alloc(64, bytes);
  if (loaded->memory == NULL)
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: a segment of the replay needs %zu bytes", bytes);
  replay_segment_lay_out(replay, slots, loaded->memory, &loaded->segment);
  return MUSTER_OK;
}

static void loaded_release(struct loaded *loaded) {
  free(loaded->memory);
  loaded->memory = NULL;
}

/* --- opening --- */

/* opens the file of entry i of the list, if it is the very one that the checkpoint was written with */
static muster_status open_listed(const char *folder, const struct replay_list *list, size_t i,
                                 struct checkpoint_reader **out) {
  char path[REPLAY_FILE_PATH_SIZE];
  uint8_t seal[CHECKPOINT_SEAL_BYTES];
  replay_file_path(folder, list->number[i], path);
  struct stat info;
  const bool is_found = stat(path, &info) == 0;
  if ((is_found && !S_ISREG(info.st_mode)) || (!is_found && errno == ENOENT))
    return status_error(MUSTER_ERROR_FORMAT,
                        "its part of the replay '%s' is %s: copy the folder replay/ of the run there, too", path,
                        is_found ? "not a file" : "missing");
  MUSTER_TRY(status_wrap(checkpoint_open(path, out), "its part of the replay"));
  checkpoint_seal(*out, seal);
  if (memcmp(seal, list->seal + i * CHECKPOINT_SEAL_BYTES, sizeof seal) == 0) return MUSTER_OK;
  checkpoint_close(out);
  return status_error(MUSTER_ERROR_FORMAT,
                      "its part of the replay '%s' is another one than it was written with: copy the folder replay/ of "
                      "the same run there",
                      path);
}

muster_status replay_check_file(const char *folder, const struct replay_list *list, size_t i) {
  struct checkpoint_reader *segment = NULL;
  muster_status status = open_listed(folder, list, i, &segment);
  checkpoint_close(&segment);
  return status;
}

muster_status replay_check(const struct replay_files *files, struct checkpoint_reader *reader) {
  struct replay_list list;
  MUSTER_TRY(replay_list_read(reader, &list));
  muster_status status = MUSTER_OK;
  for (size_t i = 0; i < list.n && status == MUSTER_OK; i++)
    status = replay_check_file(files->folder->replay, &list, i);
  replay_list_release(&list);
  return status;
}

/* --- reading --- */

/* Finds how many slots a file has, and that its arrays are of that many: room is only taken for what is there. */
static muster_status count_slots(const struct replay *replay, enum replay_segment_names names,
                                 struct checkpoint_reader *reader, size_t *slots) {
  struct replay_segment empty = {.n_envs = replay->n_envs, .agents = replay->agents};
  struct tensor list[REPLAY_SEGMENT_TENSORS];
  replay_segment_list(replay, &empty, names, list);
  struct tensor ended = {.name = list[2].name};
  MUSTER_TRY(checkpoint_describe_tensor(reader, &ended));
  *slots = empty.slots = ended.rank == 1 ? ended.shape[0] : 0;
  const int n = replay_segment_list(replay, &empty, names, list);
  for (int i = 0; i < n; i++) {
    struct tensor found = {.name = list[i].name};
    MUSTER_TRY(checkpoint_describe_tensor(reader, &found));
    if (tensor_bytes(&found) != tensor_bytes(&list[i]))
      return status_error(MUSTER_ERROR_FORMAT, "'%s' has %zu bytes, and %zu slots of the replay take %zu", found.name,
                          tensor_bytes(&found), *slots, tensor_bytes(&list[i]));
  }
  return MUSTER_OK;
}

/* reads a segment and checks all that it holds */
static muster_status read_segment(const struct replay *replay, enum replay_segment_names names,
                                  struct checkpoint_reader *reader, struct loaded *loaded) {
  struct tensor list[REPLAY_SEGMENT_TENSORS];
  size_t slots;
  MUSTER_TRY(count_slots(replay, names, reader, &slots));
  MUSTER_TRY(loaded_create(replay, slots, loaded));
  const int n = replay_segment_list(replay, &loaded->segment, names, list);
  for (int i = 0; i < n; i++) MUSTER_TRY(checkpoint_restore_tensor(reader, &list[i]));
  MUSTER_TRY(replay_segment_check_places(&loaded->segment));
  return replay_segment_check_values(replay, &loaded->segment);
}

/* --- which slots of the ring have been read --- */

struct coverage {
  int64_t *next, *slots; /* [N] of each environment: no later segment begins before `next`; so many slots are there */
};

static muster_status coverage_create(size_t n_envs, struct coverage *coverage) {
  coverage->next = calloc(n_envs, sizeof *coverage->next);
  coverage->slots = calloc(n_envs, sizeof *coverage->slots);
  if (coverage->next != NULL && coverage->slots != NULL) return MUSTER_OK;
  return status_error(MUSTER_ERROR_MEMORY, "out of memory: %zu environments", n_envs);
}

static void coverage_release(struct coverage *coverage) {
  free(coverage->next);
  free(coverage->slots);
}

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

/* the number of the oldest slot that the ring has */
static int64_t oldest_slot(const struct replay *replay, size_t env) {
  return larger(0, replay->written[env] - (int64_t)replay->slots);
}

static muster_status cover(struct coverage *coverage, const struct replay *replay,
                           const struct replay_segment *segment) {
  for (size_t env = 0; env < replay->n_envs; env++) {
    const int64_t first = segment->first[env], end = replay_segment_end(segment, env);
    if (first < coverage->next[env] || end > replay->written[env])
      return status_error(MUSTER_ERROR_FORMAT,
                          "slots %lld to %lld of environment %zu in the replay, not in %lld to %lld", (long long)first,
                          (long long)end - 1, env, (long long)coverage->next[env], (long long)replay->written[env] - 1);
    coverage->next[env] = end;
    coverage->slots[env] += larger(0, end - larger(first, oldest_slot(replay, env)));
  }
  return MUSTER_OK;
}

static muster_status check_covered(const struct coverage *coverage, const struct replay *replay) {
  for (size_t env = 0; env < replay->n_envs; env++) {
    const int64_t needed = replay->written[env] - oldest_slot(replay, env);
    if (coverage->slots[env] != needed)
      return status_error(MUSTER_ERROR_FORMAT, "the replay has %lld of %lld slots of environment %zu",
                          (long long)coverage->slots[env], (long long)needed, env);
  }
  return MUSTER_OK;
}

/* --- restoring --- */

static muster_status remember_file(struct replay_files *files, const struct replay_list *list, size_t i,
                                   const struct replay_segment *segment) {
  struct replay_file file;
  MUSTER_TRY(replay_file_create(segment, &file));
  file.number = list->number[i];
  memcpy(file.seal, list->seal + i * CHECKPOINT_SEAL_BYTES, sizeof file.seal);
  return replay_files_append(files, &file);
}

static muster_status restore_file(struct replay_files *files, const struct replay_list *list, size_t i,
                                  struct coverage *coverage) {
  struct replay *replay = files->log->replay;
  struct checkpoint_reader *reader = NULL;
  struct loaded loaded = {.memory = NULL};
  char path[REPLAY_FILE_PATH_SIZE];
  replay_file_path(files->folder->replay, list->number[i], path);
  muster_status status = open_listed(files->folder->replay, list, i, &reader);
  if (status == MUSTER_OK) status = status_wrap(read_segment(replay, REPLAY_SEGMENT, reader, &loaded), "'%s'", path);
  if (status == MUSTER_OK) status = status_wrap(cover(coverage, replay, &loaded.segment), "'%s'", path);
  if (status == MUSTER_OK) replay_segment_put(&loaded.segment, replay);
  if (status == MUSTER_OK) status = remember_file(files, list, i, &loaded.segment);
  loaded_release(&loaded);
  checkpoint_close(&reader);
  return status;
}

static muster_status restore_tail(struct replay_files *files, struct checkpoint_reader *reader,
                                  struct coverage *coverage) {
  struct replay *replay = files->log->replay;
  struct loaded loaded = {.memory = NULL};
  muster_status status = read_segment(replay, REPLAY_TAIL, reader, &loaded);
  if (status == MUSTER_OK) status = replay_log_check_tail(files->log, &loaded.segment);
  if (status == MUSTER_OK) status = cover(coverage, replay, &loaded.segment);
  if (status == MUSTER_OK) status = check_covered(coverage, replay);
  if (status == MUSTER_OK) {
    replay_segment_put(&loaded.segment, replay);
    replay_log_restore(files->log, &loaded.segment);
  }
  loaded_release(&loaded);
  return status;
}

muster_status replay_restore(struct replay_files *files, struct checkpoint_reader *reader) {
  struct replay_list list = {.n = 0};
  struct coverage coverage = {NULL, NULL};
  replay_files_forget(files);
  muster_status status = coverage_create(files->log->replay->n_envs, &coverage);
  if (status == MUSTER_OK) status = replay_list_read(reader, &list);
  for (size_t i = 0; i < list.n && status == MUSTER_OK; i++) status = restore_file(files, &list, i, &coverage);
  if (status == MUSTER_OK) status = restore_tail(files, reader, &coverage);
  replay_list_release(&list);
  coverage_release(&coverage);
  return status;
}

/* --- several learners --- */

#define NO_SLOTS (-1) /* in place of a number of slots: the segment could not be read */

/* sends a segment from the leading rank, whose `loaded` has it unless `status` is an error, to the replays of all */
static muster_status send_segment(struct replay *replay, bool leads, muster_status status, struct loaded *loaded,
                                  struct group *group) {
  int64_t slots = status == MUSTER_OK ? (int64_t)loaded->segment.slots : NO_SLOTS;
  muster_status sent = group_broadcast_part(group, &slots, sizeof slots);
  if (status != MUSTER_OK) {
    muster_status_clear(&sent);
    return status;
  }
  MUSTER_TRY(sent);
  /* the leading rank says why */
  if (slots == NO_SLOTS) return status_error(MUSTER_ERROR_FORMAT, "%s", "");
  if (!leads) MUSTER_TRY(loaded_create(replay, (size_t)slots, loaded));
  struct tensor list[REPLAY_SEGMENT_TENSORS];
  const int n = replay_segment_list(replay, &loaded->segment, REPLAY_SEGMENT, list);
  for (int i = 0; i < n; i++) MUSTER_TRY(group_broadcast_part(group, list[i].data, tensor_bytes(&list[i])));
  if (!leads) replay_segment_put(&loaded->segment, replay);
  return MUSTER_OK;
}

/* reads file i again */
static muster_status read_again(const struct replay_files *files, size_t i, struct loaded *loaded) {
  char path[REPLAY_FILE_PATH_SIZE];
  struct checkpoint_reader *reader;
  replay_file_path(files->folder->replay, files->file[i].number, path);
  MUSTER_TRY(checkpoint_open(path, &reader));
  muster_status status = read_segment(files->log->replay, REPLAY_SEGMENT, reader, loaded);
  checkpoint_close(&reader);
  return status_wrap(status, "'%s'", path);
}

muster_status replay_share(struct replay_files *files, bool is_restored, struct group *group) {
  if (files->log == NULL) return MUSTER_OK;
  const bool leads = group_rank(group) == 0;
  /* the files, and the tail */
  int64_t segments = leads && is_restored ? (int64_t)files->n + 1 : 0;
  MUSTER_TRY(group_broadcast_part(group, &segments, sizeof segments));
  muster_status status = MUSTER_OK;
  for (int64_t i = 0; i < segments && status == MUSTER_OK; i++) {
    struct loaded loaded = {.memory = NULL};
    if (leads && i + 1 < segments) status = read_again(files, (size_t)i, &loaded);
    if (leads && i + 1 == segments) replay_log_view_tail(files->log, &loaded.segment);
    status = send_segment(files->log->replay, leads, status, &loaded, group);
    loaded_release(&loaded);
  }
  return status;
}
