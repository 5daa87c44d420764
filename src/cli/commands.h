// Commands: what each word after `retort` asks for, parsed; one file a command does it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace retort::cli {

// Exit codes: those of the program for `retort run`, and of sysexits.h and timeout(1) for Retort's
// own.
constexpr int kUsage = 64;         // the command line is wrong
constexpr int kCompileError = 65;  // EX_DATAERR: the sources are wrong
constexpr int kTimeLimit = 124;    // cpu_time or wall_time
constexpr int kFailed = 125;       // Retort itself could not do it
constexpr int kMemoryLimit = 137;
constexpr int kOutputLimit = 153;  // 128 + SIGXFSZ: more output or disk than allowed
constexpr int kSignalBase = 128;

struct RunOptions {
  std::string language;
  std::vector<std::string> files;
  std::vector<std::string> args;
  std::string stdin_file;
  std::string output_folder;
  std::vector<std::string> limits;
  std::vector<std::string> compile_limits;
  std::vector<std::string> allow_unenforced;
  std::optional<std::string> host;  // of a server; without it $RETORT_HOST; empty: this machine
  bool json = false;
};
int run(const RunOptions& options);

struct RuntimeOptions {
  std::string id;
  bool json = false;
};
int runtime_ls(const RuntimeOptions& options);
int runtime_info(const RuntimeOptions& options);
int runtime_test(const RuntimeOptions& options);

struct DoctorOptions {
  bool json = false;
};
int doctor(const DoctorOptions& options);

struct BenchOptions {
  unsigned runs = 50;
  unsigned compile_runs = 7;
  bool json = false;
};
int bench(const BenchOptions& options);

struct SelftestOptions {
  std::vector<std::string> ids;  // or classes: "A"; none: all
  std::string against;           // another sandbox; empty: Retort's own cells
  bool neighbour = true;
  bool list = false;
  bool json = false;
};
int selftest(const SelftestOptions& options);

// Prints "retort: …" on stderr and returns `code`.
int complain(const base::Error& error, int code = kFailed);

}  // namespace retort::cli
