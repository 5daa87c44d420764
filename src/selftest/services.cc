// Services: socket(7), sysvipc(7), shm_overview(7), flock(2).
#include "selftest/services.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "kernel/files.h"

namespace retort::selftest {

using base::Fd;
using base::os_error;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kMemoryBytes = 4096;

struct Message {
  long kind = 1;
  std::array<char, 64> text{};
};

}  // namespace

Result<std::unique_ptr<Services>> Services::open(const std::string& secret) {
  std::unique_ptr<Services> services(new Services);
  for (const int family : {AF_INET, AF_INET6}) {
    for (const int kind : {SOCK_STREAM, SOCK_DGRAM}) {
      // A host without IPv6 has nothing there to be reached.
      if (auto listening = services->listen(family, kind); !listening && family == AF_INET)
        return listening.error();
    }
  }
  RETORT_CHECK(services->listen_locally(secret));
  RETORT_CHECK(services->listen_locally(std::string(kServiceName)));
  RETORT_CHECK(services->make_objects(secret));
  RETORT_TRY(services->locked_, kernel::open_at(AT_FDCWD, kLockedFile, O_RDONLY));
  struct flock whole{};
  whole.l_type = F_RDLCK;
  if (::flock(services->locked_.get(), LOCK_SH | LOCK_NB) != 0 ||
      ::fcntl(services->locked_.get(), F_OFD_SETLK, &whole) != 0) {
    return os_error("lock", kLockedFile);
  }
  return services;
}

Status Services::listen(int family, int kind) {
  Listener listener{.name = std::string(kind == SOCK_STREAM ? "TCP" : "UDP") +
                            (family == AF_INET ? "" : " over IPv6"),
                    .socket = Fd(::socket(family, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
                    .datagrams = kind == SOCK_DGRAM};
  if (!listener.socket.is_open()) return os_error("socket", listener.name);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 address6{};
  address6.sin6_family = AF_INET6;
  address6.sin6_addr = in6addr_loopback;
  const auto* any = family == AF_INET ? reinterpret_cast<const sockaddr*>(&address)
                                      : reinterpret_cast<const sockaddr*>(&address6);
  const socklen_t size = family == AF_INET ? sizeof address : sizeof address6;
  if (::bind(listener.socket.get(), any, size) != 0) return os_error("bind", listener.name);
  if (!listener.datagrams && ::listen(listener.socket.get(), 64) != 0)
    return os_error("listen", listener.name);
  listeners_.push_back(std::move(listener));
  return {};
}

Status Services::listen_locally(const std::string& name) {
  Listener listener{.name = "an abstract socket",
                    .socket = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0))};
  if (!listener.socket.is_open()) return os_error("socket", listener.name);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(
      &address.sun_path[1], name.data(), std::min(name.size(), sizeof address.sun_path - 1));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  // In use: another selftest has it, and looks after it.
  if (::bind(listener.socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0)
    return errno == EADDRINUSE ? Status() : os_error("bind", listener.name);
  if (::listen(listener.socket.get(), 64) != 0) return os_error("listen", listener.name);
  listeners_.push_back(std::move(listener));
  return {};
}

Status Services::make_objects(const std::string& secret) {
  memory_ = ::shmget(IPC_PRIVATE, kMemoryBytes, IPC_CREAT | 0666);
  if (memory_ < 0) return os_error("shmget", "");
  void* place = ::shmat(memory_, nullptr, 0);
  if (reinterpret_cast<std::intptr_t>(place) == -1) return os_error("shmat", "");
  std::memcpy(place, secret.data(), secret.size());
  ::shmdt(place);
  messages_ = ::msgget(IPC_PRIVATE, IPC_CREAT | 0666);
  Message message;
  std::memcpy(message.text.data(), secret.data(), std::min(secret.size(), message.text.size()));
  if (messages_ < 0 || ::msgsnd(messages_, &message, secret.size(), IPC_NOWAIT) != 0)
    return os_error("msgsnd", "");
  posix_memory_ = "/" + std::string(kServiceName) + "-" + std::to_string(::getpid());
  const Fd memory(::shm_open(posix_memory_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!memory.is_open()) return os_error("shm_open", posix_memory_);
  return kernel::write_all(memory, secret);
}

Services::~Services() {
  if (memory_ >= 0) ::shmctl(memory_, IPC_RMID, nullptr);
  if (messages_ >= 0) ::msgctl(messages_, IPC_RMID, nullptr);
  if (!posix_memory_.empty()) ::shm_unlink(posix_memory_.c_str());
}

std::vector<std::string> Services::faults() {
  std::vector<std::string> found;
  for (const Listener& listener : listeners_) {
    std::array<char, 64> datagram{};
    while (listener.datagrams
               ? ::recv(listener.socket.get(), datagram.data(), datagram.size(), 0) >= 0
               : Fd(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC)).is_open()) {
      found.push_back("a service of the host was reached: " + listener.name);
    }
  }
  // The queue still holds its only message.
  msqid_ds state{};
  if (messages_ >= 0 && (::msgctl(messages_, IPC_STAT, &state) != 0 || state.msg_qnum != 1))
    found.emplace_back("a message queue of the host was reached");
  return found;
}

}  // namespace retort::selftest
