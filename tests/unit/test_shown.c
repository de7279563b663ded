/* Texts from outside: bytes that would act on a terminal, or are not valid text, are written out as escapes, wherever
 * the text goes. */
#include "base/log.h"
#include "base/shown.h"
#include "support/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_decode(void) {
  static const struct {
    const char *text;
    size_t length;
    uint32_t code;
  } right[] = {{"a", 1, 'a'},
               {"\x7f", 1, 0x7f},
               {"\xc2\x80", 2, 0x80},
               {"\xdf\xbf", 2, 0x7ff},
               {"\xe0\xa0\x80", 3, 0x800},
               {"\xed\x9f\xbf", 3, 0xd7ff},
               {"\xef\xbf\xbf", 3, 0xffff},
               {"\xf0\x90\x80\x80", 4, 0x10000},
               {"\xf4\x8f\xbf\xbf", 4, 0x10ffff}};
  for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
    uint32_t code = 0;
    CU_ASSERT_EQUAL(utf8_decode(right[i].text, &code), right[i].length);
    CU_ASSERT_EQUAL(code, right[i].code);
  }
  static const char *const wrong[] = {"",
                                      "\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc3",
                                      "\xc3(",
                                      "\xe0\x9f\xbf",
                                      "\xe2\x82",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80",
                                      "\xff"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) CU_ASSERT_EQUAL(utf8_decode(wrong[i], NULL), 0);
}

static const struct {
  const char *text, *shown;
} texts[] = {
    {"plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80 \\ \"", "plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80 \\ \""},
    {"a\033[2Jb\ac\rd\be\x7f", "a\\x1b[2Jb\\x07c\\x0dd\\x08e\\x7f"},
    {"one\ntwo\tthree", "one\\ntwo\\tthree"},
    {"\xc2\x9b"
     "2J \xc2\x80 \xc2\xa0",
     "\\u009b2J \\u0080 \xc2\xa0"},
    {"\xff\xc3(\xe2\x82", "\\xff\\xc3(\\xe2\\x82"},
    {"\xe2\x80\xaegnp.\xe2\x81\xa6x\xe2\x80\xa8", "\\u202egnp.\\u2066x\\u2028"},
};

static void test_shown(void) {
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    char copy[200], *written = NULL, *printed = NULL;
    size_t size;
    CU_ASSERT_STRING_EQUAL(shown_copy(texts[i].text, copy, sizeof copy), texts[i].shown);
    CU_ASSERT_TRUE(strlen(texts[i].shown) <= SHOWN_GROWTH * strlen(texts[i].text));
    FILE *file = open_memstream(&written, &size);
    shown_write(file, texts[i].text);
    fclose(file);
    CU_ASSERT_STRING_EQUAL(written, texts[i].shown);
    file = open_memstream(&printed, &size);
    shown_print(file, "%s\n", texts[i].text); // the only line break is that of the format
    shown_print(file, "%s", texts[i].text);
    fclose(file);
    size_t length = strlen(texts[i].shown);
    CU_ASSERT_TRUE(strncmp(printed, texts[i].shown, length) == 0 && printed[length] == '\n' &&
                   strcmp(printed + length + 1, texts[i].shown) == 0);
    free(written);
    free(printed);
  }
  /* one sign for each character or stray byte that may not be shown */
  const char *mixed = "a\xc2\x9b\xe2\x80\xae\xff\xc3\xa4\n";
  static const size_t lengths[] = {1, 2, 3, 1, 2, 1};
  static const bool are_shown[] = {true, false, false, false, true, false};
  bool as_is;
  for (size_t i = 0; i < 6; mixed += lengths[i++])
    CU_ASSERT_TRUE(shown_next(mixed, &as_is) == lengths[i] && as_is == are_shown[i]);
  CU_ASSERT_EQUAL(shown_next(mixed, &as_is), 0);

  /* a text that is too long is cut between characters or the escapes that stand for them */
  char cut[8];
  CU_ASSERT_STRING_EQUAL(shown_copy("ab\033\033", cut, 7), "ab\\x1b");
  CU_ASSERT_STRING_EQUAL(shown_copy("ab\033\033", cut, 6), "ab");
  CU_ASSERT_STRING_EQUAL(shown_copy("abc\xc3\xa4", cut, 5), "abc");
  CU_ASSERT_STRING_EQUAL(shown_copy("a", cut, 1), "");
}

/* every message is one line, as an error and in the log */
static void test_messages(void) {
  CHECK_FAILS(status_error(MUSTER_ERROR_IO, "cannot read '%s'", "a\033]0;b\nmuster: all is well"), MUSTER_ERROR_IO,
              "cannot read 'a\\x1b]0;b\\nmuster: all is well'");
  muster_status status = status_error(MUSTER_ERROR_ENVIRONMENT, "%s", "failed\r\n\n");
  CU_ASSERT_STRING_EQUAL(muster_status_message(status), "failed");
  status = status_wrap(status, "environment %s", "\x9b");
  CU_ASSERT_STRING_EQUAL(muster_status_message(status), "environment \\x9b: failed");
  muster_status_clear(&status);

  char path[1200], line[200] = "";
  snprintf(path, sizeof path, "%.1100s/log", check_folder("shown"));
  int kept = dup(STDERR_FILENO), file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  CU_ASSERT_TRUE_FATAL(kept >= 0 && file >= 0 && dup2(file, STDERR_FILENO) >= 0);
  const struct logger logger = {LOG_INFO, "learner", 0};
  log_warn(&logger, "it says '%s'", "\033[1m\n");
  dup2(kept, STDERR_FILENO);
  close(kept);
  CU_ASSERT_TRUE(pread(file, line, sizeof line - 1, 0) > 0);
  close(file);
  CU_ASSERT_STRING_EQUAL(line + 9, "learner 0: warning: it says '\\x1b[1m\\n'\n");
}

static const struct check_case cases[] = {
    {"UTF-8", test_decode}, {"what may be shown", test_shown}, {"messages", test_messages}};

CHECK_MAIN("shown", cases)
