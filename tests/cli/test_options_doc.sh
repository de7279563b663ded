#!/bin/sh
# docs/options.md holds the table of options that the program prints.
# usage: test_options_doc.sh MUSTER OPTIONS_MD WORK_FOLDER
set -eu
muster=$1 document=$2 work=$3

mkdir -p "$work"
"$muster" config --markdown >"$work/printed"
grep '^|' "$document" >"$work/documented" || true
if ! diff "$work/documented" "$work/printed"; then
  echo "docs/options.md (<) is not what the program prints (>): replace its table by the output of" >&2
  echo "  muster config --markdown" >&2
  exit 1
fi
