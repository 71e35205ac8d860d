#!/bin/sh
# Makes the secrets that compose.yaml hands to the containers, once: run as root, with GH_TOKEN set.
set -eu
cd "$(dirname "$0")"
umask 077
random() { od -An -v -N24 -tx1 /dev/urandom | tr -d ' \n'; }

if [ ! -s client_keys ]; then
    random >prometheus_key
    { random; echo; cat prometheus_key; echo; } >client_keys
fi
[ -s github_token ] || printf '%s\n' "${GH_TOKEN:?set GH_TOKEN to a GitHub token that may use Copilot}" >github_token
# The users that the containers run as: the gateway's, and Prometheus' own.
chown 1000 client_keys github_token
chown 65534 prometheus_key
echo "Clients send this key: $(head -n 1 client_keys)"
