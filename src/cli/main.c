/* muster: the program. Finds the command and runs it. */
#include "base/nearest.h"
#include "base/shell.h"
#include "base/shown.h"
#include "cli/command.h"

#include "base/plain_locale.h"
#include "env/foreign.h"
#include "muster/version.h"
#include "setup/build.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* the registry: one line for each command */
static const struct subcommand commands[] = {
    {"train", "train a policy, alone or under mpirun", command_train},
    {"eval", "play episodes with a trained policy", command_eval},
    {"watch", "look at runs while they go on", command_watch},
    {"inspect", "show what a checkpoint holds", command_inspect},
    {"plot", "draw the learning curves of runs", command_plot},
    {"report", "write a page about runs", command_report},
    {"export", "write a policy as an ONNX model", command_export},
    {"summary", "show what became of runs, and statistics over seeds", command_summary},
    {"envs", "list the environments, or describe one", command_envs},
    {"check-env", "hold an environment to the contract", command_check_env},
    {"algos", "list the algorithms", command_algos},
    {"parts", "list layers, distributions of actions and optimizers", command_parts},
    {"config", "list the options of a config file", command_config},
    {"bench", "measure how fast this machine runs it", command_bench},
    {"plan", "predict how fast a config trains at any number of ranks", command_plan},
    {"env-worker", NULL, command_env_worker},
};
#define COMMANDS (sizeof commands / sizeof *commands)

static void print_help(FILE *file) {
  fprintf(file, "muster %s: distributed actor-learner reinforcement learning\n\nusage:\n", MUSTER_VERSION);
  fprintf(file, "  [mpirun -n N] muster train CONFIG [--set key=value]... [--run-dir DIR] [--resume]\n");
  fprintf(file, "  muster COMMAND [ARGUMENTS]\n\ncommands:\n");
  for (size_t i = 0; i < COMMANDS; i++)
    if (commands[i].summary != NULL) fprintf(file, "  %-9s %s\n", commands[i].name, commands[i].summary);
  fprintf(file, "\n`muster COMMAND --help` tells more. Exit codes: 0 done, 1 failed, 2 wrong use.\n");
}

static int unknown_command(const char *name) {
  struct nearest nearest = nearest_start(name);
  for (size_t i = 0; i < COMMANDS; i++)
    if (commands[i].summary != NULL) nearest_offer(&nearest, commands[i].name);
  shown_print(stderr, "muster: unknown command '%s'; %s (see `%s --help`)\n", name, nearest_advise(&nearest).text,
              shell_program().text);
  return EXIT_USAGE;
}

/* environments that a command runs must not change or end this process unnoticed */
static int run_command(const struct subcommand *command, int argc, char **argv) {
  char speaker[64];
  snprintf(speaker, sizeof speaker, "muster %s: ", command->name);
  foreign_expect(command->run == command_env_worker ? NULL : speaker);
  int exit_code = command->run(argc, argv);
  foreign_finish();
  return exit_code;
}

int main(int argc, char **argv) {
  /* a file that grows beyond the size limit makes write() fail, which is reported, instead of killing the process by a
   * signal */
  signal(SIGXFSZ, SIG_IGN);
  plain_locale_use();
  if (argc < 2) {
    print_help(stderr);
    return EXIT_USAGE;
  }
  const char *name = argv[1];
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
    print_help(stdout);
    return EXIT_DONE;
  }
  if (strcmp(name, "--version") == 0) {
    printf("muster %s (%s)\n", MUSTER_VERSION, run_build_git_hash());
    return EXIT_DONE;
  }
  for (size_t i = 0; i < COMMANDS; i++) {
    if (strcmp(name, commands[i].name) != 0) continue;
    if (argc > 2 && strcmp(argv[2], "--version") == 0) {
      printf("muster %s (%s)\n", MUSTER_VERSION, run_build_git_hash());
      return EXIT_DONE;
    }
    /* getopt_long() begins its own messages with argv[0] */
    char full_name[32];
    snprintf(full_name, sizeof full_name, "muster %s", name);
    argv[1] = full_name;
    return run_command(&commands[i], argc - 1, argv + 1);
  }
  return unknown_command(name);
}
