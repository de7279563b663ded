#include "gl_context.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* what both libraries call themselves, and their functions and numbers, which their headers give */

#define DEVICES_MAX 16

enum { RGBA = 0x1908, UNSIGNED_BYTE = 0x1401, DEPTH_BITS = 24, STENCIL_BITS = 8 };
enum { EGL_NONE = 0x3038, EGL_OPENGL_API = 0x30A2, EGL_PLATFORM_DEVICE = 0x313F };

/* pixels in memory (SURFACE_TYPE: PBUFFER_BIT) of OpenGL proper (RENDERABLE_TYPE: OPENGL_BIT), 8 bits of each color,
 * depth and stencil */
static const int32_t egl_wanted[] = {0x3033, 1,      0x3040, 8,      0x3024,     8,      0x3023,       8,       0x3022,
                                     8,      0x3021, 8,      0x3025, DEPTH_BITS, 0x3026, STENCIL_BITS, EGL_NONE};

struct egl {
  void *(*get_function)(const char *name);
  unsigned (*query_devices)(int32_t most, void **devices, int32_t *n);
  void *(*get_display)(unsigned platform, void *device, const int32_t *attributes);
  unsigned (*initialize)(void *display, int32_t *major, int32_t *minor);
  unsigned (*bind)(unsigned api);
  unsigned (*choose)(void *display, const int32_t *attributes, void **configs, int32_t most, int32_t *n);
  void *(*create)(void *display, void *config, void *share, const int32_t *attributes);
  unsigned (*destroy)(void *display, void *context);
  unsigned (*make_current)(void *display, void *draw, void *read, void *context);
};

struct osmesa {
  void *(*create)(unsigned format, int depth, int stencil, int accumulation, void *share);
  void (*destroy)(void *context);
  unsigned char (*make_current)(void *context, void *buffer, unsigned type, int width, int height);
};

struct gl_context {
  const char *name; /* "egl" or "osmesa" */
  void *context;
  struct egl egl;
  void *display; /* EGL's, which lives as long as the process */
  struct osmesa osmesa;
  int width, height;
  unsigned char *pixels; /* [height, width, 4] that OSMesa draws on, owned */
};

/* the first of some libraries that is there, whose functions MuJoCo must see, too */
static void *load(const char *const *names) {
  void *library = NULL;
  for (; *names != NULL && library == NULL; names++) library = dlopen(*names, RTLD_NOW | RTLD_GLOBAL);
  return library;
}

/* sets a pointer to a function of a library; ISO C has no cast for it */
static int find(void *library, const char *name, void *function) {
  void *address = library != NULL ? dlsym(library, name) : NULL;
  memcpy(function, &address, sizeof address);
  return address != NULL;
}

/* the same for a function that only get_function() knows */
static int find_extension(const struct egl *egl, const char *name, void *function) {
  void *address = egl->get_function(name);
  memcpy(function, &address, sizeof address);
  return address != NULL;
}

/* ---- EGL ---- */

static int load_egl(struct egl *egl) {
  static const char *const names[] = {"libEGL.so.1", "libEGL.so", NULL};
  void *library = load(names);
  return find(library, "eglGetProcAddress", &egl->get_function) && find(library, "eglInitialize", &egl->initialize) &&
         find(library, "eglBindAPI", &egl->bind) && find(library, "eglChooseConfig", &egl->choose) &&
         find(library, "eglCreateContext", &egl->create) && find(library, "eglDestroyContext", &egl->destroy) &&
         find(library, "eglMakeCurrent", &egl->make_current) &&
         find_extension(egl, "eglQueryDevicesEXT", &egl->query_devices) &&
         find_extension(egl, "eglGetPlatformDisplayEXT", &egl->get_display);
}

/* a context on this device, which may be the processor */
static int use_device(struct gl_context *self, void *device) {
  const struct egl *egl = &self->egl;
  void *config;
  int32_t n;
  self->display = egl->get_display(EGL_PLATFORM_DEVICE, device, NULL);
  if (self->display == NULL || !egl->initialize(self->display, NULL, NULL)) return 0;
  if (!egl->bind(EGL_OPENGL_API) || !egl->choose(self->display, egl_wanted, &config, 1, &n) || n < 1) return 0;
  self->context = egl->create(self->display, config, NULL, NULL);
  return self->context != NULL;
}

static int open_egl(struct gl_context *self) {
  void *devices[DEVICES_MAX];
  int32_t n;
  self->name = "egl";
  if (!load_egl(&self->egl) || !self->egl.query_devices(DEVICES_MAX, devices, &n)) return 0;
  for (int32_t i = 0; i < n; i++)
    if (use_device(self, devices[i])) return 1;
  return 0;
}

/* ---- OSMesa ---- */

static int open_osmesa(struct gl_context *self) {
  static const char *const names[] = {"libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so", NULL};
  struct osmesa *osmesa = &self->osmesa;
  void *library = load(names);
  self->name = "osmesa";
  if (!find(library, "OSMesaCreateContextExt", &osmesa->create) ||
      !find(library, "OSMesaDestroyContext", &osmesa->destroy) ||
      !find(library, "OSMesaMakeCurrent", &osmesa->make_current))
    return 0;
  self->pixels = malloc((size_t)self->width * (size_t)self->height * 4);
  self->context = osmesa->create(RGBA, DEPTH_BITS, STENCIL_BITS, 0, NULL);
  return self->pixels != NULL && self->context != NULL;
}

/* ---- either ---- */

static int open_wanted(struct gl_context *self, const char *wanted) {
  if (wanted == NULL || wanted[0] == '\0') return open_egl(self) || open_osmesa(self);
  if (strcmp(wanted, "egl") == 0) return open_egl(self);
  return strcmp(wanted, "osmesa") == 0 && open_osmesa(self);
}

struct gl_context *gl_context_open(int width, int height) {
  struct gl_context *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  self->width = width;
  self->height = height;
  if (open_wanted(self, getenv("MUJOCO_GL"))) return self;
  gl_context_close(self);
  return NULL;
}

void gl_context_close(struct gl_context *self) {
  if (self == NULL) return;
  if (self->context != NULL && self->pixels == NULL) self->egl.destroy(self->display, self->context);
  if (self->context != NULL && self->pixels != NULL) self->osmesa.destroy(self->context);
  free(self->pixels);
  free(self);
}

int gl_context_enter(struct gl_context *self) {
  if (self->pixels == NULL) return (int)self->egl.make_current(self->display, NULL, NULL, self->context);
  return self->osmesa.make_current(self->context, self->pixels, UNSIGNED_BYTE, self->width, self->height);
}

void gl_context_leave(struct gl_context *self) {
  if (self->pixels == NULL)
    self->egl.make_current(self->display, NULL, NULL, NULL);
  else
    self->osmesa.make_current(NULL, NULL, 0, 0, 0);
}

const char *gl_context_name(const struct gl_context *self) { return self->name; }
