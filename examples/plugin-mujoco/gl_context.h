/* An OpenGL context without a display, for MuJoCo's renderer: by EGL, or by OSMesa, whose libraries are loaded when
 * they are there. As for MuJoCo's other programs, the environment variable MUJOCO_GL chooses: egl, osmesa, or off. */
#ifndef GL_CONTEXT_H
#define GL_CONTEXT_H

struct gl_context;

/* NULL: there is neither, or MUJOCO_GL wants none. Pictures have at most so many pixels. */
struct gl_context *gl_context_open(int width, int height);
void gl_context_close(struct gl_context *context); /* accepts NULL */

/* Makes it the context of this thread; returns whether that was possible. */
int gl_context_enter(struct gl_context *context);
void gl_context_leave(struct gl_context *context);

/* How MuJoCo finds OpenGL's functions while this context is current: the value of MUJOCO_GL for mjr_makeContext(). */
const char *gl_context_name(const struct gl_context *context);

#endif
