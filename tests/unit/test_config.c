#include "config/document.h"
#include "config/reference.h"
#include "support/check.h"

#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* one option of each type */
struct sample {
  int64_t n_steps, max_lag;
  double gamma, target_kl, time_limit;
  bool normalize;
  char label[OPTION_STRING_SIZE];
  int activation;
  struct option_int_list hidden_sizes;
  struct option_text_list words;
  struct option_schedule learning_rate, clip_range_vf;
  struct option_map options;
};

static const char *const activations[] = {"tanh", "relu", NULL};

/* refuses a word that is too short */
static muster_status check_word(const char *text) {
  return strlen(text) < 3 ? status_error(MUSTER_ERROR_USAGE, "expects three letters or more") : MUSTER_OK;
}

#define FIELD(name) #name, .offset = offsetof(struct sample, name)
static const struct option_spec sample_options[] = {
    {FIELD(n_steps), .type = OPTION_INT, .default_value = "2048", .min = 1, .max = 1000000,
     .help = "steps of a rollout"},
    {FIELD(max_lag), .type = OPTION_MAYBE_INT, .default_value = "null", .min = 0, .max = 100, .help = "age"},
    {FIELD(gamma), .type = OPTION_FLOAT, .default_value = "0.99", .min = 0, .max = 1, .help = "discount"},
    {FIELD(target_kl), .type = OPTION_MAYBE_FLOAT, .default_value = "null", .min = 0, .min_exclusive = true,
     .max = OPTION_NO_MAX, .help = "divergence that ends the epochs"},
    {FIELD(time_limit), .type = OPTION_DURATION, .default_value = "null", .min = 0, .max = OPTION_NO_MAX,
     .help = "wall time"},
    {FIELD(normalize), .type = OPTION_BOOL, .default_value = "true", .help = "normalise | scale"},
    {FIELD(label), .type = OPTION_STRING, .default_value = "", .help = "free text"},
    {FIELD(activation), .type = OPTION_CHOICE, .default_value = "tanh", .choices = activations, .help = "of layers"},
    {FIELD(hidden_sizes), .type = OPTION_INT_LIST, .default_value = "[64, 64]", .min = 1, .max = 4096,
     .help = "widths"},
    {FIELD(words), .type = OPTION_TEXT_LIST, .default_value = "null", .check = check_word,
     .example = "[one two, three]", .help = "words"},
    {FIELD(learning_rate), .type = OPTION_SCHEDULE, .default_value = "3e-4", .min = 0, .min_exclusive = true, .max = 1,
     .help = "step size"},
    {FIELD(clip_range_vf), .type = OPTION_MAYBE_SCHEDULE, .default_value = "null", .min = 0, .max = OPTION_NO_MAX,
     .help = "value clipping"},
    {FIELD(options), .type = OPTION_MAP, .default_value = "{}", .help = "passed on"},
    {.key = NULL}};

/* tables for checks across several tables: top-level keys, nested sections, a table that is not applied */
struct place {
  int64_t seed;
  char name[OPTION_STRING_SIZE];
  bool frozen;
};
#define PLACE(name) #name, .offset = offsetof(struct place, name)
static const struct option_spec top_options[] = {
    {PLACE(seed), .type = OPTION_INT, .default_value = "0", .min = 0, .max = OPTION_NO_MAX, .help = "of the run"},
    {.key = NULL}};
static const struct option_spec env_options[] = {{PLACE(name), .type = OPTION_STRING, .help = "its id"}, {.key = NULL}};
static const struct option_spec normalize_options[] = {
    {PLACE(frozen), .type = OPTION_BOOL, .default_value = "false", .help = "no updates"}, {.key = NULL}};
static const struct option_spec other_options[] = {
    {.key = "rho_bar", .type = OPTION_FLOAT, .default_value = "1", .min = 0, .max = 9, .help = "truncation"},
    {.key = NULL}};

static const struct option_table top = {"", NULL, top_options};
static const struct option_table env = {"env", "environment", env_options};
static const struct option_table normalize = {"env.normalize", "normaliser", normalize_options};
static const struct option_table algorithm = {"algorithm", "ppo", sample_options};
static const struct option_table other = {"algorithm", "impala", other_options};
static const struct option_table *const tables[] = {&top, &env, &normalize, &algorithm, &other};
enum { TABLES = sizeof tables / sizeof tables[0] };

static const struct option_spec *find_option(const char *key) {
  for (const struct option_spec *option = sample_options; option->key != NULL; option++)
    if (strcmp(option->key, key) == 0) return option;
  abort();
}

static muster_status parse(struct sample *sample, const char *key, const char *text) {
  return option_parse(find_option(key), text, sample);
}

static muster_status read_text(struct document *document, const char *text) {
  return document_read_text(document, "f.yaml", text, strlen(text));
}

static struct document *create(void) {
  struct document *document = NULL;
  CHECK_OK_FATAL(document_create(&document));
  return document;
}

/* reads a text, sets up to one assignment, applies the tables of a run of ppo, and checks for unknown keys */
static muster_status load_into(struct document *document, const char *text, const char *assignment,
                               struct sample *sample, struct place *place) {
  MUSTER_TRY(read_text(document, text));
  if (assignment != NULL) MUSTER_TRY(document_set(document, assignment));
  MUSTER_TRY(document_apply(document, &top, place));
  MUSTER_TRY(document_apply(document, &env, place));
  MUSTER_TRY(document_apply(document, &normalize, place));
  MUSTER_TRY(document_apply(document, &algorithm, sample));
  return document_check_unknown(document, tables, TABLES);
}

static muster_status load_both(const char *text, const char *assignment, struct sample *sample, struct place *place) {
  struct document *document = create();
  muster_status status = load_into(document, text, assignment, sample, place);
  document_destroy(&document);
  return status;
}

static muster_status load(const char *text, const char *assignment) {
  struct sample sample;
  struct place place;
  return load_both(text, assignment, &sample, &place);
}

static void refuses(const char *text, const char *message) {
  CHECK_FAILS(load(text, NULL), MUSTER_ERROR_USAGE, message);
}

static void refuses_set(const char *assignment, const char *message) {
  CHECK_FAILS(load("", assignment), MUSTER_ERROR_USAGE, message);
}

static void test_defaults(void) {
  struct sample sample;
  memset(&sample, 0x5a, sizeof sample);
  CHECK_OK(option_set_defaults(&algorithm, &sample));
  CU_ASSERT_EQUAL(sample.n_steps, 2048);
  CU_ASSERT_EQUAL(sample.gamma, 0.99);
  CU_ASSERT_TRUE(isnan(sample.target_kl));
  CU_ASSERT_EQUAL(sample.time_limit, 0);
  CU_ASSERT_TRUE(sample.normalize);
  CU_ASSERT_STRING_EQUAL(sample.label, "");
  CU_ASSERT_EQUAL(sample.activation, 0);
  CU_ASSERT_EQUAL(sample.hidden_sizes.count, 2);
  CU_ASSERT_EQUAL(sample.hidden_sizes.values[1], 64);
  CU_ASSERT_EQUAL(sample.learning_rate.initial, 3e-4);
  CU_ASSERT_TRUE(sample.clip_range_vf.is_null);
  CU_ASSERT_EQUAL(sample.options.count, 0);

  // a table whose own default is out of its range is a defect
  const struct option_spec wrong[] = {{FIELD(n_steps), .type = OPTION_INT, .default_value = "0", .min = 1, .max = 2},
                                      {0}};
  const struct option_table table = {"a", NULL, wrong};
  CHECK_FAILS(option_set_defaults(&table, &sample), MUSTER_ERROR_INTERNAL, "the default of a.n_steps is 0");
}

static void test_integers(void) {
  static const struct {
    const char *text;
    int64_t value;
  } right[] = {{"1", 1},       {"1e5", 100000},   {"1.0e5", 100000}, {"1E+5", 100000}, {"+7", 7},
               {"\"32\"", 32}, {"'1e5'", 100000}, {"256.0", 256},    {"010", 10},      {"1000000", 1000000}};
  struct sample sample;
  for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
    CHECK_OK(parse(&sample, "n_steps", right[i].text));
    CU_ASSERT_EQUAL(sample.n_steps, right[i].value);
  }
  static const char *const wrong[] = {
      "0",     "1000001", "-1",  "1.5",   "1_000", "0x10", "12 ",  "",     "null",
      "1e400", "1e-400",  "1e",  "e5",    ".",     "five", "true", "[1]",  ".inf",
      "'1",    "\"1\"x",  "nan", "lin_1", "1 2",   "--1",  "{}",   "1e-1", "9223372036854775808"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    CHECK_FAILS(parse(&sample, "n_steps", wrong[i]), MUSTER_ERROR_USAGE, "expects an integer from 1 to 1000000");

  // the whole range of 64 bits, and nothing beyond it
  const struct option_spec wide = {FIELD(n_steps), .type = OPTION_INT, .min = OPTION_NO_MIN, .max = OPTION_NO_MAX};
  CHECK_OK(option_parse(&wide, "9223372036854775807", &sample));
  CU_ASSERT_EQUAL(sample.n_steps, INT64_MAX);
  CHECK_OK(option_parse(&wide, "-9223372036854775808", &sample));
  CU_ASSERT_EQUAL(sample.n_steps, INT64_MIN);
  CHECK_FAILS(option_parse(&wide, "9223372036854775808", &sample), MUSTER_ERROR_USAGE, "expects an integer");
  CHECK_FAILS(option_parse(&wide, "1e19", &sample), MUSTER_ERROR_USAGE, "expects an integer");

  // a limit to which double rounds the next integer
  const struct option_spec seed = {FIELD(n_steps), .type = OPTION_INT, .min = 0, .max = 9007199254740992.0};
  CHECK_OK(option_parse(&seed, "9007199254740992", &sample));
  CU_ASSERT_EQUAL(sample.n_steps, 9007199254740992);
  static const char *const beyond[] = {"9007199254740993",   "9007199254740993.0",  "9007199254740994",
                                       "9007199254740993e0", "9223372036854775807", "-1"};
  for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++)
    CHECK_FAILS(option_parse(&seed, beyond[i], &sample), MUSTER_ERROR_USAGE,
                "expects an integer from 0 to 9007199254740992");
}

static void test_numbers(void) {
  struct sample sample;
  CHECK_OK(parse(&sample, "gamma", "1"));
  CU_ASSERT_EQUAL(sample.gamma, 1.0);
  CHECK_OK(parse(&sample, "gamma", ".5"));
  CU_ASSERT_EQUAL(sample.gamma, 0.5);
  static const char *const wrong[] = {"1.01", "-0.1", ".nan",   ".inf", "nan",   "inf", "0x1p-1",
                                      "0,5",  "0.5 ", "1e-400", " 0.5", "1e999", "null"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    CHECK_FAILS(parse(&sample, "gamma", wrong[i]), MUSTER_ERROR_USAGE, "expects a number from 0 to 1");

  // null where it is allowed; an exclusive bound
  CHECK_OK(parse(&sample, "target_kl", "0.02"));
  CU_ASSERT_EQUAL(sample.target_kl, 0.02);
  static const char *const null[] = {"null", "Null", "NULL", "~", ""};
  for (size_t i = 0; i < sizeof null / sizeof null[0]; i++) {
    sample.target_kl = 1;
    CHECK_OK(parse(&sample, "target_kl", null[i]));
    CU_ASSERT_TRUE(isnan(sample.target_kl));
  }
  CHECK_FAILS(parse(&sample, "target_kl", "0"), MUSTER_ERROR_USAGE, "expects a number or null, > 0");
  CHECK_OK(parse(&sample, "max_lag", "0"));
  CU_ASSERT_EQUAL(sample.max_lag, 0);
  CHECK_OK(parse(&sample, "max_lag", "~"));
  CU_ASSERT_EQUAL(sample.max_lag, OPTION_NULL_INT);
  CHECK_FAILS(parse(&sample, "max_lag", "-1"), MUSTER_ERROR_USAGE, "expects an integer or null, from 0 to 100");
}

static void test_truth(void) {
  static const char *const yes[] = {"true", "True", "TRUE", "yes", "on", "y", "\"true\""};
  static const char *const no[] = {"false", "False", "FALSE", "no", "Off", "N", "'no'"};
  static const char *const wrong[] = {"1", "0", "tRUE", "null", "truee", "[true]"};
  struct sample sample;
  for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
    sample.normalize = false;
    CHECK_OK(parse(&sample, "normalize", yes[i]));
    CU_ASSERT_TRUE(sample.normalize);
  }
  for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
    CHECK_OK(parse(&sample, "normalize", no[i]));
    CU_ASSERT_FALSE(sample.normalize);
  }
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    CHECK_FAILS(parse(&sample, "normalize", wrong[i]), MUSTER_ERROR_USAGE, "expects true or false");
}

static void test_text_and_choices(void) {
  struct sample sample;
  CHECK_OK(parse(&sample, "label", "'it''s'"));
  CU_ASSERT_STRING_EQUAL(sample.label, "it's");
  CHECK_OK(parse(&sample, "label", "\"a \\\"b\\\" \\\\\""));
  CU_ASSERT_STRING_EQUAL(sample.label, "a \"b\" \\");
  CHECK_OK(parse(&sample, "label", "\"null\""));
  CU_ASSERT_STRING_EQUAL(sample.label, "null");
  CHECK_OK(parse(&sample, "label", "~"));
  CU_ASSERT_STRING_EQUAL(sample.label, "");
  CHECK_FAILS(parse(&sample, "label", "[a]"), MUSTER_ERROR_USAGE, "expects text");
  CHECK_FAILS(parse(&sample, "label", "\"\\n\""), MUSTER_ERROR_USAGE, "expects text");
  CHECK_FAILS(parse(&sample, "label", "a\nb"), MUSTER_ERROR_USAGE, "control characters");
  CHECK_FAILS(parse(&sample, "label", "\xff"), MUSTER_ERROR_USAGE, "UTF-8");

  // exactly the longest text, and one byte more
  char text[OPTION_STRING_SIZE + 1];
  memset(text, 'x', sizeof text);
  text[OPTION_STRING_SIZE] = '\0';
  CHECK_FAILS(parse(&sample, "label", text), MUSTER_ERROR_USAGE, "expects text of at most 511 bytes, not 512");
  text[OPTION_STRING_SIZE - 1] = '\0';
  CHECK_OK(parse(&sample, "label", text));
  CU_ASSERT_STRING_EQUAL(sample.label, text);

  CHECK_OK(parse(&sample, "activation", "relu"));
  CU_ASSERT_EQUAL(sample.activation, 1);
  CHECK_FAILS(parse(&sample, "activation", "Relu"), MUSTER_ERROR_USAGE, "expects one of tanh, relu");
  CHECK_FAILS(parse(&sample, "activation", "null"), MUSTER_ERROR_USAGE, "expects one of tanh, relu");
}

static void test_lists(void) {
  struct sample sample;
  CHECK_OK(parse(&sample, "hidden_sizes", "[ 256,1e2 , \"3\"]"));
  CU_ASSERT_EQUAL_FATAL(sample.hidden_sizes.count, 3);
  CU_ASSERT_EQUAL(sample.hidden_sizes.values[0], 256);
  CU_ASSERT_EQUAL(sample.hidden_sizes.values[1], 100);
  CU_ASSERT_EQUAL(sample.hidden_sizes.values[2], 3);
  CHECK_OK(parse(&sample, "hidden_sizes", "[]"));
  CU_ASSERT_EQUAL(sample.hidden_sizes.count, 0);
  static const char *const wrong[] = {"64",    "[64",     "64]",     "[64, 0]", "[64, 5000]", "[64 64]", "[,]",
                                      "[[1]]", "[1] [2]", "[64, a]", "[1, 2}",  "null",       "[1: 2]",  "["};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    CHECK_FAILS(parse(&sample, "hidden_sizes", wrong[i]), MUSTER_ERROR_USAGE,
                i == 3 || i == 4 ? "expects a list of integers such as [64, 64], each from 1 to 4096"
                                 : "expects a list");
  CHECK_FAILS(parse(&sample, "hidden_sizes", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"), MUSTER_ERROR_USAGE,
              "expects at most 16 integers");
}

static void test_text_lists(void) {
  struct sample sample;
  CHECK_OK(parse(&sample, "words", "[ one two,three, \"a, b\" ]"));
  CU_ASSERT_TRUE_FATAL(!sample.words.is_null && sample.words.count == 3);
  CU_ASSERT_STRING_EQUAL(sample.words.items[0], "one two");
  CU_ASSERT_STRING_EQUAL(sample.words.items[1], "three");
  CU_ASSERT_STRING_EQUAL(sample.words.items[2], "a, b");
  CHECK_OK(parse(&sample, "words", "null"));
  CU_ASSERT_TRUE(sample.words.is_null && sample.words.count == 0);
  CHECK_OK(parse(&sample, "words", "[]"));
  CU_ASSERT_TRUE(!sample.words.is_null && sample.words.count == 0);
  static const char *const wrong[] = {"one", "[one", "one]", "[[one]]", "[one] [two]", "[,]", "[\"a\\tbc\"]", "["};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    CHECK_FAILS(parse(&sample, "words", wrong[i]), MUSTER_ERROR_USAGE,
                "expects a list of texts or null, such as [one two, three]");
  CHECK_FAILS(parse(&sample, "words", "[three, ab]"), MUSTER_ERROR_USAGE, "ab: expects three letters or more");

  char many[8 * (OPTION_TEXTS_MAX + 1) + 1] = "[", large[OPTION_ITEM_SIZE + 3] = "[";
  for (int i = 0; i <= OPTION_TEXTS_MAX; i++) strcat(many, i < OPTION_TEXTS_MAX ? "word, " : "word]");
  CHECK_FAILS(parse(&sample, "words", many), MUSTER_ERROR_USAGE, "expects at most 32 texts");
  memset(large + 1, 'x', OPTION_ITEM_SIZE);
  large[OPTION_ITEM_SIZE + 1] = ']';
  CHECK_FAILS(parse(&sample, "words", large), MUSTER_ERROR_USAGE, "expects a list of texts");
}

static void test_schedules(void) {
  struct sample sample;
  CHECK_OK(parse(&sample, "learning_rate", "lin_0.001"));
  CU_ASSERT_TRUE(sample.learning_rate.linear);
  CU_ASSERT_EQUAL(sample.learning_rate.initial, 0.001);
  CU_ASSERT_EQUAL(option_schedule_value(&sample.learning_rate, 1.0), 0.001);
  CU_ASSERT_EQUAL(option_schedule_value(&sample.learning_rate, 0.5), 0.0005);
  CU_ASSERT_EQUAL(option_schedule_value(&sample.learning_rate, 0.0), 0.0);
  CHECK_OK(parse(&sample, "learning_rate", "7e-4"));
  CU_ASSERT_FALSE(sample.learning_rate.linear);
  CU_ASSERT_EQUAL(option_schedule_value(&sample.learning_rate, 0.5), 7e-4);
  static const char *const wrong[] = {"lin_", "lin_x", "lin_0", "lin_2", "0", "lin_-1", "sin_0.1", "null", "lin_.inf"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    CHECK_FAILS(parse(&sample, "learning_rate", wrong[i]), MUSTER_ERROR_USAGE,
                "expects a number or a schedule such as lin_0.1, cos_0.1 or [[0, 0.1], [1, 0]] > 0, <= 1");
  CHECK_OK(parse(&sample, "clip_range_vf", "lin_0.2"));
  CU_ASSERT_FALSE(sample.clip_range_vf.is_null);
  CHECK_OK(parse(&sample, "clip_range_vf", "~"));
  CU_ASSERT_TRUE(sample.clip_range_vf.is_null);
}

static void test_durations(void) {
  static const struct {
    const char *text;
    double seconds;
  } right[] = {{"90", 90},      {"90s", 90},    {"15m", 900},   {"23h45m", 85500}, {"1d", 86400},
               {"1d1s", 86401}, {"1.5h", 5400}, {"0.25", 0.25}, {"null", 0},       {"1e3", 1000}};
  struct sample sample;
  for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
    CHECK_OK(parse(&sample, "time_limit", right[i].text));
    CU_ASSERT_EQUAL(sample.time_limit, right[i].seconds);
  }
  static const char *const wrong[] = {"-1",   "-5m", "15x", "45m23h", "1h1h",   "h",
                                      "1h30", "1 h", ".m",  "\"\"",   "1.2.3s", "1e400s"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    CHECK_FAILS(parse(&sample, "time_limit", wrong[i]), MUSTER_ERROR_USAGE, "expects a duration such as 90s");
}

static void test_maps(void) {
  struct sample sample;
  CHECK_OK(parse(&sample, "options", "{gravity: 9.8, \"a b\": \"x: {y}\"}"));
  CU_ASSERT_EQUAL_FATAL(sample.options.count, 2);
  CU_ASSERT_STRING_EQUAL(sample.options.keys[0], "gravity");
  CU_ASSERT_STRING_EQUAL(sample.options.values[0], "9.8");
  CU_ASSERT_STRING_EQUAL(sample.options.keys[1], "a b");
  CU_ASSERT_STRING_EQUAL(sample.options.values[1], "x: {y}");
  static const char *const wrong[] = {"{",    "{a}",      "{a: 1",   "{a: 1]",    "{a: b: c}", "{: 1}",
                                      "a: 1", "{a: 1} b", "{.a: 1}", "{a..b: 1}", "{a: \"1}"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    CHECK_FAILS(parse(&sample, "options", wrong[i]), MUSTER_ERROR_USAGE, "expects keys with values");
}

/* a formatted value reads back to the same bits, by option_parse() and through a YAML document */
static void check_round_trip(const struct sample *sample) {
  FILE *file = tmpfile();
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  const char *section = NULL;
  document_write_table(file, &algorithm, sample, &section);
  static char text[2 * OPTION_TEXT_SIZE];
  rewind(file);
  size_t length = fread(text, 1, sizeof text - 1, file);
  text[length] = '\0';
  fclose(file);

  struct sample direct, again;
  struct place place;
  memset(&direct, 0, sizeof direct);
  memset(&again, 0, sizeof again);
  for (const struct option_spec *option = sample_options; option->key != NULL; option++) {
    char value[OPTION_TEXT_SIZE];
    int needed = option_format(option, sample, value, sizeof value);
    CU_ASSERT_TRUE(needed >= 0 && (size_t)needed == strlen(value));
    CHECK_OK(option_parse(option, value, &direct));
  }
  CHECK_OK(load_both(text, NULL, &again, &place));
  memset(again.options.lines, 0, sizeof again.options.lines);
  CU_ASSERT_EQUAL(memcmp(&direct, sample, sizeof direct), 0);
  CU_ASSERT_EQUAL(memcmp(&again, sample, sizeof again), 0);
}

static void test_round_trip(void) {
  struct sample sample;
  memset(&sample, 0, sizeof sample);
  CHECK_OK(option_set_defaults(&algorithm, &sample));
  check_round_trip(&sample);

  static const double numbers[] = {0.0,  0.1,    1.0 / 3, 5e-324, 2.2250738585072014e-308, 0.99999999999999989,
                                   1e-5, 7.77e-5};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    sample.gamma = numbers[i];
    sample.target_kl = numbers[i] > 0 ? 1.7e308 * numbers[i] : NAN;
    if (sample.target_kl == 0) sample.target_kl = 1e300;
    if (sample.target_kl > 1e300) sample.target_kl = 1e300;
    sample.time_limit = numbers[i] * 1e5;
    /* compares member by member: an assignment may change the padding after them */
    sample.clip_range_vf.initial = numbers[i];
    sample.clip_range_vf.linear = i % 2 == 0;
    sample.clip_range_vf.is_null = false;
    check_round_trip(&sample);
  }
  static const char *const texts[] = {"null",
                                      "~",
                                      "true",
                                      "1e5",
                                      "- x",
                                      "a: b",
                                      "a #b",
                                      "it's",
                                      "\"q\"",
                                      " lead",
                                      "trail ",
                                      "[x]",
                                      "{x}",
                                      "a, b",
                                      "*a",
                                      "&a",
                                      "!t",
                                      "%d",
                                      "---",
                                      "...",
                                      "..",
                                      "?",
                                      ":",
                                      "-",
                                      "\\",
                                      "\\n",
                                      "=",
                                      "<<",
                                      "a:",
                                      "\xc3\xa9t\xc3\xa9",
                                      "\xf0\x9f\x90\x8e",
                                      "y",
                                      "./run-1/x_y.h5",
                                      "~/runs",
                                      "lin_1",
                                      "@x",
                                      "`x`",
                                      "|",
                                      ">"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    memset(sample.label, 0, sizeof sample.label);
    memset(&sample.options, 0, sizeof sample.options);
    memcpy(sample.label, texts[i], strlen(texts[i]));
    // a map takes any text as a value, also an empty one; and any text as a key unless a word of it is empty
    sample.options.count = 3;
    const char *key = texts[i][0] == '.' ? "key" : texts[i];
    memcpy(sample.options.keys[0], key, strlen(key));
    memcpy(sample.options.values[0], "x", 1);
    memcpy(sample.options.keys[1], "other key", 9);
    memcpy(sample.options.values[1], texts[i], strlen(texts[i]));
    memcpy(sample.options.keys[2], "empty", 5);
    check_round_trip(&sample);
  }

  // every byte of the longest text escaped
  memset(sample.label, '"', sizeof sample.label - 1);
  sample.options.count = OPTION_MAP_MAX;
  for (size_t i = 0; i < OPTION_MAP_MAX; i++) {
    memset(sample.options.keys[i], '\\', 40);
    sample.options.keys[i][i] = 'k';
    memset(sample.options.values[i], '"', 255);
  }
  check_round_trip(&sample);
  char small[8];
  CU_ASSERT_TRUE(option_format(find_option("label"), &sample, small, sizeof small) > 1000);
  CU_ASSERT_STRING_EQUAL(small, "\"\\\"\\\"\\\"");
  CU_ASSERT_TRUE(option_format(find_option("label"), &sample, NULL, 0) > 1000);
}

static void test_formats(void) {
  struct sample sample;
  static const struct {
    const char *key, *text, *formatted;
  } cases[] = {{"n_steps", "1e5", "100000"},
               {"max_lag", "null", "null"},
               {"max_lag", "0", "0"},
               {"gamma", "0.10", "0.1"},
               {"gamma", "1e-5", "1.0e-05"},
               {"gamma", "1", "1"},
               {"target_kl", "~", "null"},
               {"time_limit", "85500", "23h45m"},
               {"time_limit", "0.5", "0.5"},
               {"normalize", "on", "true"},
               {"label", "CartPole-v1", "CartPole-v1"},
               {"label", "'12'", "\"12\""},
               {"label", "", "\"\""},
               {"label", "...", "\"...\""},
               {"activation", "relu", "relu"},
               {"hidden_sizes", "[64,32]", "[64, 32]"},
               {"words", "[one two, '123']", "[one two, \"123\"]"},
               {"words", "null", "null"},
               {"words", "[]", "[]"},
               {"learning_rate", "lin_0.001", "lin_0.001"},
               {"clip_range_vf", "null", "null"},
               {"options", "{a: 1, b: x}", "{a: 1, b: x}"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[256];
    CHECK_OK(parse(&sample, cases[i].key, cases[i].text));
    option_format(find_option(cases[i].key), &sample, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, cases[i].formatted);
  }
}

static void test_locale(void) {
  // a decimal comma in the host program's locale changes nothing, on systems that have such a locale
  const char *names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8"};
  bool found = false;
  for (int i = 0; i < 3 && !found; i++) found = setlocale(LC_ALL, names[i]) != NULL;
  struct sample sample;
  char text[64];
  CHECK_OK(parse(&sample, "gamma", "0.25"));
  CU_ASSERT_EQUAL(sample.gamma, 0.25);
  option_format(find_option("gamma"), &sample, text, sizeof text);
  CU_ASSERT_STRING_EQUAL(text, "0.25");
  setlocale(LC_ALL, "C");
}

static void test_descriptions(void) {
  char text[128];
  option_describe_type(find_option("activation"), text, sizeof text);
  CU_ASSERT_STRING_EQUAL(text, "one of tanh, relu");
  option_describe_type(find_option("n_steps"), text, sizeof text);
  CU_ASSERT_STRING_EQUAL(text, "integer");
  option_describe_range(find_option("n_steps"), text, sizeof text);
  CU_ASSERT_STRING_EQUAL(text, "1 to 1000000");
  option_describe_range(find_option("target_kl"), text, sizeof text);
  CU_ASSERT_STRING_EQUAL(text, "> 0");
  option_describe_range(find_option("learning_rate"), text, sizeof text);
  CU_ASSERT_STRING_EQUAL(text, "> 0, <= 1");
  option_describe_range(find_option("clip_range_vf"), text, sizeof text);
  CU_ASSERT_STRING_EQUAL(text, ">= 0");
  option_describe_range(find_option("label"), text, sizeof text);
  CU_ASSERT_STRING_EQUAL(text, "");
}

static void test_rl_zoo_block(void) {
  // as people paste it: tags, exponents, quotes, comments, block and flow style
  struct sample sample;
  struct place place;
  CHECK_OK(load_both("# PPO\n"
                     "seed: !!float 1e5\n"
                     "env: {name: 'CartPole-v1', normalize: }\n"
                     "algorithm:\n"
                     "  n_steps: !!float 1e3   # tagged\n"
                     "  gamma: \"0.98\"\n"
                     "  target_kl: !!null\n"
                     "  normalize: yes\n"
                     "  label: !!str null\n"
                     "  learning_rate: lin_0.001\n"
                     "  hidden_sizes:\n"
                     "    - 256\n"
                     "    - !!int 128\n"
                     "  options:\n"
                     "    map_name: \"8x8\"\n"
                     "    size: [3, x y, 'a, b']\n"
                     "    inner: {deep: 1}\n",
                     NULL, &sample, &place));
  CU_ASSERT_EQUAL(place.seed, 100000);
  CU_ASSERT_STRING_EQUAL(place.name, "CartPole-v1");
  CU_ASSERT_EQUAL(sample.n_steps, 1000);
  CU_ASSERT_EQUAL(sample.gamma, 0.98);
  CU_ASSERT_TRUE(isnan(sample.target_kl));
  CU_ASSERT_STRING_EQUAL(sample.label, "null");
  CU_ASSERT_EQUAL(sample.hidden_sizes.values[0], 256);
  CU_ASSERT_EQUAL(sample.hidden_sizes.values[1], 128);
  CU_ASSERT_EQUAL_FATAL(sample.options.count, 3);
  CU_ASSERT_STRING_EQUAL(sample.options.values[0], "8x8");
  CU_ASSERT_EQUAL(sample.options.lines[0], 15);
  CU_ASSERT_STRING_EQUAL(sample.options.values[1], "[3, x y, \"a, b\"]");
  CU_ASSERT_STRING_EQUAL(sample.options.keys[2], "inner.deep");
}

static void test_empty_documents(void) {
  static const char *const texts[] = {"",     "\n\n", "# nothing\n",          "---\n", "--- ~\n...\n",
                                      "null", "{}",   "env:\nalgorithm: {}\n"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct sample sample;
    struct place place;
    CHECK_OK(load_both(texts[i], NULL, &sample, &place));
    CU_ASSERT_EQUAL(sample.n_steps, 2048);
  }
}

static void test_file_errors(void) {
  refuses("algorithm:\n  n_steps: many\n", "f.yaml:2: algorithm.n_steps: many: expects an integer from 1 to 1000000");
  refuses("algorithm: {gamma: .nan}", "f.yaml:1: algorithm.gamma: .nan: expects a number from 0 to 1");
  refuses("seed: 1\nenv: CartPole-v1\n", "f.yaml:2: env: CartPole-v1: expects a section, such as env: {name: ...}");
  refuses("algorithm: [1]\n", "f.yaml:1: algorithm: [1]: expects a section");
  refuses("algorithm:\n  n_steps:\n    a: 1\n",
          "f.yaml:2: algorithm.n_steps: {...}: expects an integer from 1 to 1000000, not a section");
  refuses("algorithm: {options: 5}", "f.yaml:1: algorithm.options: 5: expects keys with values");
  refuses("seed: 1\nenv: {}\nseed: 2\n", "f.yaml:3: seed is given twice, first at line 1");
  refuses("env: {name: a}\nseed: 1\nenv: {normalize: }\n", "f.yaml:3: env is given twice, first at line 1");
  refuses("env.name: a\nenv:\n  name: b\n", "f.yaml:3: env.name is given twice, first at line 1");
  refuses("seed: 1\n---\nseed: 2\n", "f.yaml:2:1: a second document");
  refuses("seed: 1\n\tenv: 2\n", "f.yaml:2:1: not YAML: ");
  refuses("env: {name: a\nseed: 1\n", "f.yaml:2:5: not YAML: ");
  refuses("seed: &a 1\n", "f.yaml:1:7: an anchor (&a) is not accepted");
  refuses("seed: *a\n", "f.yaml:1:7: an alias (*a) is not accepted");
  refuses("env: &e {name: a}\n", "an anchor (&e)");
  refuses("algorithm: {hidden_sizes: &e [1]}\n", "an anchor (&e)");
  refuses("seed: !!python/name:os.system 1\n", "f.yaml:1:7: the tag tag:yaml.org,2002:python/name:os.system");
  refuses("seed: !mine 1\n", "the tag !mine is not accepted");
  refuses("- 1\n", "f.yaml:1:1: expects keys with values");
  refuses("hello\n", "f.yaml:1:1: expects keys with values");
  refuses("[a]: 1\n", "f.yaml:1:1: a key must be a word");
  refuses("\"\": 1\n", "f.yaml:1:1: the key \"\" is empty");
  refuses("algorithm: {options.: 1}\n", "the key \"options.\" is empty or has an empty word");
  refuses("a..b: 1\n", "has an empty word at a dot");
  refuses("seed: [[[1]]]\n", "f.yaml:1:9: seed: a list may hold only scalars, or lists of scalars");
  refuses("algorithm: {label: \"a\\nb\"}\n", "f.yaml:1:20: a value holds a line break");
  refuses("algorithm: {label: \"a\\0b\"}\n", "f.yaml:1:20: a value holds a line break or another control character");
  refuses("algorithm: {label: |\n", "not YAML");
  refuses("seed: \xff\xff\n", "f.yaml: not text in UTF-8");
  refuses("a: {b: {c: {d: {e: {f: {g: {h: {i: 1}}}}}}}}\n", "nested deeper than 8 sections");
}

static void test_limits(void) {
  enum { SIZE = 2 << 20 };
  char *text = calloc(1, SIZE);
  CU_ASSERT_PTR_NOT_NULL_FATAL(text);
  struct document *document = create();

  // a file larger than the limit
  memset(text, '#', SIZE - 1);
  CHECK_FAILS(read_text(document, text), MUSTER_ERROR_USAGE, "f.yaml: larger than the limit of 1048576 bytes");
  text[1 << 20] = '\0';
  CHECK_OK(read_text(document, text));

  // long values, keys and lists
  sprintf(text, "algorithm: {label: %04097d}", 0);
  CHECK_FAILS(read_text(document, text), MUSTER_ERROR_USAGE,
              "f.yaml:1:20: a value of 4097 bytes is longer than the limit of 4096");
  sprintf(text, "%0256d: 1", 0);
  CHECK_FAILS(read_text(document, text), MUSTER_ERROR_USAGE, "a key of 256 bytes is longer than the limit of 255");
  sprintf(text, "%0200d: {%0200d: 1}", 0, 0);
  CHECK_FAILS(read_text(document, text), MUSTER_ERROR_USAGE, "a dotted key is longer than the limit of 255");
  size_t length = (size_t)sprintf(text, "a: [0");
  for (int i = 0; i < 3000; i++) length += (size_t)sprintf(text + length, ",0");
  sprintf(text + length, "]");
  CHECK_FAILS(read_text(document, text), MUSTER_ERROR_USAGE, "longer than the limit of 4096");

  // many keys, and deep lists
  length = 0;
  for (int i = 0; i < 5000; i++) length += (size_t)sprintf(text + length, "k%d: 1\n", i);
  CHECK_FAILS(read_text(document, text), MUSTER_ERROR_USAGE, "more than 4096 keys");
  memset(text, '[', 500000);
  text[500000] = '\0';
  CHECK_FAILS(read_text(document, text), MUSTER_ERROR_USAGE, "f.yaml:1:1: ");
  CU_ASSERT_PTR_NULL(document_get(document, "a"));

  // a map: keys, values, and their number
  length = (size_t)sprintf(text, "algorithm:\n  options:\n");
  for (int i = 0; i < 33; i++) length += (size_t)sprintf(text + length, "    k%d: 1\n", i);
  refuses(text, "f.yaml:35: algorithm.options.k32: 1: is one key too many; the limit is 32");
  sprintf(text, "algorithm: {options: {%064d: 1}}", 0);
  refuses(text, "expects a key of at most 63 bytes");
  sprintf(text, "algorithm: {options: {a: %0256d}}", 0);
  refuses(text, "...: expects a value of at most 255 bytes");
  document_destroy(&document);
  free(text);
}

static void test_unknown_keys(void) {
  refuses("n_steps: 5\n", "f.yaml:1: n_steps: 5: unknown key; did you mean algorithm.n_steps?");
  refuses("env:\n  nmae: x\n", "f.yaml:2: env.nmae: x: unknown key; did you mean env.name?");
  refuses("algoritm: {gamma: 1}\n", "f.yaml:1: algoritm.gamma: 1: unknown key; did you mean algorithm.gamma?");
  refuses("env: {hidden_size: [1]}\n", "unknown key; did you mean algorithm.hidden_sizes?");
  refuses("zzz: 1\n", "f.yaml:1: zzz: 1: unknown key; `muster config` lists those that exist");
  // a name in the right section, but not like any name in it; to be in the same section does not make a key similar
  refuses("algorithm: {foo: 1}\n", "algorithm.foo: 1: unknown key; `muster config` lists those that exist");
  refuses("algorithm: {use_cat: 1}\n", "unknown key; `muster config` lists");
  refuses("algorithm: {gaam: 1}\n", "unknown key; did you mean algorithm.gamma?");
  // keys of rl-zoo and Stable-Baselines3 are recognised in any section
  refuses("algorithm: {use_sde: true}\n", "f.yaml:1: algorithm.use_sde: true: unknown key: it is state-dependent "
                                          "exploration (gSDE), which muster does not have");
  refuses("CartPole-v1: {n_envs: 8}\n", "CartPole-v1.n_envs: 8: unknown key: it is called env.num_envs here");
  refuses("n_timesteps: 5\n", "f.yaml:1: n_timesteps: 5: unknown key: it is called total_steps here");
  refuses("algorithm: {policy_kwargs: dict()}\n", "it is the section policy here: net_arch is policy.hidden_sizes");
  refuses_set("algorithm.noise_type=normal", "it is called algorithm.action_noise here");
  refuses_set("algorithm.prioritized_replay_alpha=0.6", "it is called algorithm.replay.alpha here");
  refuses("zzz: {}\n", "f.yaml:1: zzz: {...}: unknown key");
  refuses("algorithm.n_steps.deep: 1\n", "unknown key");
  refuses("algorithm: {rho_bar: 2}\n",
          "f.yaml:1: algorithm.rho_bar: 2: is an option of impala, which this run does not use");
  refuses_set("algorithm.gama=1", "--set algorithm.gama=1: unknown key; did you mean algorithm.gamma?");

  // a section of a table that is not applied may be empty
  struct document *document = create();
  CHECK_OK(read_text(document, "algorithm: {}\nenv: null\n"));
  CHECK_OK(document_check_unknown(document, tables, TABLES));
  document_destroy(&document);
}

static void test_set(void) {
  struct sample sample;
  struct place place;
  static const char text[] = "algorithm: {n_steps: 8, gamma: 0.5, options: {a: 1, b: 2}}\n";
  CHECK_OK(load_both(text, "algorithm.n_steps=1e3", &sample, &place));
  CU_ASSERT_EQUAL(sample.n_steps, 1000);
  CU_ASSERT_EQUAL(sample.gamma, 0.5);
  CHECK_OK(load_both(text, "algorithm.hidden_sizes=[32, 16]", &sample, &place));
  CU_ASSERT_EQUAL(sample.hidden_sizes.values[1], 16);
  CHECK_OK(load_both(text, "algorithm.label=a=b", &sample, &place));
  CU_ASSERT_STRING_EQUAL(sample.label, "a=b");
  CHECK_OK(load_both(text, "algorithm.label=", &sample, &place));
  CU_ASSERT_STRING_EQUAL(sample.label, "");

  // one key of a map is added to the others; a whole map replaces them
  CHECK_OK(load_both(text, "algorithm.options.b=3", &sample, &place));
  CU_ASSERT_EQUAL_FATAL(sample.options.count, 2);
  CU_ASSERT_STRING_EQUAL(sample.options.values[1], "3");
  CU_ASSERT_EQUAL(sample.options.lines[1], 0);
  CHECK_OK(load_both(text, "algorithm.options={c: 4}", &sample, &place));
  CU_ASSERT_EQUAL_FATAL(sample.options.count, 1);
  CU_ASSERT_STRING_EQUAL(sample.options.keys[0], "c");
  CHECK_OK(load_both("algorithm: {options: null}", "algorithm.options.b=3", &sample, &place));
  CU_ASSERT_EQUAL(sample.options.count, 1);
  CHECK_OK(load_both("algorithm: {n_steps: wrong}", "algorithm.n_steps=4", &sample, &place));
  CU_ASSERT_EQUAL(sample.n_steps, 4);

  refuses_set("algorithm.n_steps=0", "--set algorithm.n_steps=0: expects an integer from 1 to 1000000");
  refuses_set("algorithm.n_steps=*a", "--set algorithm.n_steps=*a: an alias");
  refuses_set("algorithm.n_steps=[", "--set algorithm.n_steps=[: not YAML");
  refuses_set("env=CartPole-v1", "--set env=CartPole-v1: expects a section, such as env: {name: ...}");
  refuses_set("algorithm", "--set algorithm: expects KEY=VALUE");
  refuses_set("=1", "expects KEY=VALUE");
  refuses_set("a..b=1", "expects KEY=VALUE");
  refuses_set("algorithm={gamma: 1, gamma: 1}", "algorithm.gamma is given twice");

  struct document *document = create();
  CHECK_OK(document_set(document, "env.name=x"));
  CHECK_FAILS(document_set(document, "env.name=y"), MUSTER_ERROR_USAGE,
              "--set env.name=y: env.name is given twice by --set");
  CHECK_FAILS(document_set(document, "env={}"), MUSTER_ERROR_USAGE, "env.name is given twice by --set");
  CHECK_FAILS(document_set(document, "env.name.z=1"), MUSTER_ERROR_USAGE, "env.name is given twice by --set");
  CU_ASSERT_STRING_EQUAL(document_get(document, "env.name"), "x");
  CHECK_FAILS(read_text(document, "env: {name: z}"), MUSTER_ERROR_USAGE,
              "f.yaml:1: env.name: z: given already by --set");
  document_destroy(&document);
}

static void test_get_and_error(void) {
  struct document *document = create();
  CHECK_OK(read_text(document, "env:\n  name: \"a: b\"\nhidden: [64,  '64', x]\n"));
  CU_ASSERT_STRING_EQUAL(document_get(document, "env.name"), "a: b");
  CU_ASSERT_STRING_EQUAL(document_get(document, "hidden"), "[64, \"64\", x]");
  CU_ASSERT_PTR_NULL(document_get(document, "env"));
  CU_ASSERT_PTR_NULL(document_get(document, "env.nam"));
  CHECK_FAILS(document_error(document, "env.name", "expects %d", 7), MUSTER_ERROR_USAGE,
              "f.yaml:2: env.name: \"a: b\": expects 7");
  CHECK_FAILS(document_error(document, "seed", "expects %d", 7), MUSTER_ERROR_USAGE, "seed: expects 7");
  // a second file may add keys, but not repeat them
  CHECK_FAILS(document_read_text(document, "g.yaml", "env.name: x", 11), MUSTER_ERROR_USAGE,
              "g.yaml:1: env.name: x: given twice, first at f.yaml:2");
  CHECK_OK(document_read_text(document, "g.yaml", "seed: 3", 7));
  CU_ASSERT_STRING_EQUAL(document_get(document, "seed"), "3");
  document_destroy(&document);
  CU_ASSERT_PTR_NULL(document);
  document_destroy(&document);
}

static void test_files(void) {
  char path[1100];
  const char *folder = check_folder("config");
  snprintf(path, sizeof path, "%s/run.yaml", folder);
  struct document *document = create();
  CHECK_FAILS(document_read_file(document, path), MUSTER_ERROR_USAGE, "run.yaml: No such file");
  CHECK_FAILS(document_read_file(document, folder), MUSTER_ERROR_USAGE, "Is a directory");
  FILE *file = fopen(path, "w");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  fputs("seed: 12\n", file);
  fclose(file);
  CHECK_OK(document_read_file(document, path));
  CU_ASSERT_STRING_EQUAL(document_get(document, "seed"), "12");
  CHECK_FAILS(document_read_file(document, "/dev/zero"), MUSTER_ERROR_USAGE, "/dev/zero: larger than the limit");
  document_destroy(&document);
}

enum { PRINTED_SIZE = 16384 };

/* runs a printer that writes into text[PRINTED_SIZE]; returns whether the reference matched anything */
static bool print_tables(const char *key, bool markdown, char *text) {
  memset(text, 0, PRINTED_SIZE);
  FILE *file = fmemopen(text, PRINTED_SIZE, "w");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  bool matched = !markdown && config_reference_print(file, tables, TABLES, key);
  if (markdown) config_reference_markdown(file, tables, TABLES);
  fclose(file);
  return matched;
}

static void test_write_tables(void) {
  char *text = NULL;
  size_t size = 0;
  FILE *file = open_memstream(&text, &size);
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  const struct place place = {.seed = 3, .name = "x y", .frozen = true};
  const char *section = NULL;
  document_write_table(file, &top, &place, &section);
  document_write_table(file, &env, &place, &section);
  document_write_table(file, &normalize, &place, &section);
  const struct option_table same = {"env", NULL, top_options}, alone = {"a.b", NULL, top_options};
  document_write_table(file, &same, &place, &section);
  document_write_table(file, &alone, &place, &section);
  fclose(file);
  CU_ASSERT_STRING_EQUAL(text, "seed: 3\n"
                               "env:\n"
                               "  name: x y\n"
                               "  normalize:\n"
                               "    frozen: true\n"
                               "  seed: 3\n"
                               "a:\n"
                               "  b:\n"
                               "    seed: 3\n");
  free(text);
}

static void test_reference(void) {
  char text[PRINTED_SIZE];
  CU_ASSERT_TRUE(print_tables(NULL, false, text));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "env.normalize.frozen"));
  // columns are aligned: the help of two options begins at the same column
  const char *first = strstr(text, "\nseed "), *second = strstr(text, "\nalgorithm.n_steps ");
  CU_ASSERT_PTR_NOT_NULL_FATAL(first);
  CU_ASSERT_PTR_NOT_NULL_FATAL(second);
  CU_ASSERT_EQUAL(strstr(first, "of the run") - first, strstr(second, "steps of a rollout") - second);

  CU_ASSERT_TRUE(print_tables("algorithm.n_steps", false, text));
  CU_ASSERT_STRING_EQUAL(text, "algorithm.n_steps\n"
                               "  steps of a rollout\n"
                               "  type     integer\n"
                               "  default  2048\n"
                               "  range    1 to 1000000\n"
                               "  owner    ppo\n"
                               "  example  --set 'algorithm.n_steps=2048'\n");

  CU_ASSERT_TRUE(print_tables("env", false, text));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "env.normalize.frozen"));
  CU_ASSERT_PTR_NULL(strstr(text, "algorithm."));

  CU_ASSERT_FALSE(print_tables("n_step", false, text));
  CU_ASSERT_STRING_EQUAL(text, "");
  CHECK_FAILS(config_reference_show(stdout, tables, TABLES, "n_step"), MUSTER_ERROR_USAGE,
              "no option or section is called n_step; did you mean algorithm.n_steps?");
  CHECK_FAILS(config_reference_show(stdout, tables, TABLES, "zzzz"), MUSTER_ERROR_USAGE, "`muster config` lists all");
}

static void test_markdown(void) {
  char text[PRINTED_SIZE];
  print_tables(NULL, true, text);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "| key | type | default | range | owner | help |\n|---|---|---|---|---|---|\n"));
  CU_ASSERT_PTR_NOT_NULL(
      strstr(text, "| algorithm.n\\_steps | integer | 2048 | 1 to 1000000 | ppo | steps of a rollout |\n"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "normalise \\| scale"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "number or schedule | 3e-4 | \\> 0, \\<= 1"));
}

static void test_arbitrary_bytes(void) {
  // whatever its bytes, a text can at worst be refused; this runs under the sanitizers, too
  static const char seed_text[] = "seed: 1\nenv: {name: 'a', normalize: }\nalgorithm:\n  hidden_sizes: [1, \"2\"]\n"
                                  "  options: {a: !!int 3, b: [x, y]}\n  label: \"\\x41 \xc3\xa9\"\n";
  uint32_t state = 1;
  int accepted = 0;
  for (int round = 0; round < 3000; round++) {
    char text[sizeof seed_text];
    memcpy(text, seed_text, sizeof text);
    for (int i = 0; i < 1 + round % 5; i++) {
      state = state * 1664525u + 1013904223u;
      text[(state >> 8) % (sizeof text - 1)] = (char)(state >> 24);
    }
    struct document *document = create();
    struct sample sample;
    struct place place;
    muster_status status = document_read_text(document, "f.yaml", text, sizeof text - 1);
    if (status == MUSTER_OK) status = load_into(document, "", NULL, &sample, &place);
    if (status == MUSTER_OK) accepted++;
    bool told = status == MUSTER_OK || muster_status_code(status) == MUSTER_ERROR_USAGE;
    CU_ASSERT_TRUE(told);
    muster_status_clear(&status);
    document_destroy(&document);
  }
  CU_ASSERT_TRUE(accepted > 0 && accepted < 3000);
}

static const struct check_case cases[] = {{"defaults", test_defaults},
                                          {"integers", test_integers},
                                          {"numbers", test_numbers},
                                          {"truth", test_truth},
                                          {"text and choices", test_text_and_choices},
                                          {"lists", test_lists},
                                          {"lists of texts", test_text_lists},
                                          {"schedules", test_schedules},
                                          {"durations", test_durations},
                                          {"maps", test_maps},
                                          {"round trip", test_round_trip},
                                          {"formats", test_formats},
                                          {"locale", test_locale},
                                          {"descriptions", test_descriptions},
                                          {"rl-zoo block", test_rl_zoo_block},
                                          {"empty documents", test_empty_documents},
                                          {"file errors", test_file_errors},
                                          {"limits", test_limits},
                                          {"unknown keys", test_unknown_keys},
                                          {"set", test_set},
                                          {"get and error", test_get_and_error},
                                          {"files", test_files},
                                          {"write tables", test_write_tables},
                                          {"reference", test_reference},
                                          {"markdown", test_markdown},
                                          {"arbitrary bytes", test_arbitrary_bytes}};

CHECK_MAIN("config", cases)
