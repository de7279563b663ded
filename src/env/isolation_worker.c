/* The child of an isolation: it has a block of environments and does what the parent requests. */
#include "base/arena.h"
#include "env/block.h"
#include "env/isolation.h"
#include "env/isolation_channel.h"
#include "env/source.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define MAX_SETTINGS 128

struct worker {
  int memory, event;
  struct channel *channel;
  struct arena *arena;
  struct env_source source;
  muster_env_setting settings[MAX_SETTINGS + 1];
  struct env_block block;
  struct channel_arrays arrays;
  muster_random **randoms; /* [n] the streams in shared memory */
};

/* ---- creation ---- */

static const char *next_text(const char *text) { return text + strlen(text) + 1; }

static muster_status create_block(struct worker *worker) {
  const struct channel *channel = worker->channel;
  const char *plugin = channel->settings, *name = next_text(plugin);
  int n = 0;
  for (const char *key = next_text(name); *key != '\0' && n < MAX_SETTINGS; n++) {
    worker->settings[n] = (muster_env_setting){key, next_text(key)};
    key = next_text(worker->settings[n].value);
  }
  const struct env_source_request request = {.plugin = plugin, .name = name};
  MUSTER_TRY(arena_create(&worker->arena));
  MUSTER_TRY(env_source_open(&request, &worker->source));
  return env_block_create(worker->source.type, worker->settings, channel->n, NULL, worker->arena, &worker->block);
}

/* extends the memory to the length that is needed, and maps all of it; the settings still point into the old mapping */
static muster_status grow_memory(struct worker *worker) {
  const muster_env_spec *spec = &worker->block.spec;
  struct channel_arrays measure;
  int32_t n = worker->channel->n;
  size_t choices = channel_choices(&spec->action);
  size_t bytes = channel_layout(NULL, spec, n, choices, &measure);
  if (ftruncate(worker->memory, (off_t)bytes) != 0)
    return status_errno(MUSTER_ERROR_MEMORY, "%zu bytes of shared memory", bytes);
  void *mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, worker->memory, 0);
  if (mapped == MAP_FAILED) return status_errno(MUSTER_ERROR_MEMORY, "%zu bytes of shared memory", bytes);
  worker->channel = mapped;
  worker->channel->bytes = bytes;
  channel_layout(mapped, spec, n, choices, &worker->arrays);
  MUSTER_TRY(ARENA_TAKE(worker->arena, (size_t)n, "random streams", &worker->randoms));
  const struct random_stream scratch = random_stream_start(0, RANDOM_ENV, 0, 0);
  for (int32_t row = 0; row < n; row++) {
    worker->arrays.streams[row] = scratch;
    worker->randoms[row] = &worker->arrays.streams[row].base;
  }
  return MUSTER_OK;
}

static void copy_array(void *to, const void *from, size_t bytes) {
  if (from != NULL) memcpy(to, from, bytes);
}

static void publish_spec(struct worker *worker) {
  const muster_env_spec *spec = &worker->block.spec;
  struct channel_arrays *arrays = &worker->arrays;
  size_t seen = muster_space_elements(&spec->observation), done = muster_space_elements(&spec->action);
  worker->channel->spec = *spec;
  worker->channel->can_save = env_block_can_save(&worker->block);
  copy_array(arrays->observation_low, spec->observation.low, seen * sizeof(float));
  copy_array(arrays->observation_high, spec->observation.high, seen * sizeof(float));
  copy_array(arrays->observation_counts, spec->observation.counts, seen * sizeof(int32_t));
  copy_array(arrays->action_low, spec->action.low, done * sizeof(float));
  copy_array(arrays->action_high, spec->action.high, done * sizeof(float));
  copy_array(arrays->action_counts, spec->action.counts, done * sizeof(int32_t));
}

/* ---- requests ---- */

static int reset(struct worker *worker, int32_t row, muster_env_error *error) {
  atomic_store_explicit(&worker->channel->running, row, memory_order_relaxed);
  const struct channel_arrays *arrays = &worker->arrays;
  unsigned char *observation = arrays->observation + (size_t)row * arrays->observation_bytes;
  unsigned char *mask = arrays->mask_bytes > 0 ? arrays->mask + (size_t)row * arrays->mask_bytes : NULL;
  return env_block_reset(&worker->block, row, worker->randoms[row], observation, mask, error);
}

static void create(struct worker *worker, muster_env_error *error) {
  muster_status status = create_block(worker);
  if (status == MUSTER_OK) status = grow_memory(worker);
  if (status == MUSTER_OK) publish_spec(worker);
  bool failed = status != MUSTER_OK;
  if (failed) snprintf(error->text, sizeof error->text, "%s", muster_status_message(status));
  muster_status_clear(&status);
  for (int32_t row = 0; row < worker->channel->n && !failed && worker->channel->resets_first; row++)
    failed = reset(worker, row, error) != 0;
  worker->channel->failed = failed;
}

/* a block result whose arrays are in shared memory, from `row` on */
static muster_env_block_result result_from(struct worker *worker, int32_t row) {
  const struct channel_arrays *arrays = &worker->arrays;
  const size_t at = (size_t)row, agents = (size_t)worker->block.spec.agents;
  return (muster_env_block_result){
      .observation = arrays->observation + at * arrays->observation_bytes,
      .observation_stride = arrays->observation_bytes,
      .reward = arrays->reward + at * agents,
      .reward_stride = agents * sizeof(float),
      .action_mask = arrays->mask_bytes > 0 ? arrays->mask + at * arrays->mask_bytes : NULL,
      .action_mask_stride = arrays->mask_bytes,
      .terminated = arrays->terminated + at,
      .truncated = arrays->truncated + at,
  };
}

/* steps all rows; single environments one by one, so that the parent knows which one was at work if this process dies
 */
static int step(struct worker *worker, int32_t *failed_row, muster_env_error *error) {
  struct env_block *block = &worker->block;
  const struct channel_arrays *arrays = &worker->arrays;
  *failed_row = -1;
  if (block->block != NULL) {
    atomic_store_explicit(&worker->channel->running, -1, memory_order_relaxed);
    muster_env_block_result result = result_from(worker, 0);
    int failed = env_block_step(block, arrays->actions, worker->randoms, &result, error);
    *failed_row = result.failed_row;
    return failed;
  }
  for (int32_t row = 0; row < block->count; row++) {
    atomic_store_explicit(&worker->channel->running, row, memory_order_relaxed);
    struct env_block one = *block;
    one.count = 1;
    one.envs = block->envs + row;
    muster_env_block_result result = result_from(worker, row);
    const unsigned char *action = arrays->actions + (size_t)row * arrays->action_bytes;
    if (env_block_step(&one, action, worker->randoms + row, &result, error) == 0) continue;
    *failed_row = row;
    return 1;
  }
  return 0;
}

static int reset_marked(struct worker *worker, int32_t *failed_row, muster_env_error *error) {
  for (*failed_row = 0; *failed_row < worker->block.count; ++*failed_row)
    if (worker->arrays.marked[*failed_row] && reset(worker, *failed_row, error) != 0) return 1;
  return 0;
}

static int set_option(struct worker *worker, muster_env_error *error) {
  const struct channel *channel = worker->channel;
  atomic_store_explicit(&worker->channel->running, -1, memory_order_relaxed);
  return env_block_set_option(&worker->block, channel->key, channel->value, error);
}

static void serve(struct worker *worker) {
  struct channel *channel = worker->channel;
  const int32_t row = channel->row;
  muster_env_error error = {""};
  int failed = 0, failed_row = row;
  switch (channel->command) {
  case CHANNEL_CREATE:
    create(worker, &error);
    channel = worker->channel; /* the memory is mapped elsewhere now */
    failed = channel->failed;
    failed_row = -1;
    break;
  case CHANNEL_RESET: failed = reset(worker, row, &error); break;
  case CHANNEL_RESET_MARKED: failed = reset_marked(worker, &failed_row, &error); break;
  case CHANNEL_STEP: failed = step(worker, &failed_row, &error); break;
  case CHANNEL_SAVE: failed = !env_block_save(&worker->block, row, worker->arrays.state); break;
  case CHANNEL_LOAD: failed = env_block_load(&worker->block, row, worker->arrays.state, &error); break;
  case CHANNEL_OPTION: failed = set_option(worker, &error); break;
  case CHANNEL_TEXT:
    env_block_render_text(&worker->block, worker->settings, row, (char *)worker->arrays.text, CHANNEL_TEXT_BYTES);
    break;
  }
  channel->failed = failed != 0;
  channel->failed_row = failed_row;
  memcpy(channel->text, error.text, sizeof channel->text);
}

/* ---- life ---- */

/* ends what this process would share with its parent */
static bool detach(int memory, int event, pid_t parent) {
  /* it ends when its parent ends, for whatever reason; signals that ask a run to end are the parent's business */
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) return false;
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  signal(SIGUSR1, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  signal(SIGXCPU, SIG_IGN);

  /* closes all files of the parent, such as the lock of the run folder */
  int low = memory < event ? memory : event, high = memory < event ? event : memory;
  if (low > 3) close_range(3, (unsigned)low - 1, 0);
  if (high > low + 1) close_range((unsigned)low + 1, (unsigned)high - 1, 0);
  close_range((unsigned)high + 1, ~0U, 0);
  return true;
}

int isolation_worker(int memory, int event) {
  struct worker worker = {.memory = memory, .event = event};
  worker.channel = mmap(NULL, sizeof *worker.channel, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  if (worker.channel == MAP_FAILED || !detach(memory, event, worker.channel->parent)) return 1;

  for (uint32_t request = 1;; request++) {
    struct channel *channel = worker.channel;
    if (channel_wait(&channel->asked, request, &channel->child_sleeps, event, 0) != CHANNEL_DONE) break;
    serve(&worker);
    channel = worker.channel;
    atomic_store(&channel->answered, request);
    channel_wake(&channel->parent_sleeps, event);
  }
  env_block_destroy(&worker.block);
  env_source_close(&worker.source);
  arena_destroy(&worker.arena);
  return 0;
}
