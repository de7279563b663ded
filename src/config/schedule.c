#include "config/schedule.h"

#include <math.h>
#include <string.h>

static const char warm_up_prefix[] = "warmup_", linear_prefix[] = "lin_", cosine_prefix[] = "cos_";
static const double pi = 3.14159265358979323846;

/* moves behind the prefix, if the text has it */
static bool skip_prefix(const char **text, const char *prefix) {
  const size_t length = strlen(prefix);
  if (strncmp(*text, prefix, length) != 0) return false;
  *text += length;
  return true;
}

/* reads a number up to an underscore or the end, and moves behind it */
static bool read_number(const char **text, double *out) {
  char number[64];
  const size_t length = strcspn(*text, "_");
  if (length >= sizeof number) return false;
  memcpy(number, *text, length);
  number[length] = '\0';
  *text += length;
  return text_to_number(number, out);
}

/* reads [share, value], and moves behind it */
static bool read_point(const char **text, double *at, double *value) {
  char item[64];
  *text += strspn(*text, " ");
  if (*(*text)++ != '[') return false;
  if (!text_read_item(text, item, sizeof item) || !text_to_number(item, at)) return false;
  if (*(*text)++ != ',') return false;
  if (!text_read_item(text, item, sizeof item) || !text_to_number(item, value)) return false;
  if (*(*text)++ != ']') return false;
  *text += strspn(*text, " ");
  return true;
}

/* whether the shares lie within the run and never go back */
static bool are_in_order(const struct option_schedule *schedule) {
  double before = 0;
  for (int32_t i = 0; i < schedule->count; i++) {
    if (schedule->at[i] < before || schedule->at[i] > 1) return false;
    before = schedule->at[i];
  }
  return schedule->count > 0;
}

static bool read_points(const char *text, struct option_schedule *out) {
  for (text++; out->count < SCHEDULE_POINTS_MAX; text++) {
    if (!read_point(&text, &out->at[out->count], &out->value[out->count])) return false;
    out->count++;
    if (*text == ']') return text[1] == '\0' && are_in_order(out);
    if (*text != ',') return false;
  }
  return false;
}

bool schedule_read(const char *text, struct option_schedule *out) {
  memset(out, 0, sizeof *out);
  if (text[0] == '[') return read_points(text, out);
  if (skip_prefix(&text, warm_up_prefix)) {
    if (!read_number(&text, &out->warm_up) || out->warm_up <= 0 || out->warm_up >= 1 || *text++ != '_') return false;
  }
  out->linear = skip_prefix(&text, linear_prefix);
  out->cosine = !out->linear && skip_prefix(&text, cosine_prefix);
  if (!read_number(&text, &out->initial)) return false;
  const bool has_end = (out->linear || out->cosine) && *text == '_';
  if (has_end && (text++, !read_number(&text, &out->end))) return false;
  return *text == '\0';
}

void schedule_write(struct text_sink *sink, const struct option_schedule *schedule) {
  if (schedule->is_null) text_print(sink, "null");
  for (int32_t i = 0; i < schedule->count; i++) {
    text_print(sink, i == 0 ? "[[" : ", [");
    text_write_number(sink, schedule->at[i]);
    text_print(sink, ", ");
    text_write_number(sink, schedule->value[i]);
    text_print(sink, i + 1 == schedule->count ? "]]" : "]");
  }
  if (schedule->is_null || schedule->count > 0) return;
  if (schedule->warm_up > 0) {
    text_print(sink, "%s", warm_up_prefix);
    text_write_number(sink, schedule->warm_up);
    text_put(sink, '_');
  }
  text_print(sink, "%s", schedule->linear ? linear_prefix : schedule->cosine ? cosine_prefix : "");
  text_write_number(sink, schedule->initial);
  if (schedule->end == 0) return;
  text_put(sink, '_');
  text_write_number(sink, schedule->end);
}

bool schedule_is_constant(const struct option_schedule *schedule) {
  if (schedule->is_null) return true;
  return schedule->count <= 1 && schedule->warm_up == 0 && !schedule->linear && !schedule->cosine;
}

/* in straight lines through the points, and level before the first and behind the last */
static double value_of_points(const struct option_schedule *schedule, double share) {
  const double *at = schedule->at, *value = schedule->value;
  int32_t next = 0;
  while (next < schedule->count && at[next] <= share) next++;
  if (next == 0) return value[0];
  if (next == schedule->count) return value[next - 1];
  const double part = (share - at[next - 1]) / (at[next] - at[next - 1]);
  return value[next - 1] + part * (value[next] - value[next - 1]);
}

double option_schedule_value(const struct option_schedule *schedule, double progress_remaining) {
  if (schedule->count > 0) return value_of_points(schedule, 1.0 - progress_remaining);
  const double share = 1.0 - progress_remaining, rest = 1.0 - schedule->warm_up;
  if (share < schedule->warm_up) return schedule->initial * share / schedule->warm_up;
  const double remaining = schedule->warm_up > 0 ? fmin(progress_remaining / rest, 1.0) : progress_remaining;
  const double fall = schedule->initial - schedule->end;
  if (schedule->linear) return schedule->end + fall * remaining;
  if (schedule->cosine) return schedule->end + fall * 0.5 * (1.0 + cos(pi * (1.0 - remaining)));
  return schedule->initial;
}
