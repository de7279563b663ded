/* The commands of the program, one file each, one line in main.c's list. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/status.h"

#include <stdbool.h>
#include <stdio.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* A command gets its own arguments, argv[0] being its name, and returns the exit code. One without a summary is not in
 * the help. */
struct subcommand {
  const char *name, *summary;
  int (*run)(int argc, char **argv);
};

int command_train(int argc, char **argv);
int command_eval(int argc, char **argv);
int command_watch(int argc, char **argv);
int command_inspect(int argc, char **argv);
int command_summary(int argc, char **argv);
int command_envs(int argc, char **argv);
int command_algos(int argc, char **argv);
int command_parts(int argc, char **argv);
int command_config(int argc, char **argv);
int command_bench(int argc, char **argv);
int command_plot(int argc, char **argv);
int command_report(int argc, char **argv);
int command_plan(int argc, char **argv);
int command_check_env(int argc, char **argv);
int command_env_worker(int argc, char **argv);

/* Whether this process is the one to tell what is wrong with the arguments: under mpirun all ranks read the same. */
bool command_speaks(void);

/* Prints "muster NAME: text" and a pointer to --help on standard error, on the rank that speaks; returns EXIT_USAGE. */
MUSTER_PRINTF(2, 3) int command_usage_error(const char *name, const char *format, ...);

/* Takes the status: prints its message on standard error, if any; returns the exit code. */
int command_finish(const char *name, muster_status status);

/* Standard output as JSON has it for itself: what environments print there from now on goes to standard error. Without
 * `is_json` just standard output. Closing takes the status, and adds that it could not be written. */
FILE *command_open_answer(bool is_json);
MUSTER_CHECKED muster_status command_close_answer(FILE *answer, muster_status status);

/* Whether a word on the command line is the path of a plug-in and not the name of an environment. */
bool command_is_plugin(const char *word);

/* Reads a whole number from 1 or 0 on from a command line option; false and a message when it is none. */
bool command_parse_count(const char *name, const char *option, const char *text, long long least, long long *value);
/* The same for a number that may not be more than `most`. */
bool command_parse_range(const char *name, const char *option, const char *text, long long least, long long most,
                         long long *value);
/* A seed, in the range that seeds of configs have. */
bool command_parse_seed(const char *name, const char *text, long long *value);

#endif
