// Remote input: a program's stdin on its way to a server: what is short goes within the request,
// the rest as a blob, in constant memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/fd.h"

namespace retort::cli {

struct RemoteInput {
  std::string text;  // all of it, when it is short

  struct File {
    base::Fd file;
    std::uint64_t begin = 0;
    std::uint64_t size = 0;
    std::string sha256;
  };
  std::optional<File> file;  // instead of the text
};

// Reads `source` to its end. A regular file is read from where it stands and then again when it is
// sent; of anything else a copy is made, in a temporary file that has no name. Fault::gone when the
// descriptor `interrupt` becomes readable first; Fault::invalid for more than kLargestInput bytes.
constexpr std::uint64_t kLargestInput = 4ULL << 30U;
base::Result<RemoteInput> read_remote_input(base::Fd source, int interrupt);

}  // namespace retort::cli
