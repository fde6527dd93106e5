#include "common/licences/document.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/base/utf8.h"
#include "common/json/fields.h"

namespace gofarm::licences {

template <typename Form, json::Is<LicenceFile> F>
void Fields(Form& form, F& f) {
  form.Field("name", f.name);
  form.Field("text", f.text);
  form.Field("size", f.size);
  form.Field("left_out", f.left_out);
}

template <typename Form, json::Is<LicenceModule> M>
void Fields(Form& form, M& m) {
  form.Field("kind", m.kind);
  form.Field("path", m.path);
  form.Field("version", m.version);
  form.Field("replace_path", m.replace_path);
  form.Field("replace_version", m.replace_version);
  form.Field("complete", m.complete);
  form.Field("files", m.files);
}

template <typename Form, json::Is<LicenceDocument> D>
void Fields(Form& form, D& d) {
  form.Field("gofarm_licences", d.gofarm_licences);
  form.Field("modules", d.modules);
  form.Field("texts", d.texts);
}

namespace {

constexpr std::string_view kOldMark = "==== ";
// What a file and a module take beside their names and texts, when they are written.
constexpr int64_t kOverhead = 256;

void PutRune(uint32_t rune, std::string& out) {
  // Of Latin-1 only.
  out += static_cast<char>(0xC0 | (rune >> 6));
  out += static_cast<char>(0x80 | (rune & 0x3F));
}

// "==== MODULE@VERSION FILE (SIZE bytes)\n", as the first workers wrote it before each text.
struct OldHeader {
  std::string_view module, version, file;
  size_t size = 0;
};
std::optional<OldHeader> ParseOldHeader(std::string_view line) {
  if (!line.starts_with(kOldMark) || !line.ends_with(" bytes)")) return std::nullopt;
  line.remove_prefix(kOldMark.size());
  line.remove_suffix(std::string_view(" bytes)").size());
  const size_t open = line.rfind(" (");
  const size_t blank = line.find(' ');
  const size_t at = line.substr(0, blank).rfind('@');
  int64_t size = 0;
  if (open == std::string_view::npos || blank >= open || at == std::string_view::npos) return std::nullopt;
  if (!absl::SimpleAtoi(Av(line.substr(open + 2)), &size) || size < 0) return std::nullopt;
  return OldHeader{line.substr(0, at), line.substr(at + 1, blank - at - 1), line.substr(blank + 1, open - blank - 1),
                   static_cast<size_t>(size)};
}

absl::StatusOr<LicenceDocument> ReadOld(std::string_view bytes) {
  DocumentBuilder builder;
  std::string_view module, version;
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const std::optional<OldHeader> header = ParseOldHeader(bytes.substr(0, end));
    if (!header || end == std::string_view::npos || bytes.size() - end - 1 < header->size + 1) {
      return absl::InvalidArgumentError(Cat("licences: no document, and no text in the old form at \"",
                                            EscapeAndClip(bytes.substr(0, end), 100), "\""));
    }
    if (header->module != module || header->version != version) {
      std::tie(module, version) = std::tie(header->module, header->version);
      // Which was the main one, the old form does not say.
      builder.AddModule({.path = std::string(module), .version = std::string(version)});
    }
    const std::string_view text = bytes.substr(end + 1, header->size);
    // What such a worker wrote in place of a text that was too large.
    if (text.ends_with(": left out)\n")) {
      builder.LeaveOut(header->file, 0, text.substr(0, text.size() - 1));
    } else {
      builder.AddFile(header->file, text);
    }
    bytes.remove_prefix(end + 1 + header->size + 1);
  }
  LicenceDocument document = builder.document();
  document.gofarm_licences = 1;
  return document;
}

absl::Status Check(const LicenceDocument& document) {
  size_t files = 0;
  for (const LicenceModule& module : document.modules) {
    files += module.files.size();
    for (const LicenceFile& file : module.files) {
      const bool known = file.text >= 0 && static_cast<size_t>(file.text) < document.texts.size();
      if (!known && (file.text != -1 || file.left_out.empty())) {
        return absl::InvalidArgumentError(Cat("licences: ", EscapeAndClip(module.path, 200), ": the file ",
                                              EscapeAndClip(file.name, 200), " has no text and no reason why"));
      }
    }
  }
  if (document.modules.size() > kModulesMax || files > kFilesMax) {
    return absl::ResourceExhaustedError(Cat("licences: more than ", kModulesMax, " modules or ", kFilesMax, " files"));
  }
  return absl::OkStatus();
}

}  // namespace

const LicenceModule* LicenceDocument::Find(std::string_view path, std::string_view version) const {
  const auto found = std::find_if(modules.begin(), modules.end(), [&](const LicenceModule& module) {
    return module.path == path && module.version == version;
  });
  return found == modules.end() ? nullptr : &*found;
}

void DocumentBuilder::AddModule(LicenceModule module) {
  bytes_left_ -= kOverhead + static_cast<int64_t>(module.path.size() + module.replace_path.size());
  document_.modules.push_back(std::move(module));
}

bool DocumentBuilder::Room(std::string_view name) {
  GOFARM_CHECK(!document_.modules.empty());
  LicenceModule& module = document_.modules.back();
  const int64_t need = kOverhead + static_cast<int64_t>(name.size());
  if (module.files.size() >= kFilesPerModuleMax || files_ >= kFilesMax || name.size() > kFileNameMax ||
      bytes_left_ < need) {
    module.complete = false;
    return false;
  }
  bytes_left_ -= need;
  ++files_;
  return true;
}

void DocumentBuilder::AddFile(std::string_view name, std::string_view bytes) {
  const auto size = static_cast<int64_t>(bytes.size());
  if (size > kFileBytesMax) return LeaveOut(name, size, Cat("larger than ", kFileBytesMax, " bytes"));
  std::string text = CleanText(bytes);
  auto place = places_.find(text);
  // Quotes and line ends take two bytes each in the document.
  const auto need =
      static_cast<int64_t>(text.size() + static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
                             return c == '"' || c == '\\' || c < ' ';
                           })));
  if (place == places_.end() && need > bytes_left_) {
    return LeaveOut(name, size, Cat("all licence files together are larger than ", kDocumentBytesMax, " bytes"));
  }
  if (!Room(name)) return;
  if (place == places_.end()) {
    bytes_left_ -= need;
    place = places_.emplace(text, static_cast<int>(document_.texts.size())).first;
    document_.texts.push_back(std::move(text));
  }
  document_.modules.back().files.push_back({.name = CleanText(name), .text = place->second, .size = size});
}

void DocumentBuilder::LeaveOut(std::string_view name, int64_t size, std::string_view why) {
  if (Room(name)) {
    document_.modules.back().files.push_back({.name = CleanText(name), .size = size, .left_out = std::string(why)});
  }
  Incomplete();
}

void DocumentBuilder::Incomplete() {
  GOFARM_CHECK(!document_.modules.empty());
  document_.modules.back().complete = false;
}

std::string DocumentBuilder::Write() const { return json::Write(document_); }

std::string CleanText(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (size_t i = 0; i < bytes.size();) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    uint32_t rune = 0;
    const size_t n = Utf8Length(bytes, i, rune);
    if (n == 0) {
      // 0x80 to 0x9F are controls in Latin-1.
      if (byte >= 0xA0) PutRune(byte, out);
      ++i;
      continue;
    }
    if (rune == '\r') {
      // Of CR LF the LF is the line's end; CR alone was one on old machines.
      if (i + 1 >= bytes.size() || bytes[i + 1] != '\n') out += '\n';
    } else if (rune == '\f') {
      out += '\n';
    } else if (rune == '\n' || rune == '\t' || !IsControlRune(rune)) {
      // A byte order mark is one only in front, and says nothing in UTF-8.
      if (rune != 0xFEFF) out.append(bytes.substr(i, n));
    }
    i += n;
  }
  return out;
}

absl::StatusOr<LicenceDocument> ReadDocument(std::string_view bytes) {
  if (static_cast<int64_t>(bytes.size()) > 2 * kDocumentBytesMax) {
    return absl::ResourceExhaustedError(Cat("licences: more than ", 2 * kDocumentBytesMax, " bytes"));
  }
  if (bytes.starts_with(kOldMark)) return ReadOld(bytes);
  LicenceDocument document{.gofarm_licences = 0};
  GOFARM_RETURN_IF_ERROR_CTX(json::Read(bytes, json::Rule::kLenient, document), "licences");
  if (document.gofarm_licences > kDocumentVersion) {
    return absl::UnimplementedError(Cat("licences: a document of version ", document.gofarm_licences,
                                        ", which a newer release wrote: update this one"));
  }
  if (document.gofarm_licences != kDocumentVersion) {
    return absl::InvalidArgumentError("licences: no document of this farm");
  }
  GOFARM_RETURN_IF_ERROR(Check(document));
  return document;
}

}  // namespace gofarm::licences
