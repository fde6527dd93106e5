#include "common/godetect/detection.h"

#include <array>
#include <utility>

#include "common/base/text.h"

namespace gofarm::godetect {
namespace {

template <typename Enum, size_t kCount>
std::string_view NameIn(const std::array<std::pair<Enum, std::string_view>, kCount>& names, Enum value) {
  for (const auto& [known, name] : names) {
    if (known == value) return name;
  }
  return "";
}
template <typename Enum, size_t kCount>
std::optional<Enum> ParseIn(const std::array<std::pair<Enum, std::string_view>, kCount>& names, std::string_view text) {
  for (const auto& [value, name] : names) {
    if (name == text) return value;
  }
  return std::nullopt;
}

constexpr std::array<std::pair<ProgramKind, std::string_view>, 3> kKinds = {{
    {ProgramKind::kProgram, "program"},
    {ProgramKind::kExample, "example"},
    {ProgramKind::kTestHelper, "test_helper"},
}};
constexpr std::array<std::pair<Need::Kind, std::string_view>, 3> kNeedKinds = {{
    {Need::Kind::kLibrary, "library"},
    {Need::Kind::kPkgConfig, "pkg_config"},
    {Need::Kind::kHeader, "header"},
}};
constexpr std::array<std::pair<Verdict, std::string_view>, 5> kVerdicts = {{
    {Verdict::kBuildable, "buildable"},
    {Verdict::kNeedsLibrary, "needs_library"},
    {Verdict::kExcluded, "excluded"},
    {Verdict::kGoTooNew, "go_too_new"},
    {Verdict::kNoProgram, "no_program"},
}};

}  // namespace

std::string_view KindName(ProgramKind kind) { return NameIn(kKinds, kind); }
std::optional<ProgramKind> ParseKind(std::string_view name) { return ParseIn(kKinds, name); }
std::string TextOf(const Need& need) {
  switch (need.kind) {
    case Need::Kind::kLibrary:
      return Cat("library ", need.name);
    case Need::Kind::kPkgConfig:
      return Cat("pkg-config ", need.name);
    case Need::Kind::kHeader:
      return Cat("header ", need.name);
  }
  return need.name;
}
std::string_view NeedKindName(Need::Kind kind) { return NameIn(kNeedKinds, kind); }
std::optional<Need::Kind> ParseNeedKind(std::string_view name) { return ParseIn(kNeedKinds, name); }
std::string_view VerdictName(Verdict verdict) { return NameIn(kVerdicts, verdict); }
std::optional<Verdict> ParseVerdict(std::string_view name) { return ParseIn(kVerdicts, name); }

}  // namespace gofarm::godetect
