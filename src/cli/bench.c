#include "bench/bench.h"
#include "cli/command.h"

#include <getopt.h>
#include <stdio.h>

static const char help[] =
    "usage: [mpirun -n N] muster bench [--json] [--quick] PART...\n"
    "\n"
    "Measures how fast the parts of the program are on this machine, each compared with the limit that the same "
    "process\n"
    "measures in turn with it. The ratio is the share of the limit that is reached. PART is one or more of\n"
    "\n"
    "  math        sgemm, our own kernels, multiply-adds in registers, tanh, exp, log, memory\n"
    "  env         steps of each environment alone\n"
    "  rollout     steps of each environment with a policy of two layers of 64\n"
    "  update      PPO's forward, loss, backward and Adam\n"
    "  off-policy  updates from a replay: drawing, forward, loss, backward, Adam, targets; and draws alone. The limit "
    "of\n"
    "              an update is its useful multiply-adds in registers, for each row. C are those of a critic's "
    "forward\n"
    "              pass, and as many of its weights' gradients; B those of the gradients of its layers' inputs but "
    "the\n"
    "              first; A and D the same of the actor. E is B with the gradients of the actions. Next actions and\n"
    "              targets are computed once for both critics:\n"
    "                dqn  C + (2C + B)\n"
    "                td3  A + 2C + 2 (2C + B) + 1/2 (C + E + 2A + D)\n"
    "                sac  A + 2C + 2 (2C + B) + 2 (C + E) + 2A + D\n"
    "              of sac's 2 E one is saved and counts all the same: a row goes back through the critic of the least\n"
    "              value alone\n"
    "  exchange    gathering rollouts and broadcasting commands, against bare MPI; under mpirun with 2 ranks or more\n"
    "  checkpoint  writing checkpoints in the current folder, against a bare write and fsync\n"
    "  variance    of the policy gradient's estimate under six weights, compared with that without a baseline: no "
    "time\n"
    "  all         all of these\n"
    "\n"
    "  -j, --json   one array of {\"name\", \"value\", \"unit\", \"min\", \"max\", \"limit\", \"ratio\"}\n"
    "  -q, --quick  small sizes and few repetitions: shows that it works, measures nothing\n"
    "  -h, --help   this text\n"
    "\n"
    "Everything runs on one core. Exit codes: 0 done, 1 failed, 2 wrong use.\n";

/* returns -1 to go on, else an exit code */
static int parse(int argc, char **argv, struct bench_request *request) {
  static const struct option options[] = {
      {"json", no_argument, NULL, 'j'}, {"quick", no_argument, NULL, 'q'}, {"help", no_argument, NULL, 'h'}, {0}};
  for (int letter; (letter = getopt_long(argc, argv, "jqh", options, NULL)) != -1;) {
    switch (letter) {
    case 'j': request->json = true; break;
    case 'q': request->quick = true; break;
    case 'h': fputs(help, stdout); return EXIT_DONE;
    default: return EXIT_USAGE; /* getopt_long() said what is wrong */
    }
  }
  if (optind == argc) return command_usage_error("bench", "expects what to measure, or all");
  request->parts = (const char *const *)argv + optind;
  request->n_parts = argc - optind;
  return -1;
}

int command_bench(int argc, char **argv) {
  struct bench_request request = {0};
  int exit_code = parse(argc, argv, &request);
  if (exit_code >= 0) return exit_code;
  struct comm *comm;
  muster_status status = comm_create(&argc, &argv, &comm);
  if (status != MUSTER_OK) return command_finish("bench", status);

  // an error that all ranks know is printed once
  bool together;
  status = bench_run(comm, &request, &together);
  if (status != MUSTER_OK && together && comm_rank(comm) != 0) muster_status_clear(&status);
  exit_code = command_finish("bench", status);
  if (!together && comm_size(comm) > 1) comm_abort(comm, exit_code);
  comm_destroy(&comm);
  return exit_code;
}
