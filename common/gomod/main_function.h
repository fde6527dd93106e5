// Does a Go source file declare `func main()`? `go list` looks only at the package's name, and a package main without
// it is no program. A small scanner that knows comments, strings and braces, not a parser: it errs only on files that
// do not compile. Pure; linear in the text.
#pragma once

#include <string_view>

namespace gofarm::gomod {

// True when `text` declares a top-level function named main without a receiver.
bool HasMainFunction(std::string_view text);

}  // namespace gofarm::gomod
