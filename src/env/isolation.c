#include "env/isolation.h"

#include "base/arena.h"
#include "base/outcall.h"
#include "env/block.h"
#include "env/isolation_channel.h"
#include "env/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the wrapped type ---- */

struct isolation {
  struct arena *arena;
  muster_env_type type;
};

/* A block is created from settings alone, so what isolation needs is passed as settings, too: as options of the wrapped
 * type that always have their default values. */
enum { PLUGIN, NAME, BLOCK, TIMEOUT, RESTARTS, PROGRAM, OWN_SETTINGS };
static const char *const own_keys[OWN_SETTINGS] = {"isolation.plugin",       "isolation.name",
                                                   "isolation.block",        "isolation.step_timeout",
                                                   "isolation.max_restarts", "isolation.program"};

/* ---- children ---- */

struct child {
  pid_t pid; /* 0: there is no process */
  int event, memory;
  struct channel *channel;
  size_t bytes; /* mapped */
  struct channel_arrays arrays;
  uint32_t asked;
  int32_t first, count; /* its rows */
  bool stays_dead, is_asked;
};

/* what block_create() of the wrapped type makes */
struct isolated {
  const char *program;
  char *settings; /* [CHANNEL_SETTINGS] in the form that a child reads */
  int32_t n, n_children;
  double timeout;
  int64_t restarts, max_restarts;
  struct arena *arena;
  struct child *children;
  muster_env_spec spec;        /* arrays in `arena` */
  struct channel_arrays known; /* tells the lengths of rows, which must be the same in a child that is started again */
  bool can_save, has_saved, is_described;
  uint8_t *reset; /* [n] rows that are reset already, so that block_reset() only takes the result */
  uint8_t *lost;  /* [n] rows whose episode was lost between steps: it ends at the next step */
  struct env_option_value options[ENV_OPTION_VALUES]; /* that a child is given when it is started again */
  int32_t n_options;
  int32_t n_losses;
  struct env_loss *losses; /* [n_children] that are not taken yet, at most one of each child */
};

static muster_status take_children(struct isolated *block, int32_t per_child) {
  if (per_child <= 0 || per_child > block->n) per_child = block->n;
  block->n_children = (block->n + per_child - 1) / per_child;
  MUSTER_TRY(ARENA_TAKE(block->arena, (size_t)block->n_children, "child processes", &block->children));
  MUSTER_TRY(ARENA_TAKE(block->arena, (size_t)block->n_children, "child processes", &block->losses));
  MUSTER_TRY(ARENA_TAKE(block->arena, (size_t)block->n, "child processes", &block->lost));
  MUSTER_TRY(ARENA_TAKE(block->arena, (size_t)block->n, "child processes", &block->reset));
  for (int32_t i = 0; i < block->n_children; i++) {
    int32_t first = i * per_child, left = block->n - first;
    block->children[i] =
        (struct child){.event = -1, .memory = -1, .first = first, .count = left < per_child ? left : per_child};
  }
  return MUSTER_OK;
}

/* kills a child, if it still runs, and writes how it ended */
static void bury(struct child *child, char *text, size_t size) {
  int state = 0;
  if (child->event >= 0) close(child->event);
  if (child->pid > 0) {
    kill(child->pid, SIGKILL);
    while (waitpid(child->pid, &state, 0) < 0 && errno == EINTR) continue;
  }
  if (WIFSIGNALED(state))
    snprintf(text, size, "died of signal %d (%s)", WTERMSIG(state), strsignal(WTERMSIG(state)));
  else
    snprintf(text, size, "ended by itself with exit code %d", WEXITSTATUS(state));
  if (child->channel != NULL) munmap(child->channel, child->bytes);
  if (child->memory >= 0) close(child->memory);
  child->pid = 0;
  child->event = child->memory = -1;
  child->channel = NULL;
}

/* lets a child end by itself when it sees that the event is closed; one that takes too long is killed */
static void dismiss(struct child *child) {
  char text[64];
  if (child->pid > 0 && child->event >= 0) {
    close(child->event);
    child->event = -1;
    int handle = (int)syscall(SYS_pidfd_open, child->pid, 0);
    struct pollfd wait = {.fd = handle, .events = POLLIN};
    if (handle >= 0) {
      while (poll(&wait, 1, 2000) < 0 && errno == EINTR) continue;
      close(handle);
    }
  }
  bury(child, text, sizeof text);
  outcall_go_on();
}

static int spawn(struct isolated *block, struct child *child, int child_event, muster_env_error *error) {
  char memory[16], event[16];
  snprintf(memory, sizeof memory, "%d", child->memory);
  snprintf(event, sizeof event, "%d", child_event);
  char *arguments[] = {(char *)(uintptr_t) "muster", (char *)(uintptr_t) "env-worker", memory, event, NULL};

  /* a descriptor that is duplicated to its own number stays open in the new program, unlike all others */
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, child->memory, child->memory);
  posix_spawn_file_actions_adddup2(&actions, child_event, child_event);
  int failed = posix_spawn(&child->pid, block->program, &actions, NULL, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed == 0) return 0;
  child->pid = 0;
  return muster_env_fail(error, "cannot start the child process %s: %s", block->program, strerror(failed));
}

/* makes memory, event and process of a child, which then waits for its first request */
static int launch(struct isolated *block, struct child *child, muster_env_error *error) {
  int events[2];
  child->asked = 0;
  child->memory = memfd_create("muster-environments", MFD_CLOEXEC);
  child->bytes = sizeof *child->channel;
  if (child->memory < 0 || ftruncate(child->memory, (off_t)child->bytes) != 0)
    return muster_env_fail(error, "shared memory: %s", strerror(errno));
  void *mapped = mmap(NULL, child->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, child->memory, 0);
  if (mapped == MAP_FAILED) return muster_env_fail(error, "shared memory: %s", strerror(errno));
  child->channel = mapped;
  child->channel->parent = getpid();
  memcpy(child->channel->settings, block->settings, CHANNEL_SETTINGS);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, events) != 0)
    return muster_env_fail(error, "an event for a child process: %s", strerror(errno));
  child->event = events[0];
  int failed = spawn(block, child, events[1], error);
  close(events[1]);
  return failed;
}

/* ---- requests ---- */

enum reply { REPLY_DONE, REPLY_FAILED, REPLY_GONE }; /* FAILED: an error of the environment; GONE: the child has died */

static void ask(struct child *child, enum channel_command command, int32_t row) {
  child->channel->command = command;
  child->channel->row = row;
  atomic_store(&child->channel->asked, ++child->asked);
  channel_wake(&child->channel->child_sleeps, child->event);
}

/* What a child answered, or how it ended. */
struct answer {
  enum reply reply;
  int32_t running; /* the child's row that was at work; -1: not known */
  char text[320];
};

/* waits for the answer; cleans up after a child that has died */
static struct answer hear(struct child *child, double timeout) {
  struct answer answer = {.reply = REPLY_DONE, .running = -1};
  struct channel *channel = child->channel;
  enum channel_outcome outcome =
      channel_wait(&channel->answered, child->asked, &channel->parent_sleeps, child->event, timeout);
  outcall_go_on();
  if (outcome == CHANNEL_DONE && !channel->failed) return answer;
  if (outcome == CHANNEL_DONE) {
    answer.reply = REPLY_FAILED;
    answer.running = channel->failed_row;
    muster_env_error error;
    memcpy(error.text, channel->text, sizeof error.text);
    snprintf(answer.text, sizeof answer.text, "%s", env_error_text(&error));
    return answer;
  }
  char end[128];
  answer.reply = REPLY_GONE;
  answer.running = atomic_load(&channel->running);
  bury(child, end, sizeof end);
  if (outcome == CHANNEL_LATE) snprintf(end, sizeof end, "did not answer within %g s", timeout);
  snprintf(answer.text, sizeof answer.text, "its process %s", end);
  return answer;
}

/* ---- creation ---- */

static const void *keep(struct isolated *block, const void *from, bool is_given, size_t bytes, bool *failed) {
  void *copy = NULL;
  if (!is_given) return NULL;
  muster_status status = arena_take(block->arena, 1, bytes, "an environment's description", &copy);
  *failed |= status != MUSTER_OK;
  muster_status_clear(&status);
  if (copy != NULL) memcpy(copy, from, bytes);
  return copy;
}

/* copies the description out of the shared memory, since the simulator could change it there */
static int keep_spec(struct isolated *block, struct child *child, muster_env_error *error) {
  const muster_env_spec *told = &child->channel->spec;
  const struct channel_arrays *arrays = &child->arrays;
  size_t seen = 4 * muster_space_elements(&told->observation), done = 4 * muster_space_elements(&told->action);
  bool failed = false;
  block->spec = *told;
  muster_space *observation = &block->spec.observation, *action = &block->spec.action;
  observation->low = keep(block, arrays->observation_low, told->observation.low != NULL, seen, &failed);
  observation->high = keep(block, arrays->observation_high, told->observation.high != NULL, seen, &failed);
  observation->counts = keep(block, arrays->observation_counts, told->observation.counts != NULL, seen, &failed);
  action->low = keep(block, arrays->action_low, told->action.low != NULL, done, &failed);
  action->high = keep(block, arrays->action_high, told->action.high != NULL, done, &failed);
  action->counts = keep(block, arrays->action_counts, told->action.counts != NULL, done, &failed);
  block->known = *arrays;
  block->can_save = child->channel->can_save;
  block->is_described = true;
  return failed ? muster_env_fail(error, "out of memory") : 0;
}

/* maps the whole memory of a child that has been created */
static int map_arrays(struct child *child, muster_env_error *error) {
  /* the counts can't be read before all is mapped, but the length tells their sum */
  size_t head = child->bytes, bytes = child->channel->bytes;
  void *mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, child->memory, 0);
  if (mapped == MAP_FAILED) return muster_env_fail(error, "shared memory of a child process: %s", strerror(errno));
  munmap(child->channel, head);
  child->channel = mapped;
  child->bytes = bytes;
  muster_env_spec spec = child->channel->spec;
  channel_layout(mapped, &spec, child->count, 0, &child->arrays);
  spec.action.counts = child->arrays.action_counts;
  if (channel_layout(mapped, &spec, child->count, channel_choices(&spec.action), &child->arrays) != bytes)
    return muster_env_fail(error, "a child process has shared memory of another length than it described");
  return 0;
}

/* asks a child to set an option of its environments */
static struct answer set_in_child(const struct isolated *block, struct child *child,
                                  const struct env_option_value *option) {
  memcpy(child->channel->key, option->key, sizeof option->key);
  child->channel->value = option->value;
  ask(child, CHANNEL_OPTION, 0);
  return hear(child, block->timeout);
}

/* starts a child and has it create its environments */
static int create_in_child(struct isolated *block, struct child *child, bool resets_first, muster_env_error *error) {
  if (launch(block, child, error) != 0) return ISOLATION_NO_PROCESS;
  child->channel->n = child->count;
  child->channel->resets_first = resets_first;
  /* this may happen within another call, after a fault; the child has the time limit of create() nevertheless */
  const struct outcall_place before = outcall_begin(OUTCALL_CREATE, -1);
  ask(child, CHANNEL_CREATE, 0);
  struct answer answer = hear(child, 0);
  outcall_end(before);
  if (answer.reply != REPLY_DONE) muster_env_fail(error, "%.240s", answer.text);
  if (answer.reply != REPLY_DONE) return answer.reply == REPLY_GONE ? ISOLATION_NO_PROCESS : 1;
  if (map_arrays(child, error) != 0) return ISOLATION_NO_PROCESS;
  if (!block->is_described) return keep_spec(block, child, error);
  const struct channel_arrays *arrays = &child->arrays, *known = &block->known;
  if (arrays->observation_bytes == known->observation_bytes && arrays->action_bytes == known->action_bytes &&
      arrays->mask_bytes == known->mask_bytes && child->channel->spec.state_bytes == block->spec.state_bytes &&
      child->channel->spec.agents == block->spec.agents)
    return 0;
  return muster_env_fail(error, "the environment describes itself otherwise than the first time");
}

/* the same, and gives it the options that were set until now */
static int start(struct isolated *block, struct child *child, bool resets_first, muster_env_error *error) {
  int failed = create_in_child(block, child, resets_first, error);
  for (int32_t i = 0; i < block->n_options && failed == 0; i++) {
    const struct answer answer = set_in_child(block, child, &block->options[i]);
    if (answer.reply == REPLY_DONE) continue;
    muster_env_fail(error, "%.240s", answer.text);
    failed = answer.reply == REPLY_GONE ? ISOLATION_NO_PROCESS : 1;
  }
  return failed;
}

/* ---- faults ---- */

/* after a fault: notes it, and starts the child again, unless max_restarts is reached */
static void replace(struct isolated *block, struct child *child, const struct answer *fault) {
  const int32_t row = fault->running;
  struct env_loss *loss = NULL;
  for (int32_t i = 0; i < block->n_losses; i++)
    if (block->losses[i].first == child->first) loss = &block->losses[i];
  if (loss == NULL) {
    loss = &block->losses[block->n_losses++];
    loss->restarts = 0;
  }
  *loss = (struct env_loss){.first = child->first,
                            .count = child->count,
                            .restarts = loss->restarts,
                            .row = row >= 0 && row < child->count ? child->first + row : child->first,
                            .is_row_known = row >= 0 && row < child->count};
  snprintf(loss->text, sizeof loss->text, "%s", fault->text);

  char text[64];
  bury(child, text, sizeof text);
  muster_env_error error = {""};
  bool failed = true;
  while (failed && block->restarts < block->max_restarts) {
    block->restarts++;
    loss->restarts++;
    failed = start(block, child, true, &error) != 0;
    if (failed) bury(child, text, sizeof text);
  }
  if (!failed) return;
  child->stays_dead = loss->stays_dead = true;
  if (error.text[0] != '\0')
    snprintf(loss->text, sizeof loss->text, "%.110s; and then: %.255s", fault->text, error.text);
}

static struct child *child_of(const struct isolated *block, int32_t row) {
  struct child *child = block->children;
  while (row >= child->first + child->count) child++;
  return child;
}

/* a request about one row outside a step. After a fault a new child takes over, and all of its rows have lost their
 * episodes. Only load_state() gets FAILED, as its caller has to know of the error. */
static enum reply attempt(struct isolated *block, int32_t row, enum channel_command command, muster_env_error *error) {
  struct child *child = child_of(block, row);
  ask(child, command, row - child->first);
  struct answer answer = hear(child, block->timeout);
  if (answer.reply == REPLY_DONE) return REPLY_DONE;
  if (answer.reply == REPLY_FAILED && (command == CHANNEL_LOAD || command == CHANNEL_SAVE)) {
    muster_env_fail(error, "%.240s", answer.text);
    return REPLY_FAILED;
  }
  answer.running = row - child->first;
  replace(block, child, &answer);
  memset(block->lost + child->first, 1, (size_t)child->count);
  return REPLY_GONE;
}

/* ---- random streams ---- */

/* copies all of a stream except its function, whose address differs between processes */
static void copy_stream(struct random_stream *to, const struct random_stream *from) {
  const muster_random base = to->base;
  *to = *from;
  to->base = base;
}

/* a pool's streams are of this type: `base` is its first member */
static struct random_stream *stream_of(muster_random *random) { return (struct random_stream *)(void *)random; }

/* ---- the functions of the wrapped type, for blocks ---- */

static int isolated_block_step(void *self, const void *actions, muster_random *const *randoms,
                               muster_env_block_result *result, muster_env_error *error);

static void isolated_block_destroy(void *self) {
  struct isolated *block = self;
  if (block == NULL) return;
  for (int32_t i = 0; i < block->n_children; i++) dismiss(&block->children[i]);
  arena_destroy(&block->arena);
  free(block);
}

/* writes the settings in the form that a child reads, without those of the isolation itself */
static int read_settings(struct isolated *block, const muster_env_setting *settings, const char *own[OWN_SETTINGS],
                         muster_env_error *error) {
  for (const muster_env_setting *setting = settings; setting->key != NULL; setting++)
    for (int i = 0; i < OWN_SETTINGS; i++)
      if (strcmp(setting->key, own_keys[i]) == 0) own[i] = setting->value;
  size_t used = 0;
  char *text = block->settings;
  const char *const first[] = {own[PLUGIN], own[NAME]};
  for (int i = 0; i < 2; i++) used += (size_t)snprintf(text + used, CHANNEL_SETTINGS - used, "%s", first[i]) + 1;
  for (const muster_env_setting *setting = settings; setting->key != NULL; setting++) {
    if (strncmp(setting->key, "isolation.", 10) == 0) continue;
    if (used + strlen(setting->key) + strlen(setting->value) + 3 > CHANNEL_SETTINGS)
      return muster_env_fail(error, "the options are longer than %d bytes", CHANNEL_SETTINGS);
    used += (size_t)snprintf(text + used, CHANNEL_SETTINGS - used, "%s", setting->key) + 1;
    used += (size_t)snprintf(text + used, CHANNEL_SETTINGS - used, "%s", setting->value) + 1;
  }
  return 0;
}

static int open_block(struct isolated *block, const muster_env_setting *settings, muster_env_error *error) {
  const char *own[OWN_SETTINGS] = {NULL};
  void *memory = NULL;
  muster_status status = arena_create(&block->arena);
  if (status == MUSTER_OK) status = arena_take(block->arena, CHANNEL_SETTINGS, 1, "environment options", &memory);
  block->settings = memory;
  if (status == MUSTER_OK && read_settings(block, settings, own, error) != 0) return 1;
  if (status == MUSTER_OK) {
    block->program = own[PROGRAM];
    block->timeout = strtod(own[TIMEOUT], NULL);
    block->max_restarts = strtoll(own[RESTARTS], NULL, 10);
    status = take_children(block, (int32_t)strtol(own[BLOCK], NULL, 10));
  }
  if (status != MUSTER_OK) {
    muster_env_fail(error, "%s", muster_status_message(status));
    muster_status_clear(&status);
    return ISOLATION_NO_PROCESS;
  }
  int failed = 0;
  for (int32_t i = 0; i < block->n_children && failed == 0; i++)
    failed = start(block, &block->children[i], false, error);
  return failed;
}

static int isolated_block_create(const muster_env_setting *settings, int32_t n, void **out, muster_env_error *error) {
  struct isolated *block = calloc(1, sizeof *block);
  if (block == NULL) return muster_env_fail(error, "out of memory");
  block->n = n;
  int failed = open_block(block, settings, error);
  if (failed) {
    isolated_block_destroy(block);
    return failed;
  }
  *out = block;
  return 0;
}

static void isolated_block_describe(const void *self, muster_env_spec *spec) {
  const size_t size = spec->struct_size;
  *spec = ((const struct isolated *)self)->spec;
  spec->struct_size = size;
  if (!((const struct isolated *)self)->can_save) spec->state_bytes = 0;
}

static int isolated_block_reset(void *self, int32_t row, muster_random *random, muster_env_result *result,
                                muster_env_error *error) {
  struct isolated *block = self;
  struct child *child = child_of(block, row);
  enum reply reply = block->reset[row] ? REPLY_DONE : REPLY_GONE;
  block->reset[row] = 0;
  while (reply != REPLY_DONE) {
    if (child->stays_dead) return 0; /* the child stays dead, and the run ends soon: the observation stays as it was */
    copy_stream(&child->arrays.streams[row - child->first], stream_of(random));
    reply = attempt(block, row, CHANNEL_RESET, error);
  }
  const struct channel_arrays *arrays = &child->arrays;
  const size_t at = (size_t)(row - child->first);
  copy_stream(stream_of(random), &arrays->streams[at]);
  memcpy(result->observation, arrays->observation + at * arrays->observation_bytes, arrays->observation_bytes);
  if (result->action_mask != NULL)
    memcpy(result->action_mask, arrays->mask + at * arrays->mask_bytes, arrays->mask_bytes);
  block->lost[row] = 0;
  return 0;
}

/* asks a child to reset its marked rows; false when there are none */
static bool begin_resets(struct child *child, const uint8_t *ended, muster_random *const *randoms) {
  uint8_t any = 0;
  for (int32_t i = 0; i < child->count && !child->stays_dead; i++) any |= ended[child->first + i];
  if (!any) return false;
  for (int32_t i = 0; i < child->count; i++) {
    child->arrays.marked[i] = ended[child->first + i];
    if (child->arrays.marked[i]) copy_stream(&child->arrays.streams[i], stream_of(randoms[child->first + i]));
  }
  ask(child, CHANNEL_RESET_MARKED, 0);
  return true;
}

void isolation_reset_ended(const muster_env_type *type, void *self, const uint8_t *ended,
                           muster_random *const *randoms) {
  if (!isolation_wraps(type)) return;
  struct isolated *block = self;
  for (int32_t i = 0; i < block->n_children; i++)
    block->children[i].is_asked = begin_resets(&block->children[i], ended, randoms);
  const struct outcall_place before = outcall_begin(OUTCALL_RESET, -1);
  for (int32_t i = 0; i < block->n_children; i++) {
    struct child *child = &block->children[i];
    if (!child->is_asked) continue;
    struct answer answer = hear(child, block->timeout);
    for (int32_t row = child->first; row < child->first + child->count; row++)
      block->reset[row] = answer.reply == REPLY_DONE && ended[row] != 0;
    if (answer.reply == REPLY_DONE) continue;
    replace(block, child, &answer);
    memset(block->lost + child->first, 1, (size_t)child->count);
  }
  outcall_end(before);
}

/* sends a child the actions and streams of its rows */
static void begin_step(struct child *child, const void *actions, muster_random *const *randoms) {
  const struct channel_arrays *arrays = &child->arrays;
  memcpy(arrays->actions, (const char *)actions + (size_t)child->first * arrays->action_bytes,
         (size_t)child->count * arrays->action_bytes);
  for (int32_t i = 0; i < child->count; i++) copy_stream(&arrays->streams[i], stream_of(randoms[child->first + i]));
  ask(child, CHANNEL_STEP, 0);
}

/* the result of a row whose episode was lost: truncated, with the observation as it was */
static void cut_row(struct isolated *block, int32_t row, muster_env_block_result *result) {
  float *reward = (float *)(void *)((char *)result->reward + (size_t)row * result->reward_stride);
  for (int32_t agent = 0; agent < block->spec.agents; agent++) reward[agent] = 0.0f;
  result->terminated[row] = 0;
  result->truncated[row] = 1;
  block->lost[row] = 0;
}

static void copy_row(const struct isolated *block, const struct child *child, int32_t i, muster_random *const *randoms,
                     muster_env_block_result *result) {
  const struct channel_arrays *arrays = &child->arrays;
  const size_t at = (size_t)i, row = (size_t)(child->first + i), agents = (size_t)block->spec.agents;
  memcpy((char *)result->observation + row * result->observation_stride,
         arrays->observation + at * arrays->observation_bytes, arrays->observation_bytes);
  memcpy((char *)result->reward + row * result->reward_stride, arrays->reward + at * agents, agents * sizeof(float));
  if (result->action_mask != NULL)
    memcpy(result->action_mask + row * result->action_mask_stride, arrays->mask + at * arrays->mask_bytes,
           arrays->mask_bytes);
  result->terminated[row] = arrays->terminated[at];
  result->truncated[row] = arrays->truncated[at];
  copy_stream(stream_of(randoms[row]), &arrays->streams[at]);
}

/* takes the results of a child's rows; after a fault all of them have lost their episodes */
static void end_step(struct isolated *block, struct child *child, muster_random *const *randoms,
                     muster_env_block_result *result) {
  struct answer answer = {.reply = REPLY_GONE};
  if (!child->stays_dead) {
    answer = hear(child, block->timeout);
    if (answer.reply != REPLY_DONE) replace(block, child, &answer);
  }
  for (int32_t i = 0; i < child->count; i++) {
    if (answer.reply != REPLY_DONE || block->lost[child->first + i])
      cut_row(block, child->first + i, result);
    else
      copy_row(block, child, i, randoms, result);
  }
}

static int isolated_block_step(void *self, const void *actions, muster_random *const *randoms,
                               muster_env_block_result *result, muster_env_error *error) {
  struct isolated *block = self;
  (void)error;
  /* all children work at once */
  for (int32_t i = 0; i < block->n_children; i++)
    if (!block->children[i].stays_dead) begin_step(&block->children[i], actions, randoms);
  for (int32_t i = 0; i < block->n_children; i++) end_step(block, &block->children[i], randoms, result);
  return 0;
}

static void isolated_block_save_state(const void *self, int32_t row, void *bytes) {
  /* `self` is const for the caller, but a request changes the channel, and a fault the child */
  struct isolated *block = (struct isolated *)(uintptr_t)self;
  muster_env_error error;
  struct child *child = child_of(block, row);
  block->has_saved = !child->stays_dead && !block->lost[row] && attempt(block, row, CHANNEL_SAVE, &error) == REPLY_DONE;
  if (block->has_saved)
    memcpy(bytes, child->arrays.state, block->spec.state_bytes);
  else
    memset(bytes, 0, block->spec.state_bytes);
}

static int isolated_block_load_state(void *self, int32_t row, const void *bytes, muster_env_error *error) {
  struct isolated *block = self;
  struct child *child = child_of(block, row);
  for (;;) {
    if (child->stays_dead) return muster_env_fail(error, "its process died, and env.max_restarts is reached");
    memcpy(child->arrays.state, bytes, block->spec.state_bytes);
    enum reply reply = attempt(block, row, CHANNEL_LOAD, error);
    if (reply == REPLY_GONE) continue;
    block->lost[row] = 0;
    return reply == REPLY_FAILED;
  }
}

static int isolated_block_set_option(void *self, const char *key, double value, muster_env_error *error) {
  struct isolated *block = self;
  struct env_option_value option = {.value = value};
  snprintf(option.key, sizeof option.key, "%s", key);
  int32_t place = 0;
  while (place < block->n_options && strcmp(block->options[place].key, option.key) != 0) place++;
  if (place == ENV_OPTION_VALUES) return muster_env_fail(error, "more than %d options", ENV_OPTION_VALUES);
  for (int32_t i = 0; i < block->n_children; i++) {
    struct child *child = &block->children[i];
    if (child->stays_dead) continue;
    const struct answer answer = set_in_child(block, child, &option);
    if (answer.reply == REPLY_FAILED) return muster_env_fail(error, "%.240s", answer.text);
    /* the children that have the value stay as they are: the one that takes over gets it below */
    if (answer.reply == REPLY_DONE) continue;
    replace(block, child, &answer);
    memset(block->lost + child->first, 1, (size_t)child->count);
    i--;
  }
  block->options[place] = option;
  block->n_options += place == block->n_options;
  return 0;
}

/* ---- the functions of the wrapped type, for one environment: a block of one ---- */

static int isolated_create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  return isolated_block_create(settings, 1, env, error);
}

static int isolated_reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  return isolated_block_reset(env, 0, random, result, error);
}

static int isolated_step(void *env, const void *action, muster_random *random, muster_env_result *result,
                         muster_env_error *error) {
  const struct isolated *block = env;
  const size_t agents = (size_t)block->spec.agents;
  float *reward = calloc(agents, sizeof *reward);
  if (reward == NULL) return muster_env_fail(error, "out of memory");
  uint8_t terminated = 0, truncated = 0;
  muster_env_block_result rows = {.observation = result->observation,
                                  .reward = reward,
                                  .action_mask = result->action_mask,
                                  .terminated = &terminated,
                                  .truncated = &truncated};
  int failed = isolated_block_step(env, action, &random, &rows, error);
  for (size_t agent = 0; agent < agents; agent++) result->reward[agent] = (double)reward[agent];
  result->terminated = terminated;
  result->truncated = truncated;
  free(reward);
  return failed;
}

static void isolated_save_state(const void *env, void *bytes) { isolated_block_save_state(env, 0, bytes); }

static int isolated_load_state(void *env, const void *bytes, muster_env_error *error) {
  return isolated_block_load_state(env, 0, bytes, error);
}

static void isolated_render_text(const void *env, char *text, size_t size) {
  struct isolated *block = (struct isolated *)(uintptr_t)env;
  const struct child *child = &block->children[0];
  muster_env_error error;
  bool has_text = !child->stays_dead && attempt(block, 0, CHANNEL_TEXT, &error) == REPLY_DONE;
  snprintf(text, size, "%.*s", CHANNEL_TEXT_BYTES - 1, has_text ? (const char *)child->arrays.text : "");
}

/* ---- what a pool calls in addition to the type's functions ---- */

bool isolation_wraps(const muster_env_type *type) { return type->block_step == isolated_block_step; }

bool isolation_take_loss(const muster_env_type *type, void *self, struct env_loss *out) {
  if (!isolation_wraps(type)) return false;
  struct isolated *block = self;
  if (block->n_losses == 0) return false;
  *out = block->losses[--block->n_losses];
  return true;
}

bool isolation_has_saved(const muster_env_type *type, const void *self) {
  return !isolation_wraps(type) || ((const struct isolated *)self)->has_saved;
}

/* ---- making the wrapped type ---- */

static muster_status copy_text(struct arena *arena, const char *text, const char **out) {
  char *copy;
  MUSTER_TRY(ARENA_TAKE(arena, strlen(text) + 1, "isolation", &copy));
  strcpy(copy, text);
  *out = copy;
  return MUSTER_OK;
}

/* the options of the type itself, followed by those of the isolation */
static muster_status add_options(struct isolation *isolation, const char *const values[OWN_SETTINGS]) {
  size_t n = 0;
  while (isolation->type.options != NULL && isolation->type.options[n].key != NULL) n++;
  muster_env_option *options;
  MUSTER_TRY(ARENA_TAKE(isolation->arena, n + OWN_SETTINGS + 1, "isolation", &options));
  for (size_t i = 0; i < n; i++) options[i] = isolation->type.options[i];
  for (int i = 0; i < OWN_SETTINGS; i++) {
    options[n + (size_t)i] = (muster_env_option){.key = own_keys[i], .help = ""};
    MUSTER_TRY(copy_text(isolation->arena, values[i], &options[n + (size_t)i].default_value));
  }
  isolation->type.options = options;
  return MUSTER_OK;
}

static void replace_functions(muster_env_type *type) {
  type->create = isolated_create;
  type->destroy = isolated_block_destroy;
  type->describe = isolated_block_describe;
  type->reset = isolated_reset;
  type->step = isolated_step;
  type->save_state = isolated_save_state;
  type->load_state = isolated_load_state;
  if (type->render_text != NULL) type->render_text = isolated_render_text;
  type->render_policy = NULL; /* nobody asks a run's environments for it */
  type->has_saved = NULL;     /* isolation_has_saved() tells */
  type->set_option = env_type_sets_options(type) ? isolated_block_set_option : NULL;
  type->block_set_option = type->set_option;
  type->block_create = isolated_block_create;
  type->block_destroy = isolated_block_destroy;
  type->block_describe = isolated_block_describe;
  type->block_reset = isolated_block_reset;
  type->block_step = isolated_block_step;
  type->block_save_state = isolated_block_save_state;
  type->block_load_state = isolated_block_load_state;
}

muster_status isolation_open(const muster_env_type *type, const char *plugin, const char *name,
                             const struct isolation_options *options, struct isolation **out) {
  struct arena *arena;
  struct isolation *isolation;
  MUSTER_TRY(arena_create(&arena));
  muster_status status = ARENA_TAKE(arena, 1, "isolation", &isolation);
  if (status == MUSTER_OK) {
    char block[32], timeout[32], restarts[32];
    snprintf(block, sizeof block, "%d", (int)options->block);
    snprintf(timeout, sizeof timeout, "%.17g", options->step_timeout);
    snprintf(restarts, sizeof restarts, "%lld", (long long)options->max_restarts);
    const char *const values[OWN_SETTINGS] = {
        [PLUGIN] = plugin,     [NAME] = name,
        [BLOCK] = block,       [TIMEOUT] = timeout,
        [RESTARTS] = restarts, [PROGRAM] = options->program != NULL ? options->program : "/proc/self/exe"};
    *isolation = (struct isolation){.arena = arena, .type = *type};
    status = add_options(isolation, values);
    replace_functions(&isolation->type);
  }
  if (status != MUSTER_OK)
    arena_destroy(&arena);
  else
    *out = isolation;
  return status;
}

void isolation_close(struct isolation **isolation) {
  if (*isolation == NULL) return;
  struct arena *arena = (*isolation)->arena;
  arena_destroy(&arena);
  *isolation = NULL;
}

const muster_env_type *isolation_type(const struct isolation *isolation) { return &isolation->type; }
