#include "store/checkpoint_container.h"

#include "store/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* all of XXH3 is in its header, so nothing is linked */
#define XXH_INLINE_ALL
#include <xxhash.h>

#define SIGNATURE "muster-checkpoint "
#define DIGEST_DIGITS 32

static const char hdf5_signature[8] = {(char)0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};

/* the first line: "muster-checkpoint <version> <length> <digest>\n" */
struct seal {
  unsigned version;
  unsigned long long length; /* bytes of the whole file */
  char digest[DIGEST_DIGITS + 1];
};

static int seal_print(const struct seal *seal, char line[CONTAINER_HEADER_SIZE]) {
  return snprintf(line, CONTAINER_HEADER_SIZE, SIGNATURE "%u %llu %s\n", seal->version, seal->length, seal->digest);
}

/* reads the line; it must be exactly as seal_print() writes it; `digest_at` is the digest's offset */
static bool seal_parse(const unsigned char header[CONTAINER_HEADER_SIZE], struct seal *seal, size_t *digest_at) {
  char text[CONTAINER_HEADER_SIZE + 1] = {0}, line[CONTAINER_HEADER_SIZE];
  memcpy(text, header, CONTAINER_HEADER_SIZE);
  if (sscanf(text, SIGNATURE "%9u %18llu %32[0-9a-f]", &seal->version, &seal->length, seal->digest) != 3) return false;
  int length = seal_print(seal, line);
  *digest_at = (size_t)length - 1 - DIGEST_DIGITS;
  return strcmp(text, line) == 0 && strlen(seal->digest) == DIGEST_DIGITS;
}

/* XXH3-128 of the whole image with '0' in place of the digest's own digits */
static void compute_digest(const unsigned char *image, size_t size, size_t digest_at, char digest[DIGEST_DIGITS + 1]) {
  static const char blank[] = "00000000000000000000000000000000";
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  XXH3_128bits_update(&state, image, digest_at);
  XXH3_128bits_update(&state, blank, DIGEST_DIGITS);
  XXH3_128bits_update(&state, image + digest_at + DIGEST_DIGITS, size - digest_at - DIGEST_DIGITS);
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state));
  for (size_t i = 0; i < sizeof canonical.digest; i++) snprintf(digest + 2 * i, 3, "%02x", canonical.digest[i]);
}

void container_seal(unsigned char *image, size_t size, unsigned version) {
  struct seal seal = {.version = version, .length = size};
  memset(seal.digest, '0', DIGEST_DIGITS);
  char line[CONTAINER_HEADER_SIZE];
  size_t length = (size_t)seal_print(&seal, line);
  memset(image, 0, CONTAINER_HEADER_SIZE);
  memcpy(image, line, length);

  // the digest goes in last, in front of the line's end
  size_t digest_at = length - 1 - DIGEST_DIGITS;
  compute_digest(image, size, digest_at, seal.digest);
  memcpy(image + digest_at, seal.digest, DIGEST_DIGITS);
}

void container_digest(const unsigned char *image, uint8_t digest[CONTAINER_DIGEST_SIZE]) {
  struct seal seal;
  size_t digest_at;
  memset(digest, 0, CONTAINER_DIGEST_SIZE);
  if (!seal_parse(image, &seal, &digest_at)) return;
  for (size_t i = 0; i < CONTAINER_DIGEST_SIZE; i++) {
    const char digits[3] = {seal.digest[2 * i], seal.digest[2 * i + 1]};
    digest[i] = (uint8_t)strtoul(digits, NULL, 16);
  }
}

/* reads size bytes or up to the end of the file; *got says how many */
static muster_status read_all(int file, const char *path, unsigned char *bytes, size_t size, size_t *got) {
  *got = 0;
  while (*got < size) {
    ssize_t count = read(file, bytes + *got, size - *got);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return status_errno(MUSTER_ERROR_IO, "cannot read checkpoint '%s'", path);
    if (count == 0) break;
    *got += (size_t)count;
  }
  return MUSTER_OK;
}

static muster_status truncated(const char *path, size_t size, unsigned long long length) {
  return status_error(
      MUSTER_ERROR_FORMAT,
      "checkpoint '%s' is truncated: it has %zu of %llu bytes; use an earlier checkpoint or copy it again", path, size,
      length);
}

/* the error for a file that does not start like a checkpoint, of which the first `got` bytes are known */
static muster_status foreign(const char *path, const unsigned char *start, size_t got) {
  size_t known = got < strlen(SIGNATURE) ? got : strlen(SIGNATURE);
  if (got == 0) return status_error(MUSTER_ERROR_FORMAT, "checkpoint '%s' is empty: it holds no bytes at all", path);
  if (got < CONTAINER_HEADER_SIZE && memcmp(start, SIGNATURE, known) == 0)
    return status_error(MUSTER_ERROR_FORMAT, "checkpoint '%s' is truncated: it has only %zu bytes", path, got);
  if (known == strlen(SIGNATURE) && memcmp(start, SIGNATURE, known) == 0)
    return status_error(MUSTER_ERROR_FORMAT, "checkpoint '%s' is damaged: its first line is not readable", path);
  if (got >= sizeof hdf5_signature && memcmp(start, hdf5_signature, sizeof hdf5_signature) == 0)
    return status_error(MUSTER_ERROR_FORMAT, "'%s' is an HDF5 file, but not a checkpoint that muster wrote", path);
  return status_error(MUSTER_ERROR_FORMAT, "'%s' is not a checkpoint: it does not start with '" SIGNATURE "'", path);
}

/* reads and verifies an open regular file */
static muster_status load_file(int file, const char *path, size_t size, struct container *container) {
  // the first line is checked before its length is used
  unsigned char header[CONTAINER_HEADER_SIZE];
  struct seal seal;
  size_t got, digest_at;
  MUSTER_TRY(read_all(file, path, header, sizeof header, &got));
  if (got < sizeof header || !seal_parse(header, &seal, &digest_at)) return foreign(path, header, got);
  if (size < seal.length) return truncated(path, size, seal.length);
  if (size > seal.length)
    return status_error(MUSTER_ERROR_FORMAT, "checkpoint '%s' is damaged: %zu bytes where its first line says %llu",
                        path, size, seal.length);

  // the rest
  container->bytes = malloc(size);
  if (container->bytes == NULL)
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: checkpoint '%s' needs %zu bytes", path, size);
  memcpy(container->bytes, header, sizeof header);
  MUSTER_TRY(read_all(file, path, container->bytes + sizeof header, size - sizeof header, &got));
  if (got < size - sizeof header) return truncated(path, got + sizeof header, seal.length);

  char digest[DIGEST_DIGITS + 1];
  compute_digest(container->bytes, size, digest_at, digest);
  if (strcmp(digest, seal.digest) != 0)
    return status_error(MUSTER_ERROR_FORMAT,
                        "checkpoint '%s' is damaged: its content does not match its digest (it says that it is of "
                        "format version %u; this program reads version %d); use an earlier checkpoint or copy it again",
                        path, seal.version, CHECKPOINT_FORMAT_VERSION);
  container->size = size;
  container->version = seal.version;
  return MUSTER_OK;
}

muster_status container_load(const char *path, struct container *out) {
  // O_NONBLOCK: a pipe of that name must not make us wait
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return status_errno(MUSTER_ERROR_IO, "cannot open checkpoint '%s'", path);
  struct container container = {0};
  struct stat info;
  muster_status status;
  if (fstat(file, &info) != 0)
    status = status_errno(MUSTER_ERROR_IO, "cannot read checkpoint '%s'", path);
  else if (S_ISDIR(info.st_mode))
    status = status_error(MUSTER_ERROR_IO, "'%s' is a folder; name a checkpoint file (step-*.h5) in it", path);
  else if (!S_ISREG(info.st_mode))
    status = status_error(MUSTER_ERROR_IO, "'%s' is not a regular file", path);
  else
    status = load_file(file, path, (size_t)info.st_size, &container);
  close(file);
  if (status != MUSTER_OK)
    free(container.bytes);
  else
    *out = container;
  return status;
}
