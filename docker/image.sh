#!/bin/sh
# Builds the image and tries it as it is meant to be run: read-only, without rights, then an acknowledged command in it.
# With Docker where its daemon answers, else with buildah and podman (as root), whose storage stays in build/oci.
set -eu
cd "$(dirname "$0")/.."
image=pomona:$(sed -n 's/^project(pomona VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
name=pomona-try-$$
extra_ca=$(cat /usr/local/share/ca-certificates/*.crt 2>/dev/null || true) # what this host trusts besides the usual

if docker info >/dev/null 2>&1; then
  engine=docker
  docker build --build-arg EXTRA_CA="$extra_ca" -f docker/Dockerfile -t "$image" .
else
  engine=podman
  [ "$(id -u)" -eq 0 ] || { echo "image: no Docker daemon answers, and podman is used as root only" >&2; exit 1; }
  oci=$PWD/build/oci
  mkdir -p "$oci"
  printf '[storage]\ndriver = "overlay"\ngraphroot = "%s/storage"\nrunroot = "%s/run"\n' "$oci" "$oci" >"$oci/storage.conf"
  printf '%s\n' '[containers]' 'default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]' '[engine]' 'runtime = "runc"' \
    'cgroup_manager = "cgroupfs"' 'events_logger = "file"' >"$oci/containers.conf"
  export CONTAINERS_STORAGE_CONF="$oci/storage.conf" CONTAINERS_CONF="$oci/containers.conf" BUILDAH_FORMAT=docker
  exec 9>"$oci/lock"
  flock 9
  docker/base-image.sh "$oci"
  buildah bud --isolation=chroot --network=host --pull-never --format docker --layers --build-arg EXTRA_CA="$extra_ca" \
    -f docker/Dockerfile -t "$image" . 9>&-
  exec 9>&-
fi

# A network of its own with nothing in it but the loopback: the trial needs no other, and no port of this host.
$engine run -d --name "$name" --network=none --read-only --tmpfs /tmp --cap-drop=all \
  --security-opt=no-new-privileges "$image" >/dev/null
finish() {
  status=$?
  [ $status -eq 0 ] || $engine logs "$name" >&2 || true
  $engine rm -f -v "$name" >/dev/null
  exit $status
}
trap finish EXIT
trap 'exit 1' INT TERM

tries=0
until $engine exec "$name" pomona status >/dev/null 2>&1; do
  tries=$((tries + 1))
  [ $tries -lt 60 ] || { echo "image: the server in it did not get ready" >&2; exit 1; }
  sleep 1
done
$engine exec "$name" pomona status
$engine exec "$name" pomona lab up --once
$engine stop -t 10 "$name" >/dev/null
[ "$($engine inspect -f '{{.State.ExitCode}}' "$name")" = 0 ] || { echo "image: the server did not end cleanly" >&2; exit 1; }
echo "image $image: $($engine image inspect -f '{{.Size}}' "$image" | awk '{printf "%.1f MB", $1 / 1e6}'), tried with $engine"
