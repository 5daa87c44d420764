// Facts: what the kernel said about one stage, before anyone judges it. A fixed layout, sent from
// the keeper as it is.
#pragma once

#include <cstdint>

namespace retort::cell {

// Each step of making a cell, in order; a failure is reported by its step, an index and errno.
enum class Step : std::uint16_t {
  none,
  group,         // the control group and its limits
  clone,         // the namespaces
  enter_group,   // version 1: the first process moves itself
  id_map,        // user and group ids of the cell
  first_ids,     // the first process takes its id
  start_init,    // retort-init is executed
  receive_spec,  // it gets what to build
  watch_parent,  // it dies with the keeper
  private_mounts,
  root,     // the image under a private overlay
  usr,      // the image's /usr likewise
  scratch,  // everything that the program may write
  proc,
  devices,
  change_root,
  loopback,
  hostname,
  group_namespace,
  clocks,
  forbid_namespaces,
  cores,  // shared with nobody where that can be
  hide,   // retort-init cannot be looked into
  streams,
  terminal,       // where one was asked for
  start_program,  // the fork that becomes the program
  session,
  files,  // sources and inputs are written
  resource_limits,
  program_ids,
  capabilities,
  no_new_privileges,
  speculation,  // the processor's is switched off where that can be
  landlock,     // the second wall around files
  filter,       // the system-call filter
  ready,        // waits for the word to start
  execute,
};

// "mount the image's /usr" for Step::usr, for error messages.
const char* step_text(Step step);

enum class End : std::uint8_t {
  exited,    // `code` is its exit code
  signaled,  // `code` is the signal, sent by the program itself, its peers, or the kernel on its
             // behalf
  killed,    // by us: `cause` says why
  start_failed,  // it could not be executed: `error_number`
  setup_failed,  // the cell could not be made: `step`, `error_number`
};

// `output` is the client's own reason to cancel; the keeper does not know it.
enum class Cause : std::uint8_t { none, cpu_time, wall_time, memory, cancelled, lost, output };

struct Facts {
  End end = End::setup_failed;
  Cause cause = Cause::none;
  Step step = Step::none;
  std::int32_t code = 0;
  std::int32_t error_number = 0;
  std::uint16_t step_index = 0;
  bool has_memory_peak = false;
  bool has_processes_peak = false;
  bool disk_full = false;          // the last byte was taken when the stage ended
  bool inodes_full = false;        // likewise the last inode
  bool file_size_reached = false;  // a file was as large as it may be
  bool collection_lost = false;    // the bundle of files breaks off, by no doing of the program's
  std::uint8_t reserved[4] = {};
  std::uint64_t wall_us = 0;
  std::uint64_t cpu_us = 0;
  std::uint64_t cpu_user_us = 0;
  std::uint64_t memory_peak_bytes = 0;
  std::uint32_t processes_peak = 0;
  std::uint32_t unenforced = 0;  // bit per Limit: not enforced, and its figures are estimates
  std::uint64_t memory_kills = 0;
  std::uint64_t processes_denied = 0;
  std::uint64_t setup_us = 0;    // from the request to the program's start
  std::uint64_t collect_us = 0;  // from its end to the last collected byte
};

}  // namespace retort::cell
