#!/bin/sh
# Write the files NAME=PATH… as a multipart body with the boundary a-boundary.
for file in "$@"; do
    printf -- '--a-boundary\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n\r\n' \
        "${file%%=*}" "$(basename "${file#*=}")"
    cat "${file#*=}"
    printf '\r\n'
done
printf -- '--a-boundary--\r\n'
