/* Fuzzes the reader of checkpoints with a file of these bytes: opens it and reads all that it holds. With RESEAL the
 * header gets the right length and digest first, so that the checks of the content behind it are fuzzed, too. */
#include "store/checkpoint.h"
#include "store/checkpoint_container.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
const char *__lsan_default_suppressions(void);

/* HDF5 1.10 does not free all that it allocated when a file turns out to be wrong */
const char *__lsan_default_suppressions(void) { return "leak:libhdf5\n"; }

static bool count_all(const char *name) {
  (void)name;
  return true;
}

/* asks for an object in every way, also in wrong ones */
static muster_status read_tensor(const struct tensor *described, void *context) {
  struct checkpoint_reader *reader = context;
  struct tensor tensor = *described;
  size_t bytes = tensor_bytes(&tensor);
  tensor.data = malloc(bytes > 0 ? bytes : 1);
  if (tensor.data == NULL) abort();
  muster_status status = checkpoint_read_tensor(reader, &tensor);
  char *text;
  muster_status as_text = checkpoint_read_text(reader, tensor.name, &text);
  if (as_text == MUSTER_OK) free(text);
  muster_status_clear(&as_text);
  free(tensor.data);
  return status;
}

static void read_all(struct checkpoint_reader *reader) {
  static const char *const texts[] = {"about/env", "about/algorithm", "about/config", "policy/0/weight", "about"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    char *text;
    int64_t number;
    double value;
    checkpoint_has(reader, texts[i]);
    muster_status status = checkpoint_read_text(reader, texts[i], &text);
    if (status == MUSTER_OK) free(text);
    muster_status_clear(&status);
    status = checkpoint_read_int(reader, "about/seed", &number);
    muster_status_clear(&status);
    status = checkpoint_read_float(reader, "about/mean_return", &value);
    muster_status_clear(&status);
  }
  muster_status status = checkpoint_for_each(reader, read_tensor, reader);
  muster_status_clear(&status);
  char digest[CHECKPOINT_DIGEST_SIZE];
  status = checkpoint_digest(reader, count_all, digest);
  muster_status_clear(&status);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
  int file = memfd_create("checkpoint", MFD_CLOEXEC);
  unsigned char *bytes = malloc(size + 1);
  if (file < 0 || bytes == NULL) abort();
  memcpy(bytes, data, size);
#ifdef RESEAL
  if (size >= CONTAINER_HEADER_SIZE) container_seal(bytes, size, CHECKPOINT_FORMAT_VERSION);
#endif
  if (write(file, bytes, size) != (ssize_t)size) abort();
  free(bytes);

  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  struct checkpoint_reader *reader;
  muster_status status = checkpoint_open(path, &reader);
  if (status == MUSTER_OK) {
    read_all(reader);
    checkpoint_close(&reader);
  } else if (muster_status_message(status)[0] == '\0') {
    abort();
  }
  muster_status_clear(&status);
  close(file);
  return 0;
}
