#include "common/vocab/failure_text.h"

namespace gofarm {
namespace {

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\v\f";
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

std::string_view Headline(std::string_view detail) {
  while (!detail.empty()) {
    const size_t end = detail.find('\n');
    const std::string_view line = Trimmed(detail.substr(0, end));
    if (!line.empty() && line.substr(0, 2) != "# ") return line;
    detail.remove_prefix(end == std::string_view::npos ? detail.size() : end + 1);
  }
  return {};
}

std::string_view HintOf(FailureClass failure, std::string_view detail) {
  struct Hint {
    std::string_view words, sentence;
  };
  static constexpr Hint kHints[] = {
      {": invalid reference to ",
       "Since Go 1.23 the linker refuses //go:linkname to what the runtime does not offer: use a public function."},
      {"-lang was set to",
       "The go line of go.mod is lower than what the code uses: raise it to the version named here."},
      {"unsupported linker arg: ", "zig's linker driver does not know this flag of the module's #cgo LDFLAGS."},
      {"__ubsan_handle_", "The module turns on the undefined-behaviour sanitizer, which has no runtime here."},
      {"undefined: Asset", "The file that go-bindata or a like generator makes is not committed."},
      {"undefined: MustAsset", "The file that go-bindata or a like generator makes is not committed."},
      {"redeclared in this block",
       "Two files of the folder belong to different programs: give each a folder of its own."},
      {"build constraints exclude all Go files",
       "Every file of that package is for other systems, architectures or build tags."},
      {"source files not allowed when not using cgo", "C files lie beside Go files of which none imports \"C\"."},
  };
  for (const Hint& hint : kHints) {
    if (detail.find(hint.words) != std::string_view::npos) return hint.sentence;
  }
  switch (failure) {
    case FailureClass::kSourceIncomplete:
      return "Files that the build needs are not in the module: generated and embedded files must be committed to be "
             "part of a version.";
    case FailureClass::kCrashesAtStart:
      return "It was built, and crashes before its main function does anything: start it on a host without any of its "
             "files to see it.";
    case FailureClass::kSystemLibraryMissing:
      return "Programs are built static, without any library of the system: bring the C code, or build without it.";
    default:
      return {};
  }
}

}  // namespace gofarm
