#include "config/reader.h"

#include "config/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

struct reader {
  yaml_parser_t parser;
  struct entry_list *list;
  const char *name;
  bool from_file;          /* whether messages tell lines */
  int32_t line;            /* of the key being read; 0 for the command line */
  char key[TEXT_KEY_SIZE]; /* dotted, down to where the reader is */
};

/* an error at a place: "NAME:LINE:COLUMN: text", without the numbers for the command line */
static MUSTER_PRINTF(3, 4) muster_status
    reader_error(const struct reader *reader, const yaml_mark_t *mark, const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (!reader->from_file) return status_error(MUSTER_ERROR_USAGE, "%s: %s", reader->name, text);
  return status_error(MUSTER_ERROR_USAGE, "%s:%zu:%zu: %s", reader->name, mark->line + 1, mark->column + 1, text);
}

/* the error of libyaml, in our words */
static muster_status parser_error(const struct reader *reader) {
  const yaml_parser_t *parser = &reader->parser;
  const char *problem = parser->problem != NULL ? parser->problem : "cannot be read";
  if (parser->error == YAML_MEMORY_ERROR)
    return status_error(MUSTER_ERROR_MEMORY, "%s: out of memory while reading YAML", reader->name);
  if (parser->error == YAML_READER_ERROR)
    return status_error(MUSTER_ERROR_USAGE, "%s: not text in UTF-8: %s at byte %zu", reader->name, problem,
                        parser->problem_offset);
  if (parser->context == NULL) return reader_error(reader, &parser->problem_mark, "not YAML: %s", problem);
  return reader_error(reader, &parser->problem_mark, "not YAML: %s, %s that began at line %zu", problem,
                      parser->context, parser->context_mark.line + 1);
}

/* whether there is no tag, or one of the core schema, which the option's type makes unnecessary */
static bool is_core_tag(const yaml_char_t *tag) {
  static const char *const names[] = {"str", "int", "float", "bool", "null", "seq", "map"};
  static const char prefix[] = "tag:yaml.org,2002:";
  if (tag == NULL) return true;
  if (strncmp((const char *)tag, prefix, sizeof prefix - 1) != 0) return false;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp((const char *)tag + sizeof prefix - 1, names[i]) == 0) return true;
  return false;
}

static bool has_tag(const yaml_event_t *event, const char *name) {
  const char *tag = (const char *)event->data.scalar.tag;
  return tag != NULL && is_core_tag(event->data.scalar.tag) && strcmp(strrchr(tag, ':') + 1, name) == 0;
}

/* refuses what configs may not have: anchors, aliases, tags outside the core schema */
static muster_status check_event(const struct reader *reader, const yaml_event_t *event) {
  const yaml_char_t *anchor = NULL, *tag = NULL;
  switch (event->type) {
  case YAML_ALIAS_EVENT:
    return reader_error(reader, &event->start_mark,
                        "an alias (*%.60s) is not accepted; write the value out, or quote it",
                        (const char *)event->data.alias.anchor);
  case YAML_SCALAR_EVENT:
    anchor = event->data.scalar.anchor;
    tag = event->data.scalar.tag;
    break;
  case YAML_SEQUENCE_START_EVENT:
    anchor = event->data.sequence_start.anchor;
    tag = event->data.sequence_start.tag;
    break;
  case YAML_MAPPING_START_EVENT:
    anchor = event->data.mapping_start.anchor;
    tag = event->data.mapping_start.tag;
    break;
  default: break;
  }
  if (anchor != NULL)
    return reader_error(reader, &event->start_mark,
                        "an anchor (&%.60s) is not accepted; write the value out, or quote it", (const char *)anchor);
  if (!is_core_tag(tag))
    return reader_error(reader, &event->start_mark, "the tag %.60s is not accepted; write the value without it",
                        (const char *)tag);
  return MUSTER_OK;
}

/* parses the next event; on success the caller deletes it */
static muster_status next_event(struct reader *reader, yaml_event_t *event) {
  if (!yaml_parser_parse(&reader->parser, event)) return parser_error(reader);
  muster_status status = check_event(reader, event);
  if (status != MUSTER_OK) yaml_event_delete(event);
  return status;
}

/* checks that a scalar is one short line of text; `what` names it */
static muster_status check_scalar(const struct reader *reader, const yaml_event_t *event, const char *what,
                                  size_t limit) {
  const char *content = (const char *)event->data.scalar.value;
  size_t length = event->data.scalar.length;
  if (length > limit)
    return reader_error(reader, &event->start_mark, "%s of %zu bytes is longer than the limit of %zu", what, length,
                        limit);
  if (strlen(content) != length || !text_is_printable(content))
    return reader_error(reader, &event->start_mark, "%s holds a line break or another control character", what);
  return MUSTER_OK;
}

/* whether a scalar may be a number, a truth value or null, and not only text */
static bool is_plain(const yaml_event_t *event) {
  if (event->data.scalar.tag != NULL) return !has_tag(event, "str");
  return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static muster_status add_entry(struct reader *reader, const yaml_event_t *event, enum entry_kind kind, const char *text,
                               const char *content) {
  const struct entry *other = entry_list_find(reader->list, reader->key);
  if (other != NULL && other->line == 0)
    return reader_error(reader, &event->start_mark, "%s is given twice", other->key);
  if (other != NULL)
    return status_error(MUSTER_ERROR_USAGE, "%s:%d: %s is given twice, first at line %d", reader->name, reader->line,
                        other->key, other->line);
  const struct entry value = {.kind = kind,
                              .key = reader->key,
                              .text = (char *)text,
                              .content = (char *)content,
                              .file = reader->from_file ? (char *)reader->name : "",
                              .line = reader->line};
  return status_wrap(entry_list_add(reader->list, &value), "%s", reader->name);
}

static muster_status add_scalar(struct reader *reader, const yaml_event_t *event) {
  MUSTER_TRY(check_scalar(reader, event, "a value", TEXT_LIMIT));
  const char *content = (const char *)event->data.scalar.value;
  if (is_plain(event)) {
    const char *text = content[0] != '\0' ? content : "null";
    return add_entry(reader, event, ENTRY_SCALAR, text, text);
  }
  char text[TEXT_SIZE];
  struct text_sink sink = text_sink_start(text, sizeof text);
  text_write_scalar(&sink, content, true);
  return add_entry(reader, event, ENTRY_SCALAR, text, content);
}

static muster_status write_list(struct reader *reader, struct text_sink *sink, int depth);

/* writes one element of a list in flow style; `depth` counts the lists around it */
static muster_status read_element(struct reader *reader, const yaml_event_t *event, struct text_sink *sink, int depth) {
  const bool is_first = sink->text[sink->length < sink->size ? sink->length - 1 : sink->size - 1] == '[';
  if (!is_first) text_print(sink, ", ");
  if (event->type == YAML_SEQUENCE_START_EVENT && depth == 1) return write_list(reader, sink, depth + 1);
  if (event->type != YAML_SCALAR_EVENT)
    return reader_error(reader, &event->start_mark, "%s: a list may hold only scalars, or lists of scalars",
                        reader->key);
  MUSTER_TRY(check_scalar(reader, event, "a value", TEXT_LIMIT));
  const char *content = (const char *)event->data.scalar.value;
  bool plain = is_plain(event);
  text_write_scalar(sink, plain && content[0] == '\0' ? "null" : content, !plain);
  return MUSTER_OK;
}

/* writes the elements of a list that has begun, up to its end */
static muster_status write_list(struct reader *reader, struct text_sink *sink, int depth) {
  text_put(sink, '[');
  for (;;) {
    yaml_event_t event;
    MUSTER_TRY(next_event(reader, &event));
    bool ends = event.type == YAML_SEQUENCE_END_EVENT;
    muster_status status = ends ? MUSTER_OK : read_element(reader, &event, sink, depth);
    yaml_event_delete(&event);
    MUSTER_TRY(status);
    if (ends) break;
  }
  text_put(sink, ']');
  return MUSTER_OK;
}

static muster_status read_list(struct reader *reader, const yaml_event_t *start) {
  char text[TEXT_LIMIT + 1];
  struct text_sink sink = text_sink_start(text, sizeof text);
  MUSTER_TRY(write_list(reader, &sink, 1));
  if (text_was_cut(&sink))
    return reader_error(reader, &start->start_mark, "%s: a list of %zu bytes is longer than the limit of %d",
                        reader->key, sink.length, TEXT_LIMIT);
  return add_entry(reader, start, ENTRY_LIST, text, text);
}

/* appends a mapping's key to the dotted key so far, and remembers its line */
static muster_status enter_key(struct reader *reader, const yaml_event_t *event) {
  if (event->type != YAML_SCALAR_EVENT)
    return reader_error(reader, &event->start_mark, "a key must be a word, not a list or a mapping");
  MUSTER_TRY(check_scalar(reader, event, "a key", TEXT_KEY_SIZE - 1));
  const char *key = (const char *)event->data.scalar.value;
  if (!text_is_dotted_key(key))
    return reader_error(reader, &event->start_mark, "the key \"%s\" is empty or has an empty word at a dot", key);
  size_t used = strlen(reader->key);
  int length = snprintf(reader->key + used, sizeof reader->key - used, "%s%s", used > 0 ? "." : "", key);
  if (used + (size_t)length >= sizeof reader->key)
    return reader_error(reader, &event->start_mark, "a dotted key is longer than the limit of %d bytes",
                        TEXT_KEY_SIZE - 1);
  reader->line = reader->from_file ? (int32_t)event->start_mark.line + 1 : 0;
  return MUSTER_OK;
}

static muster_status read_value(struct reader *reader, const yaml_event_t *event, int depth);

/* reads keys and values up to the end of the mapping */
static muster_status read_mapping(struct reader *reader, int depth) {
  size_t outer = strlen(reader->key);
  for (;;) {
    yaml_event_t event;
    MUSTER_TRY(next_event(reader, &event));
    bool ends = event.type == YAML_MAPPING_END_EVENT;
    muster_status status = ends ? MUSTER_OK : enter_key(reader, &event);
    yaml_event_delete(&event);
    if (ends || status != MUSTER_OK) return status;

    MUSTER_TRY(next_event(reader, &event));
    status = read_value(reader, &event, depth);
    yaml_event_delete(&event);
    MUSTER_TRY(status);
    reader->key[outer] = '\0';
  }
}

/* reads the value of reader->key, or the whole document where that is empty; `depth` counts the mappings around it */
static muster_status read_value(struct reader *reader, const yaml_event_t *event, int depth) {
  bool is_document = reader->key[0] == '\0';
  if (event->type == YAML_MAPPING_START_EVENT) {
    if (depth == READER_DEPTH_LIMIT)
      return reader_error(reader, &event->start_mark, "nested deeper than %d sections", READER_DEPTH_LIMIT);
    if (!is_document) MUSTER_TRY(add_entry(reader, event, ENTRY_SECTION, "{...}", "{...}"));
    return read_mapping(reader, depth + 1);
  }
  if (!is_document) return event->type == YAML_SCALAR_EVENT ? add_scalar(reader, event) : read_list(reader, event);
  // a document with only comments, or null, sets nothing
  bool is_null =
      event->type == YAML_SCALAR_EVENT && is_plain(event) && text_is_null((const char *)event->data.scalar.value);
  if (is_null) return MUSTER_OK;
  return reader_error(reader, &event->start_mark, "expects keys with values, such as \"seed: 1\"");
}

/* reads the only document of the stream */
static muster_status read_stream(struct reader *reader) {
  bool is_empty = true;
  for (;;) {
    yaml_event_t event;
    MUSTER_TRY(next_event(reader, &event));
    yaml_event_type_t type = event.type;
    muster_status status = MUSTER_OK;
    if (type == YAML_DOCUMENT_START_EVENT) {
      if (!is_empty) status = reader_error(reader, &event.start_mark, "a second document; a config is one document");
      is_empty = false;
    } else if (type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_END_EVENT && type != YAML_STREAM_END_EVENT) {
      status = read_value(reader, &event, 0);
    } else if (type == YAML_STREAM_END_EVENT && is_empty && reader->key[0] != '\0') {
      status = add_entry(reader, &event, ENTRY_SCALAR, "null", "null");
    }
    yaml_event_delete(&event);
    if (status != MUSTER_OK || type == YAML_STREAM_END_EVENT) return status;
  }
}

muster_status reader_read(struct entry_list *list, const char *name, const char *root, const char *text,
                          size_t length) {
  if (length > READER_SIZE_LIMIT)
    return status_error(MUSTER_ERROR_USAGE, "%s: larger than the limit of %d bytes", name, READER_SIZE_LIMIT);
  if (strlen(root) >= TEXT_KEY_SIZE)
    return status_error(MUSTER_ERROR_USAGE, "%s: the key is longer than the limit of %d bytes", name,
                        TEXT_KEY_SIZE - 1);
  struct reader reader = {.list = list, .name = name, .from_file = root[0] == '\0'};
  snprintf(reader.key, sizeof reader.key, "%s", root);
  if (!yaml_parser_initialize(&reader.parser))
    return status_error(MUSTER_ERROR_MEMORY, "%s: out of memory while reading YAML", name);
  yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, length);
  muster_status status = read_stream(&reader);
  yaml_parser_delete(&reader.parser);
  return status;
}
