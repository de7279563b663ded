#include "canvas/gif.h"

#include "canvas/palette.h"

#include <assert.h>
#include <gif_lib.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gif {
  double fps;
  const char *comment;
  FILE *stream; /* to `bytes` */
  char *bytes;
  size_t size;
  GifFileType *file;
  int width, height, images;
  uint32_t *shown;        /* [height, width] the previous image */
  struct palette palette; /* for the image that is being written */
};

static muster_status out_of_memory(void) { return status_error(MUSTER_ERROR_MEMORY, "out of memory for a GIF"); }

/* the error of a giflib call that failed */
static muster_status gif_error(const struct gif *gif) {
  const char *reason = GifErrorString(gif->file->Error);
  return status_error(MUSTER_ERROR_INTERNAL, "image %d of the GIF: %s", gif->images + 1,
                      reason != NULL ? reason : "unknown error");
}

static int write_bytes(GifFileType *file, const GifByteType *bytes, int size) {
  return (int)fwrite(bytes, 1, (size_t)size, file->UserData);
}

/* ---- life ---- */

muster_status gif_create(double fps, const char *comment, struct gif **out) {
  assert(fps > 0.0 && fps <= GIF_MAX_FPS);
  struct gif *gif = calloc(1, sizeof *gif);
  if (gif == NULL) return out_of_memory();
  int error = 0;
  gif->fps = fps;
  gif->comment = comment;
  gif->stream = open_memstream(&gif->bytes, &gif->size);
  if (gif->stream != NULL) gif->file = EGifOpen(gif->stream, write_bytes, &error);
  if (gif->file == NULL) {
    gif_destroy(&gif);
    return out_of_memory();
  }
  EGifSetGifVersion(gif->file, true);
  *out = gif;
  return MUSTER_OK;
}

/* true when everything was written */
static bool close_file(struct gif *gif) {
  int error = 0;
  bool fine = gif->file == NULL || EGifCloseFile(gif->file, &error) == GIF_OK;
  gif->file = NULL;
  if (gif->stream != NULL) fine = fclose(gif->stream) == 0 && fine;
  gif->stream = NULL;
  return fine;
}

void gif_destroy(struct gif **gif) {
  if (*gif == NULL) return;
  close_file(*gif);
  free((*gif)->bytes);
  free((*gif)->shown);
  free(*gif);
  *gif = NULL;
}

/* ---- images ---- */

/* writes the head of the file: the size, and that the animation repeats for ever */
static muster_status begin(struct gif *gif, const struct image *image) {
  GifFileType *file = gif->file;
  gif->width = image->width;
  gif->height = image->height;
  gif->shown = calloc((size_t)gif->width * (size_t)gif->height, sizeof *gif->shown);
  if (gif->shown == NULL) return out_of_memory();
  static const unsigned char for_ever[] = {1, 0, 0};
  if (EGifPutScreenDesc(file, gif->width, gif->height, 8, 0, NULL) != GIF_OK ||
      EGifPutExtensionLeader(file, APPLICATION_EXT_FUNC_CODE) != GIF_OK ||
      EGifPutExtensionBlock(file, 11, "NETSCAPE2.0") != GIF_OK ||
      EGifPutExtensionBlock(file, sizeof for_ever, for_ever) != GIF_OK || EGifPutExtensionTrailer(file) != GIF_OK ||
      EGifPutComment(file, gif->comment) != GIF_OK)
    return gif_error(gif);
  return MUSTER_OK;
}

struct rectangle {
  int left, top, right, bottom; /* right and bottom are outside */
};

/* stores the image as the one that is shown, and returns the part that differs from the previous one; at least one
 * pixel */
static struct rectangle take_changes(struct gif *gif, const struct image *image) {
  if (gif->images == 0) memset(gif->shown, 0xff, (size_t)gif->width * (size_t)gif->height * sizeof *gif->shown);
  struct rectangle changed = {gif->width, gif->height, 0, 0};
  for (int y = 0; y < gif->height; y++)
    for (int x = 0; x < gif->width; x++) {
      uint32_t color = image->pixels[(size_t)y * (size_t)image->stride + (size_t)x] & 0xffffff;
      uint32_t *shown = &gif->shown[(size_t)y * (size_t)gif->width + (size_t)x];
      if (*shown == color) continue;
      *shown = color;
      if (x < changed.left) changed.left = x;
      if (y < changed.top) changed.top = y;
      if (x >= changed.right) changed.right = x + 1;
      changed.bottom = y + 1;
    }
  return changed.right > 0 ? changed : (struct rectangle){0, 0, 1, 1};
}

/* writes how long the image is shown, in hundredths of a second */
static muster_status write_delay(struct gif *gif) {
  double hundredths = round(100.0 * (gif->images + 1) / gif->fps) - round(100.0 * gif->images / gif->fps);
  GraphicsControlBlock control = {.DisposalMode = DISPOSE_DO_NOT,
                                  .DelayTime = (int)fmin(hundredths, 65535.0),
                                  .TransparentColor = NO_TRANSPARENT_COLOR};
  GifByteType bytes[4];
  EGifGCBToExtension(&control, bytes);
  return EGifPutExtension(gif->file, GRAPHICS_EXT_FUNC_CODE, sizeof bytes, bytes) == GIF_OK ? MUSTER_OK
                                                                                            : gif_error(gif);
}

static ColorMapObject *make_color_map(const struct palette *palette) {
  ColorMapObject *map = GifMakeMapObject(1 << GifBitSize(palette->n < 2 ? 2 : palette->n), NULL);
  for (int i = 0; map != NULL && i < palette->n; i++)
    map->Colors[i] = (GifColorType){(GifByteType)(palette->color[i] >> 16), (GifByteType)(palette->color[i] >> 8),
                                    (GifByteType)palette->color[i]};
  return map;
}

static muster_status write_part(struct gif *gif, const struct rectangle *part) {
  const int width = part->right - part->left, height = part->bottom - part->top;
  const uint32_t *first = gif->shown + (size_t)part->top * (size_t)gif->width + (size_t)part->left;
  const struct image changed = {width, height, gif->width, first};
  palette_choose(&gif->palette, &changed);
  ColorMapObject *map = make_color_map(&gif->palette);
  GifPixelType *line = malloc((size_t)width);
  bool has_memory = map != NULL && line != NULL;
  bool fine = has_memory && EGifPutImageDesc(gif->file, part->left, part->top, width, height, false, map) == GIF_OK;
  for (int y = 0; fine && y < height; y++) {
    const uint32_t *row = first + (size_t)y * (size_t)gif->width;
    for (int x = 0; x < width; x++) line[x] = palette_find(&gif->palette, row[x]);
    fine = EGifPutLine(gif->file, line, width) == GIF_OK;
  }
  if (map != NULL) GifFreeMapObject(map);
  free(line);
  return fine ? MUSTER_OK : has_memory ? gif_error(gif) : out_of_memory();
}

muster_status gif_add(struct gif *gif, const struct image *image) {
  if (gif->images == 0) MUSTER_TRY(begin(gif, image));
  assert(image->width == gif->width && image->height == gif->height);
  const struct rectangle changed = take_changes(gif, image);
  MUSTER_TRY(write_delay(gif));
  MUSTER_TRY(write_part(gif, &changed));
  gif->images++;
  return MUSTER_OK;
}

muster_status gif_finish(struct gif *gif, const void **bytes, size_t *size) {
  assert(gif->images > 0);
  if (!close_file(gif)) return out_of_memory();
  *bytes = gif->bytes;
  *size = gif->size;
  return MUSTER_OK;
}
