/* The files of a replay: what is written is read back as it was; what is missing, damaged or forged is refused; a file
 * stays as long as a checkpoint needs it. */
#include "support/check.h"
#include "support/model.h"
#include "support/replays.h"
#include "train/replay_restore.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  ENVS = 3,
  STEPS = 7,
  ELEMENTS = 3,
  CHOICES = 4,
  CAPACITY = 60 * ENVS,
  DRAWN = 64,
  LEAST = 40 /* slots of a segment: several of them are in the replay */
};

static const struct network_shape shape = {
    .obs_dim = ELEMENTS, .actions = CHOICES, .layers = 1, .hidden = {4}, .masks = true};

struct fixture {
  struct arena *arena;
  struct model model;
  struct trajectory rollout;
  struct replay replay;
  struct replay_log log;
  struct replay_files files;
  struct run_folder folder;
  struct logger logger;
  uint64_t rollouts;
};

static void setup(const char *name, struct fixture *f) {
  memset(f, 0, sizeof *f);
  const char *place = check_folder(name);
  snprintf(f->folder.place, sizeof f->folder.place, "%s", place);
  snprintf(f->folder.checkpoints, sizeof f->folder.checkpoints, "%s/checkpoints", place);
  snprintf(f->folder.replay, sizeof f->folder.replay, "%s/replay", place);
  CU_ASSERT_EQUAL_FATAL(mkdir(f->folder.checkpoints, 0777), 0);
  CHECK_OK_FATAL(arena_create(&f->arena));
  create_model(&shape, NULL, f->arena, &f->model);
  randomize_model(&f->model, 5);
  create_rollout(&shape, ENVS, STEPS, f->arena, &f->rollout);
  CHECK_OK_FATAL(replay_create(&f->rollout, CAPACITY, NULL, f->arena, &f->replay));
  CHECK_OK_FATAL(replay_log_create(&f->replay, &f->rollout, true, f->arena, &f->log));
  f->log.least = LEAST;
  f->logger = (struct logger){.level = LOG_ERROR, .role = "test"};
  replay_files_init(&f->log, &f->folder, &f->logger, &f->files);
}

static void teardown(struct fixture *f) {
  replay_files_release(&f->files);
  arena_destroy(&f->arena);
}

/* rollouts that do not go on where the last one ended: the replay takes those in between for lost */
static void append_one(struct fixture *f) {
  fill_rollout(&f->model, 100 + f->rollouts++, &f->rollout);
  replay_append(&f->replay, &f->rollout);
  CHECK_OK_FATAL(replay_log_append(&f->log, &f->rollout));
}

static void append(struct fixture *f, int rollouts) {
  for (int i = 0; i < rollouts; i++) {
    append_one(f);
    CHECK_OK_FATAL(replay_files_write(&f->files));
  }
}

static void path_of(const struct fixture *f, const char *name, char path[REPLAY_FILE_PATH_SIZE]) {
  snprintf(path, REPLAY_FILE_PATH_SIZE, "%s/%s", f->folder.checkpoints, name);
}

static void write_checkpoint(struct fixture *f, const char *name) {
  char path[REPLAY_FILE_PATH_SIZE];
  struct checkpoint_writer *writer;
  struct tensor list[REPLAY_STATE];
  path_of(f, name, path);
  CHECK_OK_FATAL(checkpoint_write_begin(path, &writer));
  CU_ASSERT_EQUAL_FATAL(replay_state(&f->replay, list), 1);
  CHECK_OK_FATAL(checkpoint_write_tensor(writer, &list[0]));
  CHECK_OK_FATAL(replay_files_add(&f->files, writer));
  CHECK_OK_FATAL(checkpoint_write_commit(&writer));
}

/* a replay that knows nothing yet, over the same folder */
static void create_other(struct fixture *f, struct fixture *other) {
  *other = *f;
  CHECK_OK_FATAL(replay_create(&f->rollout, CAPACITY, NULL, f->arena, &other->replay));
  CHECK_OK_FATAL(replay_log_create(&other->replay, &f->rollout, true, f->arena, &other->log));
  other->log.least = LEAST;
  replay_files_init(&other->log, &f->folder, &f->logger, &other->files);
}

static muster_status restore_other(struct fixture *f, const char *name, struct fixture *other) {
  char path[REPLAY_FILE_PATH_SIZE];
  struct checkpoint_reader *reader;
  struct tensor list[REPLAY_STATE];
  path_of(f, name, path);
  create_other(f, other);
  MUSTER_TRY(checkpoint_open(path, &reader));
  replay_state(&other->replay, list);
  muster_status status = checkpoint_restore_tensor(reader, &list[0]);
  if (status == MUSTER_OK) status = replay_check(&other->files, reader);
  if (status == MUSTER_OK) status = replay_restore(&other->files, reader);
  checkpoint_close(&reader);
  return status;
}

/* goes on until a checkpoint needs two files and has whole slots itself */
static void write_with_two(struct fixture *f, const char *name) {
  do {
    append(f, 1);
    write_checkpoint(f, name);
  } while (f->files.n < 2 || f->log.tail.slots < 2 * ENVS);
}

static bool has_file(const struct fixture *f, int64_t number) {
  char path[REPLAY_FILE_PATH_SIZE];
  replay_file_path(f->folder.replay, number, path);
  return access(path, F_OK) == 0;
}

static int count_files(const struct fixture *f) {
  int files = 0;
  for (int64_t number = 1; number < 100; number++) files += has_file(f, number);
  return files;
}

static void check_same(struct fixture *a, struct fixture *b) {
  struct replay_segment tail, other;
  struct tensor of_tail[REPLAY_SEGMENT_TENSORS], of_other[REPLAY_SEGMENT_TENSORS];
  replay_log_view_tail(&a->log, &tail);
  replay_log_view_tail(&b->log, &other);
  const int n = replay_segment_list(&a->replay, &tail, REPLAY_TAIL, of_tail);
  replay_segment_list(&b->replay, &other, REPLAY_TAIL, of_other);
  for (int i = 0; i < n; i++) {
    CU_ASSERT_EQUAL_FATAL(tensor_bytes(&of_tail[i]), tensor_bytes(&of_other[i]));
    CU_ASSERT_EQUAL(memcmp(of_tail[i].data, of_other[i].data, tensor_bytes(&of_tail[i])), 0);
  }
  uint64_t drawn[DRAWN], again[DRAWN];
  struct replay_tile tile, other_tile;
  CHECK_OK_FATAL(replay_tile_create(&a->replay, DRAWN, a->arena, &tile));
  CHECK_OK_FATAL(replay_tile_create(&b->replay, DRAWN, a->arena, &other_tile));
  for (uint32_t update = 0; update < 10; update++) {
    replay_draw(&a->replay, 3, update, DRAWN, drawn);
    replay_draw(&b->replay, 3, update, DRAWN, again);
    CU_ASSERT_EQUAL_FATAL(memcmp(drawn, again, sizeof drawn), 0);
    replay_gather(&a->replay, drawn, DRAWN, 2, 0.9, &tile);
    replay_gather(&b->replay, drawn, DRAWN, 2, 0.9, &other_tile);
    CU_ASSERT_EQUAL(memcmp(tile.step.observation, other_tile.step.observation, DRAWN * ELEMENTS * sizeof(float)), 0);
    CU_ASSERT_EQUAL(memcmp(tile.step.reward, other_tile.step.reward, DRAWN * sizeof(float)), 0);
    CU_ASSERT_EQUAL(memcmp(tile.step.action, other_tile.step.action, DRAWN * sizeof(int32_t)), 0);
    CU_ASSERT_EQUAL(memcmp(tile.discount, other_tile.discount, DRAWN * sizeof(float)), 0);
  }
}

/* at every moment what was written is what is read, and both go on with files of the same numbers and digests */
static void test_round_trip(void) {
  struct fixture f, other;
  setup("replay_round_trip", &f);
  for (int k = 0; k < 12; k++) {
    append(&f, 1 + k % 4);
    write_checkpoint(&f, "step-000000000001.h5");
    CHECK_OK(replay_files_prune(&f.files));
    CU_ASSERT_EQUAL(count_files(&f), (int)f.files.n);
    CHECK_OK_FATAL(restore_other(&f, "step-000000000001.h5", &other));
    check_same(&f, &other);
    CU_ASSERT_EQUAL_FATAL(f.files.n, other.files.n);
    for (size_t i = 0; i < f.files.n; i++) {
      const struct replay_file *a = &f.files.file[i], *b = &other.files.file[i];
      CU_ASSERT_TRUE(a->number == b->number && a->slots == b->slots && memcmp(a->seal, b->seal, sizeof a->seal) == 0);
      CU_ASSERT_EQUAL(memcmp(a->first, b->first, ENVS * sizeof *a->first), 0);
      CU_ASSERT_EQUAL(memcmp(a->end, b->end, ENVS * sizeof *a->end), 0);
    }
    replay_files_release(&other.files);
  }
  CU_ASSERT_TRUE(f.files.n > 0 && f.files.file[0].number > 1);
  teardown(&f);
}

/* a file is removed once neither the log nor any checkpoint needs it, whatever that is called */
static void test_prune(void) {
  struct fixture f;
  char best[REPLAY_FILE_PATH_SIZE], copy[REPLAY_FILE_PATH_SIZE];
  setup("replay_prune", &f);
  while (f.files.n == 0) append(&f, 1);
  const int64_t first = f.files.file[0].number;
  write_checkpoint(&f, "best.h5");
  write_checkpoint(&f, "a copy.h5");
  while (f.files.file[0].number == first) {
    append(&f, 1);
    write_checkpoint(&f, "step-000000000002.h5");
  }
  path_of(&f, "best.h5", best);
  path_of(&f, "a copy.h5", copy);
  CHECK_OK(replay_files_prune(&f.files));
  CU_ASSERT_TRUE(has_file(&f, first));
  unlink(best);
  CHECK_OK(replay_files_prune(&f.files));
  CU_ASSERT_TRUE(has_file(&f, first));
  /* another one of that name needs other files */
  write_checkpoint(&f, "a copy.h5");
  CHECK_OK(replay_files_prune(&f.files));
  CU_ASSERT_FALSE(has_file(&f, first));
  for (size_t i = 0; i < f.files.n; i++) CU_ASSERT_TRUE(has_file(&f, f.files.file[i].number));
  teardown(&f);
}

/* what cannot be read may need anything; what is damaged needs nothing */
static void test_prune_beside_unreadable(void) {
  struct fixture f;
  char path[REPLAY_FILE_PATH_SIZE];
  setup("replay_unreadable", &f);
  while (f.files.n == 0) append(&f, 1);
  const int64_t first = f.files.file[0].number;
  path_of(&f, "circle.h5", path);
  CU_ASSERT_EQUAL_FATAL(symlink("circle.h5", path), 0);
  while (f.files.file[0].number == first) {
    append(&f, 1);
    write_checkpoint(&f, "step-000000000002.h5");
  }
  CHECK_FAILS(replay_files_prune(&f.files), MUSTER_ERROR_IO, "cannot read");
  CU_ASSERT_TRUE(has_file(&f, first));
  unlink(path);
  FILE *file = fopen(path, "w");
  fputs("no checkpoint", file);
  fclose(file);
  CHECK_OK(replay_files_prune(&f.files));
  CU_ASSERT_FALSE(has_file(&f, first));
  teardown(&f);
}

/* folders with names of checkpoints and segments are neither, and stay */
static void test_prune_beside_folders(void) {
  struct fixture f;
  char checkpoint[REPLAY_FILE_PATH_SIZE], segment[REPLAY_FILE_PATH_SIZE];
  setup("replay_folders", &f);
  while (f.files.n == 0) append(&f, 1);
  const int64_t first = f.files.file[0].number;
  path_of(&f, "folder.h5", checkpoint);
  replay_file_path(f.folder.replay, 999, segment);
  CU_ASSERT_EQUAL_FATAL(mkdir(checkpoint, 0777), 0);
  CU_ASSERT_EQUAL_FATAL(mkdir(segment, 0777), 0);
  while (f.files.file[0].number == first) {
    append(&f, 1);
    write_checkpoint(&f, "step-000000000002.h5");
  }
  CHECK_OK(replay_files_prune(&f.files));
  CU_ASSERT_FALSE(has_file(&f, first));
  CU_ASSERT_EQUAL(rmdir(segment), 0);
  CU_ASSERT_EQUAL(rmdir(checkpoint), 0);
  teardown(&f);
}

/* segments that cannot be written wait; numbers go on above all that are there */
static void test_waiting(void) {
  struct fixture f, other;
  setup("replay_waiting", &f);
  FILE *file = fopen(f.folder.replay, "w");
  fclose(file);
  for (int k = 0; k < 30; k++) {
    append_one(&f);
    CHECK_OK(replay_files_keep_up(&f.files));
  }
  CU_ASSERT_TRUE(f.files.cannot_write);
  CHECK_FAILS(replay_files_write(&f.files), MUSTER_ERROR_IO, "replay");
  CU_ASSERT_EQUAL(f.files.n, 0);
  unlink(f.folder.replay);
  CU_ASSERT_EQUAL_FATAL(mkdir(f.folder.replay, 0777), 0);
  char path[REPLAY_FILE_PATH_SIZE];
  replay_file_path(f.folder.replay, 41, path);
  file = fopen(path, "w");
  fclose(file);
  CHECK_OK_FATAL(replay_files_write(&f.files));
  CU_ASSERT_TRUE(f.files.n > 0 && f.files.file[0].number == 42);
  CU_ASSERT_FALSE(f.files.cannot_write);
  write_checkpoint(&f, "step-000000000001.h5");
  CHECK_OK_FATAL(restore_other(&f, "step-000000000001.h5", &other));
  check_same(&f, &other);
  replay_files_release(&other.files);
  teardown(&f);
}

/* --- what is refused --- */

static unsigned char *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  unsigned char *bytes = malloc(*size);
  CU_ASSERT_EQUAL_FATAL(fread(bytes, 1, *size, file), *size);
  fclose(file);
  return bytes;
}

static void write_file(const char *path, const unsigned char *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  CU_ASSERT_EQUAL_FATAL(fwrite(bytes, 1, size, file), size);
  fclose(file);
}

static void check_refused(struct fixture *f, const char *message) {
  struct fixture other;
  CHECK_FAILS(restore_other(f, "step-000000000001.h5", &other), MUSTER_ERROR_FORMAT, message);
  replay_files_release(&other.files);
}

static void test_damaged(void) {
  struct fixture f;
  char path[REPLAY_FILE_PATH_SIZE];
  size_t size;
  setup("replay_damaged", &f);
  write_with_two(&f, "step-000000000001.h5");
  replay_file_path(f.folder.replay, f.files.file[1].number, path);
  unsigned char *bytes = read_file(path, &size);
  for (size_t at = 0; at < size; at += size / 50) {
    bytes[at] ^= 4;
    write_file(path, bytes, size);
    check_refused(&f, "its part of the replay");
    bytes[at] ^= 4;
  }
  static const size_t lengths[] = {0, 1, 100, 600};
  for (int i = 0; i < 4; i++) {
    write_file(path, bytes, lengths[i]);
    check_refused(&f, "its part of the replay");
  }
  char other[REPLAY_FILE_PATH_SIZE];
  size_t other_size;
  replay_file_path(f.folder.replay, f.files.file[0].number, other);
  unsigned char *other_bytes = read_file(other, &other_size);
  write_file(path, other_bytes, other_size);
  check_refused(&f, "is another one than it was written with");
  unlink(path);
  check_refused(&f, "is missing: copy the folder replay/");
  CU_ASSERT_EQUAL(mkdir(path, 0777), 0);
  check_refused(&f, "is not a file: copy the folder replay/");
  rmdir(path);
  write_file(path, bytes, size);
  struct fixture whole;
  CHECK_OK(restore_other(&f, "step-000000000001.h5", &whole));
  replay_files_release(&whole.files);
  free(bytes);
  free(other_bytes);
  teardown(&f);
}

/* One value of a checkpoint is changed while it is copied to another one. */
struct forgery {
  const char *name;
  size_t element;
  double value;
  bool is_lengthened; /* the tensor gets a row more instead */
  struct checkpoint_reader *reader;
  struct checkpoint_writer *writer;
};

static muster_status copy_tensor(const struct tensor *described, void *context) {
  const struct forgery *forgery = context;
  const bool is_it = strcmp(described->name, forgery->name) == 0;
  struct tensor tensor = *described;
  tensor.data = calloc(1, 2 * tensor_bytes(&tensor) + 64);
  muster_status status = checkpoint_read_tensor(forgery->reader, &tensor);
  if (is_it && forgery->is_lengthened) tensor.shape[0]++;
  if (is_it && !forgery->is_lengthened) {
    if (tensor.type == TENSOR_I64) ((int64_t *)tensor.data)[forgery->element] = (int64_t)forgery->value;
    if (tensor.type == TENSOR_I32) ((int32_t *)tensor.data)[forgery->element] = (int32_t)forgery->value;
    if (tensor.type == TENSOR_F32) ((float *)tensor.data)[forgery->element] = (float)forgery->value;
    if (tensor.type == TENSOR_U8) ((uint8_t *)tensor.data)[forgery->element] = (uint8_t)forgery->value;
  }
  if (status == MUSTER_OK) status = checkpoint_write_tensor(forgery->writer, &tensor);
  free(tensor.data);
  return status;
}

static void test_forged(void) {
  static const struct {
    struct forgery forgery;
    const char *message;
  } forgeries[] = {
      {{.name = "replay/tail/action", .element = 1, .value = CHOICES}, "action"},
      {{.name = "replay/tail/action", .element = 1, .value = -1}, "action"},
      {{.name = "replay/tail/reward", .element = 1, .value = INFINITY}, "reward"},
      {{.name = "replay/tail/reward", .element = 1, .value = NAN}, "reward"},
      {{.name = "replay/tail/observation", .element = 1, .value = NAN}, "observation"},
      {{.name = "replay/tail/ended", .element = 1, .value = 5}, "ended"},
      {{.name = "replay/tail/first", .element = 1, .value = -1}, "first"},
      {{.name = "replay/tail/first", .element = 1, .value = 0}, "environment 1"},
      {{.name = "replay/tail/first", .element = 1, .value = 1e15}, "environment 1"},
      {{.name = "replay/tail/offsets", .element = 0, .value = 1}, "offsets"},
      {{.name = "replay/tail/offsets", .element = 1, .value = 1e15}, "offsets"},
      {{.name = "replay/tail/offsets", .element = ENVS, .value = 2}, "offsets"},
      {{.name = "replay/tail/reward", .is_lengthened = true}, "reward"},
      {{.name = "replay/tail/ended", .is_lengthened = true}, "replay/tail/"},
      {{.name = "replay/written", .element = 0, .value = 1e15}, "environment 0"},
      {{.name = "replay/written", .element = 0, .value = 0}, "environment 0"},
      {{.name = "replay/written", .element = 0, .value = -1}, "written"},
      {{.name = "replay/segments/number", .element = 1, .value = 0}, "number"},
      {{.name = "replay/segments/number", .element = 1, .value = 77}, "segment-000077.h5' is missing"},
      {{.name = "replay/segments/digest", .element = 3, .value = 0}, "another one"},
      {{.name = "replay/segments/slots", .is_lengthened = true}, "slots"},
  };
  struct fixture f;
  char path[REPLAY_FILE_PATH_SIZE], to[REPLAY_FILE_PATH_SIZE];
  setup("replay_forged", &f);
  write_with_two(&f, "whole.h5");
  path_of(&f, "whole.h5", path);
  path_of(&f, "step-000000000001.h5", to);
  for (size_t i = 0; i < sizeof forgeries / sizeof *forgeries; i++) {
    struct forgery forgery = forgeries[i].forgery;
    CHECK_OK_FATAL(checkpoint_open(path, &forgery.reader));
    CHECK_OK_FATAL(checkpoint_write_begin(to, &forgery.writer));
    CHECK_OK_FATAL(checkpoint_for_each(forgery.reader, copy_tensor, &forgery));
    CHECK_OK_FATAL(checkpoint_write_commit(&forgery.writer));
    checkpoint_close(&forgery.reader);
    check_refused(&f, forgeries[i].message);
  }
  /* a list in which a segment comes twice, or is left out */
  static const size_t left[][2] = {{0, 0}, {1, 1}, {1, 0}};
  for (int i = 0; i < 3; i++) {
    const struct replay_file both[2] = {f.files.file[0], f.files.file[1]};
    for (int k = 0; k < 2; k++) f.files.file[k] = both[left[i][k]];
    write_checkpoint(&f, "step-000000000001.h5");
    check_refused(&f, "environment");
    memcpy(f.files.file, both, sizeof both);
  }
  teardown(&f);
}

static const struct check_case cases[] = {
    {"what is written is read", test_round_trip},
    {"files that nobody needs", test_prune},
    {"files beside what cannot be read", test_prune_beside_unreadable},
    {"files beside folders", test_prune_beside_folders},
    {"segments that cannot be written", test_waiting},
    {"damaged and missing files", test_damaged},
    {"forged contents", test_forged},
};

CHECK_MAIN("replay_files", cases)
