/* The part of a channel that lies in the memory of a node, with threads instead of ranks: messages arrive whole, in
 * order and once; commands are never torn and never go back. ThreadSanitizer finds no fault. */
#include "comm/channel_memory.h"
#include "support/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ACTORS 3
#define MESSAGES 4000
#define COMMANDS 4000
#define NUMBERS 23 /* numbers of a command: not a whole number of words */

static const size_t rooms[ACTORS] = {8, 200, 64};

struct actor {
  void *bytes;
  int index;
  bool right;
  uint32_t newest; /* version of the newest command */
};

static void fill(int32_t *numbers, size_t n, int32_t value) {
  for (size_t i = 0; i < n; i++) numbers[i] = value;
}

static bool all_are(const int32_t *numbers, size_t n, int32_t value) {
  for (size_t i = 0; i < n; i++)
    if (numbers[i] != value) return false;
  return true;
}

/* takes the newest command, which must be whole and not older than the last */
static void take_command(struct actor *actor, struct channel_memory *memory) {
  int32_t command[NUMBERS + 1] = {0};
  command[NUMBERS] = -1;
  uint32_t version = channel_memory_read_command(memory, actor->newest, command);
  if (version != actor->newest)
    actor->right = actor->right && version > actor->newest && all_are(command, NUMBERS, (int32_t)version);
  actor->right = actor->right && command[NUMBERS] == -1;
  actor->newest = version;
}

static void *act(void *context) {
  struct actor *actor = context;
  struct channel_memory memory;
  channel_memory_open(&memory, actor->bytes, ACTORS, rooms, NUMBERS * sizeof(int32_t));
  struct event *credited = &memory.credited[actor->index];
  for (uint32_t number = 0; number < MESSAGES && actor->right; number++) {
    take_command(actor, &memory);
    for (uint32_t seen; !event_has_reached(seen = event_number(credited), number - 1);)
      actor->right = actor->right && event_wait(credited, seen, 10) == MUSTER_OK;
    struct channel_head *slot = channel_memory_slot(&memory, rooms, actor->index, (int)(number % 2));
    slot->bytes = rooms[actor->index];
    fill((int32_t *)(slot + 1), rooms[actor->index] / sizeof(int32_t), (int32_t)number);
    channel_memory_arrive(&memory, actor->index);
  }

  /* the last command arrives, after a wait if necessary */
  while (actor->right && actor->newest != COMMANDS) {
    actor->right = event_wait(memory.commands, actor->newest, 10) == MUSTER_OK;
    take_command(actor, &memory);
  }
  return NULL;
}

/* on the learner: takes messages as they arrive, and sends a command after each of the first ones */
static bool learn(struct channel_memory *memory) {
  uint32_t taken[ACTORS] = {0}, told = 0;
  bool right = true;
  for (int n = 0; n < ACTORS * MESSAGES && right;) {
    uint32_t seen = event_number(memory->arrivals);
    int actor = channel_memory_take(memory);
    if (actor < 0) {
      right = event_wait(memory->arrivals, seen, 10) == MUSTER_OK;
      continue;
    }
    const struct channel_head *slot = channel_memory_slot(memory, rooms, actor, (int)(taken[actor] % 2));
    right = slot->bytes == rooms[actor] &&
            all_are((const int32_t *)(slot + 1), rooms[actor] / sizeof(int32_t), (int32_t)taken[actor]);
    event_set(&memory->credited[actor], ++taken[actor]);
    n++;
    if (told == COMMANDS) continue;
    int32_t command[NUMBERS];
    fill(command, NUMBERS, (int32_t)++told);
    channel_memory_write_command(memory, told, command);
  }
  return right && channel_memory_take(memory) < 0;
}

static void test_threads(void) {
  size_t bytes = channel_memory_bytes(ACTORS, rooms, NUMBERS * sizeof(int32_t));
  void *shared = aligned_alloc(sizeof(struct event), (bytes / sizeof(struct event) + 1) * sizeof(struct event));
  CU_ASSERT_PTR_NOT_NULL_FATAL(shared);
  memset(shared, 0, bytes);
  struct channel_memory memory;
  channel_memory_open(&memory, shared, ACTORS, rooms, NUMBERS * sizeof(int32_t));

  struct actor actors[ACTORS];
  pthread_t threads[ACTORS];
  for (int i = 0; i < ACTORS; i++) {
    actors[i] = (struct actor){.bytes = shared, .index = i, .right = true};
    CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, act, &actors[i]), 0);
  }
  CU_ASSERT_TRUE(learn(&memory));
  for (int i = 0; i < ACTORS; i++) {
    CU_ASSERT_EQUAL(pthread_join(threads[i], NULL), 0);
    CU_ASSERT_TRUE(actors[i].right);
    CU_ASSERT_EQUAL(actors[i].newest, COMMANDS);
  }
  free(shared);
}

/* messages are queued in the order in which they arrived, and slots do not overlap */
static void test_row(void) {
  size_t bytes = channel_memory_bytes(ACTORS, rooms, 0);
  char *shared = aligned_alloc(sizeof(struct event), (bytes / sizeof(struct event) + 1) * sizeof(struct event));
  CU_ASSERT_PTR_NOT_NULL_FATAL(shared);
  memset(shared, 0, bytes);
  struct channel_memory memory;
  channel_memory_open(&memory, shared, ACTORS, rooms, 0);
  CU_ASSERT_TRUE((char *)(memory.entries + 2 * ACTORS) <= shared + bytes);
  for (int i = 1; i < 2 * ACTORS; i++) {
    char *last = (char *)channel_memory_slot(&memory, rooms, (i - 1) / 2, (i - 1) % 2);
    CU_ASSERT_EQUAL((char *)channel_memory_slot(&memory, rooms, i / 2, i % 2),
                    last + channel_slot_bytes(rooms[(i - 1) / 2]));
  }

  const int command[] = {2, 0, 0, 1, 2, 1};
  for (int round = 0; round < 5; round++) {
    CU_ASSERT_EQUAL(channel_memory_take(&memory), -1);
    for (int i = 0; i < 6; i++) channel_memory_arrive(&memory, command[i]);
    for (int i = 0; i < 6; i++) CU_ASSERT_EQUAL(channel_memory_take(&memory), command[i]);
  }
  free(shared);
}

static const struct check_case cases[] = {
    {"the queue and its slots", test_row},
    {"threads send messages, and take commands", test_threads},
};

CHECK_MAIN("stream_memory", cases)
