/* train_in_turn LIST [NODES]: trains as `muster train` does, one run after another in the same ranks. Each line of LIST
 * is a config, its run folder, and then --resume and --set key=value as often as wanted; nothing in it has spaces. With
 * NODES the ranks count as being on several nodes (support/everywhere.h). support/program.py starts it. */
#include "env/isolation.h"
#include "support/everywhere.h"
#include "train/train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_SIZE = 8192, MAX_SETS = 16 };

/* borrows the line, which it cuts into words, and `sets`, [MAX_SETS] */
static bool read_request(char *line, const char **sets, struct train_request *request) {
  char *rest = NULL;
  request->config_path = strtok_r(line, " \n", &rest);
  request->run_dir = strtok_r(NULL, " \n", &rest);
  request->sets = sets;
  for (const char *word; (word = strtok_r(NULL, " \n", &rest)) != NULL;) {
    const char *set = strcmp(word, "--set") == 0 ? strtok_r(NULL, " \n", &rest) : NULL;
    if (strcmp(word, "--resume") == 0)
      request->resume = true;
    else if (set != NULL && request->n_sets < MAX_SETS)
      sets[request->n_sets++] = set;
    else
      return false;
  }
  return request->run_dir != NULL;
}

static int train_line(struct comm *comm, char *line) {
  const char *sets[MAX_SETS];
  struct train_request request = {0};
  if (!read_request(line, sets, &request)) {
    fprintf(stderr, "train_in_turn: expects lines CONFIG RUN_DIR [--resume] [--set KEY=VALUE]...\n");
    return 2;
  }
  struct train_outcome outcome = {0};
  muster_status status = train(comm, &request, &outcome);
  const int exit_code = status == MUSTER_OK ? outcome.exit_code : status_exit_code(status);
  if (status != MUSTER_OK) fprintf(stderr, "train_in_turn: %s: %s\n", request.run_dir, muster_status_message(status));
  muster_status_clear(&status);
  if (!outcome.together) comm_abort(comm, exit_code);
  train_release(&outcome, comm);
  return exit_code;
}

int main(int argc, char **argv) {
  /* child processes for environments are started with the same program */
  if (argc == 4 && strcmp(argv[1], "env-worker") == 0) return isolation_worker(atoi(argv[2]), atoi(argv[3]));
  struct comm *comm = NULL;
  FILE *list = argc == 2 || argc == 3 ? fopen(argv[1], "r") : NULL;
  if (list == NULL) {
    fprintf(stderr, "train_in_turn: expects LIST [NODES]\n");
    return 2;
  }
  muster_status status = comm_create(&argc, &argv, &comm);
  if (status == MUSTER_OK && argc == 3) status = everywhere_spread(comm, argv[2]);
  if (status != MUSTER_OK) {
    fprintf(stderr, "train_in_turn: %s\n", muster_status_message(status));
    return 1;
  }
  int exit_code = 0;
  char line[LINE_SIZE];
  while (exit_code == 0 && fgets(line, sizeof line, list) != NULL) exit_code = train_line(comm, line);
  fclose(list);
  comm_destroy(&comm);
  return exit_code;
}
