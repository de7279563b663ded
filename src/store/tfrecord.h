/* Records as TensorFlow frames them in files (TFRecord):
 *
 *   uint64 length, uint32 masked CRC of the length, the payload, uint32 masked CRC of the payload
 *
 * all little-endian. The CRC is CRC32C (Castagnoli, RFC 3720), masked because a CRC over bytes that hold CRCs would be
 * weak: rotated right by 15 bits, plus 0xa282ead8. */
#ifndef STORE_TFRECORD_H
#define STORE_TFRECORD_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TFRECORD_HEADER 12 /* bytes before the payload */
#define TFRECORD_FRAME 16  /* bytes before and after it */
#define TFRECORD_MAX_PAYLOAD ((size_t)1 << 30)

uint32_t tfrecord_crc32c(const void *bytes, size_t size);
uint32_t tfrecord_masked_crc(const void *bytes, size_t size);

/* Writes the frame around a payload of `size` bytes, which is at record + TFRECORD_HEADER already. */
void tfrecord_frame(unsigned char *record, size_t size);

/* A payload that was read, in memory that grows as needed and is the caller's to free. */
struct tfrecord_payload {
  unsigned char *bytes;
  size_t size, capacity;
};

/* Reads the next record. `*found` is false where the file ends or no complete, undamaged record follows. Errors: IO,
 * MEMORY.
 */
MUSTER_CHECKED muster_status tfrecord_read(FILE *stream, const char *path, struct tfrecord_payload *payload,
                                           bool *found);

#endif
