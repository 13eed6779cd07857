#!/usr/bin/env bash
# Says what the specs change against the base, as one comment: in a file, in an output, in the job's summary.
set -euo pipefail
most=60000
comment="$RUNNER_TEMP/wsgen-diff.md"
part="$RUNNER_TEMP/wsgen-part.md"
changed=false
left_out=0
echo "<!-- wsgen diff -->" > "$comment"

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

# Whatever a program says from here on is no command of the workflow.
token=$(random)
echo "::stop-commands::$token"

mapfile -t specs < <(grep -v '^[[:space:]]*$' <<< "$SPECS" || true)
if [[ -z "$BASE" ]]; then
  specs=()
elif ! git rev-parse --verify --quiet --end-of-options "$BASE^{commit}" > /dev/null; then
  git fetch --no-tags --depth=1 --end-of-options origin "$BASE"
fi

for spec in "${specs[@]}"; do
  # A name in a heading is letters, digits and a few marks: nothing that Markdown or HTML reads.
  name=${spec//[^A-Za-z0-9._\/ -]/?}
  status=0
  if git cat-file -e "$BASE:./$spec" 2> /dev/null; then
    wsgen diff --format=markdown --target="${TARGETS:-all}" -- "git:$BASE" "$spec" > "$part" || status=$?
  else
    status=1
    echo "The spec is new." > "$part"
  fi
  case $status in
    0) continue ;;
    1) ;;
    *) echo "It cannot be compared: the job's log says why." > "$part" ;;
  esac
  changed=true
  if (( $(wc -c < "$comment") + $(wc -c < "$part") + ${#name} + 100 > most )); then
    left_out=$((left_out + 1))
    continue
  fi
  {
    printf '\n### %s\n\n' "$name"
    cat "$part"
  } >> "$comment"
done
if (( left_out > 0 )); then
  printf '\n%s more specs differ; there is no room for them here.\n' "$left_out" >> "$comment"
fi
if [[ $changed == false ]]; then
  printf '\nWhat is rendered stays the same.\n' >> "$comment"
fi
echo "::$token::"

# No text of a spec ends the output: its end is a word that nobody could know when the text was written.
end="wsgen_$(random)"
{
  echo "changed=$changed"
  echo "comment-file=$comment"
  echo "comment<<$end"
  cat "$comment"
  echo "$end"
} >> "$GITHUB_OUTPUT"
cat "$comment" >> "$GITHUB_STEP_SUMMARY"
