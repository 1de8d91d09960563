#!/bin/sh
# Makes debian:bookworm-slim locally, from the Debian mirror that this system's apt uses, for where no image registry can be
# reached. Needs root, buildah and debootstrap. usage: base-image.sh FOLDER (for the files in between)
set -eu
base=docker.io/library/debian:bookworm-slim
buildah inspect --type image $base >/dev/null 2>&1 && exit 0
folder=$1
root=$folder/rootfs

mirror() { # of a release, as apt knows it
  apt-get indextargets --format '$(REPO_URI)' "Codename: $1" | sort -u | head -n 1
}

rm -rf --one-file-system "$root"
mkdir -p "$folder"
debootstrap --variant=minbase bookworm "$root" "$(mirror bookworm)" >"$folder/debootstrap.log"
for release in bookworm bookworm-updates bookworm-security; do
  url=$(mirror $release)
  [ -z "$url" ] || echo "deb $url $release main"
done >"$root/etc/apt/sources.list"
# What the official image does to stay small: no documentation, no caches, and no service starts when installed.
printf 'path-exclude /usr/share/%s/*\n' doc man locale info lintian >"$root/etc/dpkg/dpkg.cfg.d/docker"
printf 'path-include /usr/share/doc/*/copyright\nforce-unsafe-io\n' >>"$root/etc/dpkg/dpkg.cfg.d/docker"
cat >"$root/etc/apt/apt.conf.d/docker" <<'CONF'
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Acquire::Languages "none";
Acquire::GzipIndexes "true";
CONF
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
(cd "$root" && rm -rf var/cache/apt/* var/lib/apt/lists/* usr/share/man/* usr/share/info/* usr/share/locale/* \
  usr/share/lintian/* var/log/* etc/resolv.conf)
find "$root/usr/share/doc" -type f ! -name copyright -delete

container=$(buildah from scratch)
buildah copy -q "$container" "$root" / >/dev/null
buildah config --cmd '["bash"]' --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
buildah commit -q --rm "$container" $base >/dev/null
rm -rf --one-file-system "$root"
