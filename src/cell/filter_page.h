// Filter page: the table of filter_rules.h for people, in docs/reference/system-calls.md.
#pragma once

#include <ostream>

namespace retort::cell {

// The page from its first heading on.
void write_filter_page(std::ostream& out);

}  // namespace retort::cell
