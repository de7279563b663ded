/* Which build this is. */
#ifndef SETUP_BUILD_H
#define SETUP_BUILD_H

/* The git commit, followed by "-dirty" where files differed from it; "unknown" outside a checkout. */
const char *run_build_git_hash(void);

#endif
