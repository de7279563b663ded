#include "view/mark.h"

#include "store/output.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* inserts bytes at an offset of the picture */
static muster_status insert(char **image, size_t *length, size_t place, const void *bytes, size_t size) {
  char *longer = realloc(*image, *length + size + 1);
  if (longer == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory for the picture");
  memmove(longer + place + size, longer + place, *length - place);
  memcpy(longer + place, bytes, size);
  *length += size;
  longer[*length] = '\0';
  *image = longer;
  return MUSTER_OK;
}

muster_status mark_svg(char **image, size_t *length) {
  static const char comment[] = "<!-- " OUTPUT_MARK " -->\n";
  return insert(image, length, *length, comment, strlen(comment));
}

/* the CRC of the PNG specification, annex D: the remainder of a division by the polynomial of ISO 3309, with bits in
 * reverse order */
static uint32_t checksum(const unsigned char *bytes, size_t n) {
  uint32_t sum = 0xffffffffu;
  for (size_t i = 0; i < n; i++) {
    sum ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) sum = sum >> 1 ^ (sum & 1 ? 0xedb88320u : 0);
  }
  return ~sum;
}

static void put_big_endian(unsigned char *to, uint32_t value) {
  for (int i = 0; i < 4; i++) to[i] = (unsigned char)(value >> (24 - 8 * i));
}

/* inserts a text chunk before the last chunk, which is the same in every PNG */
muster_status mark_png(char **image, size_t *length) {
  static const unsigned char last[12] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};
  static const char text[] = "tEXtSoftware\0" OUTPUT_MARK; // a keyword, a zero, the text
  enum { TEXT = sizeof text - 1 };
  unsigned char chunk[4 + TEXT + 4];
  if (*length < sizeof last || memcmp(*image + *length - sizeof last, last, sizeof last) != 0) return MUSTER_OK;
  put_big_endian(chunk, TEXT - 4);
  memcpy(chunk + 4, text, TEXT);
  put_big_endian(chunk + 4 + TEXT, checksum(chunk + 4, TEXT));
  return insert(image, length, *length - sizeof last, chunk, sizeof chunk);
}
