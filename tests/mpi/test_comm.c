/* The calls in which the ranks of a job take part: topology, gather, broadcast, agreement. Runs with any number of
 * ranks, on one node or, as its argument says (support/everywhere.h), on several. */
#include "comm/broadcast.h"
#include "comm/clock_offset.h"
#include "comm/collect.h"
#include "comm/gather.h"
#include "comm/mpi_call.h"
#include "comm/preemption.h"
#include "support/everywhere.h"

#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 5
#define MAX_ITEMS 64

/* numbers of environments to split: as many as actors, uneven, even, many */
static int split(int i, int actors) {
  const int sizes[] = {actors, actors + 1, 8, 2 * actors, 101};
  return sizes[i] >= actors ? sizes[i] : actors;
}
#define SPLITS 5

/* --- topology --- */

static void test_topology_covers_all_environments(void) {
  int ranks = comm_size(everywhere_comm()), rank = comm_rank(everywhere_comm());
  for (int i = 0; i < SPLITS; i++) {
    int actors = ranks > 1 ? ranks - 1 : 1, n = split(i, actors);
    struct topology topology = topology_create(ranks, rank, n);
    EVERYWHERE(topology.actors == actors && topology.num_envs == n);
    EVERYWHERE(topology.learns == (rank == topology.learner));
    EVERYWHERE(topology.acts == topology_rank_acts(&topology, rank));

    /* the ranges follow each other without a gap, and their sizes differ by one at most */
    int next = 0, smallest = n, largest = 0;
    for (int r = 0; r < ranks; r++) {
      struct env_range range = topology_envs(&topology, r);
      EVERYWHERE(topology_rank_acts(&topology, r) == (range.count > 0));
      if (range.count == 0) continue;
      EVERYWHERE(range.first == next);
      next += range.count;
      smallest = range.count < smallest ? range.count : smallest;
      largest = range.count > largest ? range.count : largest;
    }
    EVERYWHERE(next == n && largest - smallest <= 1);
  }
}

/* --- gather --- */

/* what a rank holds: two fields and a list; each value shows where it comes from */
struct rows {
  int n;
  double *wide;         /* [n, 3] */
  unsigned char *bytes; /* [n, 5] */
  int32_t count;        /* items in use */
  int32_t item[MAX_ITEMS];
  float weight[MAX_ITEMS][2];
};

static double wide_value(int env, int column, int round) { return env * 100.0 + column * 10.0 + round; }
static unsigned char byte_value(int env, int column, int round) {
  return (unsigned char)(env * 31 + column * 7 + round);
}

/* how many items an environment has in a round: in round 0 none has any, in other rounds some environments have none */
static int item_count(int env, int round) { return round == 0 ? 0 : (env + round) % 3 == 0 ? 2 : (env % 4 == 1); }

static void rows_create(struct rows *rows, int n) {
  *rows = (struct rows){.n = n};
  rows->wide = calloc((size_t)n * 3, sizeof *rows->wide);
  rows->bytes = calloc((size_t)n * 5, 1);
  EVERYWHERE(rows->wide != NULL && rows->bytes != NULL);
}

static void rows_fill(struct rows *rows, int first, int round) {
  rows->count = 0;
  for (int i = 0; i < rows->n; i++) {
    for (int column = 0; column < 3; column++) rows->wide[i * 3 + column] = wide_value(first + i, column, round);
    for (int column = 0; column < 5; column++) rows->bytes[i * 5 + column] = byte_value(first + i, column, round);
    for (int k = 0; k < item_count(first + i, round) && rows->count < MAX_ITEMS; k++) {
      rows->item[rows->count] = (first + i) * 10 + k;
      rows->weight[rows->count][0] = (float)(first + i);
      rows->weight[rows->count++][1] = (float)round;
    }
  }
}

static void rows_release(struct rows *rows) {
  free(rows->wide);
  free(rows->bytes);
}

static bool same_fields(const struct rows *a, const struct rows *b) {
  return a->n == b->n && memcmp(a->wide, b->wide, (size_t)a->n * 3 * sizeof *a->wide) == 0 &&
         memcmp(a->bytes, b->bytes, (size_t)a->n * 5) == 0;
}

/* every item is there once; the items of actors may come in any order */
static bool same_items(const struct rows *a, const struct rows *b) {
  if (a->count != b->count) return false;
  for (int i = 0; i < b->count; i++) {
    int found = 0;
    for (int k = 0; k < a->count; k++)
      found += a->item[k] == b->item[i] && memcmp(a->weight[k], b->weight[i], sizeof a->weight[k]) == 0;
    if (found != 1) return false;
  }
  return true;
}

static muster_status connect(struct rows *rows, const struct topology *topology, int32_t capacity,
                             struct gather **out) {
  const struct gather_field fields[] = {{rows->wide, 3 * sizeof *rows->wide}, {rows->bytes, 5}};
  const struct gather_field item[] = {{rows->item, sizeof *rows->item}, {rows->weight, sizeof *rows->weight}};
  const struct gather_list list = {.count = &rows->count, .capacity = capacity, .n_fields = 2, .field = item};
  return gather_create(everywhere_comm(), topology, GATHER_ALL, fields, 2, &list, out);
}

/* a topology in which any rank may learn */
static struct topology with_learner(int learner, int n) {
  struct comm *comm = everywhere_comm();
  struct topology topology = topology_create(comm_size(comm), comm_rank(comm), n);
  topology_set_learner(&topology, learner);
  return topology;
}

/* senders to the learner: one from each node that the learner is not on, or each rank where ranks share no memory */
static int count_node_leaders(int learner) {
  struct comm *comm = everywhere_comm();
  int node_leaders = 0;
  for (int rank = 0; rank < comm_size(comm); rank++) {
    bool is_first = true;
    for (int other = 0; other < rank && everywhere_shares(); other++)
      is_first = is_first && everywhere_node(other) != everywhere_node(rank);
    bool is_served = everywhere_shares() && everywhere_node(rank) == everywhere_node(learner);
    node_leaders += is_first && !is_served && rank != learner;
  }
  return node_leaders;
}

/* the flags that a rank sets in a round, and those that the learner then reads: the bits of all actors */
static int32_t flags_of(int rank, int round) { return (int32_t)(1U << (unsigned)((rank + round) % 16)); }
static int32_t expected_flags(const struct topology *topology, int round) {
  int32_t flags = 0;
  for (int rank = 0; rank < topology->ranks && topology->ranks > 1; rank++)
    if (rank != topology->learner) flags |= flags_of(rank, round);
  return flags;
}
/* whether the working times are those that the actors gave: round + rank seconds each; none where one rank is alone */
static bool same_work(const struct topology *topology, struct gather_work work, int round) {
  struct gather_work expected = {0};
  for (int rank = 0, n = 0; topology->ranks > 1 && rank < topology->ranks; rank++) {
    const double seconds = round + rank;
    if (!topology_rank_acts(topology, rank)) continue;
    if (n++ == 0) expected.shortest = seconds;
    expected.longest = seconds;
    expected.sum += seconds;
  }
  return work.shortest == expected.shortest && work.longest == expected.longest && work.sum == expected.sum;
}

static muster_status gather_once(struct gather *gather) {
  MUSTER_TRY(gather_begin(gather));
  return gather_end(gather);
}

/* gathers a few rounds from the actors, and compares the result with what they had to send */
static void gather_and_compare(int learner, int n) {
  struct topology topology = with_learner(learner, n);
  struct env_range range = topology_envs(&topology, topology.rank);
  if (topology.learns) range = (struct env_range){0, n};
  struct rows mine, expected;
  rows_create(&mine, range.count);
  rows_create(&expected, n);
  struct gather *gather = NULL;
  EVERYWHERE_OK(connect(&mine, &topology, MAX_ITEMS, &gather));
  EVERYWHERE((gather_bytes(gather) > 0) == (topology.ranks > 1));

  /* one round right after the other, so that ranks may be in different rounds */
  muster_status status = MUSTER_OK;
  bool right = true;
  for (int round = 0; round < ROUNDS && status == MUSTER_OK; round++) {
    /* a learner that does not act has only what was gathered before */
    if (topology.acts) rows_fill(&mine, range.first, round);
    if (topology.acts) gather_set_flags(gather, flags_of(topology.rank, round), round + topology.rank);
    rows_fill(&expected, 0, round);
    status = gather_once(gather);
    int64_t messages = topology.learns ? (round + 1) * count_node_leaders(learner) : 0;
    right = right && gather_messages(gather) == messages;
    if (!topology.learns) continue;
    right = right && same_fields(&mine, &expected) && same_items(&mine, &expected);
    right = right && gather_flags(gather) == expected_flags(&topology, round);
    right = right && same_work(&topology, gather_work(gather), round);
  }
  EVERYWHERE_OK(status);
  EVERYWHERE(right);
  gather_destroy(&gather);
  EVERYWHERE(gather == NULL);
  rows_release(&mine);
  rows_release(&expected);
}

static void test_gather(void) {
  int ranks = comm_size(everywhere_comm()), actors = ranks > 1 ? ranks - 1 : 1;
  for (int learner = 0; learner < ranks; learner++)
    for (int i = 0; i < SPLITS - 1; i++) gather_and_compare(learner, split(i, actors));
}

/* scatters for a few rounds, some of them followed by a gather of the same rows: what the one leaves in shared memory
 * must not get into the other */
static void scatter_and_compare(int learner, int n) {
  struct topology topology = with_learner(learner, n);
  struct env_range range = topology_envs(&topology, topology.rank);
  if (topology.learns) range = (struct env_range){0, n};
  struct rows mine, expected;
  rows_create(&mine, range.count);
  rows_create(&expected, range.count);
  struct gather *gather = NULL;
  EVERYWHERE_OK(connect(&mine, &topology, MAX_ITEMS, &gather));
  muster_status status = MUSTER_OK;
  bool right = true;
  for (int round = 0; round < ROUNDS && status == MUSTER_OK; round++) {
    rows_fill(&expected, range.first, round);
    if (topology.learns) rows_fill(&mine, 0, round);
    status = gather_scatter_back(gather);
    right = right && same_fields(&mine, &expected);
    if (status != MUSTER_OK || round % 2 == 0) continue;
    if (topology.learns && topology.ranks > 1) memset(mine.bytes, 0, (size_t)n * 5);
    status = gather_once(gather);
    right = right && same_fields(&mine, &expected);
  }
  EVERYWHERE_OK(status);
  EVERYWHERE(right);
  gather_destroy(&gather);
  rows_release(&mine);
  rows_release(&expected);
}

static void test_scatter(void) {
  int ranks = comm_size(everywhere_comm()), actors = ranks > 1 ? ranks - 1 : 1;
  for (int learner = 0; learner < ranks; learner++)
    for (int i = 0; i < SPLITS; i++) scatter_and_compare(learner, split(i, actors));
}

/* if the learner has no room for an item, that is an error there, and not a write behind the end */
static void test_list_that_does_not_fit(void) {
  struct comm *comm = everywhere_comm();
  if (comm_size(comm) != 2) return;
  struct topology topology = topology_create(2, comm_rank(comm), 4);
  struct rows mine;
  rows_create(&mine, 4);
  struct gather *gather = NULL;
  EVERYWHERE_OK(connect(&mine, &topology, topology.learns ? 2 : MAX_ITEMS, &gather));
  mine.count = topology.acts ? 3 : 0;
  EVERYWHERE_OK(gather_begin(gather));
  muster_status status = gather_end(gather);
  bool right = topology.acts ? status == MUSTER_OK : muster_status_code(status) == MUSTER_ERROR_INTERNAL;
  muster_status_clear(&status);

  /* receives what the learner refused, so that nothing is left under way; in a node buffer it has come already */
  for (int field = 0; topology.learns && count_node_leaders(0) == 0 && field < 2; field++) {
    char refused[3 * sizeof(float[2])];
    right = right &&
            MPI_Recv(refused, sizeof refused, MPI_BYTE, 1, TAG_LIST, comm->world, MPI_STATUS_IGNORE) == MPI_SUCCESS;
  }
  EVERYWHERE(right);
  gather_destroy(&gather);
  rows_release(&mine);
}

/* --- the other collective calls --- */

static unsigned char told_value(size_t place, int root, int round) {
  return (unsigned char)(place * 13 + (size_t)root + (size_t)round * 5);
}

/* whether the bytes are those that the root sends in a round, and the byte behind them is unchanged */
static bool was_told(const unsigned char *data, size_t bytes, int root, int round) {
  size_t right = 0;
  while (right < bytes && data[right] == told_value(right, root, round)) right++;
  return right == bytes && data[bytes] == 0xEE;
}

static void prepare_data(unsigned char *data, size_t bytes, int root, int round) {
  bool is_root = comm_rank(everywhere_comm()) == root;
  for (size_t i = 0; i < bytes; i++) data[i] = is_root ? told_value(i, root, round) : 0xEE;
  data[bytes] = 0xEE;
}

static const size_t told_sizes[] = {0, 1, 4096, (size_t)3 << 20 | 5};

static void test_broadcast(void) {
  struct comm *comm = everywhere_comm();
  for (size_t i = 0; i < sizeof told_sizes / sizeof *told_sizes; i++) {
    for (int root = 0; root < comm_size(comm); root++) {
      unsigned char *data = malloc(told_sizes[i] + 1);
      EVERYWHERE(data != NULL);
      prepare_data(data, told_sizes[i], root, 0);
      EVERYWHERE_OK(comm_broadcast(comm, data, told_sizes[i], root));
      EVERYWHERE(was_told(data, told_sizes[i], root, 0));
      free(data);
    }
  }
}

static void test_broadcasts(void) {
  struct comm *comm = everywhere_comm();
  for (size_t i = 0; i < sizeof told_sizes / sizeof *told_sizes; i++) {
    for (int root = 0; root < comm_size(comm); root++) {
      unsigned char *data = malloc(told_sizes[i] + 1);
      EVERYWHERE(data != NULL);
      struct broadcast *broadcast = NULL;
      EVERYWHERE_OK(broadcast_create(comm, data, told_sizes[i], root, &broadcast));

      /* one right after the other: a rank may still be reading the first while the root sends the second */
      muster_status status = MUSTER_OK;
      bool right = true;
      for (int round = 0; round < ROUNDS && status == MUSTER_OK; round++) {
        prepare_data(data, told_sizes[i], root, round);
        status = broadcast_run(broadcast);
        right = right && was_told(data, told_sizes[i], root, round);
      }
      EVERYWHERE_OK(status);
      EVERYWHERE(right);
      broadcast_destroy(&broadcast);
      EVERYWHERE(broadcast == NULL);
      free(data);
    }
  }
}

static void test_agreement_on_errors(void) {
  struct comm *comm = everywhere_comm();
  int last = comm_size(comm) - 1;
  bool fails = comm_rank(comm) == last;
  EVERYWHERE_OK(comm_agree(comm, MUSTER_OK));
  muster_status status = comm_agree(comm, fails ? status_error(MUSTER_ERROR_USAGE, "mine") : MUSTER_OK);
  bool right = muster_status_code(status) == (fails ? MUSTER_ERROR_USAGE : MUSTER_ERROR_COMM);
  /* a rank that does not know the cause has no message, whatever is wrapped around it */
  status = status_wrap(status, "in vain");
  right &= strcmp(muster_status_message(status), fails ? "in vain: mine" : "") == 0;
  muster_status_clear(&status);
  EVERYWHERE(right);
}

static void test_agreement(void) {
  struct comm *comm = everywhere_comm();
  int rank = comm_rank(comm), last = comm_size(comm) - 1;
  bool speaks;
  EVERYWHERE(comm_agree_exit_code(comm, 0, false, &speaks) == 0);
  EVERYWHERE(comm_agree_exit_code(comm, rank == last ? 2 : 0, true, &speaks) == 2);
  EVERYWHERE(speaks == (rank == last));
  EVERYWHERE(comm_agree_exit_code(comm, rank == 0 ? 1 : 0, true, &speaks) == 1);
  EVERYWHERE(speaks == (rank == 0));

  /* the larger code wins, and the first rank that has it prints the message */
  EVERYWHERE(comm_agree_exit_code(comm, rank == 0 ? 1 : 2, true, &speaks) == (last > 0 ? 2 : 1));
  EVERYWHERE(speaks == (rank == (last > 0 ? 1 : 0)));

  /* a rank that only heard of the fault does not count, whatever its code */
  EVERYWHERE(comm_agree_exit_code(comm, rank == last ? 1 : 2, rank == last, &speaks) == 1);
  EVERYWHERE(speaks == (rank == last));

  EVERYWHERE(!comm_any(comm, false));
  for (int one = 0; one <= last; one++) EVERYWHERE(comm_any(comm, rank == one));
}

static void test_places(void) {
  struct comm *comm = everywhere_comm();
  struct comm_place mine = comm_place(comm), *places = calloc((size_t)comm_size(comm), sizeof *places);
  EVERYWHERE(places != NULL);
  EVERYWHERE_OK(comm_gather(comm, &mine, sizeof mine, places));
  EVERYWHERE(comm_host(comm)[0] != '\0' && memcmp(&places[comm_rank(comm)], &mine, sizeof mine) == 0);
  EVERYWHERE(CPU_COUNT(&mine.cores) >= 1);
  /* tests run on one machine */
  for (int rank = 0; rank < comm_size(comm); rank++) {
    EVERYWHERE(strcmp(places[rank].host, comm_host(comm)) == 0);
    EVERYWHERE(places[rank].host_cores == comm_local_cores(comm));
  }
  int neighbours = 0;
  for (int rank = 0; rank < comm_size(comm); rank++)
    neighbours += everywhere_node(rank) == everywhere_node(comm_rank(comm));
  EVERYWHERE(comm_local_size(comm) == neighbours);
  EVERYWHERE(comm_local_cores(comm) >= 1);
  /* ranks that count as being on other nodes still want the same cores */
  EVERYWHERE(comm_oversubscribed(comm) == (comm_size(comm) > comm_local_cores(comm)));
  free(places);
}

/* what rank r gives: r + 1 bytes of the value 10 + r; the last rank gives too many for a small message */
static size_t given_bytes(int rank, int ranks) { return rank == ranks - 1 ? 300000 : (size_t)rank + 1; }

struct visits {
  int next, ranks, fail_at;
  bool right;
};

static muster_status visit(void *context, int rank, const void *data, size_t bytes) {
  struct visits *visits = context;
  visits->right &= rank == visits->next++ && bytes == given_bytes(rank, visits->ranks);
  for (size_t i = 0; i < bytes; i++) visits->right &= ((const char *)data)[i] == 10 + rank;
  return rank == visits->fail_at ? status_error(MUSTER_ERROR_IO, "no more") : MUSTER_OK;
}

/* the root sees what each rank gave, in the order of ranks; an error ends the visits, but leaves no rank waiting */
static void test_collect(void) {
  struct comm *comm = everywhere_comm();
  int rank = comm_rank(comm), ranks = comm_size(comm);
  size_t bytes = given_bytes(rank, ranks);
  char *given = malloc(bytes);
  EVERYWHERE(given != NULL);
  memset(given, 10 + rank, bytes);
  for (int root = 0; root < ranks; root++) {
    struct visits visits = {.ranks = ranks, .fail_at = -1, .right = true};
    EVERYWHERE_OK(comm_collect(comm, root, given, bytes, visit, &visits));
    EVERYWHERE(visits.right && visits.next == (rank == root ? ranks : 0));
    visits = (struct visits){.ranks = ranks, .fail_at = 0, .right = true};
    muster_status status = comm_collect(comm, root, given, bytes, visit, &visits);
    EVERYWHERE((muster_status_code(status) == MUSTER_ERROR_IO) == (rank == root));
    muster_status_clear(&status);
    EVERYWHERE(visits.right && visits.next == (rank == root));
  }
  free(given);
}

/* ranks of one node share its clock; ranks of other nodes measure the offset, which here is within their accuracy */
static void test_clock_offset(void) {
  struct comm *comm = everywhere_comm();
  for (int root = 0; root < comm_size(comm); root++) {
    struct clock_offset offset;
    EVERYWHERE_OK(clock_offset_measure(comm, root, &offset));
    bool is_local = everywhere_node(root) == everywhere_node(comm_rank(comm));
    EVERYWHERE(is_local ? offset.seconds == 0 && offset.accuracy == 0 : offset.accuracy > 0);
    EVERYWHERE(fabs(offset.seconds) <= offset.accuracy && offset.at > 0);
  }
}

/* two measurements of a clock that may run like the root's; and two of a clock that has drifted */
static void test_clock_reconciled(void) {
  struct clock_offset early = {.at = 1, .seconds = 2.0, .accuracy = 0.5},
                      late = {.at = 9, .seconds = 2.5, .accuracy = 0.25};
  clock_offset_reconcile(&early, &late);
  EVERYWHERE(early.seconds == 2.375 && early.accuracy == 0.125 && early.at == 1);
  EVERYWHERE(late.seconds == 2.375 && late.accuracy == 0.125 && late.at == 9);
  late.seconds = 2.75;
  clock_offset_reconcile(&early, &late);
  EVERYWHERE(early.seconds == 2.375 && late.seconds == 2.75);
}

/* a host's times are shifted by the smallest amount that lets its messages arrive after they were sent */
static void test_clock_shifted(void) {
  struct comm *comm = everywhere_comm();
  const int root = comm_size(comm) - 1, rank = comm_rank(comm);
  const bool is_local = everywhere_node(root) == everywhere_node(rank);
  const struct {
    double least, most, shift;
  } cases[] = {{-INFINITY, INFINITY, 0}, {-1, 1, 0}, {0.5, 2, 0.5}, {-3, -0.25, -0.25}, {1, 0.5, 0.75}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    double shift = NAN;
    /* the first rank of a node knows all limits of the node, the others none */
    bool has = true;
    for (int other = 0; other < rank; other++) has &= everywhere_node(other) != everywhere_node(rank);
    EVERYWHERE_OK(
        clock_offset_shift(comm, root, has ? cases[i].least : -INFINITY, has ? cases[i].most : INFINITY, &shift));
    EVERYWHERE(shift == (is_local ? 0 : cases[i].shift));
  }
}

/* --- preemption --- */

/* an actor's place in the order in which actors are done, which differs from round to round */
static int place_of(const struct topology *topology, int rank, int round) {
  return (topology_envs(topology, rank).first + round) % topology->actors;
}

static bool is_over(struct preemption *preemption) {
  bool over = false;
  muster_status status = preemption_is_due(preemption, &over);
  over = over && status == MUSTER_OK;
  muster_status_clear(&status);
  return over;
}

/* one rollout: while one actor too few is done, it is over for no rank, however often the rank asks; then for all */
static void roll_out(struct preemption *preemption, const struct topology *topology, int needed, int round) {
  const int place = topology->acts ? place_of(topology, topology->rank, round) : topology->actors;
  muster_status status = place < needed - 1 ? preemption_report_done(preemption) : MUSTER_OK;
  EVERYWHERE_OK(status);
  bool early = false;
  for (int look = 0; look < 100 && topology->acts && place >= needed - 1; look++) early = early || is_over(preemption);
  EVERYWHERE(!early);

  /* actors that are not among the fast ones report that they are done only when they see that the rollout is over */
  if (topology->acts && place >= needed)
    while (!is_over(preemption)) sched_yield();
  if (topology->acts && place >= needed - 1) status = preemption_report_done(preemption);
  if (status == MUSTER_OK && topology->leads) status = preemption_await(preemption);
  EVERYWHERE_OK(status);
  /* the rank that leads ends a rollout before the next one begins */
  if (topology->leads) status = preemption_end_rollout(preemption);
  EVERYWHERE_OK(status);
  if (!topology->leads) status = preemption_end_rollout(preemption);
  EVERYWHERE_OK(status);
}

/* with one environment for each actor, so that an environment's number is that of its actor */
static void report_rollout_done(const int *group, int learners, bool colocated) {
  struct comm *comm = everywhere_comm();
  const int ranks = comm_size(comm), actors = colocated || ranks == 1 ? ranks : ranks - learners;
  struct topology whole = topology_create(ranks, comm_rank(comm), actors);
  topology_set_group(&whole, group, learners, colocated);
  const struct topology *topology = &whole;
  struct preemption *preemption;
  EVERYWHERE_OK(preemption_create(comm, topology, topology->actors, &preemption));
  EVERYWHERE(preemption == NULL);
  for (int needed = 1; needed < topology->actors; needed++) {
    EVERYWHERE_OK(preemption_create(comm, topology, needed, &preemption));
    EVERYWHERE(preemption != NULL);
    for (int round = 0; round < ROUNDS; round++) roll_out(preemption, topology, needed, round);
    preemption_destroy(&preemption);
  }
}

/* any rank leads: one that only learns, one that also acts, and one that learns together with another */
static void test_preemption(void) {
  const int ranks = comm_size(everywhere_comm());
  for (int learner = 0; learner < ranks; learner++) {
    const int group[] = {learner, (learner + 1) % ranks};
    report_rollout_done(group, 1, false);
    report_rollout_done(group, 1, true);
    if (ranks > 2) report_rollout_done(group, 2, false);
  }
}

static const struct check_case cases[] = {
    {"the topology covers all environments", test_topology_covers_all_environments},
    {"gather fields and lists, several rounds and splits", test_gather},
    {"scatter fields", test_scatter},
    {"a list that does not fit is refused", test_list_that_does_not_fit},
    {"broadcast from every root, up to 3 MiB", test_broadcast},
    {"broadcast from every root, up to 3 MiB", test_broadcasts},
    {"a rollout is over when enough actors are done", test_preemption},
    {"agree on the exit code", test_agreement},
    {"agree on errors", test_agreement_on_errors},
    {"gather where ranks run", test_places},
    {"collect what each rank gives", test_collect},
    {"clocks of one machine do not differ", test_clock_offset},
    {"two measurements of a clock", test_clock_reconciled},
    {"messages come after they were sent", test_clock_shifted},
};

int main(int argc, char **argv) { return everywhere_main(&argc, &argv, "comm", cases, sizeof cases / sizeof *cases); }
