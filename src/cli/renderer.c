#include "cli/renderer.h"

#include "base/clock.h"
#include "base/shown.h"
#include "canvas/gif.h"
#include "canvas/picture.h"
#include "store/output.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PICTURE_SIDE 600 /* pixels */
#define TEXT_SIZE 16384
#define DEFAULT_FPS 10.0

struct renderer {
  const struct renderer_request *request;
  const muster_env_type *type;
  struct evaluation_viewer viewer;
  double fps;
  bool is_animated; /* text on a terminal */
  long long frames, episode;
  double return_so_far, next_frame; /* next_frame: clock */
  struct picture *picture;
  struct gif *gif;
};

/* ---- text ---- */

/* waits until the frame is due; after a late frame the next ones are not shown faster */
static void keep_pace(struct renderer *renderer) {
  double left = renderer->next_frame - clock_seconds();
  if (left > 0.0) nanosleep(&(struct timespec){(time_t)left, (long)(1e9 * (left - floor(left)))}, NULL);
  renderer->next_frame = fmax(renderer->next_frame, clock_seconds()) + 1.0 / renderer->fps;
}

/* on a terminal the rest of each line is cleared, and everything below the last one */
static void print_lines(const char *text, bool is_animated) {
  for (const char *line = text; *line != '\0';) {
    int length = (int)strcspn(line, "\n");
    shown_print(stdout, "%.*s", length, line);
    fputs(is_animated ? "\033[K\n" : "\n", stdout);
    line += length + (line[length] == '\n');
  }
}

static muster_status print_frame(struct renderer *renderer, const struct env_pool *pool, int32_t step, double reward,
                                 uint8_t ended) {
  char text[TEXT_SIZE], caption[256];
  env_pool_render_text(pool, 0, text, sizeof text);
  if (text[0] == '\0')
    return status_error(MUSTER_ERROR_ENVIRONMENT, "environment %s gave no text for --render", renderer->type->name);
  snprintf(caption, sizeof caption, "%s, episode %lld, step %d, reward %g, return %g%s\n", renderer->type->name,
           renderer->episode, (int)step, reward, renderer->return_so_far,
           (ended & ENV_TERMINATED) != 0 ? ", terminated"
           : ended != 0                  ? ", truncated"
                                         : "");
  if (renderer->is_animated) {
    keep_pace(renderer);
    fputs(renderer->frames == 0 ? "\033[H\033[2J" : "\033[H", stdout);
  }
  print_lines(caption, renderer->is_animated);
  print_lines(text, renderer->is_animated);
  fputs(renderer->is_animated ? "\033[J" : "\n", stdout);
  if (fflush(stdout) != 0) return status_errno(MUSTER_ERROR_IO, "cannot write to standard output");
  return MUSTER_OK;
}

/* ---- pictures ---- */

static muster_status add_picture(struct renderer *renderer, const struct env_pool *pool) {
  struct image image;
  if (!env_pool_render_picture(pool, 0, picture_canvas(renderer->picture)))
    return status_error(MUSTER_ERROR_ENVIRONMENT, "environment %s gave no picture for --gif", renderer->type->name);
  MUSTER_TRY(status_wrap(picture_image(renderer->picture, &image), "%s", renderer->type->name));
  return gif_add(renderer->gif, &image);
}

/* ---- what the evaluation calls ---- */

static muster_status look(void *context, const struct env_pool *pool, const int32_t *steps, const float *rewards,
                          const uint8_t *ended) {
  struct renderer *renderer = context;
  double reward = 0.0;
  const int32_t agents = env_pool_spec(pool)->agents;
  for (int32_t agent = 0; rewards != NULL && agent < agents; agent++) reward += (double)rewards[agent] / agents;
  if (rewards == NULL) {
    renderer->episode++;
    renderer->return_so_far = 0.0;
  }
  renderer->return_so_far += reward;
  if (renderer->request->text) MUSTER_TRY(print_frame(renderer, pool, steps[0], reward, ended[0]));
  if (renderer->request->gif.path != NULL) MUSTER_TRY(add_picture(renderer, pool));
  renderer->frames++;
  renderer->viewer.enough = renderer->frames >= renderer->request->max_frames;
  return MUSTER_OK;
}

/* ---- life ---- */

static muster_status check_request(const struct renderer_request *request, const muster_env_type *type) {
  if (request->text && type->render_text == NULL)
    return status_error(MUSTER_ERROR_USAGE, "--render: environment %s has no text to show (no render_text)%s",
                        type->name, type->render_picture != NULL ? "; --gif shows its pictures" : "");
  if (request->gif.path == NULL) return MUSTER_OK;
  if (type->render_picture == NULL)
    return status_error(MUSTER_ERROR_USAGE, "--gif: environment %s has no pictures (no render_picture)%s", type->name,
                        type->render_text != NULL ? "; --render shows its text" : "");
  if ((double)request->fps > GIF_MAX_FPS)
    return status_error(MUSTER_ERROR_USAGE, "--fps %lld: a GIF shows at most %.0f frames a second", request->fps,
                        GIF_MAX_FPS);
  if (output_is_stdout(request->gif.path))
    return status_error(MUSTER_ERROR_USAGE, "--gif: %s is standard output, where the returns go; expects a file",
                        request->gif.path);
  return output_check(&request->gif);
}

static double choose_fps(const struct renderer_request *request, const muster_env_type *type) {
  double fps = request->fps > 0 ? (double)request->fps : type->render_fps > 0.0 ? type->render_fps : DEFAULT_FPS;
  return request->gif.path != NULL ? fmin(fps, GIF_MAX_FPS) : fps;
}

muster_status renderer_create(const struct renderer_request *request, const muster_env_type *type,
                              struct renderer **out) {
  MUSTER_TRY(check_request(request, type));
  struct renderer *renderer = calloc(1, sizeof *renderer);
  if (renderer == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory");
  const char *terminal = getenv("TERM");
  *renderer = (struct renderer){
      .request = request,
      .type = type,
      .viewer = {.env = {.look = look, .context = renderer}},
      .fps = choose_fps(request, type),
      .is_animated = isatty(STDOUT_FILENO) && terminal != NULL && strcmp(terminal, "dumb") != 0,
  };
  muster_status status = MUSTER_OK;
  if (request->gif.path != NULL) {
    status = picture_create(PICTURE_SIDE, &renderer->picture);
    if (status == MUSTER_OK) status = gif_create(renderer->fps, OUTPUT_MARK, &renderer->gif);
  }
  if (status != MUSTER_OK)
    renderer_destroy(&renderer);
  else
    *out = renderer;
  return status;
}

void renderer_destroy(struct renderer **renderer) {
  if (*renderer == NULL) return;
  gif_destroy(&(*renderer)->gif);
  picture_destroy(&(*renderer)->picture);
  free(*renderer);
  *renderer = NULL;
}

struct evaluation_viewer *renderer_viewer(struct renderer *renderer) {
  return &renderer->viewer;
}

muster_status renderer_finish(struct renderer *renderer, bool quiet) {
  const struct output_request *output = &renderer->request->gif;
  if (output->path == NULL) return MUSTER_OK;
  const void *bytes;
  size_t size;
  MUSTER_TRY(gif_finish(renderer->gif, &bytes, &size));
  MUSTER_TRY(output_write(output, bytes, size));
  if (!quiet)
    printf("%s: %lld frames, %g a second, %.1f kB\n", output->path, renderer->frames, renderer->fps,
           (double)size / 1e3);
  return MUSTER_OK;
}
