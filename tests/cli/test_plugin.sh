#!/bin/sh
# Builds examples/plugin-LANGUAGE outside the source tree against an installed muster, checks the environment, and
# trains with its ppo.yaml: the policy has to reach the return at which the environment counts as solved.
# usage: test_plugin.sh CMAKE SOURCE_FOLDER BUILD_FOLDER WORK_FOLDER LANGUAGE; exits with 77 without a compiler for it
set -eu

cmake=$1 source=$2 build=$3 work=$4 language=$5

fail() {
  printf 'FAILED: %s\n%s\n' "$1" "$(cat "$work/said" 2>/dev/null)" >&2
  exit 1
}

case $language in
  cpp) compiler=${CXX:-g++} ;;
  fortran) compiler=${FC:-gfortran} ;;
  *) compiler=${CC:-cc} ;;
esac
if ! command -v "$compiler" >/dev/null; then
  echo "skipped: there is no $compiler; scripts/setup test installs it"
  exit 77
fi

# the example is in a folder of its own, as if a user had copied it
rm -rf "$work"
mkdir -p "$work"
"$cmake" --install "$build" --prefix "$work/prefix" >"$work/install.log"
cp -r "$source/examples/plugin-$language" "$work/example"
cd "$work/example"
"$cmake" -S . -B build -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$work/prefix" >"$work/said" 2>&1 || fail "cmake"
"$cmake" --build build >"$work/said" 2>&1 || fail "the build"
grep -qi warning "$work/said" && fail "the compiler warns"
muster=$work/prefix/bin/muster
name=$(sed -n 's/^  name: \(.*-v0\)$/\1/p' ppo.yaml)
library=$(sed -n 's/^  plugin: //p' ppo.yaml)

# a plug-in is not linked to muster
ldd "$library" | grep -q muster && fail "the plug-in links muster"

# the contract
"$muster" check-env "$library" >"$work/said" 2>&1 || fail "check-env finds faults"
grep -q "^$name: keeps the contract" "$work/said" || fail "check-env does not name the environment"

# failures have a message, even if the plug-in gives none
refuse() { # MESSAGE LIBRARY [ARGUMENTS]: check-env says exactly this about create()
  expected="FAIL  description     create() failed: \"$1\""
  shift
  "$muster" check-env "$@" >"$work/said" 2>&1 && fail "check-env finds no fault"
  [ "$(sed -n 1p "$work/said")" = "$expected" ] || fail "check-env does not say: $expected"
}
if [ "$language" = cpp ]; then
  sed 's/"%s", exception.what()/"%s", ""/' tank.cpp >"$work/blank.cpp"
  "$compiler" -shared -fPIC -I "$work/prefix/include" "$work/blank.cpp" -o "$work/blank.so" || fail "the build"
  refuse "it failed without a text: muster_env_fail() wants one" "$work/blank.so" --option mark=none
fi
if [ "$language" = fortran ]; then
  module=$(find "$work/prefix" -name muster_env.f90)
  mkdir "$work/modules"
  for change in "blank/error = 'option stiffness.*/error = '  '" \
    "bounds/observe_box(.2.)/observe_box([2], low=[-1.0, -2.0, -3.0], high=[9.0])"; do
    variant=$work/${change%%/*}
    sed "s/${change#*/}/" spring.f90 >"$variant.f90"
    "$compiler" -J "$work/modules" -shared -fPIC "$module" "$variant.f90" -o "$variant.so" || fail "the build"
  done
  refuse 'it failed without a text: assign one to `error`' "$work/blank.so" --option stiffness=-1
  refuse "describe() gives 3 low bounds for 2 elements: expects as many, or one for all" "$work/bounds.so"
fi

# started in another folder, since the path of the plug-in is relative to the config
cd "$work"
"$muster" train example/ppo.yaml --run-dir run >"$work/said" 2>&1 || fail "training"
threshold=$("$muster" envs "example/$library" | sed -n 's/^ *reward threshold *//p')
python3 - "$threshold" >"$work/said" 2>&1 <<'TEXT' || fail "the policy is not good enough"
import json, sys
evaluation = json.load(open("run/summary.json"))["final_evaluation"]
print(evaluation, "threshold", sys.argv[1])
sys.exit(evaluation["mean_return"] < float(sys.argv[1]))
TEXT
"$muster" eval run --episodes 5 >"$work/said" 2>&1 || fail "eval"
grep -q "^$name," "$work/said" || fail "eval does not name the environment"
