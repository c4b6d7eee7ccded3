#!/usr/bin/env bash
# Real servers for the tests of buckets that are marked long. Each is started in the foreground and ends with this script.
#   .ci/servers.sh install                      radosgw (Ceph) from Debian, s3rver and azurite from npm
#   .ci/servers.sh radosgw|s3rver|azurite FOLDER PORT    (radosgw takes the next port too)
# Keys: radosgw key/secretsecret; s3rver S3RVER/S3RVER; azurite has its well-known account. All listen on 127.0.0.1 alone.
set -euo pipefail

name=${1:?"say which server"}
if [ "$name" = install ]; then
    apt-get update -q
    apt-get install -y -q --no-install-recommends radosgw ceph-mon ceph-osd ceph-common
    if ! command -v npm >/dev/null; then
        echo "there is no npm, so the tests of s3rver and azurite will be skipped" >&2
        exit
    fi
    npm install --global --silent --no-fund --no-audit s3rver@3.7.1 azurite@3.37.0
    exit
fi
folder=${2:?"say in which folder"}
port=${3:?"say on which port"}
mkdir -p "$folder"

case "$name" in
s3rver)
    exec s3rver --directory "$folder" --address 127.0.0.1 --port "$port" --no-vhost-buckets --configure-bucket bucket --silent
    ;;
azurite)
    exec azurite-blob --blobHost 127.0.0.1 --blobPort "$port" --location "$folder" --skipApiVersionCheck --silent
    ;;
radosgw)
    fsid=$(cat /proc/sys/kernel/random/uuid)
    disk=$(cat /proc/sys/kernel/random/uuid)
    monitor=127.0.0.1:$((port + 1))
    conf=$folder/ceph.conf
    # everything in this folder, one copy of everything, and a disk in memory; cephx stays on, because radosgw hangs without it
    cat >"$conf" <<CONF
[global]
fsid = $fsid
mon initial members = a
mon host = v1:$monitor
public network = 127.0.0.0/8
keyring = $folder/keyring
run dir = $folder
pid file = $folder/\$name.pid
log file = $folder/\$name.log
admin socket = $folder/\$name.asok
mon data = $folder/mon
osd data = $folder/osd
osd objectstore = memstore
memstore device bytes = 2147483648
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 2
osd pool default pgp num = 2
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon max pg per osd = 2000
auth allow insecure global id reclaim = false
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:$port
rgw dns name = localhost
CONF
    key() { ceph-authtool "$folder/keyring" --gen-key -n "$@" >/dev/null; }
    ceph-authtool --create-keyring "$folder/keyring" --gen-key -n mon. --cap mon 'allow *' >/dev/null
    key client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *' --cap mds 'allow *'
    key client.rgw --cap mon 'allow rw' --cap osd 'allow rwx'
    key osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
    monmaptool --create --clobber --addv a "[v1:$monitor]" --fsid "$fsid" "$folder/monmap" >/dev/null
    ceph-mon -c "$conf" --mkfs -i a --monmap "$folder/monmap" --keyring "$folder/keyring"
    running=()
    trap 'kill "${running[@]}" 2>/dev/null || true; wait' EXIT
    trap 'exit 143' TERM INT
    ceph-mon -c "$conf" -i a -f &
    running+=($!)
    timeout 60 ceph -c "$conf" osd new "$disk" >/dev/null
    mkdir -p "$folder/osd"
    ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$disk"
    ceph-osd -c "$conf" -i 0 -f &
    running+=($!)
    timeout 120 radosgw-admin -c "$conf" user create --uid=test --display-name=test --access-key=key --secret=secretsecret >/dev/null
    radosgw -c "$conf" -n client.rgw -f &
    running+=($!)
    wait -n
    ;;
*)
    echo "there is no server $name" >&2
    exit 2
    ;;
esac
