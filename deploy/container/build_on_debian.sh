#!/bin/sh
# Builds the Dockerfile where no registry of images can be reached: a base made of Debian's packages takes the place of the
# pinned one, and everything else is as in the Dockerfile. Writes an OCI image layout, which podman, skopeo and containerd read.
#
#   deploy/container/build_on_debian.sh FOLDER
#
# Needs root, and Debian's packages buildah and mmdebstrap. Python is Debian's, so its version differs from the pinned base.
set -eu
cd "$(dirname "$0")/../.."
out=$1
mkdir -p "$out"
out=$(cd "$out" && pwd)
dockerfile=deploy/container/Dockerfile
pinned=$(sed -n 's/^FROM \([^ ]*\).*/\1/p' $dockerfile | head -n 1)
certificates=/etc/ssl/certs/ca-certificates.crt

# Without a container engine's services: a storage of its own, and chroot in place of namespaces.
storage=$(mktemp -d)
trap 'rm -rf "$storage"' EXIT
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
builder() { buildah --root "$storage/root" --runroot "$storage/run" "$@"; }

base=$out/debian-python.tar
[ -e "$base" ] || {
    mmdebstrap --quiet --variant=minbase --aptopt='APT::Install-Recommends "false"' \
        --include=ca-certificates,python3,python3-venv,python-is-python3 bookworm "$base.partial"
    mv "$base.partial" "$base"
}
container=$(builder from scratch)
builder add --quiet "$container" "$base" /
builder commit --quiet --rm "$container" localhost/debian-python

# pip trusts what the host trusts, also an authority that its administrator added.
printf '[global]\ncert = %s\n' $certificates >"$storage/pip.conf"
# The image, and the one with sample traffic, which has its layers.
rm -rf "$out/oci"
for target in tocsin demo; do
    builder build --quiet --layers --build-context "$pinned=docker-image://localhost/debian-python" \
        --volume "$storage/pip.conf:/etc/pip.conf:ro" --volume "$certificates:$certificates:ro" \
        --file $dockerfile --target $target --tag localhost/$target .
    builder push --quiet localhost/$target "oci:$out/oci:$target"
done
