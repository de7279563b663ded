/* Options: one table for each module lists their keys, types, defaults, ranges and help. Parsing, checking and
 * documentation use the same table.
 *
 * A table describes the fields of a plain struct. Keys are relative to the table's section: the option "n_steps" of the
 * section "algorithm" is written `algorithm: {n_steps: 32}` in YAML and `--set algorithm.n_steps=32` on the command
 * line. */
#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

#include "base/status.h"
#include "config/schedule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_type {
  OPTION_INT,            /* int64_t */
  OPTION_MAYBE_INT,      /* int64_t; OPTION_NULL_INT when the value is `null` */
  OPTION_FLOAT,          /* double */
  OPTION_MAYBE_FLOAT,    /* double; NAN when the value is `null` */
  OPTION_BOOL,           /* bool */
  OPTION_STRING,         /* char[OPTION_STRING_SIZE]; "" when the value is `null` or empty */
  OPTION_CHOICE,         /* int: index into `choices` */
  OPTION_INT_LIST,       /* struct option_int_list */
  OPTION_TEXT_LIST,      /* struct option_text_list; `is_null` when the value is `null` */
  OPTION_SCHEDULE,       /* struct option_schedule (config/schedule.h) */
  OPTION_MAYBE_SCHEDULE, /* struct option_schedule; `is_null` when the value is `null` */
  OPTION_DURATION,       /* double, seconds: 90, 90s, 15m, 23h45m, 1d; 0 for `null` */
  OPTION_MAP             /* struct option_map: any keys and values, checked by whoever reads them (env.options) */
};

#define OPTION_NULL_INT INT64_MIN
#define OPTION_STRING_SIZE 512
#define OPTION_LIST_MAX 16
#define OPTION_TEXTS_MAX 32
#define OPTION_ITEM_SIZE 64
#define OPTION_MAP_MAX 32

struct option_int_list {
  int32_t count;
  int64_t values[OPTION_LIST_MAX];
};

struct option_text_list {
  bool is_null;
  int32_t count;
  char items[OPTION_TEXTS_MAX][OPTION_ITEM_SIZE];
};

struct option_map {
  int32_t count;
  char keys[OPTION_MAP_MAX][64];
  char values[OPTION_MAP_MAX][256];
  int32_t lines[OPTION_MAP_MAX]; /* the line of each; 0: the command line */
};

struct option_spec {
  const char *key; /* NULL ends a table */
  enum option_type type;
  size_t offset;              /* offset of the field in the struct */
  const char *default_value;  /* as it would be written in YAML; NULL: `null` */
  double min, max;            /* inclusive; for each element of a list, and for a schedule, which may reach 0 */
  bool min_exclusive;         /* whether `min` itself is out of range */
  const char *const *choices; /* OPTION_CHOICE: names, ended by NULL */
  const char *example;        /* OPTION_TEXT_LIST: an example of a list, for messages */
  const char *help;           /* one line, no full stop */
  const char *only_when;      /* when it counts (config/condition.h): "action_noise is normal"; NULL: always */
  bool may_change;            /* a run may be resumed with another value, also where that decides what is learned */
  /* OPTION_STRING, "" for `null` too, and each item of OPTION_TEXT_LIST: USAGE error "expects ..."; NULL: any text */
  muster_status (*check)(const char *text);
};

#define OPTION_NO_MIN (-1e300)
#define OPTION_NO_MAX 1e300

/* A table with its place in the config. */
struct option_table {
  const char *section; /* "" for top-level keys, "algorithm", "env", ... */
  const char *owner;   /* the name of the module: "ppo", "environment"; NULL: the table always applies */
  const struct option_spec *options;
};

/* Room for the longest text that option_format() writes: a full map with every byte escaped. */
#define OPTION_TEXT_SIZE 49152

/* Writes the full dotted key, "algorithm.n_steps"; cut when it does not fit. */
void option_full_key(const struct option_table *table, const struct option_spec *option, char *key, size_t size);

/* Sets every field of `object` that the table has to its default; INTERNAL when a table's own default does not fit its
 * option. */
MUSTER_CHECKED muster_status option_set_defaults(const struct option_table *table, void *object);

/* Parses `text` into the option's field of `object` and checks type and range. The error says what would be right
 * ("expects an integer from 1 to 1000000"), without file and line, which the caller adds. */
MUSTER_CHECKED muster_status option_parse(const struct option_spec *option, const char *text, void *object);

/* Writes the field as YAML, in flow style where it is a list or a map, that option_parse() reads back to the same bits;
 * returns as snprintf does. */
int option_format(const struct option_spec *option, const void *object, char *text, size_t size);

/* "integer", "number", "true or false", "one of tanh, relu", ... and "1 to 100", ">= 0", "" for the docs. */
void option_describe_type(const struct option_spec *option, char *text, size_t size);
void option_describe_range(const struct option_spec *option, char *text, size_t size);

#endif
