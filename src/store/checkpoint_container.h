/* The container around the HDF5 content of a checkpoint: a first line that names the format and carries the file's
 * length and digest, so that any damage is found before HDF5 reads a byte. See docs/checkpoint-format.md. */
#ifndef STORE_CHECKPOINT_CONTAINER_H
#define STORE_CHECKPOINT_CONTAINER_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* Bytes in front of the HDF5 content: its "user block". */
#define CONTAINER_HEADER_SIZE 512

/* Bytes of the digest. */
#define CONTAINER_DIGEST_SIZE 16

/* A whole file in memory. */
struct container {
  unsigned char *bytes; /* owned; release with free() */
  size_t size;
  unsigned version; /* of the format */
};

/* Writes the header into the first CONTAINER_HEADER_SIZE of image[size]. */
void container_seal(unsigned char *image, size_t size, unsigned version);

/* The digest in the header of a sealed image. */
void container_digest(const unsigned char *image, uint8_t digest[CONTAINER_DIGEST_SIZE]);

/* Reads a file and verifies length and digest. The version may be newer than that of this program: every version has
 * this container. Errors: IO (missing, unreadable, not a file), FORMAT (empty, foreign, truncated, damaged), MEMORY. */
MUSTER_CHECKED muster_status container_load(const char *path, struct container *out);

#endif
