/* Ranks that learn together: they meet, share memory on each node, and get what the others wrote. Runs with any number
 * of ranks, on one node or, as its argument says (support/everywhere.h), on several. */
#include "comm/group.h"
#include "support/everywhere.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 8 };

static struct comm *comm_of_test(void) { return everywhere_comm(); }

/* a group of all ranks, from `first` on and then from 0, without the last `without` of them; NULL on those */
static struct group *create(int first, int without, int *n) {
  int members[MOST], ranks = comm_size(comm_of_test());
  *n = ranks - without;
  for (int i = 0; i < *n; i++) members[i] = (first + i) % ranks;
  struct group *group = NULL;
  EVERYWHERE_OK(group_create(comm_of_test(), members, *n, &group));
  int index = (comm_rank(comm_of_test()) - first + ranks) % ranks;
  EVERYWHERE((group != NULL) == (index < *n));
  EVERYWHERE(group == NULL || (group_ranks(group) == *n && group_rank(group) == index));
  return group;
}

static bool holds_together(void) { return comm_size(comm_of_test()) > 2 && everywhere_shares(); }

/* what member i writes at a place of its range in a round */
static unsigned char byte_of(int round, int member, size_t place) {
  return (unsigned char)(round * 31 + member * 7 + (int)(place % 251));
}

/* gathers ranges of uneven sizes, some of them empty, for many rounds, in two blocks by turns */
static bool gather_rounds(struct group *group, int n) {
  const size_t sizes[] = {1000, 0, 64, 70001, 3, 0, 128, 9};
  size_t offsets[MOST + 1] = {0};
  for (int i = 0; i < n; i++) offsets[i + 1] = offsets[i] + sizes[i];
  unsigned char *block[2];
  for (int i = 0; i < 2; i++) {
    void *memory;
    if (!check_ok(group_share(group, offsets[n], &memory), __FILE__, __LINE__)) return false;
    block[i] = memory;
  }
  bool right = true;
  const int own = group_rank(group);
  for (int round = 0; round < 50; round++) {
    unsigned char *bytes = block[round % 2];
    for (size_t i = offsets[own]; i < offsets[own + 1]; i++) bytes[i] = byte_of(round, own, i);
    if (!check_ok(group_gather(group, bytes, offsets), __FILE__, __LINE__)) return false;
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
      struct group *group = create(first, without, &n);
      EVERYWHERE(group == NULL || gather_rounds(group, n));
      group_destroy(&group);
    }
}

/* member 0 writes and the others read; nothing new is written before all have read */
static bool spread_rounds(struct group *group) {
  enum { BYTES = 5000 };
  void *memory;
  if (!check_ok(group_share(group, BYTES, &memory), __FILE__, __LINE__)) return false;
  unsigned char *bytes = memory;
  bool right = true;
  for (int round = 0; round < 50; round++) {
    for (size_t i = 0; group_rank(group) == 0 && i < BYTES; i++) bytes[i] = byte_of(round, 0, i);
    if (!check_ok(group_broadcast(group, bytes, BYTES), __FILE__, __LINE__)) return false;
    for (size_t i = 0; i < BYTES; i++) right = right && bytes[i] == byte_of(round, 0, i);
    if (!check_ok(group_gather(group, NULL, NULL), __FILE__, __LINE__)) return false;
  }
  return right;
}

static bool broadcasts(struct group *group) {
  int numbers[100];
  for (int i = 0; i < 100; i++) numbers[i] = group_rank(group) == 0 ? 3 * i : -1;
  if (!check_ok(group_broadcast_part(group, numbers, sizeof numbers), __FILE__, __LINE__)) return false;
  for (int i = 0; i < 100; i++)
    if (numbers[i] != 3 * i) return false;
  return true;
}

static void test_spread(void) {
  if (!holds_together()) return;
  for (int first = 0; first < comm_size(comm_of_test()); first++) {
    int n, nodes[256] = {0}, n_nodes = 0; /* everywhere_node() is below 256 */
    struct group *group = create(first, 1, &n);
    EVERYWHERE(group == NULL || spread_rounds(group));
    EVERYWHERE(group == NULL || broadcasts(group));

    /* the group knows whether it spans nodes */
    for (int i = 0; i < n; i++) nodes[everywhere_node((first + i) % comm_size(comm_of_test()))] = 1;
    for (int i = 0; i < 256; i++) n_nodes += nodes[i];
    EVERYWHERE(group == NULL || group_spans_nodes(group) == (n_nodes > 1));
    group_destroy(&group);
  }
}

/* the members of each node meet, while those of other nodes go on; and all of them meet now and then */
static bool meet_on_nodes(struct group *group) {
  enum { BYTES = 3000 };
  const int own = group_node_rank(group), members = group_node_ranks(group);
  void *memory;
  if (!check_ok(group_share(group, MOST * BYTES, &memory), __FILE__, __LINE__)) return false;
  unsigned char *bytes = memory;
  bool right = true;
  for (int round = 0; round < 60; round++) {
    for (size_t i = 0; i < BYTES; i++) bytes[own * BYTES + (int)i] = byte_of(round, own, i);
    if (!check_ok(group_meet_on_node(group), __FILE__, __LINE__)) return false;
    for (int member = 0; member < members; member++)
      for (size_t i = 0; i < BYTES; i++) right = right && bytes[member * BYTES + (int)i] == byte_of(round, member, i);
    muster_status met = round % 3 == 0 ? group_gather(group, NULL, NULL) : group_meet_on_node(group);
    if (!check_ok(met, __FILE__, __LINE__)) return false;
  }
  return right;
}

static void test_nodes(void) {
  if (!holds_together()) return;
  for (int first = 0; first < comm_size(comm_of_test()); first++) {
    int n;
    struct group *group = create(first, 0, &n);
    int on_node = 0;
    for (int rank = 0; rank < n; rank++) on_node += everywhere_node(rank) == everywhere_node(comm_rank(comm_of_test()));
    EVERYWHERE(group == NULL || group_node_ranks(group) == on_node);
    EVERYWHERE(group == NULL || meet_on_nodes(group));
    group_destroy(&group);
  }
}

/* if the ranks of a node share no memory, no group is made, and a message says what to do */
static void test_no_memory(void) {
  if (everywhere_shares() || comm_size(comm_of_test()) < 2) return;
  int members[MOST], n = comm_size(comm_of_test());
  for (int i = 0; i < n; i++) members[i] = i;
  struct group *group = NULL;
  muster_status status = group_create(comm_of_test(), members, n, &group);
  EVERYWHERE(check_fails(status, MUSTER_ERROR_COMM, "", __FILE__, __LINE__));
  EVERYWHERE(group == NULL);
}

static const struct check_case cases[] = {
    {"members get what the others wrote", test_gather},
    {"and what the first one wrote", test_spread},
    {"members of a node meet", test_nodes},
    {"without shared memory", test_no_memory},
};

int main(int argc, char **argv) { return everywhere_main(&argc, &argv, "group", cases, sizeof cases / sizeof *cases); }
