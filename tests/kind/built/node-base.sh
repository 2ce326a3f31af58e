#!/bin/sh
# Makes the image that a kind node starts from: Debian 12 with systemd, containerd, runc and what a kubelet calls, and node/.
#   node-base.sh TAG [MIRROR]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tag=$1
mirror=${2:-}
root=$(mktemp -d)
trap 'rm -rf --one-file-system "$root"' EXIT

packages=systemd,systemd-sysv,containerd,runc,containernetworking-plugins
packages=$packages,iproute2,iptables,nftables,ebtables,conntrack,ethtool,socat
packages=$packages,kmod,procps,mount,util-linux,ca-certificates,bash,pigz

# Units that have nothing to do in a node, or would reach through it for the host: kernel settings and modules, devices,
# consoles, the clock, the network.
masked="
	systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket
	systemd-udev-trigger.service systemd-udev-settle.service
	systemd-modules-load.service kmod-static-nodes.service systemd-sysctl.service
	systemd-tmpfiles-setup-dev.service systemd-tmpfiles-clean.timer
	systemd-logind.service systemd-user-sessions.service systemd-hostnamed.service
	getty.target getty@tty1.service getty-static.service console-getty.service
	systemd-ask-password-console.path systemd-ask-password-wall.path
	systemd-networkd.service systemd-networkd.socket
	systemd-networkd-wait-online.service systemd-resolved.service
	systemd-timesyncd.service systemd-firstboot.service systemd-sysusers.service
	systemd-machine-id-commit.service systemd-random-seed.service
	systemd-remount-fs.service systemd-repart.service systemd-pstore.service
	systemd-pcrphase.service systemd-pcrphase-sysinit.service
	systemd-binfmt.service proc-sys-fs-binfmt_misc.automount
	dev-hugepages.mount dev-mqueue.mount sys-fs-fuse-connections.mount
	sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount
	systemd-update-utmp.service systemd-update-utmp-runlevel.service
	systemd-initctl.socket systemd-journald-audit.socket systemd-journal-flush.service
	apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer
	e2scrub_all.timer e2scrub_reap.service fstrim.timer
"

debootstrap --variant=minbase --include="$packages" bookworm "$root" $mirror

cp -R "$here/node/." "$root/"
units=$root/etc/systemd/system
for unit in $masked; do
	ln -sfn /dev/null "$units/$unit"
done
ln -sfn /lib/systemd/system/multi-user.target "$units/default.target"
mkdir -p "$units/multi-user.target.wants"
for unit in containerd kubelet; do
	ln -sfn "/etc/systemd/system/$unit.service" "$units/multi-user.target.wants/$unit.service"
done

# CNI plugins where CNI installers and the kubelet look for them.
mkdir -p "$root/opt/cni" "$root/etc/cni/net.d" "$root/etc/kubernetes/manifests" "$root/kind/manifests"
mv "$root/usr/lib/cni" "$root/opt/cni/bin"
ln -s /opt/cni/bin "$root/usr/lib/cni"

# Not of this machine, or of no use in a node.
: >"$root/etc/machine-id"
rm -f "$root/etc/fstab" "$root/etc/hostname" "$root/etc/resolv.conf"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb "$root"/var/log/* \
	"$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/usr/share/locale/*

tar -C "$root" --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' --numeric-owner -c . |
	docker import --change 'ENV container=docker' --change 'ENTRYPOINT ["/usr/local/bin/entrypoint"]' - "$tag"
