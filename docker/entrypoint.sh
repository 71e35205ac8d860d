#!/bin/sh
# Entry point of the container image. Kept from 0.7.0: `--auth` first runs the sign-in, anything else starts
# the gateway, GH_TOKEN is the GitHub token, and the data directory is root's. Cured (D-B12, D-S4, D-S9): a
# sub-command given first is honoured, the token is never in the arguments, nothing runs as root for long.
set -eu

data="$HOME/.local/share/copilot-api"
user=copilot

# Volumes of 0.7.0 belong to root. As root: hand them over, then start again as the ordinary user. With
# `docker run --user` there is nothing to hand over and nobody to become.
if [ "$(id -u)" = 0 ] && id -u "$user" >/dev/null 2>&1; then
    mkdir -p "$data"
    chown -R "$user:$user" "$data" || echo "The files in $data could not be handed over to $user." >&2
    exec setpriv --reuid "$user" --regid "$user" --init-groups --no-new-privs -- "$0" "$@"
fi

if [ -n "${GH_TOKEN:-}" ] && [ -z "${COPILOT_API_GITHUB_TOKEN:-}" ]; then
    export COPILOT_API_GITHUB_TOKEN="$GH_TOKEN"
fi
unset GH_TOKEN

case "${1:-}" in
    --auth) exec copilot-api auth ;;
    "" | -*) set -- start "$@" ;;
esac
[ "$1" = start ] || exec copilot-api "$@"

# The gateway listens on all interfaces here, so clients need a key: the user's, or one made once.
needs_key=yes
for argument in "$@"; do
    case "$argument" in
        --api-key | --api-key=* | --api-key-file | --api-key-file=* | --no-auth | --help | -h) needs_key=no ;;
    esac
done
[ -z "${COPILOT_API_API_KEY:-}${COPILOT_API_API_KEY_FILE:-}${COPILOT_API_NO_AUTH:-}" ] || needs_key=no
if [ "$needs_key" = yes ]; then
    key_file="$data/client_key"
    if [ ! -s "$key_file" ]; then
        umask 077
        mkdir -p "$data"
        od -An -v -N24 -tx1 /dev/urandom | tr -d ' \n' >"$key_file.new"
        mv "$key_file.new" "$key_file"
        echo "Made a key that clients must send: $(cat "$key_file")"
        echo "It is kept in $key_file; set COPILOT_API_API_KEY to use another one."
    fi
    export COPILOT_API_API_KEY_FILE="$key_file"
fi

exec copilot-api "$@"
