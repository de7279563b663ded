/* Prints every tensor of a checkpoint, one a line: name, type, shape and bytes in hexadecimal, separated by tabs. */
#include "store/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>

static muster_status print_tensor(const struct tensor *described, void *context) {
  struct tensor tensor = *described;
  size_t bytes = tensor_bytes(&tensor);
  unsigned char *data = malloc(bytes + 1);
  if (data == NULL) abort();
  tensor.data = data;
  muster_status status = checkpoint_read_tensor(context, &tensor);
  if (status == MUSTER_OK) {
    printf("%s\t%s\t", tensor.name, tensor_type_name(tensor.type));
    for (int i = 0; i < tensor.rank; i++) printf("%s%zu", i > 0 ? "x" : "", tensor.shape[i]);
    putchar('\t');
    for (size_t i = 0; i < bytes; i++) printf("%02x", data[i]);
    putchar('\n');
  }
  free(data);
  return status;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  struct checkpoint_reader *reader = NULL;
  muster_status status = checkpoint_open(argv[1], &reader);
  if (status == MUSTER_OK) status = checkpoint_for_each(reader, print_tensor, reader);
  checkpoint_close(&reader);
  if (status != MUSTER_OK) fprintf(stderr, "%s\n", muster_status_message(status));
  int exit_code = status == MUSTER_OK ? 0 : 1;
  muster_status_clear(&status);
  return exit_code;
}
