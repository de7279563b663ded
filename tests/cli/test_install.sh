#!/bin/sh
# Installs the build into a folder, checks its content, moves it, and builds and runs an outside program against it.
# usage: test_install.sh CMAKE SOURCE_FOLDER BUILD_FOLDER WORK_FOLDER
set -eu

cmake=$1 source=$2 build=$3 work=$4
here=$(cd "$(dirname "$0")" && pwd)

fail() {
  echo "FAILED: $1" >&2
  exit 1
}

# the installed tree is moved afterwards, since packages are built in one place and used in another; and its path has
# spaces, since a home folder may have some
rm -rf "$work"
mkdir -p "$work"
"$cmake" --install "$build" --prefix "$work/first" >"$work/install.log"
mv "$work/first" "$work/pre fix"
prefix="$work/pre fix"

# the files that a user looks for are there
library=$(find "$prefix" -name libmuster.so)
pc=$(find "$prefix" -name muster.pc)
[ -n "$library" ] || fail "libmuster.so is not installed"
[ -n "$pc" ] || fail "muster.pc is not installed"
LD_LIBRARY_PATH=$(dirname "$library")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
PKG_CONFIG_PATH=$(dirname "$pc")
export LD_LIBRARY_PATH PKG_CONFIG_PATH
for document in LICENSE README.md CHANGELOG.md; do
  [ -s "$prefix/share/doc/muster/$document" ] || fail "$document is not installed"
done

# links between installed documents lead somewhere
(cd "$prefix/share/doc/muster" && find . -name '*.md') | while read -r document; do
  grep -o '](\([^)]*\))' "$prefix/share/doc/muster/$document" | sed 's/^](//; s/)$//; s/#.*//' | sort -u | while read -r link; do
    case $link in "" | http://* | https://*) continue ;; esac
    [ -e "$prefix/share/doc/muster/$(dirname "$document")/$link" ] || echo "$document: $link"
  done
done >"$work/dead"
[ ! -s "$work/dead" ] || fail "links of installed documents lead nowhere: $(cat "$work/dead")"
diff -r "$source/configs" "$prefix/share/muster/configs" || fail "the installed configs differ from the source's"

# the headers are the public ones and no others, and each compiles by itself
(cd "$source/include" && find . -name '*.h' | sort) >"$work/public"
(cd "$prefix/include" && find . -type f ! -name '*.f90' | sort) >"$work/installed"
diff "$work/public" "$work/installed" || fail "the installed headers are not the public headers"
for module in env policy; do
  [ -s "$prefix/include/muster/fortran/muster_$module.f90" ] || fail "the Fortran module muster_$module is not installed"
done
while read -r header; do
  printf '#include <%s>\nint main(void) { return 0; }\n' "${header#./}" >"$work/header.c"
  "$CC" -std=c99 -pedantic -Wall -Wextra -Werror -I"$prefix/include" -c "$work/header.c" -o "$work/header.o" ||
    fail "$header does not compile by itself as C99"
done <"$work/installed"

# the libraries export only names of their own
policy_library=$(find "$prefix" -name libmuster-policy.so)
[ -n "$policy_library" ] || fail "libmuster-policy.so is not installed"
for each in "$library" "$policy_library"; do
  nm -D --defined-only "$each" | awk '{ print $NF }' | grep -v '^muster_' >"$work/foreign" &&
    fail "$(basename "$each") exports names that do not begin with muster_: $(tr '\n' ' ' <"$work/foreign")"
done

# libmuster-policy has all functions of muster/policy.h, and neither it nor what it links knows of MPI
sed -n 's/.*\<\(muster_policy_[a-z_]*\)(.*/\1/p' "$prefix/include/muster/policy.h" | sort -u >"$work/declared"
grep -q '^muster_policy_values$' "$work/declared" || fail "the functions of muster/policy.h were not found"
nm -D --defined-only "$policy_library" | awk '{ print $NF }' | grep '^muster_policy_' | sort >"$work/defined"
diff "$work/declared" "$work/defined" || fail "libmuster-policy.so has not just the functions of muster/policy.h"
needs_mpi() { ldd "$1" | grep -iE '(mpi|pmix|prrte|orte)[^/ ]*\.so'; }
needs_mpi "$library" >/dev/null || fail "the look for MPI does not find it in libmuster.so"
needs_mpi "$policy_library" && fail "libmuster-policy.so links MPI"
nm -D --undefined-only "$policy_library" | grep -E ' (MPI|OMPI|ompi|PMIx)_' && fail "libmuster-policy.so calls MPI"

# the installed program runs
version=$(pkg-config --modversion muster)
"$prefix/bin/muster" --version | grep -qF "$version" || fail "bin/muster --version does not say $version"

# with the installed config it trains the policy that the outside program acts with
"$prefix/bin/muster" train "$prefix/share/muster/configs/CartPole-v1/ppo.yaml" --set total_steps=30720 \
  --run-dir "$work/run" >"$work/train.log" || fail "bin/muster train: $(cat "$work/train.log")"

# an outside program by find_package
"$cmake" -S "$here/outside" -B "$work/outside" -DCMAKE_PREFIX_PATH="$prefix" >"$work/outside.log"
"$cmake" --build "$work/outside" >>"$work/outside.log" || fail "find_package: $(cat "$work/outside.log")"
"$work/outside/outside" "$work/run" >"$work/said" || fail "find_package: exit code $?"
grep -qF "$version" "$work/said" || fail "find_package: said '$(cat "$work/said")', without $version"

# the same by pkg-config
# if the prefix has spaces, pkg-config quotes its output, which a shell must then parse again
by_pkg_config() { eval "\"$CC\" $CFLAGS \"$1\" -o \"$2\" $(pkg-config --cflags --libs "$3") -lm"; }
for package in muster muster-policy; do
  by_pkg_config "$here/outside/outside.c" "$work/by-$package" "$package"
  "$work/by-$package" "$work/run/checkpoints/latest" >"$work/said" || fail "pkg-config $package: exit code $?"
  grep -qF "$version" "$work/said" || fail "pkg-config $package: said '$(cat "$work/said")', without $version"
done
needs_mpi "$work/by-muster-policy" && fail "a program with libmuster-policy links MPI"
needs_mpi "$work/outside/outside-policy" && fail "a program with muster::policy links MPI"
"$work/outside/outside-policy" "$work/run" >"$work/said" || fail "muster::policy: exit code $?"

# the installed example acts with the policy that the installed program has trained
by_pkg_config "$prefix/share/doc/muster/examples/act.c" "$work/act" muster-policy
"$work/act" "$work/run" 20 >"$work/said" || fail "examples/act: $(cat "$work/said")"

# the same in Fortran, without MPI; wrong use has one message
fortran=${FC:-gfortran}
command -v "$fortran" >/dev/null || fail "there is no $fortran: scripts/setup test installs it"
sources="\"$prefix/include/muster/fortran/muster_policy.f90\" \"$prefix/share/doc/muster/examples/act.f90\""
eval "\"$fortran\" $CFLAGS -Wall -Wextra -Werror -J\"$work\" $sources -o \"$work/act_fortran\" $(pkg-config --libs muster-policy)"
needs_mpi "$work/act_fortran" && fail "a Fortran program with libmuster-policy links MPI"
"$work/act_fortran" "$work/run" >"$work/said" 2>&1 || true # after so short a training the pole may fall
grep -qE '^balanced for [0-9]+ steps; its least sure push had the probability 0\.[5-9]' "$work/said" ||
  fail "examples/act.f90: $(cat "$work/said")"
eval "\"$fortran\" $CFLAGS -J\"$work\" \"$prefix/include/muster/fortran/muster_policy.f90\" \"$here/outside/wrong_use.f90\" -o \"$work/wrong_use\" $(pkg-config --libs muster-policy)"
"$work/wrong_use" "$work/run" >"$work/said" || fail "wrong_use.f90: $(cat "$work/said")"
cat >"$work/expected" <<'TEXT'
no policy is open
T
observations are integer(c_int32_t); expects real(c_float)
observations have 3 elements; expects 4
actions have the shape (1, 1); expects (1, 2)
masks have the shape (3, 2); expects (2, 2)
ppo learns no values of the choices of an action
masked: 0 1  1.0  0.0  0.0  1.0 T
CartPole-v1 ppo 30720  4  1  2
TEXT
diff "$work/expected" "$work/said" || fail "the Fortran module says something else"

# what training printed can be copied
hint=$(sed -n 's/^  \(.* eval .*\)$/\1/p' "$work/train.log")
eval "$hint" >"$work/said" || fail "the hint '$hint' does not work"
grep -qF "pre fix/bin/muster" "$work/train.log" || fail "the hint '$hint' is not about the installed program"
