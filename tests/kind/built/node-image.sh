#!/bin/sh
# Makes the image of a kind node from programs that were built before: Kubernetes's own images inside, as kubeadm names them.
#   node-image.sh TAG BASE VERSION BIN      BIN: a folder with every program of ../toolchain.py
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tag=$1 base=$2 version=$3 bin=$4
export DOCKER_BUILDKIT=0
builder=eagleray-node-image-$$
work=$(mktemp -d -p "$bin")
trap 'rm -rf "$work"; docker rm -f $builder >/dev/null 2>&1 || :' EXIT

image() { # TAG DOCKERFILE FILE...   (hard links, so that nothing is copied twice)
	name=$1 text=$2
	shift 2
	rm -rf "$work/context"
	mkdir "$work/context"
	printf '%b' "$text" >"$work/context/Dockerfile"
	for f; do ln -L "$f" "$work/context/" 2>/dev/null || cp "$f" "$work/context/"; done
	docker build -q --label eagleray.dev/image=node -t "$name" "$work/context"
}

# One image under the five names that differ in nothing but their command: their layers are stored once.
names=$("$bin/kubeadm" config images list --kubernetes-version "$version")
programs=$(echo "$names" | grep /kube-proxy:)
pause=$(echo "$names" | grep /pause:)
image "$programs" \
	"FROM $base\nCOPY kube-* etcd local-path-provisioner kubectl /usr/local/bin/\nENTRYPOINT []\n" \
	"$bin"/kube-apiserver "$bin"/kube-controller-manager "$bin"/kube-scheduler "$bin"/kube-proxy \
	"$bin"/etcd "$bin"/local-path-provisioner "$bin"/kubectl
for name in $names; do
	case $name in
	*/kube-proxy:*) ;;
	# kubeadm gives it arguments only.
	*/coredns:*) image "$name" 'FROM scratch\nCOPY coredns /coredns\nENTRYPOINT ["/coredns"]\n' "$bin/coredns" ;;
	*/pause:*) image "$name" 'FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n' "$bin/pause" ;;
	*) docker tag "$programs" "$name" ;;
	esac
done

printf %s "$version" >"$work/version"
mkdir "$work/manifests"
for f in "$here"/manifests/*.yaml; do
	sed "s#NODE_PROGRAMS#$programs#" "$f" >"$work/manifests/$(basename "$f")"
done
# No VOLUME for /var: kind runs its nodes with one, which Docker fills from what the image has there.
image "$tag-bare" \
	'FROM '"$base"'\nSTOPSIGNAL SIGRTMIN+3\nCOPY kubeadm kubelet kubectl /usr/bin/\nCOPY version /kind/version\nCOPY *.yaml /kind/manifests/\n' \
	"$bin"/kubeadm "$bin"/kubelet "$bin"/kubectl "$work/version" "$work"/manifests/*.yaml

# Preload the images. They are unpacked on first use: overlayfs does not work upon overlayfs.
docker run -d --name $builder --privileged --entrypoint sleep "$tag-bare" infinity
docker exec $builder sed -i "s#PAUSE#$pause#" /etc/containerd/config.toml
docker exec -d $builder containerd
until docker exec $builder ctr version >/dev/null 2>&1; do sleep 0.5; done
docker save $names | docker exec -i $builder ctr -n k8s.io images import --all-platforms --no-unpack --digests -
docker exec $builder sh -c 'kill $(pidof containerd); while pidof containerd; do sleep 0.1; done; rm -rf /run/containerd'
docker commit --change 'ENTRYPOINT ["/usr/local/bin/entrypoint"]' $builder "$tag"
# Inside the node image now; the names would only be in the way here.
docker rm -f $builder
docker rmi $names "$tag-bare"
