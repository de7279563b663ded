#include "experience/replay_log.h"

#include "base/copy.h"

#include <stdlib.h>
#include <string.h>

/* places in the table of fields */
#define PLACE(c_type, id, ...) PLACE_##id,
enum { STEP_FIELDS(PLACE) };

/* --- set-up --- */

/* how many slots a segment has at least */
static size_t segment_slots(const struct replay *replay) {
  size_t rows = REPLAY_SEGMENT_ROWS;
  if (rows > replay->n_rows * replay->slots) rows = replay->n_rows * replay->slots;
  if (rows > REPLAY_SEGMENT_BYTES / replay->record_bytes) rows = REPLAY_SEGMENT_BYTES / replay->record_bytes;
  const size_t slots = (rows + replay->agents - 1) / replay->agents;
  return slots > 0 ? slots : 1;
}

/* one open slot of each environment */
static void empty_tail(struct replay_log *log) {
  log->tail.slots = log->tail.n_envs;
  for (size_t env = 0; env < log->tail.n_envs; env++) log->env_of[env] = (int32_t)env;
}

muster_status replay_log_create(struct replay *replay, const struct trajectory *rollout, bool is_kept,
                                struct arena *arena, struct replay_log *log) {
  *log = (struct replay_log){.replay = replay, .is_kept = is_kept, .least = segment_slots(replay)};
  if (!is_kept) return MUSTER_OK;
  /* in a rollout every step may be truncated, which takes one slot more; and the open slot may become a last one */
  const size_t n_envs = replay->n_envs, most_new = n_envs * (2 * rollout->n_steps + 1);
  log->room = n_envs + log->least + most_new;
  const size_t bytes = replay_segment_bytes(replay, log->room);
  void *memory;
  MUSTER_TRY(arena_take(arena, 1, bytes, "the newest part of the replay", &memory));
  replay_segment_lay_out(replay, log->room, memory, &log->tail);
  MUSTER_TRY(arena_take(arena, 1, bytes, "a segment of the replay", &log->spare_memory));
  MUSTER_TRY(ARENA_TAKE(arena, log->room, "the newest part of the replay", &log->env_of));
  MUSTER_TRY(ARENA_TAKE(arena, log->room, "the newest part of the replay", &log->places));
  MUSTER_TRY(ARENA_TAKE(arena, n_envs, "the newest part of the replay", &log->next_place));
  MUSTER_TRY(ARENA_TAKE(arena, n_envs, "the newest part of the replay", &log->env));
  for (size_t env = 0; env < n_envs; env++) log->env[env].open = env;
  empty_tail(log);
  return MUSTER_OK;
}

/* --- appending --- */

static char *entry_at(const struct replay_log *log, const struct replay_field *kept, size_t place, size_t agent) {
  return (char *)log->tail.array[kept->place] + (place * log->tail.agents + agent) * kept->bytes;
}

/* fills a slot with step t of the rollout: all of it, or, if it is open, what is known before its action */
static void put_step(struct replay_log *log, const struct trajectory *rollout, size_t env, size_t t, size_t place,
                     bool is_open) {
  const struct replay *replay = log->replay;
  const size_t agents = replay->agents;
  for (const struct replay_field *kept = replay->kept; kept < replay->kept + replay->n_kept; kept++)
    for (size_t agent = 0; agent < agents; agent++) {
      char *entry = entry_at(log, kept, place, agent);
      if (is_open && !kept->has_next)
        memset(entry, 0, kept->bytes);
      else
        copy_bytes(entry, replay_rollout_entry(replay, rollout, kept, env * agents + agent, t), kept->bytes);
    }
  log->tail.ended[place] = is_open ? 0 : rollout->ended[(env - rollout->first_env) * rollout->n_steps + t];
}

/* a last observation and its mask come later (put_lasts()) */
static void put_last(struct replay_log *log, size_t place) {
  const struct replay *replay = log->replay;
  for (const struct replay_field *kept = replay->kept; kept < replay->kept + replay->n_kept; kept++)
    memset(entry_at(log, kept, place, 0), 0, replay->agents * kept->bytes);
  log->tail.ended[place] = REPLAY_LAST;
}

/* begins the next slot of an environment; returns its place */
static size_t begin_slot(struct replay_log *log, size_t env) {
  const size_t place = log->tail.slots++;
  log->env_of[place] = (int32_t)env;
  log->env[env].slots++;
  return log->env[env].open = place;
}

/* the slot of the rollout's first step: the open one, or the next one, if the replay has found that steps in between
 * were lost */
static void begin_rollout(struct replay_log *log, size_t env) {
  struct replay_log_env *of = &log->env[env];
  const int64_t number = log->replay->rollout_slot[env];
  if (of->slots == 0) {
    log->tail.first[env] = number;
    of->slots = 1;
  } else if (number == log->tail.first[env] + of->slots) {
    log->tail.ended[of->open] = REPLAY_LAST;
    begin_slot(log, env);
  }
  of->next = log->tail.slots;
  of->lasts = 0;
}

static void append_steps(struct replay_log *log, const struct trajectory *rollout, size_t env) {
  begin_rollout(log, env);
  const size_t length = (size_t)rollout->length[(env - rollout->first_env) * rollout->agents];
  for (size_t t = 0; t < length; t++) {
    const size_t place = log->env[env].open;
    put_step(log, rollout, env, t, place, false);
    if (log->tail.ended[place] == ENV_TRUNCATED) put_last(log, begin_slot(log, env));
    begin_slot(log, env);
  }
  put_step(log, rollout, env, rollout->n_steps, log->env[env].open, true);
}

/* the true last observations, listed in the order of steps for each environment */
static void put_lasts(struct replay_log *log, const struct trajectory *rollout) {
  const struct final_observations *final_observations = &rollout->final_observations;
  const size_t bytes = log->tail.agents * rollout->obs_bytes, mask_bytes = log->tail.agents * rollout->mask_bytes;
  for (int32_t i = 0; i < final_observations->count; i++) {
    struct replay_log_env *of = &log->env[final_observations->environment[i]];
    /* the slots of a rollout are next to each other, but for the first one */
    const size_t place = of->next + (size_t)(final_observations->step[i] + of->lasts++);
    memcpy((char *)log->tail.array[PLACE_observation] + place * bytes,
           (const char *)final_observations->observation + (size_t)i * bytes, bytes);
    if (mask_bytes > 0)
      memcpy((char *)log->tail.array[PLACE_mask] + place * mask_bytes,
             final_observations->mask + (size_t)i * mask_bytes, mask_bytes);
  }
}

/* --- segments --- */

#define NOWHERE SIZE_MAX

/* decides where the slots of the tail go in a segment, environment by environment; returns how many go */
static size_t choose_places(struct replay_log *log, bool with_open, int64_t *offset) {
  int64_t slots = 0;
  for (size_t env = 0; env < log->tail.n_envs; env++) {
    const int64_t mine = log->env[env].slots;
    log->next_place[env] = offset[env] = slots;
    slots += mine > 0 && !with_open ? mine - 1 : mine;
  }
  offset[log->tail.n_envs] = slots;
  for (size_t i = 0; i < log->tail.slots; i++) {
    const size_t env = (size_t)log->env_of[i];
    const bool goes = log->env[env].slots > 0 && (with_open || i != log->env[env].open);
    log->places[i] = goes ? (size_t)log->next_place[env]++ : NOWHERE;
  }
  return (size_t)slots;
}

/* copies the tail, with its open slots or without, into a segment of `log->room` slots */
static void copy_tail(struct replay_log *log, bool with_open, struct replay_segment *segment) {
  const struct replay *replay = log->replay;
  memcpy(segment->first, log->tail.first, log->tail.n_envs * sizeof *segment->first);
  segment->slots = choose_places(log, with_open, segment->offset);
  for (size_t i = 0; i < log->tail.slots; i++)
    if (log->places[i] != NOWHERE) segment->ended[log->places[i]] = log->tail.ended[i];
  for (int k = 0; k < replay->n_kept; k++) {
    const size_t bytes = replay->agents * replay->kept[k].bytes;
    const char *from = log->tail.array[replay->kept[k].place];
    char *to = segment->array[replay->kept[k].place];
    for (size_t i = 0; i < log->tail.slots; i++)
      if (log->places[i] != NOWHERE) copy_bytes(to + log->places[i] * bytes, from + i * bytes, bytes);
  }
}

/* the open slots alone are left, each at the place of its environment */
static void cut_tail(struct replay_log *log) {
  const struct replay *replay = log->replay;
  for (size_t env = 0; env < log->tail.n_envs; env++) {
    struct replay_log_env *of = &log->env[env];
    if (of->slots == 0 || of->open == env) continue;
    for (const struct replay_field *kept = replay->kept; kept < replay->kept + replay->n_kept; kept++)
      memcpy(entry_at(log, kept, env, 0), entry_at(log, kept, of->open, 0), replay->agents * kept->bytes);
    log->tail.ended[env] = 0;
    log->tail.first[env] += of->slots - 1;
    of->slots = 1;
    of->open = env;
  }
  empty_tail(log);
}

/* room for a segment; memory of its own only while others wait */
static muster_status take_waiting(struct replay_log *log, struct replay_waiting **out) {
  void *memory = log->spare_memory;
  struct replay_waiting *waiting = &log->spare;
  if (log->spare_waits) {
    const size_t bytes = replay_segment_bytes(log->replay, log->room);
    waiting = malloc(sizeof *waiting);
    memory = aligned_alloc(64, bytes);
    if (waiting == NULL || memory == NULL) {
      free(waiting);
      free(memory);
      return status_error(MUSTER_ERROR_MEMORY,
                          "out of memory: parts of the replay that could not be written to the disk wait, and there is "
                          "no room for %zu bytes more",
                          bytes);
    }
  }
  log->spare_waits = true;
  replay_segment_lay_out(log->replay, log->room, memory, &waiting->segment);
  waiting->next = NULL;
  *out = waiting;
  return MUSTER_OK;
}

muster_status replay_log_append(struct replay_log *log, const struct trajectory *rollout) {
  if (!log->is_kept) return MUSTER_OK;
  for (size_t n = 0; n < rollout->n_envs; n++) append_steps(log, rollout, rollout->first_env + n);
  put_lasts(log, rollout);
  if (log->tail.slots - log->tail.n_envs < log->least) return MUSTER_OK;
  struct replay_waiting *waiting = NULL;
  MUSTER_TRY(take_waiting(log, &waiting));
  copy_tail(log, false, &waiting->segment);
  cut_tail(log);
  *(log->waiting == NULL ? &log->waiting : &log->last_waiting->next) = waiting;
  log->last_waiting = waiting;
  return MUSTER_OK;
}

const struct replay_segment *replay_log_waiting(const struct replay_log *log) {
  return log->waiting != NULL ? &log->waiting->segment : NULL;
}

void replay_log_forget_waiting(struct replay_log *log) {
  struct replay_waiting *waiting = log->waiting;
  log->waiting = waiting->next;
  if (waiting == &log->spare) {
    log->spare_waits = false;
    return;
  }
  free(waiting->segment.first); /* where its memory begins */
  free(waiting);
}

void replay_log_release(struct replay_log *log) {
  while (log->waiting != NULL) replay_log_forget_waiting(log);
}

/* --- the tail --- */

void replay_log_view_tail(struct replay_log *log, struct replay_segment *tail) {
  replay_segment_lay_out(log->replay, log->room, log->spare_memory, tail);
  copy_tail(log, true, tail);
}

muster_status replay_log_check_tail(const struct replay_log *log, const struct replay_segment *tail) {
  size_t closed = 0;
  for (size_t env = 0; env < tail->n_envs; env++) {
    const int64_t slots = tail->offset[env + 1] - tail->offset[env], written = log->replay->written[env];
    if (replay_segment_end(tail, env) != written || (slots == 0 && written > 0))
      return status_error(
          MUSTER_ERROR_FORMAT, "replay/tail has slots %lld to %lld of environment %zu, of which %lld were written",
          (long long)tail->first[env], (long long)replay_segment_end(tail, env) - 1, env, (long long)written);
    closed += slots > 0 ? (size_t)slots - 1 : 0;
  }
  if (closed < log->least) return MUSTER_OK;
  return status_error(MUSTER_ERROR_FORMAT, "replay/tail has %zu whole slots, and a segment begins after %zu", closed,
                      log->least);
}

/* the newest slot of each environment is the open one; the others come first */
void replay_log_restore(struct replay_log *log, const struct replay_segment *tail) {
  const struct replay *replay = log->replay;
  empty_tail(log);
  memcpy(log->tail.first, tail->first, tail->n_envs * sizeof *tail->first);
  for (size_t env = 0; env < tail->n_envs; env++) {
    log->env[env] = (struct replay_log_env){.slots = 0, .open = env};
    for (int64_t from = tail->offset[env]; from < tail->offset[env + 1]; from++) {
      const size_t place = log->env[env].slots++ == 0 ? env : log->tail.slots++;
      log->env_of[place] = (int32_t)env;
      log->env[env].open = place;
      log->tail.ended[place] = tail->ended[from];
      for (const struct replay_field *kept = replay->kept; kept < replay->kept + replay->n_kept; kept++) {
        const size_t bytes = replay->agents * kept->bytes;
        memcpy(entry_at(log, kept, place, 0), (const char *)tail->array[kept->place] + (size_t)from * bytes, bytes);
      }
    }
  }
}
