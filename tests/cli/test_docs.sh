#!/bin/sh
# What the documents name exists: the targets of links between files, paths of sources, and functions that a document
# places in a file (`src/train/learner.c:learner_give_command()`). First, a small invented tree shows that each kind of
# error is found.
# usage: test_docs.sh SOURCE_FOLDER WORK_FOLDER
# shellcheck disable=SC2016 # backquotes here are those of Markdown
set -eu
LC_ALL=C
export LC_ALL
root=$1 work=$2

documents() { (cd "$1" && ls ./*.md docs/*.md docs/adding/*.md docs/algorithms/*.md examples/*.md configs/*.md slurm/*.md tests/golden/*.md 2>/dev/null) || true; }

# check FOLDER: prints a line for each error, and nothing if there is none
check() {
  for document in $(documents "$1"); do
    folder=$1/$(dirname "$document")

    # [text](file#part), but no web addresses, and no links within the same file
    grep -o '](\([^)]*\))' "$1/$document" | sed 's/^](//; s/)$//; s/#.*//' | sort -u | while read -r link; do
      case $link in "" | http://* | https://*) continue ;; esac
      [ -e "$folder/$link" ] || echo "$document: the link to $link leads nowhere"
    done

    # paths of sources and tests in code style. Not checked: paths with NAME, which the reader chooses; build/ and
    # runs/, which are made later; and files that the reader is to write
    sed 's/Write `[^`]*`://' "$1/$document" | grep -oE '`(src|include|tests|scripts|configs|examples|docs|cmake|slurm)/[A-Za-z0-9_./-]*(:[a-z0-9_]+\(\))?`' |
      tr -d '`' | sort -u | while read -r name; do
      path=${name%%:*}
      # a folder of tests says where new tests go and may not exist yet; the user writes slurm/site.sh
      case $path in *NAME* | tests/*/ | slurm/site.sh) continue ;; esac
      if [ ! -e "$1/$path" ]; then
        echo "$document: there is no $path"
      elif [ "$path" != "$name" ]; then
        function=${name#*:}
        # a definition or declaration starts in the first column
        grep -qE "^[A-Za-z_].*[ *]${function%()}\(" "$1/$path" || echo "$document: there is no $function in $path"
      fi
    done
  done
}

# the check finds each kind of error
rm -rf "$work"
mkdir -p "$work/docs" "$work/src"
echo 'static void real(int a) {' >"$work/src/a.c"
echo '[a](docs/b.md#part) `src/a.c` `src/a.c:real()` [c](https://example.org)' >"$work/README.md"
echo '[a](../README.md)' >"$work/docs/b.md"
found=$(check "$work")
[ -z "$found" ] || { echo "what is right is called wrong: $found" >&2; exit 1; }
for wrong in '[a](docs/none.md)' '`src/none.c`' '`src/a.c:none()`'; do
  echo "$wrong" >"$work/README.md"
  [ -n "$(check "$work")" ] || { echo "what is wrong is not found: $wrong" >&2; exit 1; }
done

errors=$(check "$root")
if [ -n "$errors" ]; then
  echo "$errors" >&2
  exit 1
fi
