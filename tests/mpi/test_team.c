/* Ranks that learn together: they meet, share memory on each node, and get what the others wrote. Runs with any number
 * of ranks, on one node or, as its argument says (support/everywhere.h), on several. */
#include "comm/team.h"
#include "support/everywhere.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 8 };

static struct comm *comm_of_test(void) { return everywhere_comm(); }

/* a team of all ranks from `first` on, counted round, but for the last `without` of them; NULL on the others */
static struct team *create(int first, int without, int *n) {
  int members[MOST], ranks = comm_size(comm_of_test());
  *n = ranks - without;
  for (int i = 0; i < *n; i++) members[i] = (first + i) % ranks;
  struct team *team = NULL;
  EVERYWHERE_OK(team_create(comm_of_test(), members, *n, &team));
  int index = (comm_rank(comm_of_test()) - first + ranks) % ranks;
  EVERYWHERE((team != NULL) == (index < *n));
  EVERYWHERE(team == NULL || (team_members(team) == *n && team_member(team) == index));
  return team;
}

static bool holds_together(void) { return comm_size(comm_of_test()) > 2 && everywhere_shares(); }

/* what member i writes at a place of its range in a round */
static unsigned char byte_of(int round, int member, size_t place) {
  return (unsigned char)(round * 31 + member * 7 + (int)(place % 251));
}

/* ranges of uneven sizes, some empty, round after round by turns in two blocks */
static bool gather_rounds(struct team *team, int n) {
  const size_t sizes[] = {1000, 0, 64, 70001, 3, 0, 128, 9};
  size_t offsets[MOST + 1] = {0};
  for (int i = 0; i < n; i++) offsets[i + 1] = offsets[i] + sizes[i];
  unsigned char *block[2];
  for (int i = 0; i < 2; i++) {
    void *memory;
    if (!check_ok(team_share(team, offsets[n], &memory), __FILE__, __LINE__)) return false;
    block[i] = memory;
  }
  bool right = true;
  const int own = team_member(team);
  for (int round = 0; round < 50; round++) {
    unsigned char *bytes = block[round % 2];
    for (size_t i = offsets[own]; i < offsets[own + 1]; i++) bytes[i] = byte_of(round, own, i);
    if (!check_ok(team_gather(team, bytes, offsets), __FILE__, __LINE__)) return false;
    for (int member = 0; member < n; member++)
      for (size_t i = offsets[member]; i < offsets[member + 1]; i++)
        right = right && bytes[i] == byte_of(round, member, i);
  }
  return right;
}

static void test_gather(void) {
  if (!holds_together()) return;
  for (int first = 0; first < comm_size(comm_of_test()); first++)
    for (int without = 0; without < 2; without++) {
      int n;
      struct team *team = create(first, without, &n);
      EVERYWHERE(team == NULL || gather_rounds(team, n));
      team_destroy(&team);
    }
}

/* member 0 writes, the others read, and nobody reads what is written next before all have read */
static bool spread_rounds(struct team *team) {
  enum { BYTES = 5000 };
  void *memory;
  if (!check_ok(team_share(team, BYTES, &memory), __FILE__, __LINE__)) return false;
  unsigned char *bytes = memory;
  bool right = true;
  for (int round = 0; round < 50; round++) {
    for (size_t i = 0; team_member(team) == 0 && i < BYTES; i++) bytes[i] = byte_of(round, 0, i);
    if (!check_ok(team_spread(team, bytes, BYTES), __FILE__, __LINE__)) return false;
    for (size_t i = 0; i < BYTES; i++) right = right && bytes[i] == byte_of(round, 0, i);
    if (!check_ok(team_gather(team, NULL, NULL), __FILE__, __LINE__)) return false;
  }
  return right;
}

static bool broadcasts(struct team *team) {
  int numbers[100];
  for (int i = 0; i < 100; i++) numbers[i] = team_member(team) == 0 ? 3 * i : -1;
  if (!check_ok(team_broadcast(team, numbers, sizeof numbers), __FILE__, __LINE__)) return false;
  for (int i = 0; i < 100; i++)
    if (numbers[i] != 3 * i) return false;
  return true;
}

static void test_spread(void) {
  if (!holds_together()) return;
  for (int first = 0; first < comm_size(comm_of_test()); first++) {
    int n, nodes[256] = {0}, n_nodes = 0; /* everywhere_node() is below that */
    struct team *team = create(first, 1, &n);
    EVERYWHERE(team == NULL || spread_rounds(team));
    EVERYWHERE(team == NULL || broadcasts(team));

    /* whether it spans nodes */
    for (int i = 0; i < n; i++) nodes[everywhere_node((first + i) % comm_size(comm_of_test()))] = 1;
    for (int i = 0; i < 256; i++) n_nodes += nodes[i];
    EVERYWHERE(team == NULL || team_spans_nodes(team) == (n_nodes > 1));
    team_destroy(&team);
  }
}

/* where the ranks of a node share no memory there is no team, and a message that says what to do */
static void test_no_memory(void) {
  if (everywhere_shares() || comm_size(comm_of_test()) < 2) return;
  int members[MOST], n = comm_size(comm_of_test());
  for (int i = 0; i < n; i++) members[i] = i;
  struct team *team = NULL;
  muster_status status = team_create(comm_of_test(), members, n, &team);
  EVERYWHERE(check_fails(status, MUSTER_ERROR_COMM, "", __FILE__, __LINE__));
  EVERYWHERE(team == NULL);
}

static const struct check_case cases[] = {
    {"members get what the others wrote", test_gather},
    {"and what the first one wrote", test_spread},
    {"without shared memory", test_no_memory},
};

int main(int argc, char **argv) { return everywhere_main(&argc, &argv, "team", cases, sizeof cases / sizeof *cases); }
