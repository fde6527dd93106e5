// What a program printed, as plain text that may be shown anywhere. Pure; the output is hostile.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/vocab/report_check.h"

namespace gofarm::build {

// `output` without terminal sequences, overstruck letters (as old manual pages have them) and control characters but
// newline and tab; what is no UTF-8 becomes U+FFFD; a carriage return ends a line. Blank lines at both ends and blanks
// at line ends are gone. At most `bytes_max` bytes, cut as Clip does. `path`, unless it is empty, is where the program
// lay: it becomes `name`, which is what a user would see.
std::string ProgramText(std::string_view output, std::string_view path, std::string_view name,
                        size_t bytes_max = kProgramTextBytesMax);

}  // namespace gofarm::build
