/* Records: CRC32C by RFC 3720, frames as TensorBoard's own writer makes them, and damage of any kind is detected. */
#include "store/tfrecord.h"
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

/* RFC 3720, appendix B.4, and the check value of CRC-32/ISCSI */
static void test_crc(void) {
  unsigned char bytes[32];
  memset(bytes, 0, sizeof bytes);
  CU_ASSERT_EQUAL(tfrecord_crc32c(bytes, sizeof bytes), 0x8a9136aa);
  memset(bytes, 0xff, sizeof bytes);
  CU_ASSERT_EQUAL(tfrecord_crc32c(bytes, sizeof bytes), 0x62a8ab43);
  for (int i = 0; i < 32; i++) bytes[i] = (unsigned char)i;
  CU_ASSERT_EQUAL(tfrecord_crc32c(bytes, sizeof bytes), 0x46dd794e);
  for (int i = 0; i < 32; i++) bytes[i] = (unsigned char)(31 - i);
  CU_ASSERT_EQUAL(tfrecord_crc32c(bytes, sizeof bytes), 0x113fdb5c);
  static const unsigned char command[48] = {
      0x01, 0xc0, [16] = 0x14, [22] = 0x04, [27] = 0x14, [31] = 0x18, 0x28, [40] = 0x02};
  CU_ASSERT_EQUAL(tfrecord_crc32c(command, sizeof command), 0xd9963a56);
  CU_ASSERT_EQUAL(tfrecord_crc32c("123456789", 9), 0xe3069283);
  CU_ASSERT_EQUAL(tfrecord_crc32c("", 0), 0);
  CU_ASSERT_EQUAL(tfrecord_masked_crc("", 0), 0xa282ead8);
}

/* tensorboard.summary.writer.record_writer.RecordWriter (tensorboard 2.21.0) */
static const unsigned char muster[] = {0x06, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x73, 0x69, 0xd5,
                                       0x37, 0x6d, 0x75, 0x73, 0x74, 0x65, 0x72, 0x0a, 0xbb, 0x16, 0x0a};
static const unsigned char nothing[] = {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                                        0x29, 0x03, 0x98, 0x07, 0xd8, 0xea, 0x82, 0xa2};

static void test_frame(void) {
  unsigned char record[sizeof muster] = {0};
  memcpy(record + TFRECORD_HEADER, "muster", 6);
  tfrecord_frame(record, 6);
  CU_ASSERT_EQUAL(memcmp(record, muster, sizeof muster), 0);
  tfrecord_frame(record, 0);
  CU_ASSERT_EQUAL(memcmp(record, nothing, sizeof nothing), 0);
}

/* reads from memory; returns the number of records, the last of which is left in the payload */
static int count(unsigned char *bytes, size_t size, struct tfrecord_payload *payload) {
  FILE *stream = fmemopen(bytes, size, "r");
  CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
  bool found = true;
  int records = -1;
  while (found) {
    CHECK_OK_FATAL(tfrecord_read(stream, "memory", payload, &found));
    records++;
  }
  fclose(stream);
  return records;
}

static void test_read(void) {
  unsigned char file[2 * sizeof muster + sizeof nothing];
  memcpy(file, muster, sizeof muster);
  memcpy(file + sizeof muster, nothing, sizeof nothing);
  memcpy(file + sizeof muster + sizeof nothing, muster, sizeof muster);
  struct tfrecord_payload payload = {0};
  CU_ASSERT_EQUAL(count(file, sizeof file, &payload), 3);
  CU_ASSERT_EQUAL(payload.size, 6);
  CU_ASSERT_EQUAL(memcmp(payload.bytes, "muster", 6), 0);

  // cut off anywhere: the whole records before
  for (size_t size = 1; size < sizeof file; size++) {
    int whole = size < sizeof muster ? 0 : size < sizeof muster + sizeof nothing ? 1 : 2;
    CU_ASSERT_EQUAL(count(file, size, &payload), whole);
  }
  // any bit flipped: the records before
  for (size_t bit = 0; bit < 8 * sizeof file; bit++) {
    size_t byte = bit / 8;
    int sound = byte < sizeof muster ? 0 : byte < sizeof muster + sizeof nothing ? 1 : 2;
    file[byte] ^= (unsigned char)(1 << bit % 8);
    CU_ASSERT_EQUAL(count(file, sizeof file, &payload), sound);
    file[byte] ^= (unsigned char)(1 << bit % 8);
  }
  free(payload.bytes);
}

static const struct check_case cases[] = {
    {"known CRCs", test_crc},
    {"known frames", test_frame},
    {"reading, also of torn and damaged records", test_read},
};

CHECK_MAIN("record", cases)
