/* What ranks of a node share of a stream, with threads in the place of ranks: deliveries come whole, in order, once;
 * orders are never torn and never go back. ThreadSanitizer finds nothing in it. */
#include "comm/stream_memory.h"
#include "support/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ACTORS 3
#define DELIVERIES 4000
#define ORDERS 4000
#define NUMBERS 23 /* in an order: not a whole number of words */

static const size_t rooms[ACTORS] = {8, 200, 64};

struct actor {
  void *bytes;
  int index;
  bool right;
  uint32_t newest; /* order */
};

static void fill(int32_t *numbers, size_t n, int32_t value) {
  for (size_t i = 0; i < n; i++) numbers[i] = value;
}

static bool all_are(const int32_t *numbers, size_t n, int32_t value) {
  for (size_t i = 0; i < n; i++)
    if (numbers[i] != value) return false;
  return true;
}

/* takes the newest order, which is whole and not older than the last */
static void take_order(struct actor *actor, struct stream_memory *memory) {
  int32_t order[NUMBERS + 1] = {0};
  order[NUMBERS] = -1;
  uint32_t version = stream_memory_read(memory, actor->newest, order);
  if (version != actor->newest)
    actor->right = actor->right && version > actor->newest && all_are(order, NUMBERS, (int32_t)version);
  actor->right = actor->right && order[NUMBERS] == -1;
  actor->newest = version;
}

static void *act(void *context) {
  struct actor *actor = context;
  struct stream_memory memory;
  stream_memory_open(&memory, actor->bytes, ACTORS, rooms, NUMBERS * sizeof(int32_t));
  struct bell *released = &memory.released[actor->index];
  for (uint32_t number = 0; number < DELIVERIES && actor->right; number++) {
    take_order(actor, &memory);
    for (uint32_t seen; !bell_has_come(seen = bell_number(released), number - 1);)
      actor->right = actor->right && bell_wait(released, seen, 10) == MUSTER_OK;
    struct stream_head *place = stream_memory_place(&memory, rooms, actor->index, (int)(number % 2));
    place->bytes = rooms[actor->index];
    fill((int32_t *)(place + 1), rooms[actor->index] / sizeof(int32_t), (int32_t)number);
    stream_memory_arrive(&memory, actor->index);
  }

  /* the last order comes, if one has to wait for it */
  while (actor->right && actor->newest != ORDERS) {
    actor->right = bell_wait(memory.orders, actor->newest, 10) == MUSTER_OK;
    take_order(actor, &memory);
  }
  return NULL;
}

/* the learner: takes what comes, and tells an order after each of the first */
static bool learn(struct stream_memory *memory) {
  uint32_t taken[ACTORS] = {0}, told = 0;
  bool right = true;
  for (int n = 0; n < ACTORS * DELIVERIES && right;) {
    uint32_t seen = bell_number(memory->arrivals);
    int actor = stream_memory_take(memory);
    if (actor < 0) {
      right = bell_wait(memory->arrivals, seen, 10) == MUSTER_OK;
      continue;
    }
    const struct stream_head *place = stream_memory_place(memory, rooms, actor, (int)(taken[actor] % 2));
    right = place->bytes == rooms[actor] &&
            all_are((const int32_t *)(place + 1), rooms[actor] / sizeof(int32_t), (int32_t)taken[actor]);
    bell_set(&memory->released[actor], ++taken[actor]);
    n++;
    if (told == ORDERS) continue;
    int32_t order[NUMBERS];
    fill(order, NUMBERS, (int32_t)++told);
    stream_memory_tell(memory, told, order);
  }
  return right && stream_memory_take(memory) < 0;
}

static void test_threads(void) {
  size_t bytes = stream_memory_bytes(ACTORS, rooms, NUMBERS * sizeof(int32_t));
  void *shared = aligned_alloc(sizeof(struct bell), (bytes / sizeof(struct bell) + 1) * sizeof(struct bell));
  CU_ASSERT_PTR_NOT_NULL_FATAL(shared);
  memset(shared, 0, bytes);
  struct stream_memory memory;
  stream_memory_open(&memory, shared, ACTORS, rooms, NUMBERS * sizeof(int32_t));

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
    CU_ASSERT_EQUAL(actors[i].newest, ORDERS);
  }
  free(shared);
}

/* deliveries stand in the row as they came, and places do not overlap */
static void test_row(void) {
  size_t bytes = stream_memory_bytes(ACTORS, rooms, 0);
  char *shared = aligned_alloc(sizeof(struct bell), (bytes / sizeof(struct bell) + 1) * sizeof(struct bell));
  CU_ASSERT_PTR_NOT_NULL_FATAL(shared);
  memset(shared, 0, bytes);
  struct stream_memory memory;
  stream_memory_open(&memory, shared, ACTORS, rooms, 0);
  CU_ASSERT_TRUE((char *)(memory.entries + 2 * ACTORS) <= shared + bytes);
  for (int i = 1; i < 2 * ACTORS; i++) {
    char *last = (char *)stream_memory_place(&memory, rooms, (i - 1) / 2, (i - 1) % 2);
    CU_ASSERT_EQUAL((char *)stream_memory_place(&memory, rooms, i / 2, i % 2),
                    last + stream_place_bytes(rooms[(i - 1) / 2]));
  }

  const int order[] = {2, 0, 0, 1, 2, 1};
  for (int round = 0; round < 5; round++) {
    CU_ASSERT_EQUAL(stream_memory_take(&memory), -1);
    for (int i = 0; i < 6; i++) stream_memory_arrive(&memory, order[i]);
    for (int i = 0; i < 6; i++) CU_ASSERT_EQUAL(stream_memory_take(&memory), order[i]);
  }
  free(shared);
}

static const struct check_case cases[] = {
    {"the row and its places", test_row},
    {"threads deliver, and take orders", test_threads},
};

CHECK_MAIN("stream_memory", cases)
