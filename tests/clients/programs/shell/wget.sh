#!/bin/sh
# wget, which has no Retry-After of its own. usage: wget.sh register|upload [NAME=PATH…]
set -eu
command=$1
shift
here=$(dirname "$0")
answer=$(mktemp) body=$(mktemp) head=$(mktemp)
trap 'rm -f "$answer" "$body" "$head"' EXIT
if [ "$command" = register ]; then
    type=application/json
    printf '{"PSK": "%s"}' "$(cat)" >"$body"
else
    type='multipart/form-data; boundary=a-boundary'
    "$here/multipart.sh" "$@" >"$body"
fi
for attempt in 1 2 3 4 5; do
    wget --quiet --server-response --content-on-error --tries 1 --max-redirect 0 \
        --ca-certificate "$CA" --certificate "$CERT" --private-key "$KEY" \
        --header "Content-Type: $type" --post-file "$body" --output-document "$answer" "$URL" \
        2>"$head" || true
    status=$(sed -n 's|^ *HTTP/1.1 \([0-9]*\).*|\1|p' "$head")
    case $status in 429 | 503) ;; *) break ;; esac
    sleep "$(sed -n 's|^ *Retry-After: \([0-9]*\).*|\1|p' "$head")"
done
"$here/decide.sh" "$status"
cat "$answer"
