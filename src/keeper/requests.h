// Requests: what a message of the client asks for, by its bytes and its number of descriptors
// alone. Nothing is done here, and nothing is known of the cells that there are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>

#include "base/error.h"
#include "cell/cell.h"

namespace retort::keeper {

struct StartRequest {
  std::uint64_t id = 0;
  cell::Request cell;                  // its `unenforced` is the keeper's to fill in
  std::uint32_t allow_unenforced = 0;  // bit per Limit
};

struct CancelRequest {
  std::uint64_t id = 0;
};

struct SignalRequest {
  std::uint64_t id = 0;
  int number = 0;  // one of cell::kSendableSignals
};

// What cannot be: the client hears why, and goes on.
struct BadRequest {
  std::uint64_t id = 0;  // of the start that did not take place; 0: no cell is the worse for it
  base::Error why;
};

using Request = std::variant<StartRequest, CancelRequest, SignalRequest, BadRequest>;

// An Error: the client does not speak our protocol, and nothing that it says is to be believed.
base::Result<Request> read_request(std::span<const std::byte> bytes, std::size_t descriptors);

}  // namespace retort::keeper
