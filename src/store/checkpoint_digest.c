/* One hash over the contents of a checkpoint's tensors. */
#include "store/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* all of XXH3 is in its header, so nothing is linked */
#define XXH_INLINE_ALL
#include <xxhash.h>

struct digest {
  struct checkpoint_reader *reader;
  checkpoint_filter is_counted;
  XXH3_state_t state;
};

static muster_status add_tensor(const struct tensor *described, void *context) {
  struct digest *digest = context;
  struct tensor tensor = *described;
  if (!digest->is_counted(tensor.name)) return MUSTER_OK;
  size_t bytes = tensor_bytes(&tensor);
  tensor.data = malloc(bytes > 0 ? bytes : 1);
  if (tensor.data == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: %s", tensor.name);
  muster_status status = checkpoint_read_tensor(digest->reader, &tensor);
  if (status == MUSTER_OK) {
    /* hash name with its zero, type, rank and shape, too, so that different lists of tensors never give the same
     * bytes */
    uint64_t head[2 + TENSOR_MAX_RANK] = {(uint64_t)tensor.type, (uint64_t)tensor.rank};
    for (int i = 0; i < tensor.rank; i++) head[2 + i] = tensor.shape[i];
    XXH3_128bits_update(&digest->state, tensor.name, strlen(tensor.name) + 1);
    XXH3_128bits_update(&digest->state, head, sizeof head);
    XXH3_128bits_update(&digest->state, tensor.data, bytes);
  }
  free(tensor.data);
  return status;
}

muster_status checkpoint_digest(struct checkpoint_reader *reader, checkpoint_filter is_counted,
                                char text[CHECKPOINT_DIGEST_SIZE]) {
  struct digest digest = {.reader = reader, .is_counted = is_counted};
  XXH3_128bits_reset(&digest.state);
  MUSTER_TRY(checkpoint_for_each(reader, add_tensor, &digest));
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&digest.state));
  for (size_t i = 0; i < sizeof canonical.digest; i++)
    snprintf(text + 2 * i, CHECKPOINT_DIGEST_SIZE - 2 * i, "%02x", canonical.digest[i]);
  return MUSTER_OK;
}
