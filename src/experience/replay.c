#include "experience/replay.h"

#include "base/copy.h"
#include "base/random.h"

#include <string.h>

/* places in the table of fields */
#define PLACE(c_type, id, ...) PLACE_##id,
enum { STEP_FIELDS(PLACE) };

#define RECORD_ALIGNMENT 4

/* `ended` is kept apart: which slots are steps is looked up by itself */
static bool is_kept(const struct field *field, int place) {
  return (field->uses & FIELD_REPLAYED) != 0 && field->bytes > 0 && place != PLACE_ended;
}

static size_t align(size_t bytes) { return (bytes + RECORD_ALIGNMENT - 1) / RECORD_ALIGNMENT * RECORD_ALIGNMENT; }

/* the fields of a record, one behind the other */
static void lay_out_records(struct replay *replay) {
  for (int i = 0; i < STEP_FIELD_COUNT; i++) {
    const struct field *field = &replay->field[i];
    if (!is_kept(field, i)) continue;
    replay->kept[replay->n_kept++] =
        (struct replay_field){i, replay->record_bytes, field->bytes, field->steps == FIELD_EACH_AND_NEXT};
    if (i == PLACE_reward) replay->reward_offset = replay->record_bytes;
    replay->record_bytes = align(replay->record_bytes + field->bytes);
    if (field->steps == FIELD_EACH_AND_NEXT) replay->next_bytes = replay->record_bytes;
  }
}

/* so many of each environment */
static size_t count_slots(size_t capacity, size_t n_envs) {
  const size_t steps = (capacity + n_envs - 1) / n_envs;
  return (steps < REPLAY_LEAST_STEPS ? REPLAY_LEAST_STEPS : steps) + 1;
}

double replay_bytes(const muster_env_spec *env, size_t n_envs, size_t capacity) {
  struct replay replay = {0};
  step_fields_list(env, 1, replay.field);
  lay_out_records(&replay);
  const double envs = (double)n_envs, slots = (double)count_slots(capacity, n_envs);
  const double agents = (double)env->agents, each_slot = agents * (double)replay.record_bytes + sizeof *replay.ended;
  const size_t counters = sizeof *replay.written + sizeof *replay.rollout_slot + sizeof *replay.rollout_lasts;
  return envs * (slots * each_slot + agents * (double)replay.next_bytes + (double)counters);
}

/* --- which records are here --- */

static size_t total_slots(const struct replay *replay) { return replay->n_rows * replay->slots; }

static size_t part_begins(const struct replay *replay, size_t member) {
  return total_slots(replay) * member / replay->division.members;
}

size_t replay_owner(const struct replay *replay, uint64_t slot) {
  return ((slot + 1) * replay->division.members - 1) / total_slots(replay);
}

static muster_status add_reach(struct replay *replay, size_t row, size_t slot, struct arena *arena) {
  struct replay_reach *reach = &replay->reach[replay->n_reach++];
  *reach = (struct replay_reach){.row = row, .slot = slot};
  return arena_take(arena, replay->reach_slots, replay->record_bytes, "replay", (void **)&reach->records);
}

/* takes memory for the records of this member's part, and for those behind it */
static muster_status take_records(struct replay *replay, struct arena *arena) {
  const struct replay_division *division = &replay->division;
  const size_t slots = replay->slots;
  const size_t first = part_begins(replay, division->index), end = part_begins(replay, division->index + 1);
  replay->first = first;
  replay->held = end - first;
  replay->reach_slots = (size_t)division->window < slots ? (size_t)division->window : slots;
  if (first == end) return MUSTER_OK;
  MUSTER_TRY(arena_take_scattered(arena, replay->held, replay->record_bytes, "replay", (void **)&replay->records));
  if (end % slots != 0) MUSTER_TRY(add_reach(replay, end / slots, end % slots, arena));
  /* what comes after the last slot of a row that is cut where the part begins */
  const bool has_rows_end = end >= (first / slots + 1) * slots;
  return first % slots != 0 && has_rows_end ? add_reach(replay, first / slots, 0, arena) : MUSTER_OK;
}

muster_status replay_create(const struct trajectory *rollout, size_t capacity, const struct replay_division *division,
                            struct arena *arena, struct replay *replay) {
  const size_t n_envs = rollout->n_envs, agents = rollout->agents, slots = count_slots(capacity, n_envs);
  if (slots > UINT32_MAX / agents / n_envs)
    return status_error(MUSTER_ERROR_USAGE,
                        "algorithm.buffer_size: %zu steps of %zu environments with %zu agents are too many to count",
                        capacity, n_envs, agents);
  *replay = (struct replay){.n_envs = n_envs, .agents = agents, .n_rows = rollout->n_rows, .slots = slots};
  replay->division = division != NULL ? *division : (struct replay_division){.members = 1};
  memcpy(replay->field, rollout->field, sizeof replay->field);
  lay_out_records(replay);
  const size_t before = arena_bytes(arena);
  MUSTER_TRY(take_records(replay, arena));
  MUSTER_TRY(arena_take(arena, replay->n_rows, replay->next_bytes, "replay", (void **)&replay->open));
  MUSTER_TRY(ARENA_TAKE(arena, n_envs * slots, "replay", &replay->ended));
  MUSTER_TRY(ARENA_TAKE(arena, n_envs, "replay", &replay->rollout_slot));
  MUSTER_TRY(ARENA_TAKE(arena, n_envs, "replay", &replay->rollout_lasts));
  MUSTER_TRY(ARENA_TAKE(arena, n_envs, "replay", &replay->written));
  replay->bytes = arena_bytes(arena) - before;
  return MUSTER_OK;
}

/* --- appending --- */

/* a record behind the part that is here; NULL where it is not here either */
static char *record_within_reach(const struct replay *replay, size_t row, size_t slot) {
  for (const struct replay_reach *reach = replay->reach; reach < replay->reach + replay->n_reach; reach++) {
    const size_t place = (slot + replay->slots - reach->slot) % replay->slots;
    if (row == reach->row && place < replay->reach_slots) return reach->records + place * replay->record_bytes;
  }
  return NULL;
}

/* NULL where it is not here */
static char *record_at(const struct replay *replay, size_t row, size_t slot) {
  const size_t place = row * replay->slots + slot - replay->first;
  return place < replay->held ? replay->records + place * replay->record_bytes : record_within_reach(replay, row, slot);
}

static char *open_record(const struct replay *replay, size_t row) { return replay->open + row * replay->next_bytes; }

/* the number of the open slot */
static size_t open_slot(const struct replay *replay, size_t env) {
  return (size_t)(replay->written[env] - 1) % replay->slots;
}

static uint8_t *ended_at(const struct replay *replay, size_t env, size_t slot) {
  return replay->ended + env * replay->slots + slot;
}

static const char *rollout_entry(const struct trajectory *rollout, int i, size_t row, size_t t) {
  const struct field *field = &rollout->field[i];
  return (const char *)rollout->array[i] + (row * field_entries(field, rollout->n_steps) + t) * field->bytes;
}

const char *replay_rollout_entry(const struct replay *replay, const struct trajectory *rollout,
                                 const struct replay_field *kept, size_t row, size_t t) {
  const bool is_of_agent = replay->field[kept->place].rows == FIELD_OF_AGENT;
  const size_t of_rollout = row - rollout->first_env * replay->agents;
  return rollout_entry(rollout, kept->place, is_of_agent ? of_rollout : of_rollout / replay->agents, t);
}

static uint8_t ended_in_rollout(const struct trajectory *rollout, size_t env, size_t t) {
  return *(const uint8_t *)rollout_entry(rollout, PLACE_ended, env - rollout->first_env, t);
}

/* copies fields of a row's step t in the rollout to a record: all of them, or those that a next step has, too */
static void copy_fields(const struct replay *replay, const struct trajectory *rollout, size_t row, size_t t,
                        bool is_open, char *record) {
  for (const struct replay_field *kept = replay->kept; kept < replay->kept + replay->n_kept; kept++)
    if (!is_open || kept->has_next)
      copy_bytes(record + kept->offset, replay_rollout_entry(replay, rollout, kept, row, t), kept->bytes);
}

/* step t of an environment of the rollout fills its open slot, and opens the next one */
static void append_step(struct replay *replay, const struct trajectory *rollout, size_t env, size_t t) {
  const size_t slot = open_slot(replay, env);
  for (size_t row = env * replay->agents; row < (env + 1) * replay->agents; row++) {
    char *record = record_at(replay, row, slot);
    if (record != NULL) copy_fields(replay, rollout, row, t, false, record);
  }
  *ended_at(replay, env, slot) = ended_in_rollout(rollout, env, t);
  replay->written[env]++;
}

/* whether the rollout's first observations are those of the open slot */
static bool continues(const struct replay *replay, const struct trajectory *rollout, size_t env) {
  for (size_t row = env * replay->agents; row < (env + 1) * replay->agents; row++)
    for (const struct replay_field *kept = replay->kept; kept < replay->kept + replay->n_kept; kept++)
      if (kept->has_next && memcmp(open_record(replay, row) + kept->offset,
                                   replay_rollout_entry(replay, rollout, kept, row, 0), kept->bytes) != 0)
        return false;
  return true;
}

/* marks the open slot as a last observation without a step, and opens the next one */
static void close_as_last(struct replay *replay, size_t env) {
  *ended_at(replay, env, open_slot(replay, env)) = REPLAY_LAST;
  replay->written[env]++;
}

/* the next steps were lost: what is known of the open slot becomes a last observation */
static void append_lost(struct replay *replay, size_t env) {
  for (size_t row = env * replay->agents; row < (env + 1) * replay->agents; row++) {
    char *record = record_at(replay, row, open_slot(replay, env));
    if (record != NULL) memcpy(record, open_record(replay, row), replay->next_bytes);
  }
  close_as_last(replay, env);
}

/* appends an environment's steps; where an episode was truncated, also a slot for its last observation */
static void append_steps(struct replay *replay, const struct trajectory *rollout, size_t env) {
  if (replay->written[env] == 0)
    replay->written[env] = 1;
  else if (!continues(replay, rollout, env))
    append_lost(replay, env);
  replay->rollout_slot[env] = replay->written[env] - 1;
  replay->rollout_lasts[env] = 0;
  const size_t length = (size_t)rollout->length[(env - rollout->first_env) * replay->agents];
  for (size_t t = 0; t < length; t++) {
    append_step(replay, rollout, env, t);
    if (ended_in_rollout(rollout, env, t) == ENV_TRUNCATED) close_as_last(replay, env);
  }
  for (size_t row = env * replay->agents; row < (env + 1) * replay->agents; row++)
    copy_fields(replay, rollout, row, rollout->n_steps, true, open_record(replay, row));
}

/* fills a record with a true last observation, and its mask */
static void fill_last(const struct replay *replay, const struct trajectory *rollout, size_t item, char *record) {
  const struct final_observations *finals = &rollout->final_observations;
  for (const struct replay_field *kept = replay->kept; kept < replay->kept + replay->n_kept; kept++) {
    if (kept->place == PLACE_observation)
      memcpy(record + kept->offset, (const char *)finals->observation + item * kept->bytes, kept->bytes);
    if (kept->place == PLACE_mask) memcpy(record + kept->offset, finals->mask + item * kept->bytes, kept->bytes);
  }
}

/* appends the true last observations, which are listed in the order of steps for each environment */
static void append_lasts(struct replay *replay, const struct trajectory *rollout) {
  const struct final_observations *final_observations = &rollout->final_observations;
  const size_t agents = replay->agents;
  for (int32_t i = 0; i < final_observations->count; i++) {
    const size_t env = (size_t)final_observations->environment[i];
    const int64_t number = replay->rollout_slot[env] + final_observations->step[i] + 1 + replay->rollout_lasts[env]++;
    if (replay->written[env] - number > (int64_t)replay->slots) continue;
    for (size_t agent = 0; agent < agents; agent++) {
      char *record = record_at(replay, env * agents + agent, (size_t)number % replay->slots);
      if (record != NULL) fill_last(replay, rollout, (size_t)i * agents + agent, record);
    }
  }
}

void replay_append(struct replay *replay, const struct trajectory *rollout) {
  for (size_t n = 0; n < rollout->n_envs; n++) append_steps(replay, rollout, rollout->first_env + n);
  append_lasts(replay, rollout);
}

/* --- drawing --- */

bool replay_is_step(const struct replay *replay, size_t env, size_t slot) {
  const int64_t written = replay->written[env];
  const bool is_filled = written > (int64_t)replay->slots || (int64_t)slot < written;
  return is_filled && slot != open_slot(replay, env) && *ended_at(replay, env, slot) != REPLAY_LAST;
}

/* how many slots an environment has before the open one */
static size_t filled_slots(const struct replay *replay, size_t env) {
  const int64_t begun = replay->written[env];
  if (begun == 0) return 0;
  return begun < (int64_t)replay->slots ? (size_t)begun - 1 : replay->slots - 1;
}

static size_t most_filled(const struct replay *replay) {
  size_t most = 0;
  for (size_t env = 0; env < replay->n_envs; env++)
    if (filled_slots(replay, env) > most) most = filled_slots(replay, env);
  return most;
}

size_t replay_size(const struct replay *replay) {
  size_t size = 0;
  for (size_t env = 0; env < replay->n_envs; env++) size += filled_slots(replay, env);
  return size * replay->agents;
}

/* the high half of the product is uniform below `range`, up to an error of range / 2^64 */
static uint64_t below(const uint32_t words[2], uint64_t range) {
  const uint64_t word = (uint64_t)words[0] << 32 | words[1];
  return (uint64_t)((unsigned __int128)word * range >> 64);
}

/* A slot that was drawn, which may not be a step. */
struct candidate {
  uint64_t slot;        /* row * slots + slot */
  const uint8_t *ended; /* NULL: its environment has fewer slots */
};

/* has a record that is here, and the one after it, read into the cache while others are drawn */
static void prefetch_records(const struct replay *replay, uint64_t slot) {
  if (slot - replay->first >= replay->held) return;
  const char *record = replay->records + (slot - replay->first) * replay->record_bytes;
  const char *end = record + 2 * replay->record_bytes;
  for (; record < end; record += 64) __builtin_prefetch(record);
  __builtin_prefetch(end - 1);
}

/* The slot to which a number of 64 bits among all filled slots points: the filled slots of each row are counted from
 * the newest one, which is before the open slot. */
static struct candidate find_candidate(const struct replay *replay, size_t filled, const uint32_t words[2]) {
  const uint64_t place = below(words, replay->n_rows * filled);
  const size_t row = place / filled, age = 1 + place % filled, env = row / replay->agents;
  const int64_t number = replay->written[env] - 1 - (int64_t)age;
  if (number < 0) return (struct candidate){.ended = NULL};
  const size_t slot = (size_t)number % replay->slots;
  return (struct candidate){row * replay->slots + slot, ended_at(replay, env, slot)};
}

static bool is_step(const struct candidate *candidate) {
  return candidate->ended != NULL && *candidate->ended != REPLAY_LAST;
}

/* draw i of the update; the attempts of two neighbours share their blocks of random words */
static struct candidate try_to_draw(const struct replay *replay, size_t filled, uint64_t seed, uint32_t update,
                                    size_t i, uint32_t attempt) {
  uint32_t words[4];
  random_words(seed, RANDOM_REPLAY, (uint32_t)(i / 2), update, attempt, words);
  return find_candidate(replay, filled, words + 2 * (i % 2));
}

/* the first attempts of some draws, from `first` on; what will be read of these slots comes into the cache meanwhile */
static void find_candidates(const struct replay *replay, size_t filled, uint64_t seed, uint32_t update, size_t first,
                            size_t n, struct candidate *candidate) {
  for (size_t i = 0; i < n; i += 2) {
    uint32_t words[4];
    random_words(seed, RANDOM_REPLAY, (uint32_t)((first + i) / 2), update, 0, words);
    for (size_t k = i; k < n && k < i + 2; k++) {
      candidate[k] = find_candidate(replay, filled, words + 2 * (k - i));
      if (candidate[k].ended == NULL) continue;
      __builtin_prefetch(candidate[k].ended);
      prefetch_records(replay, candidate[k].slot);
    }
  }
}

enum { DRAWN_TOGETHER = 64 };

void replay_draw(const struct replay *replay, uint64_t seed, uint32_t update, size_t n, uint64_t *drawn) {
  const size_t filled = most_filled(replay);
  struct candidate candidate[DRAWN_TOGETHER];
  for (size_t first = 0; first < n; first += DRAWN_TOGETHER) {
    const size_t together = n - first < DRAWN_TOGETHER ? n - first : DRAWN_TOGETHER;
    find_candidates(replay, filled, seed, update, first, together, candidate);
    for (size_t i = 0; i < together; i++) {
      for (uint32_t attempt = 1; !is_step(&candidate[i]); attempt++)
        candidate[i] = try_to_draw(replay, filled, seed, update, first + i, attempt);
      drawn[first + i] = candidate[i].slot;
    }
  }
}

/* --- gathering --- */

muster_status replay_tile_create(const struct replay *replay, size_t rows, struct arena *arena,
                                 struct replay_tile *tile) {
  *tile = (struct replay_tile){0};
  for (const struct replay_field *kept = replay->kept; kept < replay->kept + replay->n_kept; kept++) {
    MUSTER_TRY(arena_take(arena, rows, kept->bytes, "replayed steps", &tile->step.array[kept->place]));
    if (kept->has_next)
      MUSTER_TRY(arena_take(arena, rows, kept->bytes, "replayed steps", &tile->next.array[kept->place]));
  }
  return ARENA_TAKE(arena, rows, "replayed steps", &tile->discount);
}

/* A drawn step: its record, what is known of the step after its window, and the sums over the window. */
struct found {
  const char *record, *next;
  float reward, discount;
};

static size_t slot_after(const struct replay *replay, size_t slot) { return slot + 1 < replay->slots ? slot + 1 : 0; }

/* sums up the window of a step, which ends at the open slot at the latest; returns the slot after the window */
static size_t sum_window(const struct replay *replay, size_t row, size_t slot, size_t open, int64_t n_steps,
                         double gamma, struct found *found) {
  const size_t env = row / replay->agents;
  double sum = 0, factor = 1;
  uint8_t ended = 0;
  for (int64_t k = 0; k < n_steps && ended == 0 && slot != open; k++) {
    float step_reward;
    memcpy(&step_reward, record_at(replay, row, slot) + replay->reward_offset, sizeof step_reward);
    sum += factor * step_reward;
    factor *= gamma;
    ended = *ended_at(replay, env, slot);
    slot = slot_after(replay, slot);
    /* the steps after it were lost */
    if (slot != open && *ended_at(replay, env, slot) == REPLAY_LAST) break;
  }
  found->reward = (float)sum;
  found->discount = (ended & ENV_TERMINATED) != 0 ? 0.0f : (float)factor;
  return slot;
}

/* replay_create() has seen to it that numbers of slots fit into 32 bits, of which a processor divides faster */
static struct found find(const struct replay *replay, uint64_t drawn, int64_t n_steps, double gamma) {
  const size_t row = (uint32_t)drawn / (uint32_t)replay->slots, slot = drawn - row * replay->slots;
  const size_t open = open_slot(replay, row / replay->agents);
  struct found found = {.record = record_at(replay, row, slot)};
  const size_t next = sum_window(replay, row, slot, open, n_steps, gamma, &found);
  found.next = next == open ? open_record(replay, row) : record_at(replay, row, next);
  return found;
}

static void put_into_tile(const struct replay *replay, const struct found *found, struct replay_tile *tile, size_t r) {
  for (const struct replay_field *kept = replay->kept; kept < replay->kept + replay->n_kept; kept++) {
    copy_bytes((char *)tile->step.array[kept->place] + r * kept->bytes, found->record + kept->offset, kept->bytes);
    if (kept->has_next)
      copy_bytes((char *)tile->next.array[kept->place] + r * kept->bytes, found->next + kept->offset, kept->bytes);
  }
  tile->step.reward[r] = found->reward;
  tile->discount[r] = found->discount;
}

void replay_gather(const struct replay *replay, const uint64_t *drawn, size_t rows, int64_t n_steps, double gamma,
                   struct replay_tile *tile) {
  tile->rows = rows;
  for (size_t r = 0; r < rows; r++) {
    const struct found found = find(replay, drawn[r], n_steps, gamma);
    put_into_tile(replay, &found, tile, r);
  }
}

/* the record, what is known of the next step, reward and discount */
size_t replay_packed_bytes(const struct replay *replay) {
  return replay->record_bytes + replay->next_bytes + 2 * sizeof(float);
}

void replay_pack(const struct replay *replay, uint64_t drawn, int64_t n_steps, double gamma, char *packed) {
  const struct found found = find(replay, drawn, n_steps, gamma);
  const float sums[2] = {found.reward, found.discount};
  copy_bytes(packed, found.record, replay->record_bytes);
  copy_bytes(packed + replay->record_bytes, found.next, replay->next_bytes);
  memcpy(packed + replay->record_bytes + replay->next_bytes, sums, sizeof sums);
}

void replay_unpack(const struct replay *replay, const char *packed, struct replay_tile *tile, size_t r) {
  struct found found = {.record = packed, .next = packed + replay->record_bytes};
  float sums[2];
  memcpy(sums, packed + replay->record_bytes + replay->next_bytes, sizeof sums);
  found.reward = sums[0];
  found.discount = sums[1];
  put_into_tile(replay, &found, tile, r);
}

/* --- what a checkpoint holds of it --- */

int replay_state(struct replay *replay, struct tensor list[REPLAY_STATE]) {
  list[0] = (struct tensor){"replay/written", TENSOR_I64, 1, {replay->n_envs}, replay->written, RANGE_COUNT};
  return 1;
}

void replay_put(struct replay *replay, size_t env, int64_t number, uint8_t ended,
                const void *const entry[STEP_FIELD_COUNT]) {
  const size_t slot = (size_t)number % replay->slots;
  const bool is_open = number == replay->written[env] - 1;
  for (size_t agent = 0; agent < replay->agents; agent++) {
    const size_t row = env * replay->agents + agent;
    char *record = is_open ? open_record(replay, row) : record_at(replay, row, slot);
    for (const struct replay_field *kept = replay->kept; kept < replay->kept + replay->n_kept; kept++)
      if (record != NULL && (!is_open || kept->has_next))
        copy_bytes(record + kept->offset, (const char *)entry[kept->place] + agent * kept->bytes, kept->bytes);
  }
  *ended_at(replay, env, slot) = ended;
}
