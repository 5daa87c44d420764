// Facts: the words for each step.
#include "cell/facts.h"

namespace retort::cell {

const char* step_text(Step step) {
  switch (step) {
    case Step::none:
      return "start";
    case Step::group:
      return "make the control group";
    case Step::clone:
      return "make the namespaces";
    case Step::enter_group:
      return "enter the control group";
    case Step::id_map:
      return "map the cell's ids";
    case Step::first_ids:
      return "take the cell's first id";
    case Step::start_init:
      return "start retort-init";
    case Step::receive_spec:
      return "receive the specification";
    case Step::watch_parent:
      return "tie the cell to the keeper";
    case Step::private_mounts:
      return "make mounts private";
    case Step::root:
      return "mount the image";
    case Step::usr:
      return "mount the image's /usr";
    case Step::scratch:
      return "mount the writable folders";
    case Step::proc:
      return "mount /proc";
    case Step::devices:
      return "mount /dev";
    case Step::change_root:
      return "change the root";
    case Step::loopback:
      return "raise the loopback interface";
    case Step::hostname:
      return "set the host name";
    case Step::group_namespace:
      return "make the cgroup namespace";
    case Step::clocks:
      return "make the time namespace";
    case Step::forbid_namespaces:
      return "forbid further namespaces";
    case Step::cores:
      return "keep others from its cores";
    case Step::hide:
      return "hide retort-init";
    case Step::streams:
      return "prepare the streams";
    case Step::terminal:
      return "make the terminal";
    case Step::start_program:
      return "fork the program";
    case Step::session:
      return "make a session";
    case Step::files:
      return "write the files";
    case Step::resource_limits:
      return "set the resource limits";
    case Step::program_ids:
      return "take the program's ids";
    case Step::capabilities:
      return "drop all capabilities";
    case Step::no_new_privileges:
      return "forbid new privileges";
    case Step::speculation:
      return "switch speculation off";
    case Step::landlock:
      return "restrict it with Landlock";
    case Step::filter:
      return "load the system-call filter";
    case Step::ready:
      return "wait for the start";
    case Step::execute:
      return "execute the program";
  }
  return "unknown step";
}

}  // namespace retort::cell
