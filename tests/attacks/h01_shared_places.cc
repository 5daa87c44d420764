// H01: what two cells that live at one time could share: files, IPC, queues.
#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include <mqueue.h>

#include "attacks/calls.h"

namespace retort::attacks {
namespace {

constexpr key_t kKey = 0x5254'0001;
constexpr const char* kFolders[] = {"/tmp", "/var/tmp", "/dev/shm", "/box"};
constexpr const char* kNoFolders[] = {
    "/run/lock", "/run", "/var/lock", "/var/spool", "/dev/mqueue"};

// Leaves something of each kind.
void leave(unsigned place) {
  const std::string name = "cell-" + std::to_string(place);
  for (const char* folder : kFolders)
    expect(write_file(std::string(folder) + "/" + name, name), std::string("write to ") + folder);
  for (const char* folder : kNoFolders)
    expect(!write_file(std::string(folder) + "/" + name, name), std::string("wrote to ") + folder);
  // A key may be had only by the one who makes it.
  expect(::shmget(kKey, 4096, IPC_CREAT | IPC_EXCL | 0666) >= 0, "another's shared memory");
  expect(::semget(kKey, 1, IPC_CREAT | IPC_EXCL | 0666) >= 0, "another's semaphore");
  expect(::msgget(kKey, IPC_CREAT | IPC_EXCL | 0666) >= 0, "another's message queue");
  expect(::mq_open("/retort-cells", O_RDWR | O_CREAT | O_EXCL, 0666, nullptr) >= 0,
         "another's POSIX queue");
  expect(::shm_open("/retort-cells", O_RDWR | O_CREAT | O_EXCL, 0666) >= 0,
         "another's POSIX shared memory");
}

// Everything that is there and not of this cell's making; its content for the harness to see.
void look(unsigned place) {
  const std::string own = "cell-" + std::to_string(place);
  for (const char* folder : kFolders) {
    for (const std::string& name : list_folder(folder)) {
      if (name == own || name == "attack" || name == "retort-cells") continue;
      breach(std::string(folder) + " has " + name);
      std::puts(read_file(std::string(folder) + "/" + name).c_str());
    }
  }
  unsigned memories = 0;
  unsigned queues = 0;
  unsigned semaphores = 0;
  for (int index = 0; index < 4096; ++index) {
    shmid_ds memory{};
    if (const int id = ::shmctl(index, SHM_STAT, &memory); id >= 0) {
      ++memories;
      const void* at = ::shmat(id, nullptr, SHM_RDONLY);
      if (reinterpret_cast<std::intptr_t>(at) != -1)
        std::printf("memory %.64s\n", static_cast<const char*>(at));
    }
    msqid_ds queue{};
    if (::msgctl(index, MSG_STAT, &queue) >= 0) ++queues;
    semid_ds semaphore{};
    if (::semctl(index, 0, SEM_STAT, &semaphore) >= 0) ++semaphores;
  }
  expect(memories == 1, std::to_string(memories) + " shared memories instead of the own one");
  expect(queues == 1, std::to_string(queues) + " message queues instead of the own one");
  expect(semaphores == 1, std::to_string(semaphores) + " semaphores instead of the own one");
}

int run(unsigned place) {
  leave(place);
  ::usleep(400'000);
  look(place);
  ::usleep(400'000);
  return verdict();
}

const Enrol kAttack{{.id = "H01",
                     .what = "files and IPC objects of a cell beside it, and of the host",
                     .run = run,
                     .cells = {.count = 3, .order = Cells::Order::together}}};

// H06: the same, of the cell before; with a process and a core file that stay.
int run_after(unsigned place) {
  leave(place);
  look(place);
  spawn([] {
    ::setsid();
    ::sleep(30);
    return 0;
  });
  const int crashed = wait_for(spawn([]() -> int { ::abort(); }));
  expect(!WCOREDUMP(crashed), "a core file is written");
  for (const char* path : {"/var/spool/cron", "/etc/cron.d", "/var/crash", "/var/mail", "/core"})
    expect_absent(path);
  const pid_t self = ::getpid();
  expect(self == 2, "process " + std::to_string(self) + ": something is before it");
  for (int id = 1; id < 4096; ++id) {
    if (id == 1 || id == self) continue;
    if (::kill(id, 0) == 0 && ::getpgid(id) != ::getpgrp() && ::getsid(id) != id)
      breach("process " + std::to_string(id) + " is of another's");
  }
  return verdict();
}

const Enrol kAfter{{.id = "H06",
                    .what = "what the cell before has left",
                    .run = run_after,
                    .cells = {.count = 4, .order = Cells::Order::in_turn}}};

}  // namespace
}  // namespace retort::attacks
