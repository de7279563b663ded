/* train_on_nodes NODES CONFIG RUN_DIR: trains as `muster train --resume` does, with ranks that count as being on
 * several nodes (support/everywhere.h); test_nodes.py compares the runs. */
#include "support/everywhere.h"
#include "train/train.h"

#include <stdio.h>

int main(int argc, char **argv) {
  struct comm *comm = NULL;
  struct train_outcome outcome = {0};
  muster_status status =
      argc == 4 ? comm_create(&argc, &argv, &comm) : status_error(MUSTER_ERROR_USAGE, "expects NODES CONFIG RUN_DIR");
  if (status == MUSTER_OK) status = everywhere_spread(comm, argv[1]);
  if (status == MUSTER_OK) {
    struct train_request request = {.config_path = argv[2], .run_dir = argv[3], .resume = true};
    status = train(comm, &request, &outcome);
  }
  if (status != MUSTER_OK) {
    fprintf(stderr, "train_on_nodes: %s\n", muster_status_message(status));
    int exit_code = status_exit_code(status);
    muster_status_clear(&status);
    if (comm != NULL) comm_abort(comm, exit_code);
    return exit_code;
  }
  train_end(&outcome, &comm);
  return outcome.exit_code;
}
