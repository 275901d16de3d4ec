#include <cstdint>

#include "ledger/state_dir.hpp"

namespace cordon::ledger {
namespace {

struct FileSystem {
  std::uint32_t type;  // f_type of statfs(2)
  const char *unfit;   // nullptr: keeps locks and writes
};

constexpr FileSystem kFileSystems[] = {
    {0x0000ef53, nullptr},  // ext2, ext3, ext4
    {0x58465342, nullptr},  // xfs
    {0x9123683e, nullptr},  // btrfs
    {0x2fc12fc1, nullptr},  // zfs
    {0xf2f52010, nullptr},  // f2fs
    {0xca451a4e, nullptr},  // bcachefs
    {0x3153464a, nullptr},  // jfs
    {0x794c7630, nullptr},  // overlay
    {0x01021994, nullptr},  // tmpfs
    {0x858458f6, nullptr},  // ramfs
    {0x00006969, "a network file system (NFS)"},
    {0xff534d42, "a network file system (CIFS)"},
    {0xfe534d42, "a network file system (SMB)"},
    {0x0000517b, "a network file system (SMB)"},
    {0x01021997, "a shared file system (9p)"},
    {0x5346414f, "a network file system (AFS)"},
    {0x00c36400, "a network file system (Ceph)"},
    {0x0bd00bd0, "a network file system (Lustre)"},
    {0x01161970, "a cluster file system (GFS2)"},
    {0x7461636f, "a cluster file system (OCFS2)"},
    {0x47504653, "a cluster file system (GPFS)"},
    {0x65735546, "a FUSE file system"},
    {0x786f4256, "a shared folder of a virtual machine"},
};

}  // namespace

const char *unfit_file_system(long type) noexcept {
  for (const FileSystem &known : kFileSystems)
    if (known.type == static_cast<std::uint32_t>(type)) return known.unfit;
  return "a file system that is not known to keep locks";
}

}  // namespace cordon::ledger
