#!/usr/bin/env bash
# Judges the paths. Ends as `tidewaiter check` does: 0 nothing denied, 1 something denied, 2 wrong
# usage or unreadable input.
set -euo pipefail

case ${FORMAT:=none} in
    none | json | sarif | junit) ;;
    *)
        echo "the input \`format\` is none, json, sarif or junit" >&2
        exit 2
        ;;
esac
case ${UPLOAD_SARIF:=false} in
    true | false) ;;
    *)
        echo "the input \`upload-sarif\` is true or false" >&2
        exit 2
        ;;
esac

arguments=()
[[ -z ${POLICY:-} ]] || arguments+=("--policy=$POLICY")
[[ -z ${PROFILE:-} ]] || arguments+=("--profile=$PROFILE")

paths=()
while IFS= read -r path || [[ -n $path ]]; do
    path=${path%$'\r'}
    [[ -z ${path//[[:space:]]/} ]] || paths+=("$path")
done <<<"${PATHS:-}"
if [[ ${#paths[@]} -eq 0 ]]; then
    echo "the input \`paths\` names nothing" >&2
    exit 2
fi

judge() {
    # Bash 3.2, which macOS has, takes an empty list for an unset one.
    "$TIDEWAITER" check ${arguments[@]+"${arguments[@]}"} --format="$1" -- "${paths[@]}" </dev/null
}

# Names of files stand at the start of lines of the log, where the runner looks for its commands.
token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
echo "::stop-commands::$token"
status=0
judge text || status=$?
echo "::$token::"

case $status in
    0) verdict=allowed ;;
    1) verdict=denied ;;
    *) verdict=unusable ;;
esac
echo "verdict=$verdict" >>"$GITHUB_OUTPUT"

# The same files, policy and program give the same findings in every form; the status is known.
write() {
    local file=$RUNNER_TEMP/tidewaiter.$2
    judge "$1" >"$file" || true
    [[ ! -s $file ]] || echo "$3=$file" >>"$GITHUB_OUTPUT"
}
case $FORMAT in
    json | sarif) write "$FORMAT" "$FORMAT" report ;;
    junit) write junit xml report ;;
esac
if [[ $FORMAT == sarif || $UPLOAD_SARIF == true ]]; then
    write sarif sarif sarif
fi

exit "$status"
