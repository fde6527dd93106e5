#include "worker/build/cgo_lines.h"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"

namespace gofarm::build {
namespace {

// Linker flags whose value is the next word: "-Wl,-Map,out.map".
constexpr std::array<std::string_view, 4> kWithValue = {"-Map", "--Map", "--exclude-libs", "--dynamic-list"};

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// Where the flags begin: behind the colon of "#cgo linux CFLAGS: ..."; npos: no such line.
size_t FlagsOf(std::string_view line) {
  size_t at = line.find_first_not_of(" \t");
  if (at == std::string_view::npos) return at;
  for (const std::string_view mark : {"//", "/*", "*"}) {
    if (!line.substr(at).starts_with(mark)) continue;
    at = line.find_first_not_of(" \t", at + mark.size());
    if (at == std::string_view::npos) return at;
    break;
  }
  const std::string_view rest = line.substr(at);
  if (!rest.starts_with("#cgo") || rest.size() < 5 || !IsBlank(rest[4])) return std::string_view::npos;
  const size_t colon = line.find(':', at);
  return colon == std::string_view::npos ? colon : colon + 1;
}

std::string EditFlags(const Variant& variant, std::string_view flags) {
  std::string out;
  while (!flags.empty()) {
    const size_t start = static_cast<size_t>(std::find_if_not(flags.begin(), flags.end(), IsBlank) - flags.begin());
    const size_t end = static_cast<size_t>(
        std::find_if(flags.begin() + static_cast<std::ptrdiff_t>(start), flags.end(), IsBlank) - flags.begin());
    out += flags.substr(0, start);
    out += FlagLeft(variant, flags.substr(start, end - start));
    flags.remove_prefix(end);
  }
  return out;
}

}  // namespace

std::string FlagLeft(const Variant& variant, std::string_view flag) {
  if (variant.portable && fetch::IsNativeFlag(flag)) return "";
  if (variant.dropped_link_flags.empty() || !flag.starts_with("-Wl,")) return std::string(flag);
  const std::vector<absl::string_view> words = absl::StrSplit(Av(flag.substr(4)), ',');
  std::vector<absl::string_view> left;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = Sv(words[i]);
    const std::string_view name = word.substr(0, word.find('='));
    const auto& dropped = variant.dropped_link_flags;
    if (std::find(dropped.begin(), dropped.end(), name) == dropped.end()) {
      left.push_back(words[i]);
    } else if (word == name && std::find(kWithValue.begin(), kWithValue.end(), name) != kWithValue.end()) {
      ++i;
    }
  }
  if (left.size() == words.size()) return std::string(flag);
  return left.empty() ? "" : Cat("-Wl,", absl::StrJoin(left, ","));
}

std::string EditCgoLines(const Variant& variant, std::string_view source) {
  std::string out;
  out.reserve(source.size());
  while (!source.empty()) {
    const size_t newline = source.find('\n');
    const size_t size = newline == std::string_view::npos ? source.size() : newline + 1;
    const std::string_view line = source.substr(0, newline);
    const size_t flags = FlagsOf(line);
    if (flags == std::string_view::npos) {
      out += line;
    } else {
      out += line.substr(0, flags);
      out += EditFlags(variant, line.substr(flags));
    }
    out += source.substr(line.size(), size - line.size());
    source.remove_prefix(size);
  }
  return out;
}

}  // namespace gofarm::build
