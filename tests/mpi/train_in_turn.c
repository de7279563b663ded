/* train_in_turn FILE: trains as `muster train` does, one run after another in the same ranks: each line of FILE is a
 * config and its run folder. test_combinations.py compares the runs, but not what they print. */
#include "env/isolation.h"
#include "train/train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int train_line(struct comm *comm, const char *config, const char *run_dir) {
  const struct train_request request = {.config_path = config, .run_dir = run_dir};
  struct train_outcome outcome = {0};
  muster_status status = train(comm, &request, &outcome);
  const int exit_code = status == MUSTER_OK ? outcome.exit_code : status_exit_code(status);
  if (status != MUSTER_OK) fprintf(stderr, "train_in_turn: %s: %s\n", config, muster_status_message(status));
  muster_status_clear(&status);
  if (!outcome.together) comm_abort(comm, exit_code);
  train_release(&outcome, comm);
  return exit_code;
}

int main(int argc, char **argv) {
  /* child processes for environments are started with the same program */
  if (argc == 4 && strcmp(argv[1], "env-worker") == 0) return isolation_worker(atoi(argv[2]), atoi(argv[3]));
  struct comm *comm = NULL;
  FILE *list = argc == 2 ? fopen(argv[1], "r") : NULL;
  if (list == NULL) {
    fprintf(stderr, "train_in_turn: expects FILE\n");
    return 2;
  }
  muster_status status = comm_create(&argc, &argv, &comm);
  if (status != MUSTER_OK) return 1;
  int exit_code = 0;
  char config[2048], run_dir[2048];
  while (fscanf(list, "%2047s %2047s", config, run_dir) == 2) {
    int code = train_line(comm, config, run_dir);
    if (code != 0) exit_code = code;
  }
  fclose(list);
  comm_destroy(&comm);
  return exit_code;
}
