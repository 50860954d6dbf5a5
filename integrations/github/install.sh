#!/usr/bin/env bash
# Finds or builds the program, and says where it is in the output `binary`.
set -euo pipefail

if [[ -n ${BINARY:-} ]]; then
    if ! binary=$(type -P -- "$BINARY"); then
        echo "there is no program at the input \`binary\`" >&2
        exit 2
    fi
else
    # The ref of `uses:` is what is built: who pins the action has pinned the program.
    if ! type -P cargo >/dev/null; then
        echo "cargo is missing: install Rust before this step, or name a built program with the input \`binary\`" >&2
        exit 2
    fi
    root=$RUNNER_TEMP/tidewaiter
    CARGO_TARGET_DIR=$root/target cargo install --quiet --locked --path "$ACTION/cli" --root "$root"
    binary=$root/bin/tidewaiter
fi

if [[ $binary == *$'\n'* ]]; then
    echo "the path of the program has a line break" >&2
    exit 2
fi
"$binary" --version
echo "binary=$binary" >>"$GITHUB_OUTPUT"
