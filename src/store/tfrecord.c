#include "store/tfrecord.h"

#include <assert.h>
#include <isa-l/crc.h>
#include <stdlib.h>

/* ISA-L leaves it to its caller to invert the CRC before and after, and its parameter is not const, though it does not
 * change the bytes
 */
uint32_t tfrecord_crc32c(const void *bytes, size_t size) {
  assert(size <= TFRECORD_MAX_PAYLOAD);
  return ~crc32_iscsi((unsigned char *)bytes, (int)size, 0xffffffffu);
}

uint32_t tfrecord_masked_crc(const void *bytes, size_t size) {
  uint32_t crc = tfrecord_crc32c(bytes, size);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

static void put_little_endian(uint64_t value, size_t n, unsigned char *bytes) {
  for (size_t i = 0; i < n; i++) bytes[i] = (unsigned char)(value >> (8 * i));
}

static uint64_t get_little_endian(const unsigned char *bytes, size_t n) {
  uint64_t value = 0;
  for (size_t i = 0; i < n; i++) value |= (uint64_t)bytes[i] << (8 * i);
  return value;
}

void tfrecord_frame(unsigned char *record, size_t size) {
  unsigned char *payload = record + TFRECORD_HEADER;
  put_little_endian(size, 8, record);
  put_little_endian(tfrecord_masked_crc(record, 8), 4, record + 8);
  put_little_endian(tfrecord_masked_crc(payload, size), 4, payload + size);
}

static muster_status make_room(struct tfrecord_payload *payload, size_t size, const char *path) {
  if (payload->capacity >= size) return MUSTER_OK;
  unsigned char *bytes = realloc(payload->bytes, 2 * size);
  if (bytes == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: cannot read '%s'", path);
  payload->bytes = bytes;
  payload->capacity = 2 * size;
  return MUSTER_OK;
}

muster_status tfrecord_read(FILE *stream, const char *path, struct tfrecord_payload *payload, bool *found) {
  unsigned char header[TFRECORD_HEADER], crc[4];
  *found = false;
  if (fread(header, 1, sizeof header, stream) == sizeof header) {
    uint64_t size = get_little_endian(header, 8);
    if (size > TFRECORD_MAX_PAYLOAD || get_little_endian(header + 8, 4) != tfrecord_masked_crc(header, 8))
      return MUSTER_OK;
    payload->size = (size_t)size;
    MUSTER_TRY(make_room(payload, payload->size, path));
    *found = fread(payload->bytes, 1, payload->size, stream) == payload->size &&
             fread(crc, 1, sizeof crc, stream) == sizeof crc &&
             get_little_endian(crc, 4) == tfrecord_masked_crc(payload->bytes, payload->size);
  }
  return ferror(stream) ? status_errno(MUSTER_ERROR_IO, "cannot read '%s'", path) : MUSTER_OK;
}
