// F06: mounts, old and new calls. No argument does harm where one is let through.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

int run(unsigned) {
  const char type[] = "tmpfs";
  const char root[] = "/";
  const char nowhere[] = "/nowhere";
  const unsigned long bad = 8;  // no address
  const unsigned long here = static_cast<unsigned long>(AT_FDCWD);
  const Call calls[] = {
      {"mount", SYS_mount, {0, address_of(nowhere), address_of(type), 0, 0}, EPERM},
      {"mount of no address", SYS_mount, {bad, bad, bad, 0, bad}, EPERM},
      {"remount", SYS_mount, {0, address_of(nowhere), 0, MS_REMOUNT | MS_BIND, 0}, EPERM},
      {"umount2", SYS_umount2, {address_of(nowhere), 0xFFFF}, EPERM},
      {"pivot_root", SYS_pivot_root, {address_of(nowhere), address_of(nowhere)}, EPERM},
      {"chroot", SYS_chroot, {address_of(nowhere)}, EPERM},
      {"fsopen", SYS_fsopen, {address_of(type), 0}, EPERM},
      {"fsconfig", SYS_fsconfig, {kMinusOne, 0, 0, 0, 0}, EPERM},
      {"fsmount", SYS_fsmount, {kMinusOne, 0, 0}, EPERM},
      {"fspick", SYS_fspick, {here, address_of(root), 0}, EPERM},
      {"open_tree", SYS_open_tree, {here, address_of(root), 0}, EPERM},
      {"open_tree, a copy", SYS_open_tree, {here, address_of(root), 1}, EPERM},
      {"move_mount", SYS_move_mount, {kMinusOne, bad, kMinusOne, bad, 0}, EPERM},
      {"mount_setattr", SYS_mount_setattr, {kMinusOne, bad, 0xFFFF'FFFF, bad, 0}, EPERM},
      {"open_tree_attr", 467, {here, address_of(root), 0, 0, 0}, ENOSYS},
      {"statmount", 457, {bad, bad, 0, 0}, ENOSYS},
      {"listmount", 458, {bad, bad, 0, 0}, ENOSYS},
  };
  expect_answers(calls);
  return verdict();
}

const Enrol kAttack{
    {.id = "F06", .what = "mount, move and turn mounts", .run = run, .portable = true}};

}  // namespace
}  // namespace retort::attacks
