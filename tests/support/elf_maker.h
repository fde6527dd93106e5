// Files that pass for what the farm builds, made without a compiler. They hold no code.
#pragma once

#include <cstddef>
#include <string>

#include "common/vocab/target.h"

namespace gofarm::testing {

// Passes the acceptance gate for this target; at least `size` bytes.
std::string StaticPie(Target target, size_t size = 0);
// The same with an interpreter, as a dynamic program has one.
std::string WithInterpreter(std::string file);

}  // namespace gofarm::testing
