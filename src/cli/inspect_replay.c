#include "cli/inspect_replay.h"

#include "base/shown.h"
#include "train/replay_restore.h"

#include <stdio.h>
#include <string.h>

#define FOLDER_SIZE (RUN_PATH_SIZE + 64)

/* the folder of segments of the run whose checkpoint this is: beside the folder that the checkpoint is in */
static void find_folder(const char *path, char folder[FOLDER_SIZE]) {
  const char *slash = strrchr(path, '/');
  const int length = slash != NULL ? (int)(slash - path) : 1;
  snprintf(folder, FOLDER_SIZE, "%.*s/../" RUN_REPLAY_FOLDER, length, slash != NULL ? path : ".");
}

static void show_file(const char *folder, const struct replay_list *list, size_t i, struct json *json) {
  char path[REPLAY_FILE_PATH_SIZE], digest[2 * CHECKPOINT_SEAL_BYTES + 1];
  replay_file_path(folder, list->number[i], path);
  muster_status status = replay_check_file(folder, list, i);
  const char *name = strrchr(path, '/') + 1, *flaw = muster_status_message(status);
  for (size_t k = 0; k < CHECKPOINT_SEAL_BYTES; k++)
    snprintf(digest + 2 * k, 3, "%02x", list->seal[i * CHECKPOINT_SEAL_BYTES + k]);
  if (json != NULL) {
    json_open_object(json, NULL);
    json_string(json, "file", name);
    json_int(json, "slots", list->slots[i]);
    json_string(json, "digest", digest);
    json_string(json, "flaw", flaw);
    json_close_object(json);
  } else {
    shown_print(stdout, "  %-28s %lld slots, digest %s%s%s\n", name, (long long)list->slots[i], digest,
                flaw[0] != '\0' ? "; " : "", flaw);
  }
  muster_status_clear(&status);
}

/* how many slots are in the checkpoint itself */
static muster_status count_tail(struct checkpoint_reader *reader, int64_t *slots) {
  struct tensor ended = {.name = "replay/tail/ended"};
  MUSTER_TRY(checkpoint_describe_tensor(reader, &ended));
  *slots = (int64_t)tensor_elements(&ended);
  return MUSTER_OK;
}

muster_status inspect_replay(struct checkpoint_reader *reader, const char *path, struct json *json) {
  struct replay_list list;
  char folder[FOLDER_SIZE];
  int64_t tail;
  if (!checkpoint_has(reader, REPLAY_LIST_NUMBERS)) return MUSTER_OK;
  MUSTER_TRY(count_tail(reader, &tail));
  MUSTER_TRY(replay_list_read(reader, &list));
  find_folder(path, folder);
  if (json != NULL) {
    json_open_object(json, "replay");
    json_int(json, "slots_here", tail);
    json_open_array(json, "files");
  } else {
    printf("\nreplay\n  %-28s %lld slots\n", "(in this file)", (long long)tail);
  }
  for (size_t i = 0; i < list.n; i++) show_file(folder, &list, i, json);
  if (json != NULL) {
    json_close_array(json);
    json_close_object(json);
  }
  replay_list_release(&list);
  return MUSTER_OK;
}
