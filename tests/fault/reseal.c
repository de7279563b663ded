/* Gives a checkpoint whose content was changed a correct header again. usage: reseal FILE VERSION */
#include "store/checkpoint_container.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  FILE *file = fopen(argv[1], "r+b");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) return 1;
  long size = ftell(file);
  unsigned char *bytes = size < CONTAINER_HEADER_SIZE ? NULL : malloc((size_t)size);
  if (bytes == NULL) return 1;
  rewind(file);
  if (fread(bytes, 1, (size_t)size, file) != (size_t)size) return 1;
  container_seal(bytes, (size_t)size, (unsigned)atoi(argv[2]));
  rewind(file);
  if (fwrite(bytes, 1, (size_t)size, file) != (size_t)size || fclose(file) != 0) return 1;
  free(bytes);
  return 0;
}
