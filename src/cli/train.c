#include "train/train.h"
#include "cli/command.h"
#include "comm/comm.h"
#include "env/foreign.h"
#include "plan/plan.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: [mpirun -n N] muster train CONFIG [--set key=value]... [--run-dir DIR] [--resume] [--dry-run] [--trace]\n"
    "       [--allow-change KEY[,KEY]...]... [--replay-schedule RUN]\n"
    "\n"
    "Trains a policy as the YAML file CONFIG says. Under mpirun rank 0, or the first rank on ranks.learner_host, "
    "learns\n"
    "and the others act; one rank does both.\n"
    "\n"
    "  -s, --set key=value   set an option over the file, for example --set algorithm.n_steps=64; may be repeated\n"
    "  -d, --run-dir DIR     the run folder (default: a new numbered one below runs/); it must be new or empty\n"
    "  -r, --resume          continue the run in --run-dir from its newest checkpoint, or start it if there is none;\n"
    "                        the number of ranks may differ\n"
    "  -c, --allow-change KEY[,KEY]...\n"
    "                        with --resume: options that decide what is learned and may differ from now on; that is\n"
    "                        noted in train.changes of the run's config\n"
    "  -n, --dry-run         show which rank does what on which host, what of it will be slow, the run folder and the\n"
    "                        memory; train nothing and leave nothing behind\n"
    "  -p, --replay-schedule RUN\n"
    "                        repeat the run in the folder RUN, whose actors did not wait, bit for bit: trajectories "
    "meet\n"
    "                        updates as they did there; the number of ranks may differ\n"
    "  -t, --trace           write a trace of where the time of every rank goes into the run folder, for Perfetto;\n"
    "                        the same as --set run.trace=true\n"
    "  -h, --help            this text\n"
    "      --version         version and git commit\n"
    "\n"
    "`muster config` lists all options. Exit codes: 0 done, 1 failed, 2 wrong use, 75 interrupted by SIGUSR1 or\n"
    "run.time_limit with more to do. SIGTERM and SIGINT: the iteration is finished, a checkpoint written, exit code "
    "0;\n"
    "a second signal ends the run at once. A rank or host that is silent for run.watchdog (1m), or an environment "
    "that\n"
    "takes so long for one step, ends it with a message, a checkpoint and exit code 1.\n"
    "As root mpirun wants --allow-run-as-root, with more ranks than cores --oversubscribe; scripts/train does both.\n";

/* sets how messages begin when an environment ends the process */
static void introduce(const struct comm *comm) {
  char speaker[COMM_HOST_SIZE + 64];
  if (comm_size(comm) == 1) return;
  snprintf(speaker, sizeof speaker, "muster train: rank %d on %s: ", comm_rank(comm), comm_host(comm));
  foreign_expect(speaker);
}

/* prints what failed, with rank and host; ranks that only heard of it say nothing */
static int finish(struct comm *comm, muster_status status, struct train_outcome *outcome) {
  int exit_code = status == MUSTER_OK ? outcome->exit_code : status_exit_code(status);
  if (status != MUSTER_OK && muster_status_message(status)[0] != '\0') {
    if (comm_size(comm) > 1)
      fprintf(stderr, "muster train: rank %d on %s: %s\n", comm_rank(comm), comm_host(comm),
              muster_status_message(status));
    else
      fprintf(stderr, "muster train: %s\n", muster_status_message(status));
  }
  muster_status_clear(&status);
  if (!outcome->together && comm_size(comm) > 1) {
    foreign_finish();
    comm_abort(comm, exit_code);
  }
  train_end(outcome, &comm);
  return exit_code;
}

/* `sets` and `allowed` have room for argc entries; returns -1 to go on, else an exit code */
static int parse(int argc, char **argv, struct train_request *request, const char **sets, const char **allowed) {
  static const struct option options[] = {{"set", required_argument, NULL, 's'},
                                          {"run-dir", required_argument, NULL, 'd'},
                                          {"resume", no_argument, NULL, 'r'},
                                          {"allow-change", required_argument, NULL, 'c'},
                                          {"dry-run", no_argument, NULL, 'n'},
                                          {"replay-schedule", required_argument, NULL, 'p'},
                                          {"trace", no_argument, NULL, 't'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
  bool traces = false;
  opterr = command_speaks();
  for (int letter; (letter = getopt_long(argc, argv, "s:d:rc:np:th", options, NULL)) != -1;) {
    switch (letter) {
    case 's': sets[request->n_sets++] = optarg; break;
    case 'd': request->run_dir = optarg; break;
    case 'r': request->resume = true; break;
    case 'c': allowed[request->allowed.n++] = optarg; break;
    case 'n': request->dry_run = true; break;
    case 'p': request->replay_schedule = optarg; break;
    case 't': traces = true; break;
    case 'h': fputs(help, stdout); return EXIT_DONE;
    default: return EXIT_USAGE; /* getopt_long() said what is wrong */
    }
  }
  if (optind + 1 != argc) return command_usage_error("train", "expects one config file, got %d", argc - optind);
  if (request->allowed.n > 0 && !request->resume)
    return command_usage_error("train", "--allow-change is for a run that goes on; expects --resume as well");
  if (traces) sets[request->n_sets++] = "run.trace=true";
  request->config_path = argv[optind];
  request->sets = sets;
  request->allowed.texts = allowed;
  return -1;
}

int command_train(int argc, char **argv) {
  struct train_request request = {.choose_layout = plan_choose_layout};
  const char **sets = calloc(2 * (size_t)argc, sizeof *sets);
  if (sets == NULL) return command_finish("train", status_error(MUSTER_ERROR_MEMORY, "out of memory"));
  int exit_code = parse(argc, argv, &request, sets, sets + argc);
  /* a rank that prints nothing must not fail: mpirun could end the printing rank before its message is out */
  if (exit_code == EXIT_USAGE && !command_speaks()) exit_code = EXIT_DONE;
  if (exit_code < 0) {
    struct comm *comm;
    muster_status status = comm_create(&argc, &argv, &comm);
    if (status != MUSTER_OK) {
      exit_code = command_finish("train", status);
    } else {
      struct train_outcome outcome;
      introduce(comm);
      status = train(comm, &request, &outcome);
      exit_code = finish(comm, status, &outcome);
    }
  }
  free(sets);
  return exit_code;
}
