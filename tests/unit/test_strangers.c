/* A checkpoint may come from a stranger: one whose checksums are right may hold any number. This test sets each element
 * of each kind of checkpoint to numbers that no run has written; the run that is to go on from it either refuses it,
 * with a message that names file and number, and changes nothing, or goes on. The sanitizers check that nothing else
 * happens.
 *
 * Everything happens in this process. Nothing is flushed to the disk, which would take most of the time. All elements
 * of a tensor have one range, so only the first and the last are changed, and all numbers are tried with one kind of
 * run. MUSTER_EVERY_NUMBER=1 tries all of them at each element with every kind, which takes half a minute, or five
 * minutes under the sanitizers (MUSTER_EVERY_NUMBER=1 .ci/run sanitize). */
#include "comm/comm.h"
#include "env/pool.h"
#include "env/registry.h"
#include "env/values.h"
#include "muster/policy.h"
#include "store/checkpoint.h"
#include "support/check.h"
#include "train/train.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_TENSORS 96
#define PATH_SIZE 2048

/* takes the place of the C library's fsync(), and flushes nothing */
int fsync(int file) { return file >= 0 ? 0 : -1; }

/* --- a checkpoint in memory, to be written again with one number changed --- */

struct content {
  struct tensor tensor[MAX_TENSORS];
  int n;
  char *config;
  char *bytes; /* contents of the file */
  size_t size;
  int64_t steps;
};

static muster_status keep_tensor(const struct tensor *described, void *context) {
  struct content *content = context;
  CU_ASSERT_FATAL(content->n < MAX_TENSORS);
  struct tensor *tensor = &content->tensor[content->n++];
  *tensor = *described;
  tensor->name = strdup(described->name);
  tensor->data = calloc(tensor_bytes(tensor) + 1, 1);
  return MUSTER_OK;
}

static struct content read_content(const char *path) {
  struct content content = {.n = 0};
  struct checkpoint_reader *reader = NULL;
  CHECK_OK_FATAL(checkpoint_open(path, &reader));
  CHECK_OK_FATAL(checkpoint_for_each(reader, keep_tensor, &content));
  for (int i = 0; i < content.n; i++) CHECK_OK_FATAL(checkpoint_read_tensor(reader, &content.tensor[i]));
  CHECK_OK_FATAL(checkpoint_read_text(reader, "about/config", &content.config));
  CHECK_OK_FATAL(checkpoint_read_int(reader, CHECKPOINT_STEPS, &content.steps));
  checkpoint_close(&reader);
  return content;
}

static void free_content(struct content *content) {
  for (int i = 0; i < content->n; i++) {
    free((void *)content->tensor[i].name);
    free(content->tensor[i].data);
  }
  free(content->config);
}

/* the parts of a checkpoint that a resumed run or a policy reads */
static void write_content(const char *path, const struct content *content) {
  struct checkpoint_writer *writer = NULL;
  CHECK_OK_FATAL(checkpoint_write_begin(path, &writer));
  for (int i = 0; i < content->n; i++) CHECK_OK_FATAL(checkpoint_write_tensor(writer, &content->tensor[i]));
  CHECK_OK_FATAL(checkpoint_write_text(writer, "about/config", content->config));
  CHECK_OK_FATAL(checkpoint_write_int(writer, CHECKPOINT_STEPS, content->steps));
  CHECK_OK_FATAL(checkpoint_write_commit(&writer));
}

/* --- wrong numbers --- */

static const double numbers[] = {0,
                                 -1,
                                 2147483647.0,
                                 -2147483648.0,
                                 9223372036854775807.0,
                                 -9223372036854775808.0,
                                 (double)NAN,
                                 (double)INFINITY,
                                 (double)-INFINITY};
#define NUMBERS (sizeof numbers / sizeof *numbers)

/* writes number k into element i; false where the type cannot hold it */
static bool spoil(const struct tensor *tensor, size_t i, size_t k) {
  static const int64_t integers[] = {0, -1, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
  static const uint8_t bytes[] = {0, 255, 127, 128};
  switch (tensor->type) {
  case TENSOR_F32: ((float *)tensor->data)[i] = (float)numbers[k]; return true;
  case TENSOR_F64: ((double *)tensor->data)[i] = numbers[k]; return true;
  case TENSOR_I64:
    if (k < sizeof integers / sizeof *integers) ((int64_t *)tensor->data)[i] = integers[k];
    return k < sizeof integers / sizeof *integers;
  case TENSOR_I32:
    if (k < 4) ((int32_t *)tensor->data)[i] = (int32_t)integers[k];
    return k < 4;
  default:
    if (k < 4) ((uint8_t *)tensor->data)[i] = bytes[k];
    return k < 4;
  }
}

/* tensors of bytes hold numbers of four or eight bytes: overwrites eight bytes, or those that are left */
static bool spoil_word(const struct tensor *tensor, size_t at, size_t k) {
  static const uint64_t words[] = {0, UINT64_MAX, INT32_MAX, (uint64_t)INT64_MIN, INT64_MAX, 0x7fc000007fc00000};
  if (k >= sizeof words / sizeof *words) return false;
  const size_t left = tensor_bytes(tensor) - at;
  memcpy((char *)tensor->data + at, &words[k], left < sizeof *words ? left : sizeof *words);
  return true;
}

/* --- runs --- */

struct kind {
  const char *name;
  const char *sets[8];
};

static const struct kind kinds[] = {
    {"ppo", {"algorithm={name: ppo, n_steps: 8, batch_size: 8, n_epochs: 1}"}},
    {"ppo, normalised and pipelined",
     {"algorithm={name: ppo, n_steps: 8, batch_size: 8, n_epochs: 1, pipeline: 1}",
      "normalize={norm_obs: true, norm_reward: true}"}},
    {"a2c", {"algorithm={name: a2c, n_steps: 8}"}},
    {"grpo", {"algorithm={name: grpo, n_steps: 8, kl_coef: 0.1, group_size: 2}"}},
    {"reinforce", {"algorithm={name: reinforce, n_steps: 20}"}},
    {"reinforce-baseline", {"algorithm={name: reinforce-baseline, n_steps: 20}"}},
    {"actor-critic", {"algorithm={name: actor-critic, n_steps: 8}"}},
    {"impala", {"algorithm={name: impala, n_steps: 8}"}},
    {"appo", {"algorithm={name: appo, n_steps: 8, batch_size: 8}"}},
    {"a3c", {"algorithm={name: a3c, n_steps: 8}"}},
};

static char run[1200], checkpoint[1400], metrics[1400];

/* one run of `steps` steps, or what goes on from its checkpoint for one iteration more */
static muster_status train_kind(const struct kind *kind, const char *env, int64_t steps, bool resume) {
  char total[64];
  snprintf(total, sizeof total, "total_steps=%lld", (long long)steps);
  const char *sets[16] = {total,
                          env,
                          "env.num_envs=2",
                          "policy.hidden_sizes=[4]",
                          "evaluation.episodes=1",
                          "run={tensorboard: false, watchdog: 0, trace: false}",
                          "checkpoint={every: 1, keep: 1, interval: 0}"};
  size_t n = 7;
  for (int i = 0; kind->sets[i] != NULL; i++) sets[n++] = kind->sets[i];
  struct train_request request = {
      .config_path = "/dev/null", .sets = sets, .n_sets = n, .run_dir = run, .resume = resume};
  struct train_outcome outcome;
  struct comm *comm = NULL;
  CHECK_OK_FATAL(comm_create_alone(&comm));
  muster_status status = train(comm, &request, &outcome);
  train_end(&outcome, &comm);
  return status;
}

/* what the program prints is not of interest here; returns what restore_output() needs */
static void silence(int kept[2]) {
  fflush(stdout);
  fflush(stderr);
  int nowhere = open("/dev/null", O_WRONLY);
  for (int i = 0; i < 2; i++) {
    kept[i] = dup(i + 1);
    dup2(nowhere, i + 1);
  }
  close(nowhere);
}

static void restore_output(const int kept[2]) {
  fflush(stdout);
  fflush(stderr);
  for (int i = 0; i < 2; i++) {
    dup2(kept[i], i + 1);
    close(kept[i]);
  }
}

static void write_text(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  CU_ASSERT_FATAL(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static bool holds_text(const char *path, const char *text) {
  static char found[1 << 16];
  FILE *file = fopen(path, "r");
  if (file == NULL) return false;
  found[fread(found, 1, sizeof found - 1, file)] = '\0';
  fclose(file);
  return strcmp(found, text) == 0;
}

/* the text of metrics.csv: a header, which the run completes, since its columns vary */
static char told[1 << 16];

/* lets `waiting/...` hold two trajectories and one last observation, as on ranks that do not wait for each other */
static void add_waiting(struct content *content) {
  for (int i = 0; i < content->n; i++) {
    struct tensor *tensor = &content->tensor[i];
    if (strncmp(tensor->name, "waiting/", 8) != 0) continue;
    bool is_final = strncmp(tensor->name, "waiting/final_", 14) == 0;
    if (tensor->rank > 0) tensor->shape[0] = is_final ? 1 : 2;
    free(tensor->data);
    tensor->data = calloc(tensor_bytes(tensor) + 1, 1);
    if (strcmp(tensor->name, "waiting/trajectories") == 0) *(int64_t *)tensor->data = 2;
    if (strcmp(tensor->name, "waiting/finals") == 0) *(int64_t *)tensor->data = 1;
    if (strcmp(tensor->name, "waiting/rollouts") == 0) *(int64_t *)tensor->data = 4;
    if (strcmp(tensor->name, "waiting/reported_steps") == 0) *(int64_t *)tensor->data = content->steps - 16;
    for (size_t k = 0; strcmp(tensor->name, "waiting/length") == 0 && k < 2; k++) ((int32_t *)tensor->data)[k] = 8;
  }
}

struct tally {
  int refused, went_on, ended;
};

/* restores the folder as it was when the checkpoint was written, with these contents */
static void lay_out(const struct content *content) {
  char later[1400];
  for (int64_t steps = content->steps + 1; steps <= content->steps + 64; steps++) {
    checkpoint_path(run, steps, later, sizeof later);
    snprintf(later, sizeof later, "%.1200s/checkpoints/step-%012lld.h5", run, (long long)steps);
    unlink(later);
  }
  write_content(checkpoint, content);
  write_text(metrics, told);
}

static bool is_one_of(const char *name, const char *const *names) {
  for (; *names != NULL; names++)
    if (strcmp(name, *names) == 0) return true;
  return false;
}

/* whether no run can have written number k into the tensor */
static bool is_impossible(const struct tensor *tensor, size_t k) {
  static const char *const minus_one[] = {"progress/best_steps", "progress/solved_steps", "progress/recorded_rows",
                                          "progress/stop_steps", NULL};
  static const char *const not_a_number[] = {"progress/best_return", "progress/solved_seconds", NULL};
  static const char *const infinite[] = {"progress/best_return", "optimizer/v", NULL};
  if (tensor->type == TENSOR_U8) return false;
  if (tensor->type != TENSOR_F32 && tensor->type != TENSOR_F64)
    return k == 1 ? !is_one_of(tensor->name, minus_one) : k >= 2 && (k != 2 || tensor->type == TENSOR_I32);
  if (k == 6) return !is_one_of(tensor->name, not_a_number);
  return k == 7 && !is_one_of(tensor->name, infinite);
}

/* goes on from a checkpoint with a number changed, and checks that a refusal is as it should be */
static void try_number(const struct kind *kind, const char *env, const struct content *content,
                       const struct tensor *tensor, bool impossible, struct tally *tally) {
  int kept[2];
  lay_out(content);
  silence(kept);
  muster_status status = train_kind(kind, env, content->steps + 16, true);
  restore_output(kept);
  if (status == MUSTER_OK) {
    if (impossible) printf("\n    %s: an impossible number of %s was taken", kind->name, tensor->name);
    CU_ASSERT_FALSE(impossible);
    tally->went_on++;
    return;
  }
  /* finite numbers may be so large that the first update ends the run, which is a numerical outcome */
  if (muster_status_code(status) == MUSTER_ERROR_NUMERIC && !impossible) {
    tally->ended++;
    muster_status_clear(&status);
    return;
  }
  const char *message = muster_status_message(status);
  const bool decides_shapes =
      strcmp(tensor->name, "waiting/trajectories") == 0 || strcmp(tensor->name, "waiting/finals") == 0;
  bool told_right = muster_status_code(status) == MUSTER_ERROR_FORMAT && strstr(message, "step-0000") != NULL &&
                    strstr(message, decides_shapes ? "waiting/" : tensor->name) != NULL;
  bool unchanged = holds_text(metrics, told) && access(checkpoint, F_OK) == 0;
  if (!told_right || !unchanged)
    printf("\n    %s, %s: %s%s", kind->name, tensor->name, message, unchanged ? "" : ", and the folder was changed");
  CU_ASSERT_TRUE(told_right);
  CU_ASSERT_TRUE(unchanged);
  tally->refused++;
  muster_status_clear(&status);
}

static bool tries_every_number(void) { return getenv("MUSTER_EVERY_NUMBER") != NULL; }

/* Where a tensor of that name was swept with another kind of run, only the last element is changed, to one number below
 * and to one above. */
static void sweep_tensor(const struct kind *kind, const char *env, struct content *content, struct tensor *tensor,
                         bool is_new, struct tally *tally) {
  const size_t elements = tensor_elements(tensor), bytes = tensor_bytes(tensor);
  if (elements == 0) return;
  char *right = malloc(bytes);
  memcpy(right, tensor->data, bytes);
  const size_t apart = tensor->type == TENSOR_U8 ? 8 : 1, last = (elements - 1) / apart * apart;
  const size_t first = is_new ? 0 : last, stride = tries_every_number() || last == 0 ? apart : last;
  for (size_t at = first; at <= last; at += stride)
    for (size_t k = 0; k < NUMBERS; k++) {
      if (!is_new && k != 1 && k != 4) continue;
      bool is_spoilt = tensor->type == TENSOR_U8 ? spoil_word(tensor, at, k) : spoil(tensor, at, k);
      if (is_spoilt) try_number(kind, env, content, tensor, is_impossible(tensor, k), tally);
      memcpy(tensor->data, right, bytes);
    }
  free(right);
}

/* whether an earlier kind of run had a tensor of that name; remembers it */
static bool is_known(const char *name, char known[MAX_TENSORS][64], int *n) {
  for (int i = 0; i < *n; i++)
    if (strcmp(known[i], name) == 0) return true;
  CU_ASSERT_FATAL(*n < MAX_TENSORS);
  snprintf(known[(*n)++], 64, "%s", name);
  return false;
}

static void sweep_kind(const struct kind *kind, char known[MAX_TENSORS][64], int *n_known, struct tally *tally) {
  const char *env = strcmp(kind->name, "a3c") == 0 ? "env.name=CartPole-v1" : "env.name=FrozenLake-v1";
  if (strstr(kind->name, "normalised") != NULL) env = "env.name=CartPole-v1";
  int kept[2];
  snprintf(run, sizeof run, "%s/run", check_folder("strangers"));
  silence(kept);
  muster_status status = train_kind(kind, env, 32, false);
  restore_output(kept);
  CHECK_OK_FATAL(status);
  CHECK_OK_FATAL(checkpoint_resolve(run, checkpoint, sizeof checkpoint));
  snprintf(metrics, sizeof metrics, "%.1200s/metrics.csv", run);
  FILE *file = fopen(metrics, "r");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  told[fread(told, 1, sizeof told - 1, file)] = '\0';
  fclose(file);
  struct content content = read_content(checkpoint);
  if (strcmp(kind->name, "a3c") != 0) add_waiting(&content);

  /* without a changed number the run goes on */
  lay_out(&content);
  silence(kept);
  status = train_kind(kind, env, content.steps + 16, true);
  restore_output(kept);
  CHECK_OK_FATAL(status);
  for (int i = 0; i < content.n; i++) {
    const char *name = content.tensor[i].name;
    if (strncmp(name, "spaces/", 7) == 0) continue;
    bool is_new = !is_known(name, known, n_known) || tries_every_number();
    sweep_tensor(kind, env, &content, &content.tensor[i], is_new, tally);
  }
  free_content(&content);
}

static void test_runs(void) {
  struct tally tally = {0};
  static char known[MAX_TENSORS][64];
  int n_known = 0;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) sweep_kind(&kinds[i], known, &n_known, &tally);
  printf("\n    %d checkpoints refused, %d gone on from, %d ended by an update ", tally.refused, tally.went_on,
         tally.ended);
  CU_ASSERT_TRUE(tally.refused > 500 && tally.went_on > 100);
}

/* --- policies --- */

/* opens the policy of a file, and acts with it where it can be opened; tells whether it was refused */
static bool try_policy(const struct content *content) {
  muster_policy *policy = NULL;
  write_content(checkpoint, content);
  muster_status status = muster_policy_open(checkpoint, &policy);
  if (status == MUSTER_OK) {
    const muster_space *seen = muster_policy_observation_space(policy), *done = muster_policy_action_space(policy);
    void *observation = calloc(1, muster_space_bytes(seen)), *action = calloc(1, muster_space_bytes(done));
    CHECK_OK(muster_policy_act(policy, 1, observation, MUSTER_ACT_STOCHASTIC, action));
    CU_ASSERT_EQUAL(space_find_wrong(done, action, 1), muster_space_elements(done));
    free(observation);
    free(action);
    muster_policy_close(&policy);
    return false;
  }
  if (muster_status_code(status) != MUSTER_ERROR_MEMORY)
    CU_ASSERT_TRUE(strstr(muster_status_message(status), "step-0000") != NULL);
  muster_status_clear(&status);
  return true;
}

/* the file that the second kind of run has left: it has statistics of observations */
static void test_policies(void) {
  int kept[2], refused = 0, taken = 0;
  snprintf(run, sizeof run, "%s/run", check_folder("strangers-policy"));
  silence(kept);
  muster_status status = train_kind(&kinds[1], "env.name=CartPole-v1", 32, false);
  restore_output(kept);
  CHECK_OK_FATAL(status);
  CHECK_OK_FATAL(checkpoint_resolve(run, checkpoint, sizeof checkpoint));
  struct content content = read_content(checkpoint);
  CU_ASSERT_FALSE(try_policy(&content));
  for (int i = 0; i < content.n; i++) {
    struct tensor *tensor = &content.tensor[i];
    bool is_space = strncmp(tensor->name, "spaces/", 7) == 0;
    if (!is_space && strncmp(tensor->name, "policy/", 7) != 0 && strncmp(tensor->name, "normalizer/obs", 14) != 0)
      continue;
    const size_t bytes = tensor_bytes(tensor), elements = is_space ? tensor_elements(tensor) : 1;
    char *right = malloc(bytes);
    memcpy(right, tensor->data, bytes);
    for (size_t at = 0; at < elements; at++)
      for (size_t k = 0; k < NUMBERS; k++) {
        if (!spoil(tensor, at, k)) continue;
        bool is_refused = try_policy(&content);
        CU_ASSERT_TRUE(is_refused || is_space || !is_impossible(tensor, k));
        refused += is_refused;
        taken += !is_refused;
        memcpy(tensor->data, right, bytes);
      }
    free(right);
  }
  printf("\n    %d policies refused, %d taken ", refused, taken);
  CU_ASSERT_TRUE(refused > 50 && taken > 20);
  free_content(&content);
}

/* --- environments --- */

#define ENVS 2
#define WORDS 80

struct saved {
  const muster_env_type *type;
  const muster_env_setting *options;
  struct env_pool *pool;
  unsigned char *right, *wrong;
  void *observation; /* [ENVS agents, elements] */
  void *actions;     /* zeros */
  size_t bytes;
  int refused, taken;
};

static void open_pool(struct saved *saved) {
  env_pool_destroy(&saved->pool);
  CHECK_OK_FATAL(env_pool_create(saved->type, saved->options, 3, 0, ENVS, &saved->pool));
  CHECK_OK_FATAL(env_pool_wrap(saved->pool, &(struct env_wrappers){.max_steps = 50}));
}

static size_t rows_of(const struct saved *saved) { return ENVS * (size_t)env_pool_spec(saved->pool)->agents; }

/* loads the wrong state; where it is accepted, the observations lie in their space, and a step is made from it */
static void try_state(struct saved *saved) {
  bool fresh;
  const muster_env_spec *spec = env_pool_spec(saved->pool);
  const size_t rows = rows_of(saved), bytes = muster_space_bytes(&spec->observation);
  muster_status status = env_pool_load(saved->pool, 0, saved->wrong, NULL, &fresh);
  if (status != MUSTER_OK) {
    CU_ASSERT_TRUE(muster_status_message(status)[0] != '\0');
    muster_status_clear(&status);
    saved->refused++;
    return;
  }
  saved->taken++;
  CHECK_OK_FATAL(env_pool_load(saved->pool, 1, saved->right + saved->bytes, NULL, &fresh));
  env_pool_observe(saved->pool, saved->observation, bytes, NULL, 0);
  const size_t n = rows * muster_space_elements(&spec->observation);
  CU_ASSERT_EQUAL(space_find_wrong(&spec->observation, saved->observation, n), n);
  float reward[16];
  uint8_t ended[ENVS];
  struct env_pool_result result = {saved->observation, bytes, reward, sizeof *reward, ended, 1, NULL};
  for (int step = 0; step < 2 && status == MUSTER_OK; step++)
    status = env_pool_step(saved->pool, saved->actions, step, &result);
  if (status != MUSTER_OK) open_pool(saved);
  muster_status_clear(&status);
}

static void sweep_state(struct saved *saved) {
  static const uint32_t words[] = {0,           1,           UINT32_MAX,  INT32_MAX,  0x80000000u,
                                   0x7fc00000u, 0x7f800000u, 0x7ff80000u, 0x7fefffffu};
  const size_t stride = saved->bytes / 4 > WORDS ? saved->bytes / 4 / WORDS * 4 : 4;
  for (size_t at = 0; at + 4 <= saved->bytes; at += stride)
    for (size_t k = 0; k < sizeof words / sizeof *words; k++)
      for (size_t length = 1; length <= 2 && at + 4 * length <= saved->bytes; length++) {
        memcpy(saved->wrong, saved->right, saved->bytes);
        for (size_t i = 0; i < length; i++) memcpy(saved->wrong + at + 4 * i, &words[k], 4);
        try_state(saved);
      }
}

static void sweep_environment(const char *name, const muster_env_setting *options) {
  struct saved saved = {.options = options};
  CHECK_OK_FATAL(env_registry_find(name, &saved.type));
  open_pool(&saved);
  const muster_env_spec *spec = env_pool_spec(saved.pool);
  saved.bytes = env_pool_state_bytes(saved.pool);
  saved.right = calloc(ENVS, saved.bytes);
  saved.wrong = calloc(ENVS, saved.bytes);
  saved.observation = calloc(rows_of(&saved), muster_space_bytes(&spec->observation));
  saved.actions = calloc(rows_of(&saved), muster_space_bytes(&spec->action));
  CHECK_OK_FATAL(env_pool_reset(saved.pool, saved.observation, muster_space_bytes(&spec->observation)));
  for (int32_t env = 0; env < ENVS; env++) env_pool_save(saved.pool, env, saved.right + (size_t)env * saved.bytes);
  sweep_state(&saved);
  CU_ASSERT_TRUE(saved.refused > 0 && saved.taken > 0);
  env_pool_destroy(&saved.pool);
  free(saved.right);
  free(saved.wrong);
  free(saved.observation);
  free(saved.actions);
}

#define OPTIONS(...) ((const muster_env_setting[]){__VA_ARGS__, {NULL, NULL}})

static void test_environments(void) {
  for (const muster_env_type *const *type = env_registry_list(); *type != NULL; type++)
    sweep_environment((*type)->name, NULL);
  sweep_environment("Probe-v0", OPTIONS({"observation", "discrete"}, {"agents", "2"}, {"masks", "1"}));
  sweep_environment("Probe-v0", OPTIONS({"observation", "image"}, {"action_space", "box"}));
  sweep_environment("Minesweeper-v0", OPTIONS({"mask", "true"}));
  sweep_environment("RockPaperScissors-v0", OPTIONS({"show_last_move", "true"}));
}

static const struct check_case cases[] = {
    {"environments take a wrong state, or refuse it", test_environments},
    {"policies of wrong numbers act, or are refused", test_policies},
    {"runs go on from wrong numbers, or refuse them", test_runs},
};

CHECK_MAIN("strangers", cases)
