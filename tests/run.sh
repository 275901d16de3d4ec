#!/bin/sh
# Builds and tests Cordon.
#
#   sh tests/run.sh               build, run the suite and the simulation, check format and lint
#   sh tests/run.sh --again       the same, and what passed is run again though nothing changed
#   sh tests/run.sh --sanitize    the same, and the suite under g++'s and clang's ASan and UBSan, and ThreadSanitizer
#   sh tests/run.sh --fuzz [S]    only the fuzz targets, each for S seconds (default 60)
#   sh tests/run.sh --bench       only the benchmarks: figures beside their peers, nothing asserted
#   sh tests/run.sh --load        only what takes its time: 1,000 kills, more broken bytes, and the proofs under load
#   sh tests/run.sh --guest       only 10,000 lives of the library in one process: load, init, call, shutdown, unload;
#                                 and lives in which each call of an allocator fails in turn (over an hour)
#   sh tests/run.sh --simulate N  only the simulation, over N seeds (the plain run: 20,000)
#   sh tests/run.sh --packages    Debian packages and the portable archive, with sums and SBOMs; used in a clean chroot
#   sh tests/run.sh --mutants     plants mistakes into a copy of the product and shows that the simulation finds each
#
# The last line is "N passed, N failed, N skipped"; every test of every suite counts one, and so does each other stage.
# What passed is not run again while no file, compiler or package has changed; its line says so.
# Everything is built under build/. Exit: 0 nothing failed, 1 something did, 2 wrong use.
set -u
cd "$(dirname "$0")/.." || exit 2

usage() {
  sed -n '2,/^set /s/^# \{0,1\}//p' tests/run.sh
}

mode=suite
sanitize=no
again=no
fuzz_seconds=60
seeds=20000
while [ $# -gt 0 ]; do
  case $1 in
    --sanitize) sanitize=yes ;;
    --again) again=yes ;;
    --bench) mode=bench ;;
    --load) mode=load ;;
    --guest) mode=guest ;;
    --mutants) mode=mutants ;;
    --packages) mode=packages ;;
    --simulate)
      mode=simulate
      case ${2:-} in
        '' | *[!0-9]* | 0)
          usage >&2
          exit 2
          ;;
      esac
      seeds=$2
      shift
      ;;
    --fuzz)
      mode=fuzz
      case ${2:-} in
        '' | *[!0-9]*) ;;
        *)
          fuzz_seconds=$2
          shift
          ;;
      esac
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
  shift
done

logs=build/logs
mkdir -p "$logs"
jobs=$(nproc)
passed=0
failed=0
skipped=0
# Every process started from here carries this mark, whoever its parent is in the end.
CORDON_TEST_RUN=$$.$(date +%s)
export CORDON_TEST_RUN
# ASan and UBSan stop at the first finding; a leak is a finding.
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1

say() {
  printf '%-34s %s\n' "$1" "$2"
}

now() {
  date +%s
}

skip() { # NAME REASON
  skipped=$((skipped + 1))
  say "$1" "SKIPPED: $2"
}

fail() { # NAME REASON
  failed=$((failed + 1))
  say "$1" "FAILED: $2"
}

# check NAME COMMAND...: one stage that counts one; its output is shown only when it fails. 77 is a skip.
check() {
  check_name=$1
  shift
  check_log=$logs/$(echo "$check_name" | tr -c 'a-zA-Z0-9\n' _).log
  check_start=$(now)
  check_status=0
  "$@" >"$check_log" 2>&1 || check_status=$?
  case $check_status in
    0)
      passed=$((passed + 1))
      say "$check_name" "passed ($(($(now) - check_start)) s)"
      ;;
    77) skip "$check_name" "$(tail -n 1 "$check_log")" ;;
    *)
      tail -n 200 "$check_log"
      fail "$check_name" "after $(($(now) - check_start)) s; all of it in $check_log"
      return 1
      ;;
  esac
}

# Everything is built at once here, so several sources go into one compilation: a third of the time. clang's ASan build
# compiles each by itself, so that a missing include shows.
build() { # PRESET [TARGET...]
  build_preset=$1
  shift
  case $build_preset in asan-clang) unity=OFF ;; *) unity=ON ;; esac
  cmake --preset "$build_preset" -DCMAKE_UNITY_BUILD="$unity" &&
    cmake --build --preset "$build_preset" ${1:+--target "$@"}
}

junit_count() { # ATTRIBUTE FILE
  grep -o "$1=\"[0-9]*\"" "$2" | head -n 1 | tr -cd 0-9
}

# A digest of everything that can change what a build or a test does, or whether one is skipped.
tree_digest() {
  {
    id -u
    for tool in go cargo dotnet node npm; do command -v "$tool" && stat -L -c '%s %Y' "$(command -v "$tool")"; done
    sources '*' | sort | while IFS= read -r file; do
      if [ -f "$file" ]; then printf '%s\0' "$file"; fi
    done | xargs -0 sha256sum
    g++ --version
    clang++ --version
    dpkg-query --show
  } 2>/dev/null | sha256sum | cut -c1-64
}

# unchanged STAMP: whether everything is as it was when what this file stands for passed. keep STAMP DIGEST TEXT makes it.
unchanged() {
  [ "$again" = no ] && [ "$(sed -n 1p "$1" 2>/dev/null)" = "$(tree_digest)" ]
}

keep() {
  if [ "$2" = "$(tree_digest)" ]; then printf '%s\n%s\n' "$2" "${3:-}" >"$1"; fi
}

# suite PRESET: every ctest test counts one; those that fail or are skipped are named.
suite() {
  suite_start=$(now)
  suite_stamp=build/$1.passed
  if unchanged "$suite_stamp"; then
    suite_passed=$(sed -n '2s/ .*//p' "$suite_stamp")
    suite_skipped=$(sed -n '2s/.* //p' "$suite_stamp")
    passed=$((passed + suite_passed))
    skipped=$((skipped + suite_skipped))
    sed -n '3,${/./p;}' "$suite_stamp"
    say "suite ($1)" "$suite_passed passed, 0 failed, $suite_skipped skipped (nothing changed since; --again runs it)"
    return
  fi
  rm -f "$suite_stamp"
  suite_digest=$(tree_digest)
  suite_log=$logs/ctest_$1.log
  junit=$PWD/$logs/ctest_$1.xml
  rm -f "$junit"
  suite_status=0
  # Most tests wait most of the time.
  ctest --test-dir "build/$1" -j "$((jobs * 2))" --no-tests=error --output-on-failure --output-junit "$junit" \
    >"$suite_log" 2>&1 || suite_status=$?
  if [ ! -s "$junit" ]; then
    tail -n 50 "$suite_log"
    fail "suite ($1)" "ctest did not run"
    return 1
  fi
  suite_total=$(junit_count tests "$junit")
  suite_failed=$(junit_count failures "$junit")
  suite_skipped=$(($(junit_count skipped "$junit") + $(junit_count disabled "$junit")))
  if [ "$suite_status" -ne 0 ]; then
    grep -v -e ' Passed ' -e '^ *Start *[0-9]*: ' "$suite_log"
    if [ "$suite_failed" -eq 0 ]; then # ctest fails too when a test program is missing
      suite_failed=$((suite_skipped > 0 ? suite_skipped : 1))
      suite_skipped=0
    fi
  fi
  suite_not_run=$(sed -n '/^The following tests did not run/,$p' "$suite_log")
  [ "$suite_status" -ne 0 ] || [ "$suite_skipped" -eq 0 ] || echo "$suite_not_run"
  suite_passed=$((suite_total - suite_failed - suite_skipped))
  passed=$((passed + suite_passed))
  failed=$((failed + suite_failed))
  skipped=$((skipped + suite_skipped))
  for table in "build/$1"/tests/*/*.table; do
    if [ -s "$table" ]; then cat "$table"; fi
  done
  say "suite ($1)" "$suite_passed passed, $suite_failed failed, $suite_skipped skipped ($(($(now) - suite_start)) s)"
  [ "$suite_status" -eq 0 ] && keep "$suite_stamp" "$suite_digest" "$suite_passed $suite_skipped
$suite_not_run"
}

sources() { # PATTERN...
  if git rev-parse --git-dir >/dev/null 2>&1; then
    git ls-files -co --exclude-standard -- "$@"
  else
    for pattern in "$@"; do find . -path ./build -prune -o -type f -name "$pattern" -print; done
  fi
}

sanitized() { # NAME PRESET COMPILER
  if ! command -v "$3" >/dev/null 2>&1; then
    skip "$1" "$3 is not installed"
    return
  fi
  check "build ($2)" build "$2" && suite "$2"
}

# LLVM 14 defines the format and the lint; other versions disagree with it.
llvm_14() {
  if command -v "$1-14" >/dev/null 2>&1; then
    echo "$1-14"
  elif "$1" --version 2>/dev/null | grep -q 'version 14\.'; then
    echo "$1"
  fi
}

check_format() {
  clang_format=$(llvm_14 clang-format)
  if [ -z "$clang_format" ]; then
    skip format "clang-format 14 is not installed"
    return
  fi
  sources '*.cpp' '*.hpp' '*.c' '*.h' >"$logs/formatted"
  check format xargs -n 40 -P "$jobs" "$clang_format" --dry-run -Werror <"$logs/formatted"
}

tidy() {
  cmake --preset lint -DCMAKE_UNITY_BUILD=ON && python3 tests/tidy.py "$clang_tidy" build/lint build/tidy
}

check_lint() {
  clang_tidy=$(llvm_14 clang-tidy)
  if [ -z "$clang_tidy" ]; then
    skip lint "clang-tidy 14 is not installed"
    return
  fi
  check lint tidy && tail -n 1 "$check_log"
}

fuzz_target() { # PROGRAM NAME
  corpus=build/corpus/$2
  mkdir -p "$corpus"
  set -- "$1" "$2" "$corpus"
  for seeds in tests/fuzz/seeds/"$2" tests/vectors/*/ tests/vectors; do
    if [ -d "$seeds" ]; then set -- "$@" "$seeds"; fi
  done
  program=$1
  shift 2
  "$program" -max_total_time="$fuzz_seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$logs/" "$@"
}

run_fuzz() {
  if ! command -v clang++ >/dev/null 2>&1; then
    skip fuzz "clang++ is not installed"
    return
  fi
  check 'build (fuzz)' build fuzz fuzz || return
  for program in build/fuzz/tests/fuzz/*_fuzz; do
    if [ -x "$program" ]; then check "fuzz $(basename "$program")" fuzz_target "$program" "$(basename "$program")"; fi
  done
}

run_bench() {
  check 'build (bench)' build bench || return
  bench_start=$(now)
  if python3 tests/bench/bench.py build/bench && python3 tests/bench/bindings.py build/bench; then
    passed=$((passed + 1))
    say bench "done ($(($(now) - bench_start)) s)"
  else
    fail bench "see above"
  fi
}

# What the suite does with a few moments and bytes, with many; then the proofs of tests/bench/load.py.
run_load() {
  if check 'build (dev)' build dev faults_test; then
    check '1,000 kills of 8 workers' env CORDON_KILLS=1000 build/dev/tests/faults/faults_test --gtest_filter='Kill.*'
    check 'connections broken at 100 bytes' env CORDON_OFFSETS=100 build/dev/tests/faults/faults_test \
      --gtest_filter='ByteOffsets.*'
  fi
  check 'build (bench)' build bench || return
  for proof in sharing window flight crowd submits peer; do
    check "load: $proof" python3 tests/bench/load.py build/bench "$proof"
    cat "$check_log"
  done
}

# Its last line says how many steps and seeds per second.
run_simulate() {
  check 'build (simulation)' build release cordon_simulation || return
  simulated=build/simulation_$seeds.passed
  if unchanged "$simulated"; then
    passed=$((passed + 1))
    say simulation "passed (nothing changed since; --again runs it)"
  else
    rm -f "$simulated"
    simulated_digest=$(tree_digest)
    check simulation build/release/tests/simulation/cordon_simulation --count "$seeds" --jobs "$jobs" || return
    keep "$simulated" "$simulated_digest"
  fi
  sed -n '$p' "$logs/simulation.log"
}

# pack PRESET: what cpack makes of a build, anew, with SHA256SUMS and an SPDX document each.
pack() {
  rm -rf "build/$1/packages"
  (cd "build/$1" && cpack) && rm -r "build/$1/packages/_CPack_Packages" || return
  find "build/$1/packages" -name '*.deb' -o -name '*.tar.gz' | sort | xargs python3 cmake/sbom.py "build/$1"
}

run_packages() {
  SOURCE_DATE_EPOCH=$(date -d "$(sed -n 's/^ -- .*>  //p' cmake/debian/changelog | head -n 1)" +%s)
  export SOURCE_DATE_EPOCH
  check 'build (release)' build release || return
  check 'Debian packages' pack release || return
  check lintian lintian --fail-on error,warning --info build/release/packages/*.deb
  check 'Debian packages, contents' python3 tests/packages/debian_test.py build/release
  check 'build (portable)' build portable || return
  check 'portable archive' pack portable || return
  archive=$(ls build/portable/packages/*.tar.gz)
  check 'portable archive, contents' python3 tests/packages/portable_test.py "$archive" \
    build/portable/examples/loader && grep -o '[a-z][^ ]*: GLIBC_.*' "$check_log"
  check 'build (hosts)' build dev guest_test && check 'portable library in a host that exports its names' env \
    CORDON_PORTABLE_LIBRARY="$PWD/build/portable/src/boundary/libcordon.so.1" build/dev/tests/guest/guest_test \
    --gtest_filter=Libraries.AHostThatExportsTheirNames
  check 'sums and SBOMs' python3 tests/packages/sbom_test.py build/release/packages build/portable/packages
  check 'clean chroot' python3 tests/packages/chroot_test.py build/release/packages "$archive"
  cat build/release/packages/SHA256SUMS build/portable/packages/SHA256SUMS
}

run_mutants() {
  mutants_start=$(now)
  if python3 tests/simulation/mutants/run.py --jobs "$jobs"; then
    passed=$((passed + 1))
    say mutants "all caught ($(($(now) - mutants_start)) s)"
  else
    fail mutants "see above"
  fi
}

run_guest() {
  check 'build (guest)' build dev guest_test || return
  check '10,000 lives in one process' env CORDON_ROUNDS=10000 build/dev/tests/guest/guest_test \
    --gtest_filter='Lifecycle.ComesAndGoes*' && grep -e rounds -e KiB "$check_log"
  check 'each allocation fails in turn' env CORDON_ALLOCATIONS=0 build/dev/tests/guest/guest_test \
    --gtest_filter='Memory.EveryCallOf*' && grep -e ' allocations, ' "$check_log"
  check 'memory runs out at 3,000 moments' env CORDON_ALLOCATIONS=3000 build/dev/tests/guest/guest_test \
    --gtest_filter='Memory.*:-Memory.EveryCallOf*' && grep -e ' allocations, ' "$check_log"
}

run_suite() {
  if check 'build (dev)' build dev; then suite dev; fi
  check 'build (release)' build release && run_simulate
  check 'mutants fit the code' python3 tests/simulation/mutants/run.py --fit
  check_format
  check_lint
  if [ "$sanitize" = yes ]; then
    sanitized 'ASan and UBSan, g++' asan g++
    sanitized 'ASan and UBSan, clang++' asan-clang clang++
    sanitized 'ThreadSanitizer, clang++' tsan clang++
  fi
}

# Processes that carry this run's mark, this shell's own subshells left out.
leftovers() {
  for environment in /proc/[0-9]*/environ; do
    pid=${environment#/proc/}
    pid=${pid%/environ}
    if grep -qs "CORDON_TEST_RUN=$CORDON_TEST_RUN" "$environment"; then
      case $(cat "/proc/$pid/comm" 2>/dev/null) in
        '' | sh | grep | cat) ;;
        *) echo "$pid" ;;
      esac
    fi
  done
}

check_leftovers() {
  left=$(leftovers)
  if [ -z "$left" ]; then return; fi
  for pid in $left; do
    fail "left running" "$(tr '\0' ' ' <"/proc/$pid/cmdline")(pid $pid, ended now)"
    kill "$pid" 2>/dev/null
  done
}

finish() {
  trap - EXIT HUP INT TERM
  check_leftovers
  echo "$passed passed, $failed failed, $skipped skipped"
  # A bare exit in a trap would give the status from before it.
  if [ "$failed" -eq 0 ] && [ "${interrupted:-no}" = no ]; then exit 0; else exit 1; fi
}
trap finish EXIT
trap 'interrupted=yes; exit 1' HUP INT TERM

case $mode in
  bench) groups='build bench' ;;
  load) groups='build test bench' ;;
  packages) groups='build packages' ;;
  *) groups='build test' ;;
esac
# shellcheck disable=SC2086
check bootstrap sh cmake/bootstrap.sh $groups || exit 1
"run_$mode"
