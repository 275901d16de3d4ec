#!/usr/bin/env python3
"""A device is contained from inside what Kubernetes gives a pod, by the real command line and the real emulator.

    kubernetes_test.py <cordon-emulator> <cordon> <libcordon.so>

A mount namespace of its own has: a root that is read-only; a secret volume as the kubelet lays it out (tmpfs, read-only,
`..data` and the files as symbolic links, root:fsGroup 0440, read by uid 1000); the CA in a volume of the same kind; one
writable volume (emptyDir, root:fsGroup 2777). Nothing else can be written to. Exits 77 where mount
namespaces or changing users are not permitted.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from support.emulator import Emulator, without_proxies  # noqa: E402

EMULATOR, CORDON, LIBRARY = sys.argv[1:4]
USER, FS_GROUP = 1000, 2000
SKIPPED = 77
KEY = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

# As root in the new namespace; $1 the stage. The emulator and its port are outside of it.
POD = r"""
set -eu
stage=$1
mount --make-rprivate /
secrets=$stage/secrets app=$stage/app volume=$stage/volume
mount -t tmpfs -o mode=0755 tmpfs "$app"
cp "$stage/cordon" "$stage/libcordon.so.1" "$app/"
chmod 0755 "$app/cordon" "$app/libcordon.so.1"
data=..2026_02_03_10_11_12.1447302
# kubelet VOLUME FILE...: a volume as it is made for secrets and config maps
kubelet() {
  mounted=$1
  shift
  mount -t tmpfs -o mode=1777 tmpfs "$mounted"
  chown 0:GROUP "$mounted"
  mkdir "$mounted/$data"
  for name; do
    cp "$stage/$name" "$mounted/$data/$name"
    chown 0:GROUP "$mounted/$data/$name"
    chmod MODE "$mounted/$data/$name"
    ln -s "..data/$name" "$mounted/$name"
  done
  chown 0:GROUP "$mounted/$data"
  chmod 2755 "$mounted/$data"
  ln -s "$data" "$mounted/..data"
  mount -o remount,ro "$mounted"
}
kubelet "$secrets" vault.key client-secret config.json
kubelet "$stage/authorities" corp-root.crt
mount -o remount,ro "$app"
mount -t tmpfs -o mode=2777 tmpfs "$volume"
chown 0:GROUP "$volume"
chmod 2777 "$volume"
for mounted in $(awk '{print $5}' /proc/self/mountinfo | sort -r); do
  case $mounted in "$volume" | /proc | /proc/* | /sys | /sys/* | /dev | /dev/*) ;; *)
    mount -o remount,bind,ro "$mounted" 2>/dev/null || : ;;
  esac
done
if touch "$stage/no" /tmp/cordon-no /var/tmp/cordon-no 2>/dev/null; then echo "the root is writable" >&2; exit 3; fi
cd "$volume"
exec setpriv --reuid USER --regid USER --groups GROUP --no-new-privs --inh-caps=-all \
  env -i LD_LIBRARY_PATH="$app" PATH=/usr/bin:/bin STAGE="$stage" sh -eu "$stage/inside.sh"
"""

INSIDE = r"""
secrets=$STAGE/secrets app=$STAGE/app volume=$STAGE/volume
id -u >"$volume/uid"
if echo x >"$secrets/..data/vault.key" 2>/dev/null; then exit 4; fi
cordon() { "$app/cordon" --config "$secrets/config.json" "$@"; }
cordon secret set emulator-app --from-file "$secrets/client-secret" >"$volume/set"
cordon vault status >"$volume/status"
cordon restrict MACHINE --comment "from a pod" --until finished --timeout 120 >"$volume/action"
cordon health >"$volume/health"
stat -c '%a %u' "$volume/cordon/vault" "$volume/cordon/state" >"$volume/modes"
cat "$volume/uid" "$volume/modes"
echo ---
cat "$volume/status"
echo ---
cat "$volume/action"
echo ---
cat "$volume/health"
"""


def may_make_pods():
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        return False
    probe = ["unshare", "--mount", "sh", "-c", "mount --make-rprivate / && mount -t tmpfs tmpfs /mnt"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


class Pod(unittest.TestCase):
    def run_pod(self, mode):
        stage = Path(tempfile.mkdtemp(prefix="cordon-pod-"))
        self.addCleanup(shutil.rmtree, stage)
        stage.chmod(0o755)
        with Emulator(EMULATOR, "--speed", "60") as emulator:
            config = emulator.client_config("unused")
            volume = stage / "volume"
            config["state_dir"] = str(volume / "cordon" / "state")
            config["vault"] = {
                "file": str(volume / "cordon" / "vault"),
                "unlock": [{"key_file": str(stage / "secrets" / "vault.key"), "mounted": True}],
            }
            config["http"] = {"ca_dir": str(stage / "authorities"), "proxy": ""}
            for name in ("secrets", "authorities", "app", "volume"):
                (stage / name).mkdir()
            shutil.copy(CORDON, stage / "cordon")
            shutil.copy(LIBRARY, stage / "libcordon.so.1")
            shutil.copy(emulator.ready["ca_file"], stage / "corp-root.crt")
            (stage / "vault.key").write_text(KEY + "\n")
            (stage / "client-secret").write_text(emulator.ready["client_secret"])
            (stage / "config.json").write_text(json.dumps(config))
            inside = 'umask 077\nmkdir "$STAGE/volume/cordon"\n' + INSIDE
            (stage / "inside.sh").write_text(inside.replace("MACHINE", emulator.ready["cast"]["online"]))
            pod = POD.replace("GROUP", str(FS_GROUP)).replace("USER", str(USER)).replace("MODE", mode)
            result = subprocess.run(["unshare", "--mount", "sh", "-c", pod, "sh", str(stage)], capture_output=True,
                                    text=True, timeout=280, env=without_proxies(), check=False)  # fmt: skip
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            actions = emulator.control("GET", "/emulator/actions")
        facts, *documents = result.stdout.split("---\n")
        return facts.split(), [json.loads(document) for document in documents], actions

    def test_a_secret_volume_with_an_fs_group_contains_a_device(self):
        facts, (status, action, health), actions = self.run_pod("0440")
        self.assertEqual(facts, ["1000", "600", "1000", "2700", "1000"])
        self.assertEqual(action["state"], "succeeded", action)
        self.assertEqual([one["type"] for one in actions], ["RestrictCodeExecution"])
        self.assertEqual(status["state"], "unlocked")
        self.assertTrue(status["sources"][0]["mounted"])
        self.assertNotIn("weak_key_source", [warning["kind"] for warning in status["warnings"]])
        self.assertTrue(health["ledger"]["has_key"])
        self.assertFalse(health["ledger"]["key_in_file"])

    def test_a_secret_that_everybody_can_read_as_docker_mounts_it_works_and_is_reported(self):
        _, (status, action, _), _ = self.run_pod("0444")
        self.assertEqual(action["state"], "succeeded", action)
        self.assertIn("weak_key_source", [warning["kind"] for warning in status["warnings"]])


if __name__ == "__main__":
    if not may_make_pods():
        print("mount namespaces or changing users are not permitted here")
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1])
