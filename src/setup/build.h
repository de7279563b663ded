/* Which build this is. */
#ifndef SETUP_BUILD_H
#define SETUP_BUILD_H

/* The git commit, "-dirty" behind it where the tree differed; "unknown" outside a checkout. */
const char *run_build_git_hash(void);

#endif
