#!/usr/bin/env bash
# What the built program is made of, as one hash: the key of the cache.
set -euo pipefail
cd "$GITHUB_ACTION_PATH"
key=$(find Cargo.toml Cargo.lock src templates -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
echo "key=$key" >> "$GITHUB_OUTPUT"
