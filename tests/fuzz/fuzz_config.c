/* Fuzzes the reader of configs: YAML, the option tables, --set. The first byte chooses: after '=' the rest is one
 * assignment of --set over an empty config; with any other first byte the whole is a config file. */
#include "config/document.h"
#include "setup/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* a config that was accepted can be written as text, and that text reads back as the same config */
static void check_round_trip(const struct run_config *config) {
  char *first, *second;
  struct run_config *again = malloc(sizeof *again);
  if (again == NULL || run_config_text(config, &first) != MUSTER_OK) abort();
  if (run_config_parse("again", first, again) != MUSTER_OK || run_config_text(again, &second) != MUSTER_OK) abort();
  if (strcmp(first, second) != 0) abort();
  char difference[4096];
  if (run_config_differs(config, again, difference, sizeof difference)) abort();
  free(first);
  free(second);
  free(again);
}

/* reads the bytes, zeros among them, as a document only */
static void read_document(const char *text, size_t size) {
  struct document *document;
  if (document_create(&document) != MUSTER_OK) abort();
  muster_status status =
      size > 0 && text[0] == '=' ? document_set(document, text + 1) : document_read_text(document, "fuzz", text, size);
  if (status != MUSTER_OK && muster_status_message(status)[0] == '\0') abort();
  muster_status_clear(&status);
  document_destroy(&document);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
  char *text = malloc(size + 1);
  struct run_config *config = malloc(sizeof *config);
  if (text == NULL || config == NULL) abort();
  memcpy(text, data, size);
  text[size] = '\0';
  read_document(text, size);
  muster_status status = run_config_parse("fuzz", text, config);
  if (status == MUSTER_OK) check_round_trip(config);
  if (status != MUSTER_OK && muster_status_message(status)[0] == '\0') abort();
  muster_status_clear(&status);
  free(config);
  free(text);
  return 0;
}
