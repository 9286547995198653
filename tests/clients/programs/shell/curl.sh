#!/bin/sh
# curl. usage: curl.sh form|chunked|gzip|expect register|upload [NAME=PATH…]
set -eu
mode=$1 command=$2
shift 2
here=$(dirname "$0")

send() {
    curl --silent --show-error --cacert "$CA" --cert "$CERT" --key "$KEY" --retry 5 \
        --output "$answer" --write-out '%{http_code}' "$@" "$URL"
}

answer=$(mktemp) body=$(mktemp)
trap 'rm -f "$answer" "$body"' EXIT
if [ "$command" = register ]; then
    status=$(printf '{"PSK": "%s"}' "$(cat)" |
        send --header 'Content-Type: application/json' --data-binary @-)
else
    form='Content-Type: multipart/form-data; boundary=a-boundary'
    case $mode in
    form | expect)
        for file in "$@"; do set -- "$@" --form "${file%%=*}=@${file#*=};type=text/plain"; shift; done
        [ "$mode" = form ] || set -- "$@" --header 'Expect: 100-continue'
        status=$(send "$@") ;;
    chunked)
        "$here/multipart.sh" "$@" >"$body"
        status=$(send --header "$form" --header 'Transfer-Encoding: chunked' --data-binary "@$body") ;;
    gzip)
        "$here/multipart.sh" "$@" | gzip >"$body"
        status=$(send --header "$form" --header 'Content-Encoding: gzip' --data-binary "@$body") ;;
    esac
fi
"$here/decide.sh" "$status"
cat "$answer"
