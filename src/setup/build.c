#include "setup/build.h"

const char *run_build_git_hash(void) { return MUSTER_GIT_HASH; }
