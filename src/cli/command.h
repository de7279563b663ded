/* The commands of the program, one file each, one line in main.c's list. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/status.h"

#include <stdbool.h>
#include <stdio.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* A command gets its own arguments, argv[0] being its name, and returns the exit code. A command without a summary is
 * not listed in the help. */
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
int command_export(int argc, char **argv);
int command_plan(int argc, char **argv);
int command_check_env(int argc, char **argv);
int command_env_worker(int argc, char **argv);

/* Whether this process prints what is wrong with the arguments: under mpirun all ranks read the same ones, and one is
 * enough. */
bool command_speaks(void);

/* Prints "muster NAME: text" and a pointer to --help on standard error, on the rank that speaks; returns EXIT_USAGE. */
MUSTER_PRINTF(2, 3) int command_usage_error(const char *name, const char *format, ...);

/* Takes the status: prints its message on standard error, if any; returns the exit code. */
int command_finish(const char *name, muster_status status);

/* Opens standard output for an answer. With `is_json` nothing else may appear there: what environments print to it from
 * now on goes to standard error. Without, it is plain standard output. Closing takes the status; it returns an IO error
 * if the status is none and the answer could not be written. */
FILE *command_open_answer(bool is_json);
MUSTER_CHECKED muster_status command_close_answer(FILE *answer, muster_status status);

/* Whether a word on the command line is the path of a plug-in and not the name of an environment. */
bool command_is_plugin(const char *word);

/* Reads a whole number of at least `least` from a command line option; false and a message when the text is no such
 * number. */
bool command_parse_count(const char *name, const char *option, const char *text, long long least, long long *value);
/* The same for a number that may not be more than `most`. */
bool command_parse_range(const char *name, const char *option, const char *text, long long least, long long most,
                         long long *value);
/* A seed, in the same range as in a config. */
bool command_parse_seed(const char *name, const char *text, long long *value);

#endif
