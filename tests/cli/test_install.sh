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
[ -s "$prefix/include/muster/fortran/muster_env.f90" ] || fail "the module for environments in Fortran is not installed"
while read -r header; do
  printf '#include <%s>\nint main(void) { return 0; }\n' "${header#./}" >"$work/header.c"
  "$CC" -std=c99 -pedantic -Wall -Wextra -Werror -I"$prefix/include" -c "$work/header.c" -o "$work/header.o" ||
    fail "$header does not compile by itself as C99"
done <"$work/installed"

# libmuster exports only names of its own
nm -D --defined-only "$library" | awk '{ print $NF }' | grep -v '^muster_' >"$work/foreign" &&
  fail "libmuster.so exports names that do not begin with muster_: $(tr '\n' ' ' <"$work/foreign")"

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
by_pkg_config() { eval "\"$CC\" $CFLAGS \"$1\" -o \"$2\" $(pkg-config --cflags --libs muster) -lm"; }
by_pkg_config "$here/outside/outside.c" "$work/by-pkg-config"
"$work/by-pkg-config" "$work/run/checkpoints/latest" >"$work/said" || fail "pkg-config: exit code $?"
grep -qF "$version" "$work/said" || fail "pkg-config: said '$(cat "$work/said")', without $version"

# the installed example acts with the policy that the installed program has trained; that program's hints can be copied
by_pkg_config "$prefix/share/doc/muster/examples/act.c" "$work/act"
"$work/act" "$work/run" 20 >"$work/said" || fail "examples/act: $(cat "$work/said")"
hint=$(sed -n 's/^  \(.* eval .*\)$/\1/p' "$work/train.log")
eval "$hint" >"$work/said" || fail "the hint '$hint' does not work"
grep -qF "pre fix/bin/muster" "$work/train.log" || fail "the hint '$hint' is not about the installed program"
