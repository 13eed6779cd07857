#!/usr/bin/env bash
# Builds wsgen from the action's own revision, unless the cache had it; lint and diff need neither the proxy nor the programs.
set -euo pipefail
root="$RUNNER_TEMP/wsgen"
if [[ ! -x "$root/bin/wsgen" ]]; then
  cargo install --locked --no-default-features --path "$GITHUB_ACTION_PATH" --root "$root"
fi
echo "$root/bin" >> "$GITHUB_PATH"
