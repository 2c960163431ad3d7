#!/usr/bin/env bash
# test_thread_limits.sh: a process computes on as many threads as its control groups and its affinity give it processors for, and says
# what is wrong where threads cannot be had. The groups are made up, in a mount namespace of the test's own.
# labels: release
# shellcheck disable=SC2016  # what stands in single quotes is for the shell inside
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
"$TARN" --version | grep -q libyaml || skip "recipes need libyaml"
tiny_recipe

# No memory for the stack of a thread: those that compute are fewer then, the loader's must be there.
(
    ulimit -s 100000000 && ulimit -v 20000000 || exit 77
    exec "$TARN" train tiny.yaml >out.txt 2>err.txt
)
case $? in
0) say "a loader without its thread: $(cat out.txt)" ;;
77) echo "SKIPPED: threads that cannot be started, as limits cannot be set here" >&2 ;;
*) says "cannot start the loader's threads, 1: Resource temporarily unavailable" "data.workers: 0" ;;
esac
(
    ulimit -s 100000000 && ulimit -v 20000000 || exit 0
    exec "$TARN" train tiny.yaml data.workers=0 train.threads=2 >out.txt 2>err.txt
) || say "without workers it needs threads: $(cat err.txt)"

[ "$(nproc)" -ge 2 ] || skip "one processor: there is nothing to limit"
mapped=()
unshare -m true 2>/dev/null || mapped=(-r)
unshare -m "${mapped[@]}" true 2>/dev/null || skip "no mount namespace can be made here"
[ -d /sys/fs/cgroup ] || skip "there are no control groups here"

# limited THREADS GROUP: with that line in /proc/self/cgroup and the folder groups at /sys/fs/cgroup.
limited() {
    echo "$2" >cgroup
    unshare -m "${mapped[@]}" bash -c 'mount --bind groups /sys/fs/cgroup && mount --bind cgroup /proc/$$/cgroup && exec "$@"' \
        - "$TARN" profile tiny.yaml --batch 1 >out.txt 2>err.txt || say "$2: $(cat err.txt)"
    grep -qE "; $1 threads?, " out.txt || say "$2: not $1 threads: $(head -n 1 out.txt)"
}

mkdir -p groups/above/own groups/cpu/old
echo "max 100000" >groups/above/own/cpu.max
limited "$(nproc)" 0::/above/own
echo "50000 100000" >groups/above/own/cpu.max # half a processor is one
limited 1 0::/above/own
echo "max 100000" >groups/above/own/cpu.max
echo "100000 100000" >groups/above/cpu.max # that of a group around it counts
limited 1 0::/above/own
echo 150000 >groups/cpu/old/cpu.cfs_quota_us # version 1
echo 100000 >groups/cpu/old/cpu.cfs_period_us
limited 2 3:cpu,cpuacct:/old
echo 100000 >groups/cpu/old/cpu.cfs_quota_us
limited 1 3:cpu,cpuacct:/old
if command -v taskset >/dev/null; then
    taskset -c "$(taskset -pc $$ | sed 's/.*: *\([0-9]*\).*/\1/')" "$TARN" profile tiny.yaml --batch 1 >out.txt 2>err.txt
    grep -qE "; 1 thread, " out.txt || say "one processor by affinity: $(head -n 1 out.txt)"
fi
finish
