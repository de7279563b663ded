/* The log of a replay: whatever the moment, the replay filled from the segments so far and the tail is the replay that
 * all rollouts were appended to, and both go on in the same way. Across ends of episodes, lost rollouts, rollouts that
 * were cut, and turns of the ring. */
#include "experience/replay_log.h"
#include "support/check.h"
#include "support/model.h"
#include "support/replays.h"

enum { ENVS = 3, AGENTS = 2, ROWS = ENVS * AGENTS, STEPS = 7, ELEMENTS = 3, CHOICES = 4, FILES = 400, DRAWN = 64 };

static const struct network_shape shape = {
    .obs_dim = ELEMENTS, .actions = CHOICES, .layers = 1, .hidden = {4}, .masks = true, .agents = AGENTS};

/* a segment on its way to a file and back */
struct file {
  struct replay_segment segment;
  void *memory;
};

struct fixture {
  struct arena *arena;
  struct model model;
  struct trajectory rollout;
  struct trajectory part[2]; /* its first environment, and the others */
  struct replay replay;
  struct replay_log log;
  struct file file[FILES];
  size_t files;
  uint64_t rollouts;
};

static void setup(struct fixture *f, size_t capacity) {
  memset(f, 0, sizeof *f);
  CHECK_OK_FATAL(arena_create(&f->arena));
  create_model(&shape, NULL, f->arena, &f->model);
  randomize_model(&f->model, 5);
  create_rollout(&shape, ENVS, STEPS, f->arena, &f->rollout);
  CHECK_OK_FATAL(trajectory_view(&f->rollout, 0, 1, f->arena, &f->part[0]));
  CHECK_OK_FATAL(trajectory_view(&f->rollout, 1, ENVS - 1, f->arena, &f->part[1]));
  CHECK_OK_FATAL(replay_create(&f->rollout, capacity, NULL, f->arena, &f->replay));
  CHECK_OK_FATAL(replay_log_create(&f->replay, &f->rollout, true, f->arena, &f->log));
}

static void teardown(struct fixture *f) {
  replay_log_release(&f->log);
  for (size_t i = 0; i < f->files; i++) free(f->file[i].memory);
  arena_destroy(&f->arena);
}

static struct file copy_segment(const struct replay *replay, const struct replay_segment *segment) {
  struct tensor from[REPLAY_SEGMENT_TENSORS], to[REPLAY_SEGMENT_TENSORS];
  struct file copy = {.memory = aligned_alloc(64, replay_segment_bytes(replay, segment->slots))};
  CU_ASSERT_PTR_NOT_NULL_FATAL(copy.memory);
  replay_segment_lay_out(replay, segment->slots, copy.memory, &copy.segment);
  const int n = replay_segment_list(replay, segment, REPLAY_SEGMENT, from);
  CU_ASSERT_EQUAL_FATAL(replay_segment_list(replay, &copy.segment, REPLAY_SEGMENT, to), n);
  for (int i = 0; i < n; i++) memcpy(to[i].data, from[i].data, tensor_bytes(&from[i]));
  return copy;
}

static void check_same_segment(const struct replay *replay, const struct replay_segment *a,
                               const struct replay_segment *b) {
  struct tensor of_a[REPLAY_SEGMENT_TENSORS], of_b[REPLAY_SEGMENT_TENSORS];
  const int n = replay_segment_list(replay, a, REPLAY_SEGMENT, of_a);
  replay_segment_list(replay, b, REPLAY_SEGMENT, of_b);
  for (int i = 0; i < n; i++) {
    CU_ASSERT_EQUAL_FATAL(tensor_bytes(&of_a[i]), tensor_bytes(&of_b[i]));
    CU_ASSERT_EQUAL(memcmp(of_a[i].data, of_b[i].data, tensor_bytes(&of_a[i])), 0);
  }
}

/* puts the segments that wait into files; they follow each other without a gap */
static void write_files(struct fixture *f) {
  const struct replay_segment *segment;
  for (; (segment = replay_log_waiting(&f->log)) != NULL; replay_log_forget_waiting(&f->log)) {
    CHECK_OK(replay_segment_check_places(segment));
    CHECK_OK(replay_segment_check_values(&f->replay, segment));
    CU_ASSERT_TRUE(segment->slots >= f->log.least);
    for (size_t env = 0; env < ENVS; env++)
      CU_ASSERT_EQUAL(segment->first[env], f->files == 0 ? 0 : replay_segment_end(&f->file[f->files - 1].segment, env));
    CU_ASSERT_TRUE_FATAL(f->files < FILES);
    f->file[f->files++] = copy_segment(&f->replay, segment);
  }
}

static void roll_out(struct fixture *f) {
  const struct trajectory *rollout = &f->rollout;
  const size_t obs = rollout->obs_bytes, mask = rollout->mask_bytes;
  char observation[ROWS][ELEMENTS * sizeof(float)], masks[ROWS][CHOICES];
  for (size_t row = 0; row < ROWS; row++) {
    memcpy(observation[row], (char *)rollout->observation + (row * (STEPS + 1) + STEPS) * obs, obs);
    memcpy(masks[row], rollout->mask + (row * (STEPS + 1) + STEPS) * mask, mask);
  }
  fill_rollout(&f->model, 100 + f->rollouts++, &f->rollout);
  for (size_t row = 0; row < ROWS; row++) {
    f->rollout.length[row] = STEPS;
    if (f->rollouts == 1) continue;
    memcpy((char *)rollout->observation + row * (STEPS + 1) * obs, observation[row], obs);
    memcpy(rollout->mask + row * (STEPS + 1) * mask, masks[row], mask);
  }
}

/* only the first steps of the rollout count */
static void cut(struct fixture *f, size_t steps) {
  struct final_observations *final_observations = &f->rollout.final_observations;
  trajectory_cut(&f->rollout, steps);
  while (final_observations->count > 0 && (size_t)final_observations->step[final_observations->count - 1] >= steps)
    final_observations->count--;
}

static void append(struct fixture *f) {
  replay_append(&f->replay, &f->rollout);
  CHECK_OK_FATAL(replay_log_append(&f->log, &f->rollout));
}

/* the last observations of a part's environments */
static void select_lasts(const struct trajectory *rollout, struct trajectory *part) {
  const struct final_observations *from = &rollout->final_observations;
  struct final_observations *to = &part->final_observations;
  const size_t bytes = AGENTS * rollout->obs_bytes;
  to->count = 0;
  for (int32_t i = 0; i < from->count; i++) {
    const size_t env = (size_t)from->environment[i];
    if (env < part->first_env || env >= part->first_env + part->n_envs) continue;
    to->environment[to->count] = from->environment[i];
    to->step[to->count] = from->step[i];
    memcpy((char *)to->observation + (size_t)to->count++ * bytes, (char *)from->observation + (size_t)i * bytes, bytes);
  }
}

/* The same in two parts, the last environments first; unless `both`, the first environment is left out, and its steps
 * are lost. */
static void append_parts(struct fixture *f, bool both) {
  for (int i = 1; i >= (both ? 0 : 1); i--) {
    select_lasts(&f->rollout, &f->part[i]);
    replay_append(&f->replay, &f->part[i]);
    CHECK_OK_FATAL(replay_log_append(&f->log, &f->part[i]));
  }
}

/* every step that one replay has, the other has, too, with the same window */
static void check_same_replay(const struct replay *a, const struct replay *b, struct arena *arena) {
  struct replay_tile tile, other;
  uint64_t drawn[DRAWN], again[DRAWN];
  CHECK_OK_FATAL(replay_tile_create(a, DRAWN, arena, &tile));
  CHECK_OK_FATAL(replay_tile_create(b, DRAWN, arena, &other));
  CU_ASSERT_EQUAL(memcmp(a->written, b->written, ENVS * sizeof *a->written), 0);
  for (uint32_t update = 0; update < 20; update++) {
    replay_draw(a, 3, update, DRAWN, drawn);
    replay_draw(b, 3, update, DRAWN, again);
    CU_ASSERT_EQUAL_FATAL(memcmp(drawn, again, sizeof drawn), 0);
    replay_gather(a, drawn, DRAWN, 3, 0.9, &tile);
    replay_gather(b, drawn, DRAWN, 3, 0.9, &other);
    for (int k = 0; k < a->n_kept; k++) {
      const struct replay_field *kept = &a->kept[k];
      const size_t bytes = DRAWN * kept->bytes;
      CU_ASSERT_EQUAL(memcmp(tile.step.array[kept->place], other.step.array[kept->place], bytes), 0);
      for (size_t r = 0; r < DRAWN && kept->has_next; r++)
        if (tile.discount[r] > 0)
          CU_ASSERT_EQUAL(memcmp((char *)tile.next.array[kept->place] + r * kept->bytes,
                                 (char *)other.next.array[kept->place] + r * kept->bytes, kept->bytes),
                          0);
    }
    CU_ASSERT_EQUAL(memcmp(tile.discount, other.discount, sizeof drawn / 2), 0);
  }
}

/* fills another replay from the files and the tail, and goes on with both for some rollouts */
static void check_restored(struct fixture *f) {
  struct replay replay;
  struct replay_log log;
  struct replay_segment tail, other_tail;
  const uint64_t rollouts = f->rollouts;
  write_files(f);
  CHECK_OK_FATAL(replay_create(&f->rollout, (f->replay.slots - 1) * ENVS, NULL, f->arena, &replay));
  CHECK_OK_FATAL(replay_log_create(&replay, &f->rollout, true, f->arena, &log));
  memcpy(replay.written, f->replay.written, ENVS * sizeof *replay.written);
  for (size_t i = 0; i < f->files; i++) replay_segment_put(&f->file[i].segment, &replay);
  copy_replay(&f->log, &log);
  check_same_replay(&f->replay, &replay, f->arena);
  while (f->rollouts < rollouts + 5) {
    roll_out(f);
    append(f);
    replay_append(&replay, &f->rollout);
    CHECK_OK_FATAL(replay_log_append(&log, &f->rollout));
    const struct replay_segment *segment = replay_log_waiting(&f->log);
    CU_ASSERT_EQUAL_FATAL(segment == NULL, replay_log_waiting(&log) == NULL);
    if (segment == NULL) continue;
    check_same_segment(&replay, segment, replay_log_waiting(&log));
    write_files(f);
    replay_log_forget_waiting(&log);
  }
  replay_log_view_tail(&f->log, &tail);
  replay_log_view_tail(&log, &other_tail);
  check_same_segment(&replay, &tail, &other_tail);
  check_same_replay(&f->replay, &replay, f->arena);
}

static void test_restored(void) {
  static const size_t capacities[] = {10000, 60 * ENVS, 20 * ENVS, 1};
  for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
    static struct fixture f;
    setup(&f, capacities[i]);
    for (int k = 0; k < 30; k++) {
      roll_out(&f);
      if (k % 7 == 3) cut(&f, 2);
      append(&f);
      /* this one never arrives */
      if (k % 5 == 2) roll_out(&f);
      if (k % 3 == 0) check_restored(&f);
    }
    CU_ASSERT_EQUAL(f.files > 2, capacities[i] < 10000);
    teardown(&f);
  }
}

/* rollouts of some environments only, of which one comes more seldom */
static void test_parts(void) {
  static const size_t capacities[] = {10000, 60 * ENVS, 20 * ENVS};
  for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
    static struct fixture f;
    setup(&f, capacities[i]);
    for (int k = 0; k < 30; k++) {
      roll_out(&f);
      append_parts(&f, k % 4 == 1);
      if (k % 3 == 2) check_restored(&f);
    }
    teardown(&f);
  }
}

/* while no segment can be written all of them wait, and nothing of them is lost */
static void test_waiting(void) {
  static struct fixture f, at_once;
  setup(&f, 20 * ENVS);
  setup(&at_once, 20 * ENVS);
  for (int k = 0; k < 60; k++) {
    roll_out(&f);
    append(&f);
    roll_out(&at_once);
    append(&at_once);
    write_files(&at_once);
  }
  CU_ASSERT_TRUE(at_once.files > 4);
  write_files(&f);
  CU_ASSERT_EQUAL_FATAL(f.files, at_once.files);
  for (size_t i = 0; i < f.files; i++) check_same_segment(&f.replay, &f.file[i].segment, &at_once.file[i].segment);
  teardown(&f);
  teardown(&at_once);
}

/* a segment has 65536 rows, or as many as the replay */
static void test_sizes(void) {
  static struct fixture f;
  setup(&f, 10 * REPLAY_SEGMENT_ROWS);
  CU_ASSERT_EQUAL(f.log.least * AGENTS, REPLAY_SEGMENT_ROWS);
  teardown(&f);
  setup(&f, 99);
  CU_ASSERT_EQUAL(f.log.least, ENVS * f.replay.slots);
  teardown(&f);
}

/* a log that is not kept takes no memory, and forgets what is appended */
static void test_not_kept(void) {
  static struct fixture f;
  struct replay_log log;
  setup(&f, 60);
  const size_t bytes = arena_bytes(f.arena);
  CHECK_OK_FATAL(replay_log_create(&f.replay, &f.rollout, false, f.arena, &log));
  CU_ASSERT_EQUAL(arena_bytes(f.arena), bytes);
  for (int k = 0; k < 60; k++) {
    roll_out(&f);
    replay_append(&f.replay, &f.rollout);
    CHECK_OK(replay_log_append(&log, &f.rollout));
  }
  CU_ASSERT_PTR_NULL(replay_log_waiting(&log));
  teardown(&f);
}

/* what no log can have written is refused */
static void test_refused(void) {
  static struct fixture f;
  struct replay_segment tail;
  setup(&f, 60 * ENVS);
  for (int k = 0; k < 3; k++) {
    roll_out(&f);
    append(&f);
  }
  replay_log_view_tail(&f.log, &tail);
  CHECK_OK(replay_log_check_tail(&f.log, &tail));
  const int64_t middle = tail.offset[1], last = tail.offset[ENVS];
  tail.offset[1] = tail.offset[2] + 1;
  CHECK_FAILS(replay_segment_check_places(&tail), MUSTER_ERROR_FORMAT, "offsets");
  tail.offset[1] = middle;
  tail.offset[ENVS] = last + 1;
  CHECK_FAILS(replay_segment_check_places(&tail), MUSTER_ERROR_FORMAT, "offsets");
  tail.offset[ENVS] = last;
  tail.offset[0] = 1;
  CHECK_FAILS(replay_segment_check_places(&tail), MUSTER_ERROR_FORMAT, "offsets");
  tail.offset[0] = 0;
  tail.first[1]++;
  CHECK_FAILS(replay_log_check_tail(&f.log, &tail), MUSTER_ERROR_FORMAT, "environment 1");
  tail.first[1]--;
  f.log.least = 4;
  CHECK_FAILS(replay_log_check_tail(&f.log, &tail), MUSTER_ERROR_FORMAT, "whole slots");

  struct tensor list[REPLAY_SEGMENT_TENSORS];
  const int n = replay_segment_list(&f.replay, &tail, REPLAY_TAIL, list);
  for (int i = 0; i < n; i++) {
    if (strcmp(list[i].name, "replay/tail/action") != 0) continue;
    ((int32_t *)list[i].data)[5] = CHOICES;
    CHECK_FAILS(replay_segment_check_values(&f.replay, &tail), MUSTER_ERROR_FORMAT,
                "replay/action: value 5 is 4, not in 0 to 3");
    ((int32_t *)list[i].data)[5] = 0;
    CHECK_OK(replay_segment_check_values(&f.replay, &tail));
  }
  teardown(&f);
}

static const struct check_case cases[] = {
    {"a replay from segments and tail", test_restored}, {"rollouts of some environments", test_parts},
    {"segments that cannot be written", test_waiting},  {"how large segments are", test_sizes},
    {"a log that is not kept", test_not_kept},          {"what is refused", test_refused},
};

CHECK_MAIN("replay_log", cases)
