/* Checkpoints: what is written is read back, damaged files are refused, and no failure destroys the old file. */
#include "store/checkpoint.h"
#include "store/checkpoint_container.h"
#include "store/hdf5_memory.h"
#include "support/check.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_SIZE 2048

/* HDF5 1.10 itself leaks the headers of objects that it cannot read; test_nothing_stays_open() checks our part */
MUSTER_API const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libhdf5\n"; }

/* --- files --- */

static void join(char path[PATH_SIZE], const char *folder, const char *name) {
  CU_ASSERT_FATAL(snprintf(path, PATH_SIZE, "%s/%s", folder, name) < PATH_SIZE);
}

/* the bytes of a file, which the caller frees */
static unsigned char *read_bytes(const char *path, size_t *size) {
  struct stat info;
  FILE *file = fopen(path, "rb");
  CU_ASSERT_FATAL(file != NULL && fstat(fileno(file), &info) == 0);
  unsigned char *bytes = malloc((size_t)info.st_size + 1);
  *size = fread(bytes, 1, (size_t)info.st_size, file);
  CU_ASSERT_EQUAL_FATAL(*size, (size_t)info.st_size);
  fclose(file);
  return bytes;
}

/* overwrites the file, since emptying it first makes some file systems wait for the disk */
static void write_bytes(const char *path, const void *bytes, size_t size) {
  int file = open(path, O_WRONLY | O_CREAT, 0666);
  CU_ASSERT_FATAL(file >= 0 && write(file, bytes, size) == (ssize_t)size && ftruncate(file, (off_t)size) == 0);
  close(file);
}

static bool exists(const char *folder, const char *name) {
  char path[PATH_SIZE];
  struct stat info;
  join(path, folder, name);
  return lstat(path, &info) == 0;
}

static int count_entries(const char *folder) {
  DIR *stream = opendir(folder);
  int n = 0;
  while (readdir(stream) != NULL) n++;
  closedir(stream);
  return n - 2; // "." and ".."
}

/* --- contents --- */

static muster_status write_value(const char *path, int64_t value) {
  struct checkpoint_writer *writer;
  MUSTER_TRY(checkpoint_write_begin(path, &writer));
  muster_status status = checkpoint_write_int(writer, "value", value);
  if (status == MUSTER_OK) return checkpoint_write_commit(&writer);
  checkpoint_write_abandon(&writer);
  return status;
}

static muster_status read_value(const char *path, int64_t *value) {
  struct checkpoint_reader *reader;
  MUSTER_TRY(checkpoint_open(path, &reader));
  muster_status status = checkpoint_read_int(reader, "value", value);
  checkpoint_close(&reader);
  return status;
}

static void check_holds(const char *path, int64_t expected) {
  int64_t value = -1;
  CHECK_OK(read_value(path, &value));
  CU_ASSERT_EQUAL(value, expected);
}

#define N_TYPES 7

/* one tensor of each type, 3 x 5, with the extremes of its range; a scalar, two empty ones, texts and attributes */
struct sample {
  float f32[15];
  double f64[15];
  int32_t i32[15];
  int64_t i64[15];
  uint8_t u8[15];
  uint32_t u32[15];
  uint64_t u64[15];
  double scalar;
  struct tensor all[N_TYPES + 3];
};

static void sample_describe(struct sample *sample) {
  void *data[N_TYPES] = {sample->f32, sample->f64, sample->i32, sample->i64, sample->u8, sample->u32, sample->u64};
  static const char *const names[N_TYPES] = {"types/f32", "types/f64", "types/i32", "types/i64",
                                             "types/u8",  "types/u32", "types/u64"};
  for (int i = 0; i < N_TYPES; i++)
    sample->all[i] = (struct tensor){names[i], (enum tensor_type)i, 2, {3, 5}, data[i], RANGE_ANY};
  sample->all[N_TYPES] = (struct tensor){"a/b/c/scalar", TENSOR_F64, 0, {0}, &sample->scalar, RANGE_NONE};
  sample->all[N_TYPES + 1] = (struct tensor){"empty", TENSOR_F32, 1, {0}, NULL, RANGE_NONE};
  sample->all[N_TYPES + 2] = (struct tensor){"a/empty", TENSOR_U8, 3, {4, 0, 7}, NULL, RANGE_NONE};
}

static void sample_fill(struct sample *sample) {
  *sample = (struct sample){.scalar = -1.0 / 3.0};
  for (int i = 0; i < 15; i++) {
    sample->f32[i] = 0.1f * (float)i;
    sample->f64[i] = exp(i);
    sample->i32[i] = i % 2 ? INT32_MIN + i : INT32_MAX - i;
    sample->i64[i] = i % 2 ? INT64_MIN + i : INT64_MAX - i;
    sample->u8[i] = (uint8_t)(255 - i);
    sample->u32[i] = UINT32_MAX - (uint32_t)i;
    sample->u64[i] = UINT64_MAX - (uint64_t)i;
  }
  sample->f32[7] = NAN;
  sample->f32[8] = -0.0f;
  sample->f64[7] = INFINITY;
  sample->f64[8] = 5e-324;
  sample_describe(sample);
}

static const char long_text[] = "seed: 1\nname: Größe \xe2\x82\xac\n# \"quoted\"\t\n";

static muster_status add_sample(struct checkpoint_writer *writer, const struct sample *sample) {
  for (int i = 0; i < N_TYPES + 3; i++) MUSTER_TRY(checkpoint_write_tensor(writer, &sample->all[i]));
  MUSTER_TRY(checkpoint_write_int(writer, "total_steps", INT64_MIN));
  MUSTER_TRY(checkpoint_write_int(writer, "algorithm/updates", INT64_MAX));
  MUSTER_TRY(checkpoint_write_float(writer, "algorithm/learning_rate", 0.1));
  MUSTER_TRY(checkpoint_write_text(writer, "config", long_text));
  return checkpoint_write_text(writer, "a/nothing", "");
}

static muster_status write_sample(const char *path) {
  struct sample sample;
  struct checkpoint_writer *writer;
  sample_fill(&sample);
  MUSTER_TRY(checkpoint_write_begin(path, &writer));
  muster_status status = add_sample(writer, &sample);
  if (status == MUSTER_OK) return checkpoint_write_commit(&writer);
  checkpoint_write_abandon(&writer);
  return status;
}

/* --- round trips --- */

static void test_round_trip(void) {
  const char *folder = check_folder("checkpoint_round_trip");
  char path[PATH_SIZE];
  join(path, folder, "sample.h5");
  CHECK_OK_FATAL(write_sample(path));
  CU_ASSERT_EQUAL(count_entries(folder), 1);

  // every tensor, bit for bit
  struct sample written, read = {0};
  struct checkpoint_reader *reader = NULL;
  sample_fill(&written);
  sample_describe(&read);
  CHECK_OK_FATAL(checkpoint_open(path, &reader));
  for (int i = 0; i < N_TYPES + 3; i++) {
    struct tensor described = {.name = read.all[i].name};
    CHECK_OK(checkpoint_describe_tensor(reader, &described));
    CU_ASSERT_EQUAL(described.type, written.all[i].type);
    CU_ASSERT_EQUAL(described.rank, written.all[i].rank);
    for (int d = 0; d < described.rank; d++) CU_ASSERT_EQUAL(described.shape[d], written.all[i].shape[d]);
    CHECK_OK(checkpoint_read_tensor(reader, &read.all[i]));
    size_t bytes = tensor_bytes(&written.all[i]);
    CU_ASSERT_TRUE(bytes == 0 || memcmp(read.all[i].data, written.all[i].data, bytes) == 0);
  }

  // attributes and texts
  int64_t integer = 0;
  double number = 0;
  char *text = NULL;
  CHECK_OK(checkpoint_read_int(reader, "total_steps", &integer));
  CU_ASSERT_EQUAL(integer, INT64_MIN);
  CHECK_OK(checkpoint_read_int(reader, "algorithm/updates", &integer));
  CU_ASSERT_EQUAL(integer, INT64_MAX);
  CHECK_OK(checkpoint_read_float(reader, "algorithm/learning_rate", &number));
  CU_ASSERT_EQUAL(number, 0.1);
  CHECK_OK_FATAL(checkpoint_read_text(reader, "config", &text));
  CU_ASSERT_STRING_EQUAL(text, long_text);
  free(text);
  CHECK_OK_FATAL(checkpoint_read_text(reader, "a/nothing", &text));
  CU_ASSERT_STRING_EQUAL(text, "");
  free(text);
  checkpoint_close(&reader);
  CU_ASSERT_PTR_NULL(reader);
  checkpoint_close(&reader);
}

/* several chunks along one dimension, and along two when a row is larger than a chunk */
static void check_large(const char *path, int rank, const size_t shape[]) {
  struct tensor tensor = {.name = "policy/0/weight", .type = TENSOR_F32, .rank = rank};
  for (int i = 0; i < rank; i++) tensor.shape[i] = shape[i];
  size_t n = tensor_elements(&tensor);
  float *written = malloc(n * sizeof *written), *read = calloc(n, sizeof *read);
  for (size_t i = 0; i < n; i++) written[i] = (float)i * 0.5f;
  tensor.data = written;

  struct checkpoint_writer *writer = NULL;
  struct checkpoint_reader *reader = NULL;
  CHECK_OK_FATAL(checkpoint_write_begin(path, &writer));
  CHECK_OK(checkpoint_write_tensor(writer, &tensor));
  CHECK_OK_FATAL(checkpoint_write_commit(&writer));
  tensor.data = read;
  CHECK_OK_FATAL(checkpoint_open(path, &reader));
  CHECK_OK(checkpoint_read_tensor(reader, &tensor));
  CU_ASSERT_EQUAL(memcmp(written, read, n * sizeof *read), 0);
  checkpoint_close(&reader);
  free(written);
  free(read);
}

static void test_large_tensors(void) {
  char path[PATH_SIZE];
  join(path, check_folder("checkpoint_large"), "large.h5");
  check_large(path, 1, (const size_t[]){1000003});
  check_large(path, 2, (const size_t[]){3, 400001});
  check_large(path, 4, (const size_t[]){64, 3, 97, 83});
  check_large(path, 3, (const size_t[]){262144, 1, 1});
}

static void test_equal_contents_give_equal_bytes(void) {
  const char *folder = check_folder("checkpoint_equal");
  char one[PATH_SIZE], two[PATH_SIZE];
  join(one, folder, "one.h5");
  join(two, folder, "two.h5");
  CHECK_OK_FATAL(write_sample(one));
  sleep(1); // HDF5's time stamps, if there were any, count seconds
  CHECK_OK_FATAL(write_sample(two));
  size_t n1, n2;
  unsigned char *bytes1 = read_bytes(one, &n1), *bytes2 = read_bytes(two, &n2);
  CU_ASSERT_EQUAL_FATAL(n1, n2);
  CU_ASSERT_EQUAL(memcmp(bytes1, bytes2, n1), 0);
  free(bytes1);
  free(bytes2);
}

static void test_has(void) {
  char path[PATH_SIZE];
  struct checkpoint_reader *reader = NULL;
  join(path, check_folder("checkpoint_has"), "sample.h5");
  CHECK_OK_FATAL(write_sample(path));
  CHECK_OK_FATAL(checkpoint_open(path, &reader));
  static const char *const present[] = {"types/f32", "config", "total_steps", "algorithm/updates", "algorithm", "a/b"};
  static const char *const missing[] = {"types/f16", "x/y/z", "updates", "types/f32/more", "", "/config", "a//b"};
  for (size_t i = 0; i < sizeof present / sizeof *present; i++) CU_ASSERT_TRUE(checkpoint_has(reader, present[i]));
  for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) CU_ASSERT_FALSE(checkpoint_has(reader, missing[i]));
  checkpoint_close(&reader);
}

/* remembers the names of the tensors that it is called for, and reads these */
struct seen {
  struct checkpoint_reader *reader;
  char names[512];
  const char *stop_at;
};

static muster_status see(const struct tensor *tensor, void *context) {
  struct seen *seen = context;
  size_t length = strlen(seen->names);
  snprintf(seen->names + length, sizeof seen->names - length, "%s ", tensor->name);
  if (seen->stop_at != NULL && strcmp(tensor->name, seen->stop_at) == 0)
    return status_error(MUSTER_ERROR_NUMERIC, "stopped at %s", tensor->name);
  struct tensor copy = *tensor;
  copy.data = malloc(tensor_bytes(tensor) + 1);
  muster_status status = checkpoint_read_tensor(seen->reader, &copy);
  free(copy.data);
  return status;
}

static void test_for_each(void) {
  char path[PATH_SIZE];
  struct seen seen = {0}, stopped = {.stop_at = "empty"};
  join(path, check_folder("checkpoint_for_each"), "sample.h5");
  CHECK_OK_FATAL(write_sample(path));
  CHECK_OK_FATAL(checkpoint_open(path, &seen.reader));
  CHECK_OK(checkpoint_for_each(seen.reader, see, &seen));
  CU_ASSERT_STRING_EQUAL(seen.names, "a/b/c/scalar a/empty empty types/f32 types/f64 types/i32 types/i64 types/u32 "
                                     "types/u64 types/u8 ");

  stopped.reader = seen.reader;
  CHECK_FAILS(checkpoint_for_each(stopped.reader, see, &stopped), MUSTER_ERROR_NUMERIC, "stopped at empty");
  CU_ASSERT_STRING_EQUAL(stopped.names, "a/b/c/scalar a/empty empty ");
  checkpoint_close(&seen.reader);
}

/* an open reader keeps the contents that it has verified when another file takes the same path; the two do not mix */
static void test_replaced_while_open(void) {
  char path[PATH_SIZE];
  struct checkpoint_reader *reader = NULL;
  int64_t value = 0;
  join(path, check_folder("checkpoint_replaced"), "value.h5");
  CHECK_OK_FATAL(write_value(path, 1));
  CHECK_OK_FATAL(checkpoint_open(path, &reader));
  CHECK_OK_FATAL(write_value(path, 2));
  check_holds(path, 2);
  CHECK_OK(checkpoint_read_int(reader, "value", &value));
  CU_ASSERT_EQUAL(value, 1);
  checkpoint_close(&reader);
}

/* --- wrong requests --- */

static void test_mismatches_name_both(void) {
  char path[PATH_SIZE];
  struct checkpoint_reader *reader = NULL;
  float f32[15];
  char *text = NULL;
  int64_t integer;
  double number;
  join(path, check_folder("checkpoint_mismatch"), "sample.h5");
  CHECK_OK_FATAL(write_sample(path));
  CHECK_OK_FATAL(checkpoint_open(path, &reader));
  struct tensor tensor = {"types/f32", TENSOR_F32, 2, {5, 3}, f32, RANGE_NONE};
  CHECK_FAILS(checkpoint_read_tensor(reader, &tensor), MUSTER_ERROR_FORMAT,
              "'types/f32' is float32 [3, 5], but float32 [5, 3]");
  tensor = (struct tensor){"types/f64", TENSOR_F32, 1, {15}, f32, RANGE_NONE};
  CHECK_FAILS(checkpoint_read_tensor(reader, &tensor), MUSTER_ERROR_FORMAT, "float64 [3, 5], but float32 [15]");
  tensor.name = "types/missing";
  CHECK_FAILS(checkpoint_read_tensor(reader, &tensor), MUSTER_ERROR_FORMAT, "no tensor 'types/missing'");
  tensor.name = "types";
  CHECK_FAILS(checkpoint_read_tensor(reader, &tensor), MUSTER_ERROR_FORMAT, "'types' is no tensor");
  tensor.name = "config";
  CHECK_FAILS(checkpoint_describe_tensor(reader, &tensor), MUSTER_ERROR_FORMAT, "'config' has elements");
  CHECK_FAILS(checkpoint_read_text(reader, "types/u8", &text), MUSTER_ERROR_FORMAT, "'types/u8' is no text");
  CHECK_FAILS(checkpoint_read_text(reader, "nothing", &text), MUSTER_ERROR_FORMAT, "no text 'nothing'");
  CHECK_FAILS(checkpoint_read_float(reader, "total_steps", &number), MUSTER_ERROR_FORMAT, "not a 64-bit float");
  CHECK_FAILS(checkpoint_read_int(reader, "algorithm/learning_rate", &integer), MUSTER_ERROR_FORMAT, "64-bit integer");
  CHECK_FAILS(checkpoint_read_int(reader, "algorithm/steps", &integer), MUSTER_ERROR_FORMAT, "no attribute");
  CHECK_FAILS(checkpoint_read_int(reader, "x/y/steps", &integer), MUSTER_ERROR_FORMAT, "no attribute 'x/y/steps'");
  checkpoint_close(&reader);
}

static void test_wrong_names(void) {
  char path[PATH_SIZE];
  struct checkpoint_writer *writer = NULL;
  const char *folder = check_folder("checkpoint_names");
  join(path, folder, "names.h5");
  CHECK_OK_FATAL(checkpoint_write_begin(path, &writer));
  CHECK_OK(checkpoint_write_int(writer, "group/value", 1));
  CHECK_FAILS(checkpoint_write_int(writer, "group/value", 2), MUSTER_ERROR_INTERNAL, "'group/value'");
  CHECK_OK(checkpoint_write_text(writer, "text", "one"));
  CHECK_FAILS(checkpoint_write_text(writer, "text", "two"), MUSTER_ERROR_INTERNAL, "already exists");
  CHECK_FAILS(checkpoint_write_text(writer, "text/below", "two"), MUSTER_ERROR_INTERNAL, "the group 'text'");
  CHECK_FAILS(checkpoint_write_text(writer, "/text", "two"), MUSTER_ERROR_INTERNAL, "'/text' is no name");
  CHECK_FAILS(checkpoint_write_text(writer, "", "two"), MUSTER_ERROR_INTERNAL, "'' is no name");
  checkpoint_write_abandon(&writer);
  CU_ASSERT_PTR_NULL(writer);
  checkpoint_write_abandon(&writer);
  CU_ASSERT_EQUAL(count_entries(folder), 0);
}

/* --- damage --- */

static muster_status try_open(const char *path) {
  struct checkpoint_reader *reader = NULL;
  muster_status status = checkpoint_open(path, &reader);
  checkpoint_close(&reader);
  return status;
}

static void test_foreign_files(void) {
  const char *folder = check_folder("checkpoint_foreign");
  char path[PATH_SIZE];
  join(path, folder, "missing.h5");
  CHECK_FAILS(try_open(path), MUSTER_ERROR_IO, "No such file");
  CHECK_FAILS(try_open(folder), MUSTER_ERROR_IO, "is a folder");
  CHECK_FAILS(try_open("/dev/null"), MUSTER_ERROR_IO, "not a regular file");
  join(path, folder, "foreign.h5");
  write_bytes(path, "", 0);
  CHECK_FAILS(try_open(path), MUSTER_ERROR_FORMAT, "is empty");
  write_bytes(path, "seed: 1\n", 8);
  CHECK_FAILS(try_open(path), MUSTER_ERROR_FORMAT, "is not a checkpoint");
  write_bytes(path, "m", 1);
  CHECK_FAILS(try_open(path), MUSTER_ERROR_FORMAT, "truncated");
  char zeros[4096] = {0};
  write_bytes(path, zeros, sizeof zeros);
  CHECK_FAILS(try_open(path), MUSTER_ERROR_FORMAT, "is not a checkpoint");
  memcpy(zeros, "muster-checkpoint x", 19);
  write_bytes(path, zeros, sizeof zeros);
  CHECK_FAILS(try_open(path), MUSTER_ERROR_FORMAT, "first line");

  // a checkpoint without its first 512 bytes is a plain HDF5 file
  size_t size;
  CHECK_OK_FATAL(write_sample(path));
  unsigned char *bytes = read_bytes(path, &size);
  write_bytes(path, bytes + CONTAINER_HEADER_SIZE, size - CONTAINER_HEADER_SIZE);
  CHECK_FAILS(try_open(path), MUSTER_ERROR_FORMAT, "is an HDF5 file, but not a checkpoint");

  // right container, no HDF5 inside
  memset(bytes, 'x', size);
  container_seal(bytes, size, CHECKPOINT_FORMAT_VERSION);
  write_bytes(path, bytes, size);
  CHECK_FAILS(try_open(path), MUSTER_ERROR_FORMAT, "damaged inside");
  free(bytes);
}

static void test_newer_version(void) {
  char path[PATH_SIZE];
  size_t size;
  join(path, check_folder("checkpoint_newer"), "newer.h5");
  CHECK_OK_FATAL(write_sample(path));
  unsigned char *bytes = read_bytes(path, &size);
  container_seal(bytes, size, CHECKPOINT_FORMAT_VERSION + 1);
  write_bytes(path, bytes, size);
  CHECK_FAILS(try_open(path), MUSTER_ERROR_FORMAT, "is of format version 2, and this program reads version 1");
  free(bytes);
}

static void test_truncation(void) {
  char path[PATH_SIZE];
  size_t size;
  join(path, check_folder("checkpoint_truncated"), "sample.h5");
  CHECK_OK_FATAL(write_sample(path));
  unsigned char *bytes = read_bytes(path, &size);
  for (size_t length = 1; length < size; length += length < 600 ? 13 : 997) {
    write_bytes(path, bytes, length);
    CHECK_FAILS(try_open(path), MUSTER_ERROR_FORMAT, "truncated");
  }
  write_bytes(path, bytes, size - 1);
  CHECK_FAILS(try_open(path), MUSTER_ERROR_FORMAT, "truncated");

  // one byte too many
  bytes[size] = 0;
  write_bytes(path, bytes, size + 1);
  CHECK_FAILS(try_open(path), MUSTER_ERROR_FORMAT, "damaged");
  free(bytes);
}

/* every bit of the first 600 bytes, and one bit of each of 400 places spread over the rest */
static void test_flipped_bits(void) {
  char path[PATH_SIZE];
  size_t size;
  join(path, check_folder("checkpoint_flipped"), "sample.h5");
  CHECK_OK_FATAL(write_sample(path));
  unsigned char *bytes = read_bytes(path, &size);
  size_t dense = 600, spread = 400, undetected = 0, tried = 0;
  for (size_t i = 0; i < 8 * dense + spread; i++) {
    size_t at = i < 8 * dense ? i / 8 : dense + (i - 8 * dense) * (size - 1 - dense) / (spread - 1);
    unsigned char bit = (unsigned char)(1u << i % 8);
    bytes[at] ^= bit;
    write_bytes(path, bytes, size);
    bytes[at] ^= bit;
    muster_status status = try_open(path);
    if (muster_status_code(status) != MUSTER_ERROR_FORMAT) undetected++;
    muster_status_clear(&status);
    tried++;
  }
  CU_ASSERT_EQUAL(undetected, 0);
  CU_ASSERT_EQUAL(tried, 5200);
  write_bytes(path, bytes, size);
  CHECK_OK(try_open(path));
  free(bytes);
}

/* reads everything that a file claims to hold; whatever that is, no memory out of bounds is touched, and the process
 * survives */
static void read_whatever(const char *path) {
  struct seen seen = {0};
  char *text = NULL;
  int64_t value;
  muster_status status = checkpoint_open(path, &seen.reader);
  if (status == MUSTER_OK) {
    status = checkpoint_for_each(seen.reader, see, &seen);
    muster_status_clear(&status);
    status = checkpoint_read_text(seen.reader, "config", &text);
    muster_status_clear(&status);
    status = checkpoint_read_int(seen.reader, "algorithm/updates", &value);
  }
  muster_status_clear(&status);
  free(text);
  checkpoint_close(&seen.reader);
}

/* forged files: damaged inside, with a digest that is right for the damage */
static void test_forged_files(void) {
  char path[PATH_SIZE];
  size_t size;
  join(path, check_folder("checkpoint_forged"), "sample.h5");
  CHECK_OK_FATAL(write_sample(path));
  unsigned char *bytes = read_bytes(path, &size);
  uint64_t state = 1;
  for (int i = 0; i < 1500; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    size_t at = CONTAINER_HEADER_SIZE + (size_t)(state >> 33) % (size - CONTAINER_HEADER_SIZE);
    unsigned char before = bytes[at];
    bytes[at] = (unsigned char)(state >> 13);
    container_seal(bytes, size, CHECKPOINT_FORMAT_VERSION);
    write_bytes(path, bytes, size);
    bytes[at] = before;
    read_whatever(path);
  }

  // and HDF5 still works
  container_seal(bytes, size, CHECKPOINT_FORMAT_VERSION);
  write_bytes(path, bytes, size);
  CHECK_OK(try_open(path));
  free(bytes);
}

/* a dataset "x" with these properties, to which nothing is written */
static void forge_dataset(hid_t file, hid_t type, int rank, hsize_t length, hid_t options) {
  hsize_t shape[5] = {length, length, length, length, length};
  hid_t space = rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, shape, NULL);
  hid_t dataset = H5Dcreate2(file, "x", type, space, H5P_DEFAULT, options, H5P_DEFAULT);
  CU_ASSERT_TRUE(dataset >= 0);
  hdf5_close(dataset);
  hdf5_close(space);
}

static void forge_vast(hid_t file, hid_t options) { forge_dataset(file, H5T_IEEE_F32LE, 1, 1ull << 33, options); }
static void forge_overflow(hid_t file, hid_t options) {
  // 2^64 bytes: a size_t would wrap to nothing
  H5Pset_chunk(options, 4, (const hsize_t[]){1, 1, 1, 1});
  H5Pset_fletcher32(options);
  forge_dataset(file, H5T_IEEE_F32LE, 4, 1ull << 15, options);
}
static void forge_rank(hid_t file, hid_t options) { forge_dataset(file, H5T_IEEE_F32LE, 5, 1, options); }
static void forge_null(hid_t file, hid_t options) {
  hid_t space = H5Screate(H5S_NULL);
  hdf5_close(H5Dcreate2(file, "x", H5T_IEEE_F32LE, space, H5P_DEFAULT, options, H5P_DEFAULT));
  hdf5_close(space);
}
static void forge_endian(hid_t file, hid_t options) { forge_dataset(file, H5T_IEEE_F32BE, 1, 4, options); }
static void forge_external(hid_t file, hid_t options) {
  H5Pset_external(options, "/etc/hostname", 0, 16);
  forge_dataset(file, H5T_STD_U8LE, 1, 4, options);
}
static void forge_compact(hid_t file, hid_t options) {
  H5Pset_layout(options, H5D_COMPACT);
  forge_dataset(file, H5T_STD_U8LE, 1, 4, options);
}
static void forge_filter(hid_t file, hid_t options) {
  H5Pset_chunk(options, 1, (const hsize_t[]){4});
  H5Pset_shuffle(options);
  forge_dataset(file, H5T_STD_U8LE, 1, 4, options);
}
static void forge_chunk(hid_t file, hid_t options) {
  // the dataset may grow, so its chunk may be larger than it: 1 GiB
  hid_t space = H5Screate_simple(1, (const hsize_t[]){4}, (const hsize_t[]){1 << 30});
  H5Pset_chunk(options, 1, (const hsize_t[]){1 << 30});
  H5Pset_fletcher32(options);
  hdf5_close(H5Dcreate2(file, "x", H5T_STD_U8LE, space, H5P_DEFAULT, options, H5P_DEFAULT));
  hdf5_close(space);
}
static void forge_variable_text(hid_t file, hid_t options) {
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  forge_dataset(file, type, 0, 0, options);
  hdf5_close(type);
}
static void forge_vast_text(hid_t file, hid_t options) {
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, (size_t)1 << 31);
  forge_dataset(file, type, 0, 0, options);
  hdf5_close(type);
}
static void forge_soft_link(hid_t file, hid_t options) {
  (void)options;
  H5Lcreate_soft("/y", file, "x", H5P_DEFAULT, H5P_DEFAULT);
}
static void forge_external_link(hid_t file, hid_t options) {
  (void)options;
  H5Lcreate_external("/tmp/other.h5", "/", file, "x", H5P_DEFAULT, H5P_DEFAULT);
}

/* writes a complete, correctly sealed file with contents that muster would never write */
static void forge(const char *path, void (*fill)(hid_t file, hid_t options)) {
  struct hdf5_memory memory;
  hid_t file = hdf5_memory_create(&memory, CONTAINER_HEADER_SIZE), options = H5Pcreate(H5P_DATASET_CREATE);
  CU_ASSERT_FATAL(file >= 0 && options >= 0);
  fill(file, options);
  hdf5_close(options);
  CU_ASSERT_FATAL(H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0 && H5Fclose(file) >= 0);
  container_seal(memory.bytes, memory.size, CHECKPOINT_FORMAT_VERSION);
  write_bytes(path, memory.bytes, memory.size);
  free(memory.bytes);
}

static void test_forged_structures(void) {
  static void (*const tensors[])(hid_t, hid_t) = {forge_vast,    forge_overflow, forge_rank,
                                                  forge_null,    forge_endian,   forge_external,
                                                  forge_compact, forge_filter,   forge_chunk};
  static void (*const texts[])(hid_t, hid_t) = {forge_variable_text, forge_vast_text};
  static void (*const links[])(hid_t, hid_t) = {forge_soft_link, forge_external_link};
  char path[PATH_SIZE], *text = NULL;
  struct checkpoint_reader *reader = NULL;
  struct seen seen = {0};
  join(path, check_folder("checkpoint_forged_structures"), "x.h5");
  for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
    struct tensor tensor = {.name = "x"};
    forge(path, tensors[i]);
    CHECK_OK_FATAL(checkpoint_open(path, &reader));
    CHECK_FAILS(checkpoint_describe_tensor(reader, &tensor), MUSTER_ERROR_FORMAT, "that muster never writes");
    CHECK_FAILS(checkpoint_for_each(reader, see, &seen), MUSTER_ERROR_FORMAT, "that muster never writes");
    checkpoint_close(&reader);
  }
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    forge(path, texts[i]);
    CHECK_OK_FATAL(checkpoint_open(path, &reader));
    CHECK_FAILS(checkpoint_read_text(reader, "x", &text), MUSTER_ERROR_FORMAT, "'x' is no text");
    checkpoint_close(&reader);
  }
  for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
    forge(path, links[i]);
    CHECK_FAILS(try_open(path), MUSTER_ERROR_FORMAT, "links, which muster never writes");
  }
}

/* identifiers of files, groups, datasets, attributes, types, spaces and property lists that are in use */
static long identifiers(void) {
  static const H5I_type_t kinds[] = {H5I_FILE,    H5I_GROUP, H5I_DATATYPE,    H5I_DATASPACE,
                                     H5I_DATASET, H5I_ATTR,  H5I_GENPROP_LST, H5I_GENPROP_CLS};
  hsize_t n = 0, all = 0;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (H5Inmembers(kinds[i], &n) >= 0) all += n;
  return (long)all;
}

/* no object of HDF5 stays open, neither after success nor after failure */
static void test_nothing_stays_open(void) {
  test_round_trip();
  test_mismatches_name_both();
  test_forged_structures();
  long before = identifiers();
  test_round_trip();
  test_for_each();
  test_mismatches_name_both();
  test_wrong_names();
  test_foreign_files();
  test_forged_files();
  test_forged_structures();
  CU_ASSERT_EQUAL(identifiers(), before);
}

/* --- failing writes --- */

static void test_missing_folder(void) {
  char path[PATH_SIZE];
  const char *folder = check_folder("checkpoint_no_folder");
  join(path, folder, "not/there.h5");
  CHECK_FAILS(write_value(path, 1), MUSTER_ERROR_IO, "No such file or directory");
  CU_ASSERT_EQUAL(count_entries(folder), 0);
}

/* a write that stops in the middle, because of a limit on the size of files */
static void test_old_file_survives_a_failed_write(void) {
  const char *folder = check_folder("checkpoint_limit");
  char path[PATH_SIZE];
  join(path, folder, "value.h5");
  CHECK_OK_FATAL(write_value(path, 1));

  struct rlimit old, low;
  CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &old), 0);
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  low = (struct rlimit){.rlim_cur = 600, .rlim_max = old.rlim_max};
  CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &low), 0);
  muster_status status = write_value(path, 2);
  CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
  signal(SIGXFSZ, handler);

  CHECK_FAILS(status, MUSTER_ERROR_IO, "File too large");
  CU_ASSERT_EQUAL(count_entries(folder), 1);
  check_holds(path, 1);
  CHECK_OK(write_value(path, 3));
  check_holds(path, 3);
}

/* a folder has the name that the file should get: the rename fails */
static void test_failed_rename(void) {
  const char *folder = check_folder("checkpoint_rename");
  char path[PATH_SIZE];
  join(path, folder, "taken.h5");
  CU_ASSERT_EQUAL_FATAL(mkdir(path, 0777), 0);
  CHECK_FAILS(write_value(path, 1), MUSTER_ERROR_IO, "cannot rename");
  CU_ASSERT_EQUAL(count_entries(folder), 1);
}

/* --- the folder of a run --- */

/* a checkpoint of `step` steps with the file name of another number of steps */
static void write_misnamed(const char *folder, int64_t step, int64_t name) {
  char path[PATH_SIZE];
  struct checkpoint_writer *writer;
  checkpoint_path(folder, name, path, sizeof path);
  CHECK_OK_FATAL(checkpoint_write_begin(path, &writer));
  CHECK_OK_FATAL(checkpoint_write_int(writer, CHECKPOINT_STEPS, step));
  CHECK_OK_FATAL(checkpoint_write_int(writer, "value", step));
  CHECK_OK_FATAL(checkpoint_write_commit(&writer));
}

static void write_step(const char *folder, int64_t step) { write_misnamed(folder, step, step); }

/* writes and publishes steps 100, 200, ... */
static void publish_steps(const char *folder, int n, int64_t keep) {
  for (int64_t step = 100; step <= 100 * n; step += 100) {
    write_step(folder, step);
    CHECK_OK_FATAL(checkpoint_publish(folder, step, keep));
  }
}

static void damage(const char *folder, const char *name) {
  char path[PATH_SIZE];
  size_t size;
  join(path, folder, name);
  unsigned char *bytes = read_bytes(path, &size);
  bytes[size / 2] ^= 4;
  write_bytes(path, bytes, size);
  free(bytes);
}

static void test_path(void) {
  char path[PATH_SIZE];
  checkpoint_path("runs/x", 102400, path, sizeof path);
  CU_ASSERT_STRING_EQUAL(path, "runs/x/step-000000102400.h5");
  checkpoint_path(".", INT64_MAX, path, sizeof path);
  CU_ASSERT_STRING_EQUAL(path, "./step-9223372036854775807.h5");
}

static void test_publish_and_prune(void) {
  const char *folder = check_folder("checkpoint_publish");
  char path[PATH_SIZE], target[PATH_SIZE] = {0};

  // files that pruning must not touch
  static const char *const others[] = {"notes.txt", "step-1.h5", "step-000000000001.h5.damaged", "step-000000000001",
                                       "xstep-000000000001.h5"};
  for (int i = 0; i < 5; i++) {
    join(path, folder, others[i]);
    write_bytes(path, "x", 1);
  }
  publish_steps(folder, 5, 2);
  for (int i = 0; i < 5; i++) CU_ASSERT_TRUE(exists(folder, others[i]));
  CU_ASSERT_FALSE(exists(folder, "step-000000000300.h5"));
  CU_ASSERT_TRUE(exists(folder, "step-000000000400.h5"));
  CU_ASSERT_TRUE(exists(folder, "step-000000000500.h5"));
  CU_ASSERT_EQUAL(count_entries(folder), 5 + 2 + 1);

  // the link is relative, so that the folder may move
  join(path, folder, "latest");
  CU_ASSERT_TRUE(readlink(path, target, sizeof target - 1) > 0);
  CU_ASSERT_STRING_EQUAL(target, "step-000000000500.h5");
  check_holds(path, 500);

  // files with more steps than the one that is published are not from this run: they are neither counted nor removed
  write_step(folder, 50);
  write_step(folder, 60);
  CHECK_OK(checkpoint_publish(folder, 60, 1));
  check_holds(path, 60);
  CU_ASSERT_TRUE(exists(folder, "step-000000000500.h5"));
  CU_ASSERT_TRUE(exists(folder, "step-000000000400.h5"));
  CU_ASSERT_FALSE(exists(folder, "step-000000000050.h5"));

  CHECK_FAILS(checkpoint_publish(folder, 61, 1), MUSTER_ERROR_IO, "step-000000000061.h5");
  check_holds(path, 60);
}

/* a checkpoint that no run could go on from does not count as one that is kept, and is removed when it is older than
 * those */
static void test_prune_counts_whole_ones(void) {
  const char *folder = check_folder("checkpoint_prune_whole");
  publish_steps(folder, 3, 3);
  damage(folder, "step-000000000200.h5");
  write_misnamed(folder, 100, 350);
  write_step(folder, 400);
  CHECK_OK(checkpoint_publish(folder, 400, 3));
  for (int64_t step = 100; step <= 400; step += 100) {
    char path[PATH_SIZE];
    checkpoint_path(".", step, path, sizeof path);
    CU_ASSERT_TRUE(exists(folder, path));
  }
  CU_ASSERT_TRUE(exists(folder, "step-000000000350.h5"));

  write_step(folder, 500);
  CHECK_OK(checkpoint_publish(folder, 500, 2));
  CU_ASSERT_EQUAL(count_entries(folder), 2 + 1);
  write_step(folder, 600);
  CHECK_OK(checkpoint_publish(folder, 600, 2));
  CU_ASSERT_TRUE(exists(folder, "step-000000000500.h5"));
}

/* `latest` may be a file, where a tool has copied what the link leads to; it becomes a link again */
static void test_latest_is_a_file(void) {
  const char *folder = check_folder("checkpoint_latest");
  char path[PATH_SIZE], target[PATH_SIZE] = {0};
  join(path, folder, "latest");
  write_bytes(path, "x", 1);
  publish_steps(folder, 1, 1);
  CU_ASSERT_TRUE(readlink(path, target, sizeof target - 1) > 0);
  CU_ASSERT_STRING_EQUAL(target, "step-000000000100.h5");
}

/* best.h5 stays when the checkpoint that is the same file is removed, and is replaced by another one in one step */
static void test_keep_best(void) {
  const char *folder = check_folder("checkpoint_best");
  char best[PATH_SIZE];
  join(best, folder, "best.h5");
  for (int64_t step = 100; step <= 300; step += 100) {
    const int64_t at = step < 200 ? step : 200;
    write_step(folder, step);
    if (step == at) CHECK_OK(checkpoint_keep(folder, step, best));
    if (step == at) CHECK_OK(checkpoint_keep(folder, step, best));
    CHECK_OK(checkpoint_publish(folder, step, 1));
    check_holds(best, at);
  }
  CU_ASSERT_FALSE(exists(folder, "step-000000000200.h5"));
  CU_ASSERT_EQUAL(count_entries(folder), 3);
}

static void test_keep_all(void) {
  const char *folder = check_folder("checkpoint_keep_all");
  publish_steps(folder, 4, 0);
  CU_ASSERT_EQUAL(count_entries(folder), 4 + 1);
}

/* temporary files of writers that were killed are removed, also where another process has their number now; other files
 * stay */
static void test_leftovers(void) {
  const char *folder = check_folder("checkpoint_leftovers");
  pid_t dead = fork();
  if (dead == 0) _exit(0);
  CU_ASSERT_EQUAL_FATAL(waitpid(dead, NULL, 0), dead);
  char names[6][64], path[PATH_SIZE];
  snprintf(names[0], 64, ".step-000000000007.h5.%ld.tmp", (long)dead);
  snprintf(names[1], 64, ".latest.%ld.tmp", (long)dead);
  snprintf(names[2], 64, ".step-000000000007.h5.%ld.tmp", (long)getppid());
  snprintf(names[3], 64, ".step-000000000007.h5.tmp");
  snprintf(names[4], 64, ".other.h5.%ld.tmp", (long)dead);
  snprintf(names[5], 64, ".step-.%ld.txt", (long)dead);
  for (int i = 0; i < 6; i++) {
    join(path, folder, names[i]);
    write_bytes(path, "x", 1);
  }
  publish_steps(folder, 1, 1);
  for (int i = 0; i < 6; i++) CU_ASSERT_EQUAL(exists(folder, names[i]), i >= 3);
}

struct reports {
  int n, damaged;
  char path[PATH_SIZE], reason[PATH_SIZE];
  int64_t usable; /* steps of the newest checkpoint that is; others are refused with this code */
  enum muster_code refuses_with;
};

static void report(const char *path, bool is_damaged, const char *reason, void *context) {
  struct reports *reports = context;
  reports->n++;
  reports->damaged += is_damaged;
  snprintf(reports->path, PATH_SIZE, "%s", path);
  snprintf(reports->reason, PATH_SIZE, "%s", reason);
}

static void test_find_newest(void) {
  const char *folder = check_folder("checkpoint_newest");
  char path[PATH_SIZE] = "before", missing[PATH_SIZE];
  struct reports reports = {0};
  const struct checkpoint_search search = {.on_passed_over = report, .context = &reports};

  // neither a missing nor an empty folder has a newest one
  join(missing, folder, "missing");
  CHECK_OK(checkpoint_find_newest(missing, &search, path, sizeof path));
  CU_ASSERT_STRING_EQUAL(path, "");
  CHECK_OK(checkpoint_find_newest(folder, &search, path, sizeof path));
  CU_ASSERT_STRING_EQUAL(path, "");

  // the order is that of the numbers, not of the names
  publish_steps(folder, 3, 0);
  write_step(folder, 1234567890123);
  CHECK_OK(checkpoint_find_newest(folder, &search, path, sizeof path));
  CU_ASSERT_PTR_NOT_NULL(strstr(path, "step-1234567890123.h5"));
  CU_ASSERT_EQUAL(reports.n, 0);

  // the two newest are damaged: both are set aside
  damage(folder, "step-1234567890123.h5");
  damage(folder, "step-000000000300.h5");
  CHECK_OK(checkpoint_find_newest(folder, &search, path, sizeof path));
  CU_ASSERT_PTR_NOT_NULL(strstr(path, "step-000000000200.h5"));
  check_holds(path, 200);
  CU_ASSERT_EQUAL(reports.n, 2);
  CU_ASSERT_PTR_NOT_NULL(strstr(reports.path, "step-000000000300.h5"));
  CU_ASSERT_PTR_NOT_NULL(strstr(reports.reason, "does not match its digest"));
  CU_ASSERT_FALSE(exists(folder, "step-000000000300.h5"));
  CU_ASSERT_TRUE(exists(folder, "step-000000000300.h5.damaged"));
  CU_ASSERT_TRUE(exists(folder, "step-1234567890123.h5.damaged"));

  // all are damaged: none is found, and a caller need not ask for reports
  damage(folder, "step-000000000200.h5");
  damage(folder, "step-000000000100.h5");
  CHECK_OK(checkpoint_find_newest(folder, &(struct checkpoint_search){0}, path, sizeof path));
  CU_ASSERT_STRING_EQUAL(path, "");
}

/* each damaged file keeps its bytes, also where one of the same name has been set aside before */
static void test_damaged_twice(void) {
  const char *folder = check_folder("checkpoint_damaged_twice");
  static const char *const aside[] = {"step-000000000200.h5.damaged", "step-000000000200.h5.damaged.2",
                                      "step-000000000200.h5.damaged.3"};
  char path[PATH_SIZE], file[PATH_SIZE];
  struct reports reports = {0};
  const struct checkpoint_search search = {.on_passed_over = report, .context = &reports};
  publish_steps(folder, 1, 0);
  join(file, folder, "step-000000000200.h5");
  for (int time = 0; time < 3; time++) {
    write_bytes(file, &"first, second, third"[7 * time], 3);
    CHECK_OK(checkpoint_find_newest(folder, &search, path, sizeof path));
    check_holds(path, 100);
    CU_ASSERT_EQUAL(reports.damaged, time + 1);
  }
  for (int time = 0; time < 3; time++) {
    size_t size;
    join(path, folder, aside[time]);
    unsigned char *bytes = read_bytes(path, &size);
    CU_ASSERT_TRUE(size == 3 && memcmp(bytes, &"first, second, third"[7 * time], 3) == 0);
    free(bytes);
  }
}

/* a copy of another checkpoint under a wrong name is not taken for the newest, and stays as it is */
static void test_misnamed(void) {
  const char *run = check_folder("checkpoint_misnamed");
  char folder[PATH_SIZE], path[PATH_SIZE];
  struct reports reports = {0};
  const struct checkpoint_search search = {.on_passed_over = report, .context = &reports};
  join(folder, run, "checkpoints");
  CU_ASSERT_EQUAL_FATAL(mkdir(folder, 0777), 0);
  write_misnamed(folder, 200, 900);
  CHECK_FAILS(checkpoint_resolve(run, path, sizeof path), MUSTER_ERROR_FORMAT,
              "step-000000000900.h5' is the checkpoint of 200 steps under another's name");
  CHECK_OK(checkpoint_find_newest(folder, &search, path, sizeof path));
  CU_ASSERT_STRING_EQUAL(path, "");
  CU_ASSERT_EQUAL(reports.n, 1);
  publish_steps(folder, 3, 1);
  CHECK_OK(checkpoint_resolve(run, path, sizeof path));
  check_holds(path, 300);
  CHECK_OK(checkpoint_find_newest(folder, &search, path, sizeof path));
  check_holds(path, 300);
  CU_ASSERT_EQUAL(reports.n, 2);
  CU_ASSERT_EQUAL(reports.damaged, 0);
  CU_ASSERT_PTR_NOT_NULL(strstr(reports.path, "step-000000000900.h5"));
  CU_ASSERT_TRUE(exists(folder, "step-000000000900.h5"));
  CU_ASSERT_FALSE(exists(folder, "step-000000000200.h5"));

  // a folder of such a name is not the run's: it is passed over as other files are, and stays, also an old one
  join(path, folder, "step-000000000950.h5");
  CU_ASSERT_EQUAL_FATAL(mkdir(path, 0777), 0);
  join(path, folder, "step-000000000050.h5");
  CU_ASSERT_EQUAL_FATAL(mkdir(path, 0777), 0);
  CHECK_OK(checkpoint_find_newest(folder, &search, path, sizeof path));
  check_holds(path, 300);
  CHECK_OK(checkpoint_publish(folder, 300, 1));
  CHECK_OK(checkpoint_resolve(run, path, sizeof path));
  check_holds(path, 300);
  CU_ASSERT_TRUE(exists(folder, "step-000000000950.h5"));
  CU_ASSERT_TRUE(exists(folder, "step-000000000050.h5"));

  // a checkpoint that does not say its number of steps
  checkpoint_path(folder, 400, path, sizeof path);
  CHECK_OK_FATAL(write_value(path, 400));
  CHECK_OK(checkpoint_resolve(run, path, sizeof path));
  check_holds(path, 300);
}

/* a file of a newer muster is not damaged: it is neither renamed nor skipped */
static void test_find_newest_stops_at_newer_version(void) {
  const char *folder = check_folder("checkpoint_newest_newer");
  char path[PATH_SIZE];
  struct reports reports = {0};
  const struct checkpoint_search search = {.on_passed_over = report, .context = &reports};
  size_t size;
  publish_steps(folder, 2, 0);
  checkpoint_path(folder, 200, path, sizeof path);
  unsigned char *bytes = read_bytes(path, &size);
  container_seal(bytes, size, CHECKPOINT_FORMAT_VERSION + 1);
  write_bytes(path, bytes, size);
  free(bytes);
  CHECK_FAILS(checkpoint_find_newest(folder, &search, path, sizeof path), MUSTER_ERROR_FORMAT, "version 2");
  CU_ASSERT_EQUAL(reports.n, 0);
  CU_ASSERT_TRUE(exists(folder, "step-000000000200.h5"));
}

/* refuses the checkpoints of up to so many steps, as what has lost a file that belongs to it */
static muster_status refuse_above(struct checkpoint_reader *reader, void *context) {
  struct reports *reports = context;
  int64_t steps;
  MUSTER_TRY(checkpoint_read_int(reader, CHECKPOINT_STEPS, &steps));
  if (steps <= reports->usable) return MUSTER_OK;
  return status_error(reports->refuses_with, "a file is missing");
}

/* a whole checkpoint that cannot be continued from stays, and the one before it is found; any other error ends the
 * search */
static void test_find_newest_usable(void) {
  const char *folder = check_folder("checkpoint_usable");
  char path[PATH_SIZE];
  struct reports reports = {.usable = 200, .refuses_with = MUSTER_ERROR_FORMAT};
  const struct checkpoint_search search = {report, refuse_above, &reports};
  publish_steps(folder, 4, 0);
  CHECK_OK(checkpoint_find_newest(folder, &search, path, sizeof path));
  check_holds(path, 200);
  CU_ASSERT_EQUAL(reports.n, 2);
  CU_ASSERT_EQUAL(reports.damaged, 0);
  CU_ASSERT_PTR_NOT_NULL(strstr(reports.reason, "step-000000000300.h5': a file is missing"));
  CU_ASSERT_TRUE(exists(folder, "step-000000000400.h5"));
  reports.refuses_with = MUSTER_ERROR_IO;
  CHECK_FAILS(checkpoint_find_newest(folder, &search, path, sizeof path), MUSTER_ERROR_IO, "a file is missing");
  CU_ASSERT_STRING_EQUAL(path, "");
}

/* the seal of a file, as its writer and its readers know it, are the digits in its first line */
static void test_seal(void) {
  const char *folder = check_folder("checkpoint_seal");
  char path[PATH_SIZE], line[128], digits[2 * CHECKPOINT_SEAL_BYTES + 1];
  uint8_t written[CHECKPOINT_SEAL_BYTES], read[CHECKPOINT_SEAL_BYTES];
  struct checkpoint_writer *writer;
  struct checkpoint_reader *reader;
  join(path, folder, "sealed.h5");
  CHECK_OK_FATAL(checkpoint_write_begin(path, &writer));
  CHECK_OK_FATAL(checkpoint_write_int(writer, "value", 7));
  CHECK_OK_FATAL(checkpoint_write_commit_sealed(&writer, written));
  CHECK_OK_FATAL(checkpoint_open(path, &reader));
  checkpoint_seal(reader, read);
  checkpoint_close(&reader);
  CU_ASSERT_EQUAL(memcmp(written, read, sizeof read), 0);
  for (size_t i = 0; i < sizeof read; i++) snprintf(digits + 2 * i, 3, "%02x", read[i]);
  size_t size;
  unsigned char *bytes = read_bytes(path, &size);
  snprintf(line, sizeof line, "%.100s", (char *)bytes);
  free(bytes);
  CU_ASSERT_PTR_NOT_NULL(strstr(line, digits));
}

static void test_resolve(void) {
  const char *run = check_folder("checkpoint_resolve");
  char folder[PATH_SIZE], file[PATH_SIZE], path[PATH_SIZE];
  join(folder, run, "checkpoints");
  CHECK_FAILS(checkpoint_resolve(folder, path, sizeof path), MUSTER_ERROR_IO, "cannot find");
  CU_ASSERT_EQUAL_FATAL(mkdir(folder, 0777), 0);
  CHECK_FAILS(checkpoint_resolve(run, path, sizeof path), MUSTER_ERROR_IO, "no checkpoint");

  // a run, its folder of checkpoints, a file, the link
  publish_steps(folder, 2, 0);
  checkpoint_path(folder, 200, file, sizeof file);
  CHECK_OK(checkpoint_resolve(run, path, sizeof path));
  CU_ASSERT_STRING_EQUAL(path, file);
  CHECK_OK(checkpoint_resolve(folder, path, sizeof path));
  CU_ASSERT_STRING_EQUAL(path, file);
  CHECK_OK(checkpoint_resolve(file, path, sizeof path));
  CU_ASSERT_STRING_EQUAL(path, file);
  join(file, folder, "latest");
  CHECK_OK(checkpoint_resolve(file, path, sizeof path));
  check_holds(path, 200);

  // the newest is damaged: the one before it is found, and nothing is renamed
  damage(folder, "step-000000000200.h5");
  CHECK_OK(checkpoint_resolve(run, path, sizeof path));
  check_holds(path, 100);
  CU_ASSERT_TRUE(exists(folder, "step-000000000200.h5"));
  damage(folder, "step-000000000100.h5");
  CHECK_FAILS(checkpoint_resolve(run, path, sizeof path), MUSTER_ERROR_FORMAT, "step-000000000200.h5");
}

static const struct check_case cases[] = {
    {"all types come back bit for bit", test_round_trip},
    {"tensors of several chunks", test_large_tensors},
    {"equal contents give equal bytes", test_equal_contents_give_equal_bytes},
    {"has", test_has},
    {"for each tensor in order", test_for_each},
    {"a file replaced while it is open", test_replaced_while_open},
    {"mismatches name both sides", test_mismatches_name_both},
    {"wrong and doubled names", test_wrong_names},
    {"foreign files", test_foreign_files},
    {"a newer version", test_newer_version},
    {"truncation at any length", test_truncation},
    {"any flipped bit", test_flipped_bits},
    {"forged files", test_forged_files},
    {"forged structures", test_forged_structures},
    {"nothing stays open in HDF5", test_nothing_stays_open},
    {"a missing folder", test_missing_folder},
    {"the old file survives a failed write", test_old_file_survives_a_failed_write},
    {"a failed rename", test_failed_rename},
    {"path of a step", test_path},
    {"publish and prune", test_publish_and_prune},
    {"pruning counts whole ones", test_prune_counts_whole_ones},
    {"keep all", test_keep_all},
    {"latest is a file", test_latest_is_a_file},
    {"keep the best", test_keep_best},
    {"leftovers of dead writers", test_leftovers},
    {"find the newest whole one", test_find_newest},
    {"damaged twice", test_damaged_twice},
    {"names are not believed", test_misnamed},
    {"a newer version is not damage", test_find_newest_stops_at_newer_version},
    {"the newest that can be continued from", test_find_newest_usable},
    {"the seal of a file", test_seal},
    {"resolve what a user typed", test_resolve},
};

CHECK_MAIN("checkpoint", cases)
