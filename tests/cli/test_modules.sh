#!/bin/sh
# Tests scripts/check-modules: a tree that keeps the rules passes, and each kind of breach is found and named.
# usage: test_modules.sh CHECK_ROOMS WORK_FOLDER
set -eu

check=$1 work=$2
failures=0

fail() {
  echo "FAILED: $1" >&2
  failures=$((failures + 1))
}

# makes a small tree that keeps the rules
sound_tree() {
  rm -rf "$work"
  mkdir -p "$work/src/base" "$work/src/comm" "$work/src/env/envs" "$work/src/nn" "$work/include/muster"
  echo '#include <stddef.h>' >"$work/include/muster/space.h"
  echo '#include <Random123/philox.h>' >"$work/src/base/random.h"
  printf '#include "base/random.h"\n#include "muster/space.h"\n\n#include <mpi.h>\n' >"$work/src/comm/topology.h"
  printf '#include "comm/topology.h"\n#include "base/random.h"\n' >"$work/src/nn/layer.h"
  echo '#include "env/pool.h"' >"$work/src/env/envs/cartpole.c"
  echo '#include "muster/space.h"' >"$work/src/env/pool.h"
}

# breach FILE INCLUDE_LINE TEXT: with this line added the check fails, and names the file, the line and the cause
breach() {
  sound_tree
  mkdir -p "$(dirname "$work/$1")"
  printf '/* a file */\n%s\n' "$2" >"$work/$1"
  if said=$("$check" "$work" 2>&1); then
    fail "$1 with $2 passed"
  elif ! echo "$said" | grep -qF "$1:2: $3"; then
    fail "$1 with $2 was told: $said"
  fi
}

sound_tree
"$check" "$work" || fail "a sound tree did not pass"

# each library is used outside of its module
breach src/nn/bad.c '#include <mpi.h>' 'nn includes mpi.h, which only comm may'
breach src/cli/bad.c '#  include "mpi.h"' 'cli includes mpi.h, which only comm may'
breach src/train/bad.h '#include <hdf5.h>' 'train includes hdf5.h, which only store may'
breach src/comm/bad.c '#include <H5Fpublic.h>' 'comm includes H5Fpublic.h, which only store may'
breach src/train/bad.c '#include <protobuf-c/protobuf-c.h>' 'train includes protobuf-c/protobuf-c.h, which only store may'
breach src/train/bad.c '#include "store/events.pb-c.h"' 'train includes store/events.pb-c.h, which only store may'
breach src/comm/bad.c '#include <isa-l/crc.h>' 'comm includes isa-l/crc.h, which only store may'
breach src/cli/bad.c '#include <yaml.h>' 'cli includes yaml.h, which only config may'
breach src/nn/bad.c '#include <cblas.h>' 'nn includes cblas.h, which only math may'
breach src/env/envs/bad.c '#include <Random123/philox.h>' 'env includes Random123/philox.h, which only base may'
breach src/cli/bad.c '#include <cairo.h>' 'cli includes cairo.h, which only canvas may'
breach src/cli/bad.c '#include <ncurses.h>' 'cli includes ncurses.h, which only watch may'
breach src/store/bad.c '#include <gif_lib.h>' 'store includes gif_lib.h, which only canvas may'
breach include/muster/bad.h '#include <mpi.h>' 'public includes mpi.h, which only comm may'

# includes of a higher layer, and of another module of the same layer
breach src/base/bad.c '#include "comm/topology.h"' 'base (layer 0) includes comm/topology.h (layer 1)'
breach src/comm/bad.c '#include "store/json.h"' 'comm (layer 1) includes store/json.h (layer 1)'
breach src/env/envs/bad.c '#include "nn/layer.h"' 'env (layer 2) includes nn/layer.h (layer 2)'
breach src/algo/bad.c '#include <train/actor.h>' 'algo (layer 4) includes train/actor.h (layer 7)'
breach include/muster/bad.h '#include "base/random.h"' 'a public header includes base/random.h, which is private'

# ways around the check
breach src/nn/bad.c '#include "../comm/topology.h"' 'write ../comm/topology.h as a path from src/'
breach src/nn/bad.c '#include TOPOLOGY' 'name the header itself'
breach src/nn/bad.c '#include "topology.h"' 'topology.h is neither in the folder of this file nor in a module'

# calls that the sanitizers cannot see
breach src/store/bad.c 'length = vasprintf(text, format, arguments);' 'write format_text() for asprintf()'

# a folder that is not in the list, and a tree without files
sound_tree
mkdir "$work/src/extra"
echo 'int extra;' >"$work/src/extra/extra.c"
"$check" "$work" >"$work/said" 2>&1 && fail "a module outside the list passed"
grep -qF 'src/extra is not a module of the list' "$work/said" || fail "a module outside the list: $(cat "$work/said")"
rm -rf "$work/src" "$work/include"
mkdir "$work/src" "$work/include"
"$check" "$work" 2>/dev/null && fail "an empty tree passed"

[ "$failures" = 0 ]
