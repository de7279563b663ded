#include "env/conformance_player.h"

#include "env/block.h"
#include "env/bounds.h"
#include "env/spec.h"

#include <ctype.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- findings ---- */

/* the place after the number that starts here, if one does */
static const char *skip_number(const char *text) {
  const char *digit = *text == '-' ? text + 1 : text;
  while (isdigit((unsigned char)*digit) || (*digit == '.' && isdigit((unsigned char)digit[1]))) digit++;
  return digit > text + (*text == '-') ? digit : text;
}

/* whether two texts differ only in numbers */
static bool is_alike(const char *a, const char *b) {
  while (*a != '\0' || *b != '\0') {
    const char *a_end = skip_number(a), *b_end = skip_number(b);
    bool numbers = a_end > a && b_end > b;
    if (!numbers && *a != *b) return false;
    a = numbers ? a_end : a + 1;
    b = numbers ? b_end : b + 1;
  }
  return true;
}

/* counts another finding of a kind that was found before */
static void repeat(struct conformance_finding *finding, const char *check) {
  finding->count++;
  if (strcmp(finding->check, check) == 0 || strstr(finding->also, check) != NULL) return;
  size_t used = strlen(finding->also);
  snprintf(finding->also + used, sizeof finding->also - used, "%s%s", used > 0 ? ", " : "", check);
}

static void add(struct examination *examination, enum conformance_verdict verdict, const char *format,
                va_list arguments) {
  struct conformance_report *report = &examination->report;
  char text[CONFORMANCE_TEXT];
  vsnprintf(text, sizeof text, format, arguments);
  for (int32_t i = 0; i < report->count && verdict != CONFORMANCE_PASS; i++) {
    struct conformance_finding *earlier = &report->finding[i];
    if (earlier->verdict != verdict || !is_alike(earlier->text, text)) continue;
    repeat(earlier, examination->check);
    return;
  }
  if (report->count == CONFORMANCE_FINDINGS) return;
  struct conformance_finding *finding = &report->finding[report->count++];
  *finding = (struct conformance_finding){.verdict = verdict, .count = 1};
  snprintf(finding->check, sizeof finding->check, "%s", examination->check);
  strcpy(finding->text, text);
}

void examination_find(struct examination *examination, enum conformance_verdict verdict, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  add(examination, verdict, format, arguments);
  va_end(arguments);
}

void examination_fail(struct examination *examination, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  add(examination, CONFORMANCE_FAIL, format, arguments);
  va_end(arguments);
  examination->finished = true;
  fflush(stdout);
  _exit(0);
}

void examination_demand(struct examination *examination, muster_status status) {
  if (status != MUSTER_OK) examination_fail(examination, "%s", muster_status_message(status));
}

static void *need(struct examination *examination, void *memory) {
  if (memory == NULL) examination_fail(examination, "out of memory");
  return memory;
}

/* ---- guards ---- */

#define PATTERN 0xA5
#define MAX_GUARDS 64

/* A handler of signals gets no argument of ours, so what it needs is global. Each check has a process of its own, and
 * so these variables. */
static struct {
  struct examination *examination;
  struct {
    const char *name;
    const unsigned char *first, *last; /* the forbidden pages on both sides, and the memory between them */
  } range[MAX_GUARDS];
} watched;

static void die_of_signal(int number, siginfo_t *information, void *context) {
  (void)context;
  struct examination *examination = watched.examination;
  examination->signal = number;
  const unsigned char *address = information->si_addr;
  for (int i = 0; i < MAX_GUARDS && (number == SIGSEGV || number == SIGBUS); i++)
    if (watched.range[i].name != NULL && address >= watched.range[i].first && address < watched.range[i].last)
      examination->touched = watched.range[i].name;
  _exit(1);
}

void guard_watch(struct examination *examination) {
  watched.examination = examination;
  memset(watched.range, 0, sizeof watched.range);
  const struct sigaction action = {.sa_sigaction = die_of_signal, .sa_flags = SA_SIGINFO | SA_RESETHAND};
  const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaction(numbers[i], &action, NULL);
}

static void watch(const struct guarded *memory, size_t page) {
  for (int i = 0; i < MAX_GUARDS; i++) {
    if (watched.range[i].name != NULL) continue;
    watched.range[i].name = memory->name;
    watched.range[i].first = memory->pages - page;
    watched.range[i].last = memory->pages + memory->page_bytes + page;
    return;
  }
}

static void forget(const struct guarded *memory, size_t page) {
  for (int i = 0; i < MAX_GUARDS; i++)
    if (watched.range[i].first == memory->pages - page) watched.range[i].name = NULL;
}

struct guarded guarded_create(struct examination *examination, const char *name, size_t size, enum guard guard) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t aligned = (size + 7) / 8 * 8, room = (aligned + page - 1) / page * page;
  if (room == 0) room = page;
  unsigned char *mapped = mmap(NULL, room + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED || mprotect(mapped + page, room, PROT_READ | PROT_WRITE) != 0)
    examination_fail(examination, "out of memory");
  struct guarded memory = {.name = name, .size = size, .pages = mapped + page, .page_bytes = room};
  memset(memory.pages, PATTERN, room);
  memory.bytes = guard == GUARD_BEHIND ? memory.pages + room - aligned : memory.pages;
  memory.slack = (size_t)(memory.pages + room - memory.bytes) - size;
  memset(memory.bytes, 0, size);
  watch(&memory, page);
  return memory;
}

void guarded_destroy(struct guarded *memory) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  if (memory->pages == NULL) return;
  forget(memory, page);
  munmap(memory->pages - page, memory->page_bytes + 2 * page);
  *memory = (struct guarded){0};
}

void guarded_check(struct examination *examination, const struct guarded *memory) {
  for (size_t i = 0; i < memory->slack; i++)
    if (memory->bytes[memory->size + i] != PATTERN)
      examination_fail(examination, "%s wrote beyond the %s: byte %zu behind its end of %zu bytes has changed",
                       examination->call, memory->name, i, memory->size);
  for (const unsigned char *byte = memory->pages; byte < memory->bytes; byte++)
    if (*byte != PATTERN)
      examination_fail(examination, "%s wrote %zu bytes before the start of the %s", examination->call,
                       (size_t)(memory->bytes - byte), memory->name);
}

/* ---- the subject ---- */

void subject_open(struct subject *subject) {
  struct examination *examination = subject->examination;
  muster_env_error error = {""};
  examination->call = "create()";
  if (subject->type->create(subject->settings, &subject->witness, &error) != 0)
    examination_fail(examination, "create() failed: \"%s\"", env_error_text(&error));
  examination_demand(examination, env_handle_check("create()", subject->witness));
  subject->spec = (muster_env_spec){.struct_size = sizeof subject->spec};
  examination->call = "describe()";
  subject->type->describe(subject->witness, &subject->spec);
  examination->call = NULL;
  const muster_env_spec *spec = &subject->spec;
  examination_demand(examination, env_spec_check(subject->type, spec));
  const size_t agents = (size_t)spec->agents;
  subject->observation_elements = muster_space_elements(&spec->observation);
  subject->observation_bytes = agents * muster_space_bytes(&spec->observation);
  subject->action_elements = muster_space_elements(&spec->action);
  subject->action_bytes = agents * muster_space_bytes(&spec->action);
  subject->mask_bytes = spec->masks_actions ? agents * env_block_choices(&spec->action) : 0;
}

/* ---- playing ---- */

struct player player_create(const struct subject *subject, uint32_t index, enum guard guard) {
  struct examination *examination = subject->examination;
  struct player player = {.subject = subject, .index = index, .guard = guard};
  muster_env_error error = {""};
  examination->call = "create()";
  if (subject->type->create(subject->settings, &player.env, &error) != 0)
    examination_fail(examination, "create() failed for a further environment: \"%s\"", env_error_text(&error));
  examination_demand(examination, env_handle_check("create()", player.env));
  examination->call = NULL;
  size_t rewards = (size_t)subject->spec.agents * sizeof(double);
  player.observation = guarded_create(examination, "observation", subject->observation_bytes, guard);
  player.reward = guarded_create(examination, "reward", rewards, guard);
  player.action = guarded_create(examination, "action", subject->action_bytes, guard);
  if (subject->mask_bytes > 0) player.mask = guarded_create(examination, "action mask", subject->mask_bytes, guard);
  player.choices = random_stream_start(subject->seed, RANDOM_ACTION, index, 0);
  return player;
}

void player_destroy(struct player *player) {
  struct examination *examination = player->subject->examination;
  examination->call = "destroy()";
  player->subject->type->destroy(player->env);
  examination->call = NULL;
  guarded_destroy(&player->observation);
  guarded_destroy(&player->reward);
  guarded_destroy(&player->action);
  guarded_destroy(&player->mask);
  player->env = NULL;
}

static void check_memory(const struct player *player) {
  struct examination *examination = player->subject->examination;
  if (player->guard == GUARD_NONE) return;
  guarded_check(examination, &player->observation);
  guarded_check(examination, &player->reward);
  if (player->mask.bytes != NULL) guarded_check(examination, &player->mask);
}

/* checks that each mask byte is 0 or 1, and that each agent can choose something, unless the episode has ended and
 * nobody acts */
static void check_mask(const struct player *player) {
  const struct subject *subject = player->subject;
  const uint8_t *mask = player->mask.bytes;
  for (int32_t agent = 0; agent < subject->spec.agents && mask != NULL; agent++) {
    for (size_t i = 0; i < subject->action_elements; i++) {
      int32_t count = subject->spec.action.counts[i], allowed = 0;
      for (int32_t choice = 0; choice < count; choice++) {
        if (mask[choice] > 1)
          examination_fail(subject->examination, "the action mask holds %d, at choice %d: expects 0 or 1", mask[choice],
                           choice);
        allowed += mask[choice];
      }
      if (allowed == 0 && !player_ended(player))
        examination_fail(subject->examination,
                         "at step %d of an episode the action mask of agent %d allows none of the %d choices of action "
                         "element %zu: allow at least one, or end the episode",
                         player->step, agent, count, i);
      mask += count;
    }
  }
}

static muster_env_result open_result(struct player *player) {
  memset(player->observation.bytes, player->fill, player->observation.size);
  if (player->mask.bytes != NULL) memset(player->mask.bytes, 1, player->mask.size);
  return (muster_env_result){.observation = player->observation.bytes,
                             .reward = (double *)(void *)player->reward.bytes,
                             .action_mask = player->mask.bytes};
}

void player_reset(struct player *player) {
  const struct subject *subject = player->subject;
  struct examination *examination = subject->examination;
  player->episode = player->next_episode++;
  player->stream = random_stream_start(subject->seed, RANDOM_ENV, player->index, player->episode);
  player->step = 0;
  player->terminated = player->truncated = false;
  muster_env_result result = open_result(player);
  muster_env_error error = {""};
  examination->call = "reset()";
  examination->step = 0;
  if (subject->type->reset(player->env, &player->stream.base, &result, &error) != 0)
    examination_fail(examination, "reset() failed at the start of episode %u: \"%s\"", player->episode,
                     env_error_text(&error));
  check_memory(player);
  examination->call = NULL;
  check_mask(player);
}

/* draws one of the choices that the mask allows */
static int32_t draw_choice(muster_random *random, int32_t count, const uint8_t *mask) {
  if (mask == NULL) return (int32_t)muster_random_below(random, (uint32_t)count);
  uint32_t allowed = 0;
  for (int32_t i = 0; i < count; i++) allowed += mask[i] != 0;
  uint32_t wanted = muster_random_below(random, allowed);
  int32_t choice = 0;
  for (;; choice++)
    if (mask[choice] != 0 && wanted-- == 0) return choice;
}

void subject_draw(const struct subject *subject, muster_random *random, const uint8_t *mask, void *action) {
  const muster_space *space = &subject->spec.action;
  const size_t n = subject->action_elements;
  for (size_t i = 0; i < n * (size_t)subject->spec.agents; i++) {
    size_t element = i % n;
    if (space->kind == MUSTER_SPACE_BOX) {
      ((float *)action)[i] = action_bounds_draw(space, element, random);
    } else if (space->kind == MUSTER_SPACE_BOX_U8) {
      ((uint8_t *)action)[i] = (uint8_t)muster_random_below(random, 256);
    } else {
      ((int32_t *)action)[i] = draw_choice(random, space->counts[element], mask);
      if (mask != NULL) mask += space->counts[element];
    }
  }
}

void player_draw(struct player *player) {
  subject_draw(player->subject, &player->choices.base, player->mask.bytes, player->action.bytes);
}

/* a bool of C must be 0 or 1, also where another language has written it */
static bool read_flag(const struct player *player, const char *name, const bool *flag) {
  unsigned char byte;
  memcpy(&byte, flag, 1);
  if (byte > 1)
    examination_fail(player->subject->examination,
                     "step() set `%s` to the byte %d: expects C's bool, 0 or 1 (in Fortran logical(c_bool), 1 byte)",
                     name, byte);
  return byte == 1;
}

void player_step(struct player *player) {
  const struct subject *subject = player->subject;
  struct examination *examination = subject->examination;
  muster_env_result result = open_result(player);
  for (int32_t i = 0; i < subject->spec.agents; i++) result.reward[i] = NAN;
  muster_env_error error = {""};
  examination->call = "step()";
  examination->step = ++player->step;
  if (player->guard != GUARD_NONE) mprotect(player->action.pages, player->action.page_bytes, PROT_READ);
  int failed = subject->type->step(player->env, player->action.bytes, &player->stream.base, &result, &error);
  if (player->guard != GUARD_NONE) mprotect(player->action.pages, player->action.page_bytes, PROT_READ | PROT_WRITE);
  if (failed)
    examination_fail(examination, "step() failed at step %d of episode %u with an action of the space: \"%s\"",
                     player->step, player->episode, env_error_text(&error));
  check_memory(player);
  examination->call = NULL;
  player->terminated = read_flag(player, "terminated", &result.terminated);
  player->truncated = read_flag(player, "truncated", &result.truncated);
  check_mask(player);
}

bool player_ended(const struct player *player) {
  int32_t limit = player->subject->spec.max_steps;
  return player->terminated || player->truncated || (limit > 0 && player->step >= limit);
}

/* ---- traces ---- */

struct trace trace_create(const struct subject *subject, size_t steps) {
  size_t step_bytes =
      2 * subject->observation_bytes + (size_t)subject->spec.agents * sizeof(double) + subject->mask_bytes + 2;
  size_t most = ((size_t)64 << 20) / step_bytes + 1;
  if (steps > most) steps = most;
  return (struct trace){steps, step_bytes, need(subject->examination, calloc(steps, step_bytes))};
}

void trace_step(struct trace *trace, size_t at, struct player *player) {
  const struct subject *subject = player->subject;
  unsigned char *entry = trace->bytes + at * trace->step_bytes;
  player_draw(player);
  player_step(player);
  memcpy(entry, player->observation.bytes, subject->observation_bytes);
  entry += subject->observation_bytes;
  memcpy(entry, player->reward.bytes, player->reward.size);
  entry += player->reward.size;
  if (subject->mask_bytes > 0) memcpy(entry, player->mask.bytes, subject->mask_bytes);
  entry += subject->mask_bytes;
  entry[0] = player->terminated;
  entry[1] = player->truncated;
  if (!player_ended(player)) return;
  player_reset(player);
  memcpy(entry + 2, player->observation.bytes, subject->observation_bytes);
}

void trace_play(struct trace *trace, struct player *player, bool starts) {
  if (starts) player_reset(player);
  for (size_t i = 0; i < trace->steps; i++) trace_step(trace, i, player);
}

long trace_compare(const struct trace *a, const struct trace *b) {
  for (size_t i = 0; i < a->steps; i++)
    if (memcmp(a->bytes + i * a->step_bytes, b->bytes + i * b->step_bytes, a->step_bytes) != 0) return (long)i;
  return -1;
}
