#!/bin/sh
# Print a status, and what a device does with its files then.
case $1 in
200) echo "200 delete" ;;
400 | 413 | 415 | 422) echo "$1 set aside" ;;
*) echo "$1 keep" ;;
esac
