#!/bin/sh
# Cordon from a clean machine to a contained device: installs what the build needs, builds, starts the emulator in a
# temporary directory, contains a device, kills the host half-way and carries on. Leaves nothing running, and outside
# build/ only the packages and the compiler's cache.
#
#   sh examples/demo.sh
#
# Exit: 0 only if the service said Succeeded for both actions and saw exactly one POST for each.
set -eu
cd "$(dirname "$0")/.."

step() {
  printf '\n== %s\n' "$*"
}

die() {
  echo "demo: $*" >&2
  exit 1
}

# member FILE KEY...: the value of a member of a JSON document, a path of keys into its objects; text without quotes.
member() {
  member_file=$1
  shift
  awk -v path="$*" '
    { text = text $0 "\n" }
    function skip_space() { while (substr(text, at, 1) ~ /[ \t\r\n,:]/) at++ }
    # Moves `at` behind the value that starts there.
    function skip_value(   depth, in_text, c) {
      depth = 0; in_text = 0
      for (; at <= length(text); at++) {
        c = substr(text, at, 1)
        if (in_text) {
          if (c == "\\") at++
          else if (c == "\"") { in_text = 0; if (depth == 0) { at++; return } }
        } else if (c == "\"") in_text = 1
        else if (c == "{" || c == "[") depth++
        else if (c == "}" || c == "]") {
          if (depth == 0) return
          if (--depth == 0) { at++; return }
        } else if (depth == 0 && c ~ /[,\n ]/) return
      }
    }
    function value_here(   from) { from = at; skip_value(); return substr(text, from, at - from) }
    END {
      at = 1; skip_space()
      keys = split(path, key, " ")
      for (k = 1; k <= keys; k++) {
        if (substr(text, at, 1) != "{") exit 1
        at++
        for (;;) {
          skip_space()
          if (at > length(text) || substr(text, at, 1) == "}") exit 1
          name = value_here(); skip_space()
          if (name == "\"" key[k] "\"") break
          skip_value()
        }
      }
      found = value_here()
      if (found ~ /^".*"$/) found = substr(found, 2, length(found) - 2)
      print found
    }' "$member_file" || die "no member $* in $member_file"
}

# counted PATH_PART: how many POSTs reached the endpoints of the service that end so, whatever became of them.
counted() {
  curl -sS --noproxy '*' --cacert "$ca_file" "$control_url/emulator/counters" | awk -v part="$1" '
    { text = text $0 }
    END {
      rows = split(text, row, /\},/)
      for (i = 1; i <= rows; i++)
        if (row[i] ~ "\"POST [^\"]*/" part "\"" && match(row[i], /"count": *[0-9]+/))
          sum += substr(row[i], RSTART + 8, RLENGTH - 8) + 0
      print sum + 0
    }'
}

work=''
emulator=''
host_pid=''
cleanup() {
  trap - EXIT HUP INT TERM
  for child in $host_pid $emulator; do kill "$child" 2>/dev/null && wait "$child" 2>/dev/null || :; done
  if [ -n "$work" ]; then rm -rf "$work"; fi
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

step "Packages and build (build/release)"
sh cmake/bootstrap.sh build
build_log=build/logs/demo.log
mkdir -p build/logs
{ cmake --preset release -DCMAKE_UNITY_BUILD=ON && cmake --build --preset release; } >"$build_log" 2>&1 ||
  { tail -n 40 "$build_log"; die "the build failed, see $build_log"; }
library=$PWD/build/release/src/boundary/libcordon.so.1
host=$PWD/build/release/examples/host
cordon=$PWD/build/release/src/cli/cordon
ls -L "$library"

step "An emulated service"
work=$(mktemp -d)
chmod 700 "$work"
ready=$work/ready.json
build/release/src/emulator/cordon-emulator --tls-dir "$work/tls" --ready-file "$ready" --speed 10 \
  >"$work/emulator.out" 2>"$work/emulator.err" &
emulator=$!
waited=0
until [ -s "$ready" ]; do
  kill -0 "$emulator" 2>/dev/null || { cat "$work/emulator.err" >&2; die "the emulator did not start"; }
  waited=$((waited + 1))
  [ "$waited" -lt 300 ] || die "the emulator is not ready after 30 s"
  sleep 0.1
done
control_url=$(member "$ready" control_url)
ca_file=$(member "$ready" ca_file)
machine=$(member "$ready" cast online)
sha1=$(member "$ready" files | grep -o '[0-9a-fA-F]\{40\}' | head -n 1)
config=$work/config.json
member "$ready" config >"$config"
echo "$(member "$ready" url), device $machine"

step "The client secret goes into the vault, and never comes out"
key_file=$(member "$config" vault unlock | sed -n 's/.*"key_file": *"\([^"]*\)".*/\1/p' | head -n 1)
rm -f "$key_file" # the emulator made one; here is how a user does
"$cordon" vault new-key "$key_file" >/dev/null
secret_name=$(sed -n 's/.*"secret_name": *"\([^"]*\)".*/\1/p' "$config" | head -n 1)
(umask 077 && member "$ready" client_secret | tr -d '\n' >"$work/client_secret")
"$host" "$library" "$config" secret "$secret_name" "$work/client_secret"
rm "$work/client_secret"

step "An input that no service should see is refused here"
"$host" "$library" "$config" refused "$machine"

step "Restrict and quarantine; the host is killed (kill -9) as soon as the service has seen a POST"
state=$work/requests
: >"$state"
"$host" "$library" "$config" start "$machine" "$sha1" "$state" &
host_pid=$!
waited=0
until [ "$(wc -l <"$state")" -eq 2 ] &&
  [ "$(($(counted restrictCodeExecution) + $(counted StopAndQuarantineFile)))" -ge 1 ]; do
  kill -0 "$host_pid" 2>/dev/null || die "the host ended before it was killed"
  waited=$((waited + 1))
  [ "$waited" -lt 600 ] || die "the service has seen no POST for 60 s"
  sleep 0.1
done
kill -9 "$host_pid"
wait "$host_pid" 2>/dev/null || :
host_pid=''
echo "killed; POSTs so far: restrict $(counted restrictCodeExecution), quarantine $(counted StopAndQuarantineFile)"

step "A new host takes over what the dead one left, is asked for the same again, and follows both to their end"
"$host" "$library" "$config" contain "$machine" "$sha1"

step "The requests of the killed host"
"$host" "$library" "$config" resume "$state"

restricts=$(counted restrictCodeExecution)
quarantines=$(counted StopAndQuarantineFile)
step "The service saw"
echo "restrict POSTs:   $restricts"
echo "quarantine POSTs: $quarantines"
if [ "$restricts" -ne 1 ] || [ "$quarantines" -ne 1 ]; then die "expected exactly one POST for each action"; fi

echo
echo "Contained: device $machine"
echo "Contained: app execution restricted (Succeeded), file $sha1 quarantined (Succeeded)"
