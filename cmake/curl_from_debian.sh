#!/bin/sh
# Fetches Debian's source package of the libcurl that is installed, its patches applied, by apt and its signatures.
#
#   sh cmake/curl_from_debian.sh FOLDER      afterwards FOLDER/curl is the source tree
#
# Nothing is installed, and the machine's own package lists are left alone. Exit: 0 it is there, 1 it could not be had.
set -eu

die() {
  echo "curl_from_debian: $*" >&2
  exit 1
}

mkdir -p "$1"
cd "$1"
version=$(dpkg-query -W -f '${source:Version}' libcurl4-openssl-dev) || die "libcurl4-openssl-dev is not installed"
if [ "$(cat version 2>/dev/null)" = "$version" ]; then exit 0; fi
rm -rf curl curl-* apt version
mkdir -p apt/lists/partial apt/cache/archives/partial
. /etc/os-release
[ "$ID" = debian ] || die "the portable library is built on Debian; this is $ID"
source='deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org'
cat >apt/sources.list <<END
$source/debian $VERSION_CODENAME main
$source/debian $VERSION_CODENAME-updates main
$source/debian-security $VERSION_CODENAME-security main
END
alone="-q -o Dir::Etc::SourceList=$PWD/apt/sources.list -o Dir::Etc::SourceParts=/dev/null
  -o Dir::State::Lists=$PWD/apt/lists -o Dir::Cache=$PWD/apt/cache -o APT::Sandbox::User="
# shellcheck disable=SC2086
apt-get $alone update && apt-get $alone source "curl=$version" || die "apt has no source of curl $version"
rm -rf apt
mv curl-*/ curl
echo "$version" >version
