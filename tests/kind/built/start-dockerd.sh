#!/bin/sh
# Starts dockerd in the background on a machine where no service manager does, and waits until it answers.
#   start-dockerd.sh LOG [RUNTIME]     RUNTIME: the program to run containers with, instead of runc
set -eu
log=$1
runtime=${2:-}
# dockerd's children inherit this: plain system paths, so that "env python3" in runc-caps is the distribution's own.
export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

mount_cgroup() { # NAME OPTIONS
	mountpoint -q "/sys/fs/cgroup/$1" && return
	mkdir -p "/sys/fs/cgroup/$1"
	mount -t cgroup -o "$2" cgroup "/sys/fs/cgroup/$1" || rmdir "/sys/fs/cgroup/$1"
}

# cgroup v1: one hierarchy for each controller that this kernel has on, and the named one that systemd inside of a node
# keeps its units in. What is mounted elsewhere, or taken by cgroup v2, is left as it is.
if [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
	mountpoint -q /sys/fs/cgroup ||
		mount -t tmpfs -o mode=755,nosuid,nodev,noexec cgroup /sys/fs/cgroup
	for c in cpu cpuacct cpuset memory devices freezer blkio pids; do
		awk -v c=$c '$1 == c && $4 == 1 { on = 1 } END { exit !on }' /proc/cgroups || continue
		awk -v c=$c '$3 == "cgroup" && ("," $4 ",") ~ "," c "," { on = 1 } END { exit !on }' \
			/proc/mounts || mount_cgroup $c $c
	done
	mount_cgroup systemd none,name=systemd
	# systemd in a node keeps track of its processes in cgroup v2 as well; only where it is mounted does each container
	# get a part of it to itself.
	if ! grep -q ' cgroup2 ' /proc/mounts; then
		mkdir -p /sys/fs/cgroup/unified
		mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
	fi
fi

# Several kubelets and containerds share one root user's inotify allowance.
f=/proc/sys/fs/inotify/max_user_instances
[ "$(cat $f)" -ge 1024 ] || echo 1024 >$f || :

# A daemon that was killed leaves its process id behind, which may be somebody else's by now: dockerd would not start.
forget_dead() { # PROGRAM FILE
	pid=$(cat "$2" 2>/dev/null || echo none)
	[ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$1" ] || rm -f "$2"
}
forget_dead dockerd /var/run/docker.pid
forget_dead containerd /var/run/docker/containerd/containerd.pid

nohup setsid dockerd --exec-opt native.cgroupdriver=cgroupfs --oom-score-adjust 0 --log-opt max-size=20m \
	${runtime:+--add-runtime "caps=$runtime" --default-runtime caps} >>"$log" 2>&1 </dev/null &
daemon=$!

n=0
until docker info >/dev/null 2>&1; do
	n=$((n + 1))
	if [ $n -ge 240 ] || ! kill -0 $daemon 2>/dev/null; then
		echo "dockerd did not come up; its log is $log" >&2
		tail -20 "$log" >&2
		exit 1
	fi
	sleep 0.5
done
