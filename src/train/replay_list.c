#include "train/replay_list.h"

#include <stdlib.h>

muster_status replay_list_create(size_t n, struct replay_list *list) {
  const size_t room = n > 0 ? n : 1;
  *list = (struct replay_list){.n = n,
                               .number = calloc(room, sizeof *list->number),
                               .slots = calloc(room, sizeof *list->slots),
                               .seal = calloc(room, CHECKPOINT_SEAL_BYTES)};
  if (list->number != NULL && list->slots != NULL && list->seal != NULL) return MUSTER_OK;
  replay_list_release(list);
  return status_error(MUSTER_ERROR_MEMORY, "out of memory: the list of the replay's segments");
}

void replay_list_release(struct replay_list *list) {
  free(list->number);
  free(list->slots);
  free(list->seal);
  *list = (struct replay_list){.n = 0};
}

void replay_list_tensors(const struct replay_list *list, struct tensor tensors[REPLAY_LIST_TENSORS]) {
  const size_t n = list->n;
  tensors[0] = (struct tensor){REPLAY_LIST_NUMBERS, TENSOR_I64, 1, {n}, list->number, RANGE(1, 999999999999.0)};
  tensors[1] = (struct tensor){"replay/segments/slots", TENSOR_I64, 1, {n}, list->slots, RANGE_COUNT};
  tensors[2] =
      (struct tensor){"replay/segments/digest", TENSOR_U8, 2, {n, CHECKPOINT_SEAL_BYTES}, list->seal, RANGE_ANY};
}

muster_status replay_list_read(struct checkpoint_reader *reader, struct replay_list *list) {
  struct tensor described = {.name = REPLAY_LIST_NUMBERS}, tensors[REPLAY_LIST_TENSORS];
  MUSTER_TRY(checkpoint_describe_tensor(reader, &described));
  MUSTER_TRY(replay_list_create(described.rank == 1 ? described.shape[0] : 0, list));
  replay_list_tensors(list, tensors);
  muster_status status = MUSTER_OK;
  for (int i = 0; i < REPLAY_LIST_TENSORS && status == MUSTER_OK; i++)
    status = checkpoint_restore_tensor(reader, &tensors[i]);
  if (status != MUSTER_OK) replay_list_release(list);
  return status;
}
