#include "common/publish/install_note.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/base/hex.h"
#include "common/base/text.h"

namespace gofarm::publish {
namespace {

constexpr std::string_view kFirstLine = "gofarm-note 1";

using NoteField = std::pair<std::string_view, std::string InstallNote::*>;
constexpr std::array<NoteField, 7> kFields = {{{"module", &InstallNote::module},
                                               {"package", &InstallNote::package},
                                               {"version", &InstallNote::version},
                                               {"target", &InstallNote::target},
                                               {"url", &InstallNote::url},
                                               {"sha256", &InstallNote::sha256},
                                               {"before", &InstallNote::before}}};

}  // namespace

bool IsInstallName(std::string_view name) {
  const auto plain = [](char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  return !name.empty() && name.size() <= kInstallNameMax && plain(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return plain(c) || c == '.' || c == '-' || c == '+' || c == '~'; });
}

std::string WriteNote(const InstallNote& note) {
  std::string text = Cat(kFirstLine, "\n");
  for (const auto& [name, member] : kFields) {
    const std::string& value = note.*member;
    if (member == &InstallNote::before && value.empty()) continue;
    text += Cat(name, " ", EscapeAndClip(value, member == &InstallNote::url ? kNoteUrlMax : kNoteTextMax), "\n");
  }
  return text;
}

absl::StatusOr<InstallNote> ParseNote(std::string_view text) {
  if (text.size() > kNoteBytesMax) return absl::InvalidArgumentError("a note of an installed program is too long");
  const std::vector<absl::string_view> lines = absl::StrSplit(Av(text), '\n');
  if (lines[0] != Av(kFirstLine)) return absl::InvalidArgumentError("this is no note of an installed program");
  InstallNote note;
  for (const absl::string_view line : lines) {
    const size_t blank = line.find(' ');
    if (blank == absl::string_view::npos) continue;
    for (const auto& [name, member] : kFields) {
      if (line.substr(0, blank) == Av(name)) note.*member = std::string(line.substr(blank + 1));
    }
  }
  if (IsLowerHex(note.sha256) && (note.before.empty() || IsLowerHex(note.before))) return note;
  return absl::InvalidArgumentError("the note of an installed program holds no SHA-256");
}

bool IsOwn(const InstallNote& note, std::string_view sha256) {
  return IsLowerHex(sha256) && (note.sha256 == sha256 || note.before == sha256);
}

}  // namespace gofarm::publish
