#!/usr/bin/env bash
# Annotates the specs' lines, and writes the same findings as SARIF. Fails by itself only where no spec is named: of findings
# the last step fails, when everything is written.
set -euo pipefail
mapfile -t specs < <(grep -v '^[[:space:]]*$' <<< "$SPECS" || true)
if (( ${#specs[@]} == 0 )); then
  echo "::error title=wsgen::no spec is named: write \`specs: gateway.yaml\` under \`with:\`"
  exit 2
fi
call=(lint)
if [[ -n "$TARGETS" ]]; then call+=("--target=$TARGETS"); fi
if [[ "$DENY_WARNINGS" == true ]]; then call+=(--deny=warnings); fi
status=0
wsgen "${call[@]}" --format=github -- "${specs[@]}" || status=$?
sarif="$RUNNER_TEMP/wsgen.sarif"
wsgen "${call[@]}" --format=sarif -- "${specs[@]}" > "$sarif" 2> /dev/null || true
# A call that is wrong writes no log.
if [[ ! -s "$sarif" ]]; then sarif=; fi
{
  echo "status=$status"
  echo "sarif=$sarif"
} >> "$GITHUB_OUTPUT"
