// The beginning of a Go source file as the go command reads it (go/build's readGoInfo, then go/parser for the imports):
// build constraints, package clause, imports, and the C preamble of `import "C"`. It decides what belongs to a package;
// whether the rest of the file is right does not. For untrusted text: linear, bounded. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/gomod/build_constraint.h"

namespace gofarm::gomod {

inline constexpr size_t kImportsMax = 10'000;         // of one file; more count as a syntax error
inline constexpr size_t kPreambleBytesMax = 4 << 20;  // of one file; what is beyond is left out

struct GoImport {
  std::string path;
  bool blank = false;  // import _ "..."
};

struct GoHeader {
  // False: the file is no part of any package (NUL, two //go:build lines).
  bool readable = false;
  // Of the package clause; empty when that is broken, which the go command takes for a name of its own.
  std::string package;
  ConstraintLines constraints;
  // Empty too when they hold a syntax error: then the file counts, its imports do not.
  std::vector<GoImport> imports;
  bool imports_readable = false;
  bool cgo = false;      // imports "C"
  std::string preamble;  // text of the comments in front of it, without comment marks
  // The text given ends before the header does: only more of the file can tell.
  bool truncated = false;
};

// `whole`: the text is the whole file, not only its beginning.
GoHeader ReadGoHeader(std::string_view text, bool whole);

}  // namespace gofarm::gomod
