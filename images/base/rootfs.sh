#!/bin/bash
# Makes the root file system of orchestrator-base with debootstrap, as a tar file: for machines that reach
# Debian's packages but no image registry. Usage: rootfs.sh OUT.tar [SUITE [MIRROR]]
set -euo pipefail

out=${1:?usage: rootfs.sh OUT.tar [SUITE [MIRROR]]}
suite=${2:-bookworm}
mirror=${3:-http://deb.debian.org/debian}

if [ "$(id -u)" != 0 ]; then
  echo "debootstrap needs root: run this as root, or build on an image from a registry" >&2
  exit 6
fi
if ! command -v debootstrap >/dev/null; then
  echo "debootstrap is missing: apt-get install debootstrap" >&2
  exit 6
fi

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
debootstrap --variant=minbase "$suite" "$work/root" "$mirror"
tar -C "$work/root" --numeric-owner \
  --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' --exclude='./var/log/*' --exclude='./dev/*' \
  -cf "$out" .
