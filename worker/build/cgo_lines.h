// Takes flags out of the #cgo lines of a Go file, for a try that has the edited file in its place: what a module asks
// of the C compiler and the linker stands behind the recipe's own flags, so nothing else can take it back. Pure; for
// untrusted text: linear.
#pragma once

#include <string>
#include <string_view>

#include "worker/build/rules.h"

namespace gofarm::build {

// What the variant leaves of one flag: the flag itself, a shorter one ("-Wl,a,b" without b), or nothing.
std::string FlagLeft(const Variant& variant, std::string_view flag);

// The same text with those flags left out; lines, and so their numbers, stay.
std::string EditCgoLines(const Variant& variant, std::string_view source);

}  // namespace gofarm::build
