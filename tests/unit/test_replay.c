/* The replay against a plain list of everything that was ever seen: which steps can be drawn, what follows them, and
 * what their windows sum up to, across ends of episodes, lost rollouts and turns of the ring. */
#include "experience/replay.h"
#include "support/check.h"
#include "support/model.h"

enum { ENVS = 3, AGENTS = 2, ROWS = ENVS * AGENTS, STEPS = 7, ELEMENTS = 3, CHOICES = 4, MOST = 2000 };

static const struct network_shape shape = {
    .obs_dim = ELEMENTS, .actions = CHOICES, .layers = 1, .hidden = {4}, .masks = true, .agents = AGENTS};

/* everything that a row has seen: its steps, each with the observation after it, whether or not they are still kept */
struct seen {
  float observation[ELEMENTS], next[ELEMENTS], reward;
  int32_t action;
  uint8_t mask[CHOICES], next_mask[CHOICES], ended;
  bool is_lost; /* the steps after it are lost */
};

struct fixture {
  struct arena *arena;
  struct model model;
  struct trajectory rollout;
  struct replay replay;
  struct seen seen[ROWS][MOST];
  int32_t slot[ROWS][MOST]; /* number of the slot that keeps the step */
  int32_t count[ROWS], slots[ROWS];
  uint64_t rollouts;
};

static void setup(struct fixture *f, size_t capacity) {
  memset(f, 0, sizeof *f);
  CHECK_OK_FATAL(arena_create(&f->arena));
  create_model(&shape, NULL, f->arena, &f->model);
  randomize_model(&f->model, 5);
  create_rollout(&shape, ENVS, STEPS, f->arena, &f->rollout);
  CHECK_OK_FATAL(replay_create(&f->rollout, capacity, NULL, f->arena, &f->replay));
}

static float *observation_of(struct trajectory *rollout, size_t row, size_t t) {
  return (float *)rollout->observation + (row * (STEPS + 1) + t) * ELEMENTS;
}
static uint8_t *mask_of(struct trajectory *rollout, size_t row, size_t t) {
  return rollout->mask + (row * (STEPS + 1) + t) * CHOICES;
}

/* the next rollout: it begins where the last one ended, which fill_rollout() does not know */
static void roll_out(struct fixture *f) {
  float observation[ROWS][ELEMENTS];
  uint8_t mask[ROWS][CHOICES];
  for (size_t row = 0; row < ROWS; row++) {
    memcpy(observation[row], observation_of(&f->rollout, row, STEPS), sizeof observation[row]);
    memcpy(mask[row], mask_of(&f->rollout, row, STEPS), sizeof mask[row]);
  }
  fill_rollout(&f->model, 100 + f->rollouts++, &f->rollout);
  for (size_t row = 0; row < ROWS && f->rollouts > 1; row++) {
    memcpy(observation_of(&f->rollout, row, 0), observation[row], sizeof observation[row]);
    memcpy(mask_of(&f->rollout, row, 0), mask[row], sizeof mask[row]);
  }
}

/* number of the last observation among those of all agents */
static size_t find_final(const struct fixture *f, size_t row, size_t t) {
  const struct final_observations *final_observations = &f->rollout.final_observations;
  for (int32_t i = 0; i < final_observations->count; i++)
    if ((size_t)final_observations->environment[i] == row / AGENTS && (size_t)final_observations->step[i] == t)
      return (size_t)i * AGENTS + row % AGENTS;
  CU_FAIL_FATAL("a truncated episode has a final observation");
  return 0;
}

/* appends the rollout to the list, too */
static void append(struct fixture *f) {
  replay_append(&f->replay, &f->rollout);
  for (size_t row = 0; row < ROWS; row++)
    for (size_t t = 0; t < (size_t)f->rollout.length[row]; t++) {
      const int32_t at = f->count[row]++;
      struct seen *seen = &f->seen[row][at];
      seen->ended = f->rollout.ended[row / AGENTS * STEPS + t];
      seen->reward = f->rollout.reward[row * STEPS + t];
      seen->action = ((int32_t *)f->rollout.action)[row * STEPS + t];
      memcpy(seen->observation, observation_of(&f->rollout, row, t), sizeof seen->observation);
      memcpy(seen->mask, mask_of(&f->rollout, row, t), sizeof seen->mask);
      memcpy(seen->next, observation_of(&f->rollout, row, t + 1), sizeof seen->next);
      memcpy(seen->next_mask, mask_of(&f->rollout, row, t + 1), sizeof seen->next_mask);
      f->slot[row][at] = f->slots[row]++;
      if (seen->ended != ENV_TRUNCATED) continue;
      const size_t final = find_final(f, row, t);
      const struct final_observations *finals = &f->rollout.final_observations;
      memcpy(seen->next, (const float *)finals->observation + final * ELEMENTS, sizeof seen->next);
      memcpy(seen->next_mask, finals->mask + final * CHOICES, sizeof seen->next_mask);
      f->slots[row]++;
    }
}

/* a rollout that never arrives */
static void lose(struct fixture *f) {
  roll_out(f);
  for (size_t row = 0; row < ROWS; row++) {
    struct seen *seen = &f->seen[row][f->count[row] - 1];
    /* after an end, the open observation began an episode of which nothing is known */
    seen->is_lost = true;
    f->slots[row]++;
  }
}

/* steps that must still be there: neither their slot nor the one after it has been overwritten */
static bool is_kept(const struct fixture *f, size_t row, int32_t i) {
  return i < f->count[row] && f->slots[row] - f->slot[row][i] < (int32_t)f->replay.slots;
}

static int32_t find_step(const struct fixture *f, size_t row, const float *observation) {
  for (int32_t i = 0; i < f->count[row]; i++)
    if (memcmp(f->seen[row][i].observation, observation, sizeof f->seen[row][i].observation) == 0) return i;
  return -1;
}

/* row r of a tile, against the list */
static void check_step(const struct fixture *f, const struct replay_tile *tile, size_t r, size_t row, int32_t at,
                       int n_steps, double gamma) {
  const struct seen *seen = &f->seen[row][at], *last = seen;
  CU_ASSERT_EQUAL(((int32_t *)tile->step.action)[r], seen->action);
  CU_ASSERT_EQUAL(memcmp(tile->step.mask + r * CHOICES, seen->mask, CHOICES), 0);
  double sum = 0, factor = 1;
  for (int k = 0; k < n_steps && at + k < f->count[row]; k++) {
    last = &f->seen[row][at + k];
    sum += factor * last->reward;
    factor *= gamma;
    if (last->ended != 0 || last->is_lost) break;
  }
  CHECK_CLOSE(tile->step.reward[r], sum, 1e-6);
  CHECK_CLOSE(tile->discount[r], (last->ended & ENV_TERMINATED) != 0 ? 0 : factor, 1e-6);
  if ((last->ended & ENV_TERMINATED) != 0) return;
  CU_ASSERT_EQUAL(memcmp((float *)tile->next.observation + r * ELEMENTS, last->next, sizeof last->next), 0);
  CU_ASSERT_EQUAL(memcmp(tile->next.mask + r * CHOICES, last->next_mask, CHOICES), 0);
}

/* draws until each step that is kept must have been drawn, and no other; all about equally often */
static void check_contents(struct fixture *f, int n_steps) {
  enum { DRAWS = 64 * 200 };
  static int32_t times[ROWS][MOST];
  static uint64_t drawn[DRAWS];
  struct replay_tile tile;
  memset(times, 0, sizeof times);
  CHECK_OK_FATAL(replay_tile_create(&f->replay, 64, f->arena, &tile));
  replay_draw(&f->replay, 3, (uint32_t)f->rollouts, DRAWS, drawn);
  for (size_t first = 0; first < DRAWS; first += 64) {
    replay_gather(&f->replay, drawn + first, 64, n_steps, 0.9, &tile);
    for (size_t r = 0; r < 64; r++) {
      const size_t row = drawn[first + r] / f->replay.slots;
      const int32_t at = find_step(f, row, (float *)tile.step.observation + r * ELEMENTS);
      CU_ASSERT_TRUE_FATAL(at >= 0 && is_kept(f, row, at));
      times[row][at]++;
      check_step(f, &tile, r, row, at, n_steps, 0.9);
    }
  }
  int32_t kept = 0;
  for (size_t row = 0; row < ROWS; row++)
    for (int32_t i = 0; i < f->count[row]; i++) kept += is_kept(f, row, i);
  const double expected = (double)DRAWS / kept;
  for (size_t row = 0; row < ROWS; row++)
    for (int32_t i = 0; i < f->count[row]; i++)
      if (is_kept(f, row, i)) CU_ASSERT_TRUE(fabs(times[row][i] - expected) < 5 * sqrt(expected));
}

static void test_ring(void) {
  static struct fixture f;
  setup(&f, 60 * ENVS);
  for (int i = 0; i < 40; i++) {
    roll_out(&f);
    append(&f);
    if (i < 3 || i % 6 == 0) check_contents(&f, 1);
  }
  CU_ASSERT_TRUE(f.slots[0] > 4 * (int32_t)f.replay.slots);
  CU_ASSERT_EQUAL(replay_size(&f.replay), ROWS * 60);
  arena_destroy(&f.arena);
}

static void test_windows(void) {
  static struct fixture f;
  setup(&f, 60 * ENVS);
  for (int i = 0; i < 25; i++) {
    roll_out(&f);
    append(&f);
    if (i % 6 == 0) check_contents(&f, 1 + i % 4 * 2);
  }
  arena_destroy(&f.arena);
}

/* the step before a lost rollout is the end of a window, with its own next observation */
static void test_lost_rollouts(void) {
  static struct fixture f;
  setup(&f, 60 * ENVS);
  for (int i = 0; i < 12; i++) {
    roll_out(&f);
    append(&f);
    check_contents(&f, 3);
    /* only the next rollout tells that this one is lost */
    if (i % 3 == 1) lose(&f);
  }
  arena_destroy(&f.arena);
}

/* rollouts of which only some steps count, longer than the ring */
static void test_small_ring(void) {
  static struct fixture f;
  setup(&f, 1);
  CU_ASSERT_EQUAL(f.replay.slots, 3);
  for (int i = 0; i < 9; i++) {
    roll_out(&f);
    if (i % 3 == 1) {
      trajectory_cut(&f.rollout, 2);
      struct final_observations *final_observations = &f.rollout.final_observations;
      while (final_observations->count > 0 && final_observations->step[final_observations->count - 1] >= 2)
        final_observations->count--;
    } else {
      for (size_t row = 0; row < ROWS; row++) f.rollout.length[row] = STEPS;
    }
    append(&f);
    check_contents(&f, 2);
  }
  arena_destroy(&f.arena);
}

/* Members that divide the records: each has its part, and gathers the same of it as one that has all. */
static void check_division(struct fixture *f, const struct replay *members, size_t count, int n_steps) {
  enum { DRAWS = 640 };
  uint64_t drawn[DRAWS], own[DRAWS];
  struct replay_tile whole, part;
  char packed[256];
  CHECK_OK_FATAL(replay_tile_create(&f->replay, 1, f->arena, &whole));
  CHECK_OK_FATAL(replay_tile_create(&f->replay, 1, f->arena, &part));
  CU_ASSERT_TRUE_FATAL(replay_packed_bytes(&f->replay) <= sizeof packed);
  replay_draw(&f->replay, 3, (uint32_t)f->rollouts, DRAWS, drawn);
  for (size_t i = 0; i < count; i++) {
    replay_draw(&members[i], 3, (uint32_t)f->rollouts, DRAWS, own);
    CU_ASSERT_EQUAL(memcmp(own, drawn, sizeof drawn), 0);
  }
  for (size_t d = 0; d < DRAWS; d++) {
    const struct replay *owner = &members[replay_owner(&members[0], drawn[d])];
    CU_ASSERT_TRUE_FATAL(drawn[d] - owner->first < owner->held);
    replay_gather(&f->replay, &drawn[d], 1, n_steps, 0.9, &whole);
    replay_gather(owner, &drawn[d], 1, n_steps, 0.9, &part);
    for (int k = 0; k < 2; k++) {
      CU_ASSERT_EQUAL(part.step.reward[0], whole.step.reward[0]);
      CU_ASSERT_EQUAL(part.discount[0], whole.discount[0]);
      CU_ASSERT_EQUAL(memcmp(part.step.observation, whole.step.observation, ELEMENTS * sizeof(float)), 0);
      CU_ASSERT_EQUAL(memcmp(part.step.mask, whole.step.mask, CHOICES), 0);
      CU_ASSERT_EQUAL(memcmp(part.step.action, whole.step.action, sizeof(int32_t)), 0);
      CU_ASSERT_EQUAL(memcmp(part.next.observation, whole.next.observation, ELEMENTS * sizeof(float)), 0);
      CU_ASSERT_EQUAL(memcmp(part.next.mask, whole.next.mask, CHOICES), 0);
      memset(part.step.reward, 0, sizeof *part.step.reward);
      memset(part.next.observation, 0, ELEMENTS * sizeof(float));
      replay_pack(owner, drawn[d], n_steps, 0.9, packed);
      replay_unpack(&f->replay, packed, &part, 0);
    }
  }
}

/* no member has more than its share and what windows reach into, and all of them together have everything */
static void check_shares(const struct replay *members, size_t count, size_t window) {
  size_t held = 0;
  for (size_t i = 0; i < count; i++) {
    const size_t reach = (size_t)members[i].n_reach * members[i].reach_slots;
    CU_ASSERT_EQUAL(members[i].first, held);
    CU_ASSERT_TRUE(members[i].held <= ROWS * members[i].slots / count + 1);
    CU_ASSERT_TRUE(reach <= 2 * window);
    held += members[i].held;
  }
  CU_ASSERT_EQUAL(held, ROWS * members[0].slots);
}

static void divide(size_t capacity, size_t count, int n_steps) {
  static struct fixture f;
  struct replay members[64];
  setup(&f, capacity);
  for (size_t i = 0; i < count; i++) {
    const struct replay_division division = {.members = count, .index = i, .window = n_steps};
    CHECK_OK_FATAL(replay_create(&f.rollout, capacity, &division, f.arena, &members[i]));
  }
  check_shares(members, count, (size_t)n_steps);
  for (int i = 0; i < 20; i++) {
    roll_out(&f);
    append(&f);
    for (size_t k = 0; k < count; k++) replay_append(&members[k], &f.rollout);
    if (i % 3 == 0) check_division(&f, members, count, n_steps);
    if (i % 4 == 1) lose(&f);
  }
  arena_destroy(&f.arena);
}

static void test_division(void) {
  const size_t counts[] = {1, 2, 3, 4, 5, 6, 12, 13, 64};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    for (int n_steps = 1; n_steps <= 7; n_steps += 3) {
      divide(40 * ENVS, counts[i], n_steps);
      divide(1, counts[i], n_steps); /* three slots a row: windows are longer, and some members have none */
    }
}

/* what a replay is said to take is what it takes */
static void test_bytes(void) {
  static struct fixture f;
  struct replay replay;
  setup(&f, 10);
  const muster_env_spec spec = describe_shape(&shape);
  for (size_t capacity = 1; capacity < 1000; capacity += 333) {
    const size_t before = arena_bytes(f.arena);
    CHECK_OK_FATAL(replay_create(&f.rollout, capacity, NULL, f.arena, &replay));
    CU_ASSERT_EQUAL((double)(arena_bytes(f.arena) - before), replay_bytes(&spec, ENVS, capacity));
    CU_ASSERT_EQUAL((double)replay.bytes, replay_bytes(&spec, ENVS, capacity));
  }
  arena_destroy(&f.arena);
}

static void test_errors(void) {
  static struct fixture f;
  struct replay replay;
  setup(&f, 10);
  CHECK_FAILS(replay_create(&f.rollout, (size_t)1 << 40, NULL, f.arena, &replay), MUSTER_ERROR_USAGE, "buffer_size");
  arena_destroy(&f.arena);
}

/* appends environment n of the rollout alone */
static void append_alone(const struct trajectory *rollout, size_t n, struct replay *replay) {
  const struct final_observations *all = &rollout->final_observations;
  struct trajectory alone = trajectory_window(rollout, n, 1);
  static int32_t environment[MOST], step[MOST];
  static float observation[MOST][AGENTS * ELEMENTS];
  static uint8_t mask[MOST][AGENTS * CHOICES];
  alone.final_observations = (struct final_observations){
      .environment = environment, .step = step, .observation = observation, .mask = mask[0]};
  for (int32_t i = 0; i < all->count; i++) {
    if ((size_t)all->environment[i] != n) continue;
    const int32_t at = alone.final_observations.count++;
    environment[at] = all->environment[i];
    step[at] = all->step[i];
    memcpy(observation[at], (const float *)all->observation + (size_t)i * AGENTS * ELEMENTS, sizeof observation[at]);
    memcpy(mask[at], all->mask + (size_t)i * AGENTS * CHOICES, sizeof mask[at]);
  }
  replay_append(replay, &alone);
}

/* environments that come one by one, in any order, make the same replay as all of them at once */
static void test_one_by_one(void) {
  static struct fixture f;
  struct replay replay;
  struct tensor together[REPLAY_STATE], alone[REPLAY_STATE];
  setup(&f, 50);
  CHECK_OK_FATAL(replay_create(&f.rollout, 50, NULL, f.arena, &replay));
  for (int i = 0; i < 30; i++) {
    roll_out(&f);
    replay_append(&f.replay, &f.rollout);
    for (size_t n = 0; n < ENVS; n++) append_alone(&f.rollout, (n * 2 + (size_t)i) % ENVS, &replay);
    const int tensors = replay_state(&f.replay, together);
    replay_state(&replay, alone);
    for (int k = 0; k < tensors; k++)
      CU_ASSERT_EQUAL_FATAL(memcmp(together[k].data, alone[k].data, tensor_bytes(&alone[k])), 0);
  }
  arena_destroy(&f.arena);
}

static const struct check_case cases[] = {
    {"steps of a ring, and what is behind them", test_ring},
    {"windows of several steps", test_windows},
    {"memory", test_bytes},
    {"lost rollouts", test_lost_rollouts},
    {"environments one by one", test_one_by_one},
    {"a ring shorter than a rollout, rollouts that were cut", test_small_ring},
    {"records that members divide", test_division},
    {"too much to count", test_errors},
};

CHECK_MAIN("replay", cases)
