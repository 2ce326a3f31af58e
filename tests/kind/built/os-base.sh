#!/bin/sh
# Makes the image that the project's own images start from: Debian with Python 3.13, and the certificates that this machine
# trusts (a company's proxy may have its own).
#   os-base.sh TAG [MIRROR]
set -eu
tag=$1
mirror=${2:-}
root=$(mktemp -d)
trap 'rm -rf --one-file-system "$root"' EXIT

debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates trixie "$root" $mirror
certificates=/etc/ssl/certs/ca-certificates.crt
[ ! -e $certificates ] || cp $certificates "$root$certificates"

rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb "$root"/var/log/* \
	"$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/usr/share/locale/*
rm -f "$root"/etc/resolv.conf "$root"/etc/hostname
tar -C "$root" --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' --numeric-owner -c . |
	docker import --change "ENV SSL_CERT_FILE=$certificates PIP_CERT=$certificates REQUESTS_CA_BUNDLE=$certificates" \
		--change 'CMD ["python3"]' - "$tag"
