// retort doctor: what this host can enforce.
#include "cli/commands.h"

namespace retort::cli {

int doctor(const DoctorOptions&) { return kFailed; }

}  // namespace retort::cli
