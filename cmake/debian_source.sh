#!/bin/sh
# Fetches Debian's source package of a library that is installed, its patches applied, by apt, which checks signatures.
#
#   sh cmake/debian_source.sh PACKAGE FOLDER      e.g. libcurl4-openssl-dev; afterwards FOLDER/tree is the source
#
# Nothing is installed, and the machine's own package lists are left alone. Exit: 0 it is there, 1 it could not be had.
set -eu

die() {
  echo "debian_source: $*" >&2
  exit 1
}

package=$1
mkdir -p "$2"
cd "$2"
source=$(dpkg-query -W -f '${source:Package}' "$package") || die "$package is not installed"
version=$(dpkg-query -W -f '${source:Version}' "$package")
if [ "$(cat version 2>/dev/null)" = "$version" ]; then exit 0; fi
rm -rf tree apt version "$source"*
mkdir -p apt/lists/partial apt/cache/archives/partial
. /etc/os-release
[ "$ID" = debian ] || die "the portable library is built on Debian; this is $ID"
archive='deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org'
cat >apt/sources.list <<END
$archive/debian $VERSION_CODENAME main
$archive/debian $VERSION_CODENAME-updates main
$archive/debian-security $VERSION_CODENAME-security main
END
alone="-q -o Dir::Etc::SourceList=$PWD/apt/sources.list -o Dir::Etc::SourceParts=/dev/null
  -o Dir::State::Lists=$PWD/apt/lists -o Dir::Cache=$PWD/apt/cache -o APT::Sandbox::User="
# shellcheck disable=SC2086
apt-get $alone update && apt-get $alone source "$source=$version" || die "apt has no source of $source $version"
rm -rf apt
mv "$source"-*/ tree
echo "$version" >version
