/* The gather of asynchronous actors: nothing is lost, doubled, torn or out of order, whatever the delays; the number of
 * messages is bounded, and all ends in order. Runs with any number of ranks, on one node or, as its argument says
 * (support/everywhere.h), on several. */
#include "comm/channel.h"
#include "support/everywhere.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* the most bytes of a message, by rank in turn, and sizes of commands: below and above what MPI sends at once */
static const size_t rooms[] = {40, 5000, 300000, 64}, command_sizes[] = {12, 1000, 700001};
#define ROOMS (sizeof rooms / sizeof *rooms)

/* what each message and each command begins with; all bytes behind it can be computed from it */
struct mark {
  int32_t rank, number, last; /* last: the number of the last command; 1 in an actor's last message */
};

struct test {
  struct channel *channel;
  struct topology topology;
  size_t room, command_bytes;
  unsigned char *command;
  uint32_t random;
};

/* --- what is sent --- */

static unsigned char byte_of(struct mark mark, size_t slot) {
  return (unsigned char)((uint32_t)mark.rank * 37 + (uint32_t)mark.number * 101 + slot * 13 + (slot >> 9));
}

static void write_bytes(unsigned char *bytes, size_t n, struct mark mark) {
  memcpy(bytes, &mark, sizeof mark);
  for (size_t i = sizeof mark; i < n; i++) bytes[i] = byte_of(mark, i);
}

/* whether the bytes are those of one mark */
static bool is_whole(const unsigned char *bytes, size_t n) {
  struct mark mark;
  memcpy(&mark, bytes, sizeof mark);
  for (size_t i = sizeof mark; i < n; i++)
    if (bytes[i] != byte_of(mark, i)) return false;
  return true;
}

static struct mark mark_of(const void *bytes) {
  struct mark mark;
  memcpy(&mark, bytes, sizeof mark);
  return mark;
}

/* --- set-up --- */

static uint32_t draw(struct test *test, uint32_t n) {
  test->random = test->random * 1664525 + 1013904223;
  return (test->random >> 16) % n;
}

/* does not wait in a third of all cases, else up to some hundred microseconds, so that other ranks come first or
 * later */
static void dally(struct test *test) {
  if (draw(test, 3) == 0) return;
  nanosleep(&(struct timespec){0, (long)draw(test, 300) * 1000}, NULL);
}

static size_t room_of(int rank) { return rooms[(size_t)rank % ROOMS]; }

static struct test open_stream(int learner, size_t command_bytes) {
  struct comm *comm = everywhere_comm();
  struct test test = {.topology = topology_create(comm_size(comm), comm_rank(comm), 8),
                      .room = room_of(comm_rank(comm)),
                      .command_bytes = command_bytes,
                      .command = calloc(command_bytes, 1),
                      .random = (uint32_t)comm_rank(comm) + 7};
  topology_set_learner(&test.topology, learner);
  EVERYWHERE(test.command != NULL);
  EVERYWHERE_OK(channel_create(comm, &test.topology, test.room, test.command, command_bytes, &test.channel));
  return test;
}

static void close_stream(struct test *test) {
  channel_destroy(&test->channel);
  EVERYWHERE(test->channel == NULL);
  free(test->command);
}

/* the size of a message in bytes: at least the mark, at most the room */
static size_t size_of(int rank, int number) {
  size_t span = room_of(rank) - sizeof(struct mark) + 1;
  return sizeof(struct mark) + (size_t)number * 7919 % span;
}

static muster_status send_message(struct test *test, struct mark mark) {
  void *slot;
  MUSTER_TRY(channel_slot(test->channel, &slot));
  write_bytes(slot, size_of(mark.rank, mark.number), mark);
  return channel_send(test->channel, size_of(mark.rank, mark.number));
}

static muster_status tell(struct test *test, int number, int last) {
  write_bytes(test->command, test->command_bytes, (struct mark){test->topology.rank, number, last});
  return channel_send_command(test->channel);
}

/* --- the learner --- */

/* what the learner holds from each rank, and whether all that it took was as it should be */
struct hands {
  int *next, *held; /* [ranks] number of the next message; messages that are not credited */
  int taken, last;  /* messages so far; how many of them were the last of an actor */
  bool right;
};

static struct hands open_hands(const struct test *test) {
  size_t ranks = (size_t)test->topology.ranks;
  struct hands hands = {.next = calloc(ranks, sizeof(int)), .held = calloc(ranks, sizeof(int)), .right = true};
  EVERYWHERE(hands.next != NULL && hands.held != NULL);
  return hands;
}

static void close_hands(struct hands *hands) {
  free(hands->next);
  free(hands->held);
}

/* takes a message and checks it */
static muster_status take(struct test *test, struct hands *hands) {
  int rank;
  const void *message;
  size_t bytes;
  MUSTER_TRY(channel_next(test->channel, &rank, &message, &bytes));
  struct mark mark = mark_of(message);
  hands->right = hands->right && mark.rank == rank && mark.number == hands->next[rank] &&
                 bytes == size_of(rank, mark.number) && (uintptr_t)message % 64 == 0 && is_whole(message, bytes);
  hands->next[rank]++;
  hands->held[rank]++;
  hands->right = hands->right && hands->held[rank] <= 2;
  hands->taken++;
  hands->last += mark.last == 1;
  dally(test);
  hands->right = hands->right && is_whole(message, bytes);
  return MUSTER_OK;
}

/* credits all messages that it holds except `keep` of each rank, from the last rank to the first */
static muster_status credit(struct test *test, struct hands *hands, int keep) {
  for (int rank = test->topology.ranks - 1; rank >= 0; rank--)
    for (; hands->held[rank] > keep; hands->held[rank]--) MUSTER_TRY(channel_credit(test->channel, rank));
  return MUSTER_OK;
}

/* takes all that has come */
static muster_status take_all(struct test *test, struct hands *hands) {
  for (bool has_next = true; has_next;) {
    MUSTER_TRY(channel_has_next(test->channel, &has_next));
    if (has_next) MUSTER_TRY(take(test, hands));
  }
  return MUSTER_OK;
}

/* --- a whole run: actors send until they read the last command --- */

#define COMMANDS 60

/* commands are whole and never go back; the last message says that it is the last */
static muster_status act(struct test *test, bool *right) {
  int newest = 0;
  MUSTER_TRY(channel_await_command(test->channel));
  for (int number = 0;; number++) {
    struct mark command = mark_of(test->command);
    *right = *right && command.number >= newest && is_whole(test->command, test->command_bytes);
    newest = command.number;
    bool is_last = command.number == command.last, is_new;
    MUSTER_TRY(send_message(test, (struct mark){test->topology.rank, number, is_last}));
    if (is_last) return MUSTER_OK;
    dally(test);
    MUSTER_TRY(channel_progress(test->channel));
    MUSTER_TRY(channel_refresh(test->channel, &is_new));
    *right = *right && (is_new == (mark_of(test->command).number > newest));
  }
}

/* takes some messages for each command, and keeps some of those for a while */
static muster_status learn(struct test *test, struct hands *hands) {
  for (int command = 1; command <= COMMANDS; command++) {
    MUSTER_TRY(tell(test, command, COMMANDS));
    for (uint32_t n = draw(test, 4); n > 0 && command < COMMANDS; n--) {
      MUSTER_TRY(take(test, hands));
      MUSTER_TRY(credit(test, hands, (int)draw(test, 2)));
    }
  }
  while (hands->last < test->topology.actors) {
    MUSTER_TRY(take(test, hands));
    MUSTER_TRY(credit(test, hands, 0));
  }
  return MUSTER_OK;
}

static void run_with(int learner, size_t command_bytes) {
  struct test test = open_stream(learner, command_bytes);
  struct hands hands = open_hands(&test);
  bool right = true, has_next = false;
  muster_status status = test.topology.learns ? learn(&test, &hands) : act(&test, &right);
  if (status == MUSTER_OK) status = channel_drain(test.channel);
  if (status == MUSTER_OK && test.topology.learns) status = channel_has_next(test.channel, &has_next);
  EVERYWHERE_OK(status);
  EVERYWHERE(right && hands.right && !has_next);
  EVERYWHERE(mark_of(test.command).number == COMMANDS);
  close_hands(&hands);
  close_stream(&test);
}

static void test_run(void) {
  int ranks = comm_size(everywhere_comm());
  for (int learner = 0; learner < ranks && ranks > 1; learner++)
    for (size_t i = 0; i < sizeof command_sizes / sizeof *command_sizes; i++) run_with(learner, command_sizes[i]);
}

/* --- commands --- */

/* the learner gives many commands while actors do something else: they get the newest, and few of the others */
static void test_newer_commands_replace_older_ones(void) {
  struct comm *comm = everywhere_comm();
  for (int learner = 0; learner < comm_size(comm) && comm_size(comm) > 1; learner++) {
    struct test test = open_stream(learner, 5000);
    muster_status status = MUSTER_OK;
    for (int command = 1; command <= 200 && test.topology.learns && status == MUSTER_OK; command++)
      status = tell(&test, command, 200);
    EVERYWHERE_OK(status);

    /* one that had come, one that was under way, and the newest; where memory is shared, only the newest */
    bool is_local = everywhere_shares() && everywhere_node(learner) == everywhere_node(comm_rank(comm));
    int taken = 0;
    while (!test.topology.learns && status == MUSTER_OK && mark_of(test.command).number < 200) {
      status = channel_await_command(test.channel);
      taken++;
    }
    if (status == MUSTER_OK) status = channel_drain(test.channel);
    EVERYWHERE_OK(status);
    EVERYWHERE(test.topology.learns || (taken >= 1 && taken <= (is_local ? 1 : 3)));
    EVERYWHERE(mark_of(test.command).number == 200 && is_whole(test.command, test.command_bytes));
    close_stream(&test);
  }
}

/* --- bounds --- */

#define PRESSED 6

/* an actor that wants to have more than two messages under way waits; each credit lets one more come */
static muster_status press(struct test *test, struct hands *hands) {
  if (!test->topology.learns) {
    for (int number = 0; number < PRESSED; number++)
      MUSTER_TRY(send_message(test, (struct mark){test->topology.rank, number, 0}));
    return MUSTER_OK;
  }
  int actors = test->topology.actors;
  for (int most = 2; most <= PRESSED; most++) {
    bool has_next;
    while (hands->taken < most * actors) MUSTER_TRY(take(test, hands));
    nanosleep(&(struct timespec){0, 3000000}, NULL);
    MUSTER_TRY(channel_has_next(test->channel, &has_next));
    hands->right = hands->right && !has_next;
    for (int rank = 0; rank < test->topology.ranks; rank++)
      hands->right = hands->right && (hands->next[rank] == (rank == test->topology.learner ? 0 : most));
    MUSTER_TRY(credit(test, hands, 1));
  }
  return credit(test, hands, 0);
}

static void test_an_actor_has_two_places(void) {
  int ranks = comm_size(everywhere_comm());
  for (int learner = 0; learner < ranks && ranks > 1; learner++) {
    struct test test = open_stream(learner, 100);
    struct hands hands = open_hands(&test);
    muster_status status = press(&test, &hands);
    if (status == MUSTER_OK) status = channel_drain(test.channel);
    EVERYWHERE_OK(status);
    EVERYWHERE(hands.right);
    close_hands(&hands);
    close_stream(&test);
  }
}

/* --- rest --- */

#define RESTS 40

/* what an actor sends before a rest: 0, 1 or 2 */
static int count_of(int rank, int rest) { return (rank * 5 + rest * 7 + rest / 3) % 3; }

/* ranks come to rest from any state: no, one or more commands were given, and messages sent, taken, credited */
static muster_status go_to_rest(struct test *test, struct hands *hands, int rest, int *number) {
  int sent = 0, commands = rest % 4;
  for (int rank = 0; rank < test->topology.ranks; rank++)
    sent += rank != test->topology.learner ? count_of(rank, rest) : 0;
  if (!test->topology.learns) {
    for (int n = count_of(test->topology.rank, rest); n > 0; n--)
      MUSTER_TRY(send_message(test, (struct mark){test->topology.rank, (*number)++, 0}));
    bool is_new;
    if (draw(test, 2) == 0) MUSTER_TRY(channel_refresh(test->channel, &is_new));
    dally(test);
    return channel_drain(test->channel);
  }
  for (; commands > 0; commands--) MUSTER_TRY(tell(test, ++*number, 0));
  for (uint32_t n = draw(test, (uint32_t)sent + 1); n > 0; n--) MUSTER_TRY(take(test, hands));
  MUSTER_TRY(credit(test, hands, (int)draw(test, 3)));
  return channel_drain(test->channel);
}

/* at rest the learner has everything, without waiting */
static muster_status look_at_rest(struct test *test, struct hands *hands, int rest, int *all) {
  if (!test->topology.learns) return MUSTER_OK;
  for (int rank = 0; rank < test->topology.ranks; rank++)
    *all += rank != test->topology.learner ? count_of(rank, rest) : 0;
  MUSTER_TRY(take_all(test, hands));
  hands->right = hands->right && hands->taken == *all;
  return credit(test, hands, 0);
}

static void rest_with(int learner, size_t command_bytes) {
  struct test test = open_stream(learner, command_bytes);
  struct hands hands = open_hands(&test);
  struct comm *comm = everywhere_comm();
  int number = 0, all = 0;
  bool right = true;
  for (int rest = 0; rest < RESTS; rest++) {
    EVERYWHERE_OK(go_to_rest(&test, &hands, rest, &number));

    /* all actors have the last command */
    int newest = number;
    muster_status status = comm_broadcast(comm, &newest, sizeof newest, learner);
    right = right && (newest == 0 || (mark_of(test.command).number == newest && is_whole(test.command, command_bytes)));
    if (status == MUSTER_OK) status = look_at_rest(&test, &hands, rest, &all);
    EVERYWHERE_OK(status);
  }
  EVERYWHERE_OK(channel_drain(test.channel));
  EVERYWHERE(right && hands.right);
  close_hands(&hands);
  close_stream(&test);
}

static void test_rest_from_every_state(void) {
  int ranks = comm_size(everywhere_comm());
  for (int learner = 0; learner < ranks && ranks > 1; learner++)
    for (size_t i = 0; i < sizeof command_sizes / sizeof *command_sizes; i++) rest_with(learner, command_sizes[i]);
}

/* --- one rank alone --- */

static bool is_internal_error(muster_status status) {
  bool is = muster_status_code(status) == MUSTER_ERROR_INTERNAL;
  muster_status_clear(&status);
  return is;
}

static void test_alone(void) {
  if (comm_size(everywhere_comm()) > 1) return;
  struct test test = open_stream(0, 100);
  struct hands hands = open_hands(&test);
  bool is_new, has_next;
  void *slot;
  int rank;
  const void *message;
  size_t bytes;
  for (int round = 0; round < 5; round++) {
    EVERYWHERE_OK(tell(&test, round + 1, 5));
    EVERYWHERE_OK(channel_await_command(test.channel));
    EVERYWHERE_OK(channel_refresh(test.channel, &is_new));
    EVERYWHERE(!is_new && mark_of(test.command).number == round + 1);
    EVERYWHERE_OK(send_message(&test, (struct mark){0, 2 * round, 0}));
    EVERYWHERE_OK(send_message(&test, (struct mark){0, 2 * round + 1, 0}));
    EVERYWHERE(is_internal_error(channel_slot(test.channel, &slot)));
    EVERYWHERE_OK(channel_drain(test.channel));
    EVERYWHERE_OK(take_all(&test, &hands));
    EVERYWHERE_OK(credit(&test, &hands, 0));
    EVERYWHERE(hands.right && hands.taken == 2 * round + 2);
    EVERYWHERE_OK(channel_has_next(test.channel, &has_next));
    EVERYWHERE(!has_next && is_internal_error(channel_next(test.channel, &rank, &message, &bytes)));
    EVERYWHERE(is_internal_error(channel_await_command(test.channel)));
  }
  close_hands(&hands);
  close_stream(&test);
}

/* a message that is too large for MPI to count is refused on all ranks; tested only where no rank has to find memory
 * for it first */
static void test_too_large(void) {
  struct comm *comm = everywhere_comm();
  struct topology topology = topology_create(comm_size(comm), comm_rank(comm), 8);
  bool any_local = false;
  for (int rank = 1; rank < comm_size(comm); rank++)
    any_local = any_local || (everywhere_shares() && everywhere_node(rank) == everywhere_node(0));
  if (any_local || comm_size(comm) == 1) return;
  struct channel *channel = NULL;
  char command[8];
  muster_status status = channel_create(comm, &topology, (size_t)1 << 40, command, sizeof command, &channel);
  bool is_refused = muster_status_code(status) == MUSTER_ERROR_USAGE;
  muster_status_clear(&status);
  EVERYWHERE(is_refused && channel == NULL);
}

static const struct check_case cases[] = {
    {"a run: nothing lost, doubled, torn or out of order", test_run},
    {"newer commands replace older ones", test_newer_commands_replace_older_ones},
    {"an actor has two places", test_an_actor_has_two_places},
    {"come to rest from every state", test_rest_from_every_state},
    {"one rank alone", test_alone},
    {"a message that is too large", test_too_large},
};

int main(int argc, char **argv) { return everywhere_main(&argc, &argv, "stream", cases, sizeof cases / sizeof *cases); }
