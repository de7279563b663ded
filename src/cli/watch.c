#include "watch/watch.h"
#include "cli/command.h"

#include <getopt.h>
#include <locale.h>
#include <stdio.h>

static const char help[] =
    "usage: muster watch RUN... [--once] [--interval SECONDS]\n"
    "\n"
    "Shows runs while they go on, here or on another host that shares the folder: how far they are, the mean return "
    "over\n"
    "the steps, the newest losses, where the time goes, the newest checkpoint. It only reads the run's files. RUN is a "
    "run\n"
    "folder, which may still be empty, or a folder with run folders in it.\n"
    "\n"
    "      --once              print what there is now; so it does where standard input or output is no terminal\n"
    "      --interval SECONDS  look at the files not more often than this (default 1)\n"
    "  -h, --help              this text\n"
    "\n"
    "keys: q quits; up and down choose between several runs\n";

int command_watch(int argc, char **argv) {
  enum { ONCE = 1000, INTERVAL };
  static const struct option options[] = {{"once", no_argument, NULL, ONCE},
                                          {"interval", required_argument, NULL, INTERVAL},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
  struct watch_request request = {.interval = 1.0};
  for (int letter; (letter = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
    long long seconds;
    switch (letter) {
    case ONCE: request.once = true; break;
    case INTERVAL:
      if (!command_parse_count("watch", "--interval", optarg, 1, &seconds)) return EXIT_USAGE;
      request.interval = (double)seconds;
      break;
    case 'h': fputs(help, stdout); return EXIT_DONE;
    default: return EXIT_USAGE;
    }
  }
  if (optind == argc) return command_usage_error("watch", "expects a run folder");
  request.paths = (const char *const *)argv + optind;
  request.n = argc - optind;
  /* the letters of the terminal; numbers stay as they are */
  setlocale(LC_CTYPE, "");
  uselocale(LC_GLOBAL_LOCALE);
  return command_finish("watch", watch_runs(&request));
}
