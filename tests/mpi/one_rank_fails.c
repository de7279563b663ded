/* Fails on purpose on the last rank only: test_harness.sh checks that the whole run fails, and that it ends. */
#include "support/everywhere.h"

static void test_last_rank(void) { EVERYWHERE(comm_rank(everywhere_comm()) != comm_size(everywhere_comm()) - 1); }
static void test_all_ranks(void) { EVERYWHERE(comm_size(everywhere_comm()) > 0); }

static const struct check_case cases[] = {{"fails on the last rank", test_last_rank}, {"holds", test_all_ranks}};

int main(int argc, char **argv) {
  return everywhere_main(&argc, &argv, "one rank fails", cases, sizeof cases / sizeof *cases);
}
