#!/bin/sh
# Builds the Debian package, then installs, upgrades, removes and purges it on this machine, and checks
# what each does to the data. For a Debian machine that may be changed: run as root.
# Usage: packaging/test-deb.sh [--keep]      (--keep: leave the package installed)
set -eu

cd "$(dirname "$0")/.."
data=/var/lib/chaski
key=/etc/chaski/chaski.key
say() { printf '== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
[ "$(id -u)" = 0 ] || fail "run as root"
if dpkg -s chaski >/dev/null 2>&1 || [ -e "$data" ]; then
    fail "chaski is installed, or $data exists: this test would purge it"
fi

# With CHASKI_DEB=FILE that package is tried, over itself for the upgrade; otherwise two are built.
if [ -n "${CHASKI_DEB:-}" ]; then
    old=$CHASKI_DEB
    new=$CHASKI_DEB
else
    command -v cargo-deb >/dev/null 2>&1 || fail "cargo-deb is missing: cargo install cargo-deb"
    folder=target/deb-test
    mkdir -p "$folder"
    old=$folder/chaski-1.deb
    new=$folder/chaski-2.deb
    say "build"
    target=${CARGO_TARGET_DIR:-target}
    mkdir -p "$target/release"
    python3 packaging/notices.py --target "$(rustc -vV | sed -n 's/^host: //p')" >"$target/release/THIRD-PARTY"
    cargo deb -p chaski --deb-revision 1 --output "$old"
    cargo deb -p chaski --no-build --deb-revision 2 --output "$new"
fi

say "install"
dpkg -i "$old"
systemd-analyze verify /usr/lib/systemd/system/chaski.service
getent passwd chaski >/dev/null || fail "no system user"
[ "$(stat -c '%U %a' "$data")" = "chaski 700" ] || fail "the data directory's owner or mode"
[ "$(stat -c '%U:%G %a' "$key")" = "root:chaski 640" ] || fail "the key's owner or mode"

run() { setpriv --reuid=chaski --regid=chaski --clear-groups env HOME="$data" "$@"; }
say "a node in the data directory, opened by the key"
if [ -d /run/systemd/system ]; then
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        systemctl is-active --quiet chaski && break
        sleep 1
    done
    systemctl is-active --quiet chaski || fail "the service does not run"
else
    run chaski init --data "$data" --name test --key-file "$key"
fi
record='{"resourceType":"Patient","id":"3c1f6f0e-2b1a-4c3d-9e8f-0a1b2c3d4e5f","gender":"female"}'
printf '%s' "$record" | run chaski put --data "$data" --key-file "$key" -
before=$(run chaski export --data "$data" --key-file "$key" | sha256sum)
keysum=$(sha256sum <"$key")
same() {
    [ "$(run chaski export --data "$data" --key-file "$key" | sha256sum)" = "$before" ] || fail "$1 changed the data"
    [ "$(sha256sum <"$key")" = "$keysum" ] || fail "$1 changed the key"
}

say "upgrade keeps the data"
dpkg -i "$new"
same upgrade

say "remove keeps the data and the key"
dpkg -r chaski
[ -e "$data/slots.json" ] || fail "remove took the data"
[ -e "$key" ] || fail "remove took the key"
dpkg -i "$new"
same remove

if [ "${1:-}" != --keep ]; then
    say "purge takes everything"
    dpkg -P chaski
    [ ! -e "$data" ] || fail "purge left the data"
    [ ! -e "$key" ] || fail "purge left the key"
fi
say "all good"
