#!/bin/sh
# Installs the Debian or Ubuntu packages that Cordon is built and tested with; quick when nothing is missing.
#
#   sh cmake/bootstrap.sh [build] [test] [bench] [packages]      (no argument: build and test)
#
# Exit: 0 everything is there, 1 something is missing and could not be installed (one line says what and how).
# Services that packages bring along (nginx, squid) are neither started nor enabled.
set -eu

build_packages='g++ cmake ninja-build ccache pkg-config|pkgconf curl ca-certificates
  libcurl4-openssl-dev libsodium-dev libssl-dev libsqlite3-dev libre2-dev
  nlohmann-json3-dev libvalijson-dev libfmt-dev libcli11-dev libexpected-dev libboost-dev'
# A word of these lists is one or more names, the first that can be had; @name is a command that will do instead, from
# wherever it came.
# The format and lint stages are defined by LLVM 14; elsewhere tests/run.sh names them as skipped.
test_packages='git python3 python3-nacl python3-venv gunicorn mypy luajit strace gdb nginx squid-openssl|squid libgtest-dev libgmock-dev
  abigail-tools clang clang-format-14|clang-format clang-tidy-14|clang-tidy
  @go|golang-go @rustc|rustc @cargo|cargo @node|nodejs @npm|npm'
bench_packages='python3 strace openssl nginx'
packages_packages='python3 binutils dpkg-dev lintian debootstrap libnghttp2-dev'

die() {
  echo "bootstrap: $*" >&2
  exit 1
}

# One look for all: asking dpkg for each name takes seconds.
look() {
  present=" $(dpkg-query -W -f='${db:Status-Status}/${Package}\n' | sed -n 's,^installed/,,p' | tr '\n' ' ') "
}

installed() {
  case $1 in @*) command -v "${1#@}" >/dev/null 2>&1 && return 0 || return 1 ;; esac
  case $present in *" $1 "*) return 0 ;; *) return 1 ;; esac
}

available() {
  apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]'
}

# Runs as root: directly, or by sudo (without a question first, then with one if there is a terminal).
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif sudo -n true 2>/dev/null; then
    sudo -n "$@"
  else
    sudo "$@"
  fi
}

can_be_root() {
  [ "$(id -u)" -eq 0 ] && return 0
  command -v sudo >/dev/null 2>&1 || return 1
  sudo -n true 2>/dev/null || [ -t 0 ]
}

# choose 'a|b|c': the first name the archive knows, else the first name.
choose() {
  set -- "${1#@*|}"
  rest=$1
  while [ -n "$rest" ]; do
    name=${rest%%|*}
    if available "$name"; then
      echo "$name"
      return
    fi
    case $rest in *'|'*) rest=${rest#*|} ;; *) rest='' ;; esac
  done
  echo "${1%%|*}"
}

any_installed() {
  rest=$1
  while [ -n "$rest" ]; do
    if installed "${rest%%|*}"; then return 0; fi
    case $rest in *'|'*) rest=${rest#*|} ;; *) rest='' ;; esac
  done
  return 1
}

# The sanitizer runtimes are a package of their own, named after clang's version; older releases keep them in
# libclang-common. Prints nothing when they are there.
missing_clang_runtime() {
  if command -v clang >/dev/null 2>&1; then
    version=$(clang -dumpversion | cut -d. -f1)
    runtime=$(clang -print-file-name=lib/linux/libclang_rt.asan-x86_64.a 2>/dev/null)
    for found in "$(clang -print-resource-dir)"/lib/*/libclang_rt.fuzzer*.a "$runtime"; do
      if [ -e "$found" ]; then return; fi
    done
  else
    version=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9][0-9]*\)$/\1/p' | head -n 1)
  fi
  choose "libclang-rt-${version:-14}-dev|libclang-rt-dev|libclang-common-${version:-14}-dev"
}

unmet() {
  for wish in $wishes; do
    any_installed "$wish" || echo "$wish"
  done
}

has_service() {
  [ -e "/etc/init.d/$1" ]
}

# While packages are configured, policy-rc.d keeps their services from starting; the caller's own one is put back. One of
# ours that a killed run has left behind is known by its second line.
install() {
  ours='# of cmake/bootstrap.sh'
  guard=/usr/sbin/policy-rc.d
  kept=$guard.kept-by-cordon
  brought=''
  for service in nginx squid; do has_service "$service" || brought="$brought $service"; done
  restore='
    if [ -e "'$kept'" ]; then as_root mv -f "'$kept'" "'$guard'"; elif [ -e "'$guard'" ]; then as_root rm -f "'$guard'"; fi'
  if [ -e "$guard" ] && [ ! -e "$kept" ] && ! grep -qx "$ours" "$guard"; then
    as_root mv "$guard" "$kept" || return 1
  fi
  trap "$restore" EXIT
  trap 'exit 1' HUP INT TERM
  status=0
  {
    as_root sh -c "printf '#!/bin/sh\n$ours\nexit 101\n' >$guard && chmod 755 $guard" &&
      as_root env DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends -y -q "$@" >&2
  } || status=$?
  eval "$restore"
  trap - EXIT HUP INT TERM
  look
  for service in $brought; do
    has_service "$service" || continue
    as_root systemctl disable "$service" >/dev/null 2>&1 || as_root update-rc.d "$service" disable >/dev/null 2>&1 || :
  done
  return "$status"
}

[ $# -gt 0 ] || set -- build test
wishes=''
clang_runtime=no
for group in "$@"; do
  case $group in
    build) wishes="$wishes $build_packages" ;;
    test)
      wishes="$wishes $test_packages"
      clang_runtime=yes
      ;;
    bench) wishes="$wishes $bench_packages" ;;
    packages) wishes="$wishes $packages_packages" ;;
    *) die "unknown group '$group'; use build, test, bench or packages" ;;
  esac
done

command -v dpkg-query >/dev/null 2>&1 ||
  die "this is not Debian or Ubuntu; install the equivalents of:" $wishes

look
needed=$(unmet)
if [ "$clang_runtime" = yes ] && [ -z "$needed" ] && [ -z "$(missing_clang_runtime)" ]; then exit 0; fi
if [ "$clang_runtime" = no ] && [ -z "$needed" ]; then exit 0; fi

resolve() {
  names=''
  for wish in $needed; do names="$names $(choose "$wish")"; done
  if [ "$clang_runtime" = yes ]; then names="$names $(missing_clang_runtime)"; fi
}

resolve
can_be_root ||
  die "not root and no sudo; please run: apt-get update && apt-get install --no-install-recommends -y$names"

for name in $names; do
  if ! available "$name"; then
    as_root apt-get update -q >&2 || die "apt-get update failed; needed packages:$names"
    resolve
    break
  fi
done
# A package list older than the mirror names files that are gone: one more try with a fresh list.
# shellcheck disable=SC2086
install $names || { as_root apt-get update -q >&2 && install $names; } ||
  die "could not install; please run: apt-get update && apt-get install --no-install-recommends -y$names"
