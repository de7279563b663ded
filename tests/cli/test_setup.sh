#!/bin/sh
# scripts/setup without apt names what is missing and how to get it by Spack and by module, and fails. With apt it
# installs what is missing, and nothing when it is run a second time.
# usage: test_setup.sh SETUP WORK_FOLDER
set -eu

setup=$1 work=$2

fail() {
  printf 'FAILED: %s\n%s\n' "$1" "$(cat "$work/said")" >&2
  exit 1
}

# a PATH that has only the commands which the script itself needs
rm -rf "$work"
mkdir -p "$work/bin"
for tool in bash env cat id; do ln -s "$(command -v $tool)" "$work/bin/$tool"; done

code=0
env -u CC PATH="$work/bin" bash "$setup" test >"$work/said" 2>&1 || code=$?
[ $code = 1 ] || fail "exit code $code, not 1"
for part in 'Open MPI (mpicc and mpirun)' 'libyaml (yaml-0.1.pc)' \
  'spack install gcc cmake ninja pkgconf openmpi hdf5~mpi openblas libyaml' 'module load gcc cmake openmpi' \
  'apt-get install gcc libc6-dev cmake'; do
  grep -qF "$part" "$work/said" || fail "does not say: $part"
done

# tools from elsewhere are enough: what is on the PATH is not asked for
for tool in cc cmake ninja mpicc mpirun h5cc protoc-c; do ln -s /bin/true "$work/bin/$tool"; done
env -u CC PATH="$work/bin" bash "$setup" >"$work/said" 2>&1 && fail "libraries without pkg-config cannot be found"
grep -qE 'a C compiler|CMake|ninja|Open MPI|HDF5' "$work/said" && fail "asks for what is there"
# shellcheck disable=SC2016 # the $1 belongs to the script
printf '#!/bin/sh\n[ "$1" = --exists ]\n' >"$work/bin/pkg-config"
chmod +x "$work/bin/pkg-config"
mkdir -p "$work/prefix/include/Random123"
: >"$work/prefix/include/Random123/philox.h"
ln -s /bin/sh "$work/bin/sh"
env -u CC PATH="$work/bin" CMAKE_PREFIX_PATH="/nowhere:$work/prefix" bash "$setup" >"$work/said" 2>&1 ||
  fail "not content although everything is there"

# the libraries that draw on terminals and into pictures are optional, and a user who lacks them is told so
printf '#!/bin/sh\n[ "$1" = --exists ] && [ "$2" != cairo ] && [ "$2" != ncursesw ]\n' >"$work/bin/pkg-config"
env -u CC PATH="$work/bin" CMAKE_PREFIX_PATH="$work/prefix" MUSTER_VIEWS=ON bash "$setup" >"$work/said" 2>&1 &&
  fail "content without cairo and ncurses"
for part in 'cairo (cairo.pc)' 'ncurses with wide characters' 'MUSTER_VIEWS=OFF does without'; do
  grep -qF "$part" "$work/said" || fail "does not say: $part"
done
env -u CC PATH="$work/bin" CMAKE_PREFIX_PATH="$work/prefix" MUSTER_VIEWS=OFF bash "$setup" >"$work/said" 2>&1 ||
  fail "asks for what MUSTER_VIEWS=OFF does without"
printf '#!/bin/sh\n[ "$1" = --exists ]\n' >"$work/bin/pkg-config"

# with apt, as root; this apt is a stand-in that only records how it is called and puts the tool in place
rm "$work/bin/mpicc"
for tool in mktemp rm; do ln -s "$(command -v $tool)" "$work/bin/$tool"; done
rm "$work/bin/id"
printf '#!/bin/sh\necho 0\n' >"$work/bin/id"
cat >"$work/bin/apt-get" <<TEXT
#!/bin/sh
echo "\$DEBIAN_FRONTEND \$*" >>"$work/apt"
case "\$*" in *install*) : >"$work/bin/mpicc" && $(command -v chmod) +x "$work/bin/mpicc" ;; esac
TEXT
chmod +x "$work/bin/id" "$work/bin/apt-get"
env -u CC PATH="$work/bin" CMAKE_PREFIX_PATH="$work/prefix" bash "$setup" >"$work/said" 2>&1 || fail "apt's tool was not seen"
[ "$(wc -l <"$work/apt")" = 2 ] || fail "apt-get was not called twice: $(cat "$work/apt")"
sed -n 1p "$work/apt" | grep -q '^noninteractive .*update$' || fail "first call: $(cat "$work/apt")"
sed -n 2p "$work/apt" | grep -q '^noninteractive .*install -y --no-install-recommends libopenmpi-dev openmpi-bin$' ||
  fail "second call: $(cat "$work/apt")"
env -u CC PATH="$work/bin" CMAKE_PREFIX_PATH="$work/prefix" bash "$setup" >"$work/said" 2>&1 || fail "second run"
[ "$(wc -l <"$work/apt")" = 2 ] || fail "the second run called apt-get again"

# wrong use
code=0
env PATH="$work/bin" bash "$setup" everything >"$work/said" 2>&1 || code=$?
[ $code = 2 ] || fail "an unknown group gives exit code $code, not 2"
