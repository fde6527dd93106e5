#include "coordinator/publish/record.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "common/base/check.h"
#include "common/base/clean_text.h"
#include "common/base/hex.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/gomod/path.h"
#include "common/gomod/version.h"
#include "common/json/fields.h"
#include "common/json/quote.h"
#include "coordinator/publish/names.h"

namespace gofarm::publish {

template <typename Form, json::Is<RecordTexts> R>
void Fields(Form& form, R& r) {
  form.Field("help", r.help);
  form.Field("version_output", r.version_output);
}

namespace {

constexpr int64_t kStarsToTell = 5;  // fewer say nothing
constexpr std::string_view kGhcr = "ghcr.io/";

std::string YesNo(bool value) { return value ? "true" : "false"; }

// Several lines are kept as they are, without what a terminal obeys.
std::string CleanLines(std::string_view text, size_t limit) {
  return EscapeAndClip(text, limit, /*keep_newlines=*/true);
}

// Which characters a text may have; an index of many records asks for each of them.
class CharSet {
 public:
  constexpr CharSet(char from, char to, std::string_view also, std::string_view but) {
    for (int c = from; c <= to; ++c) has_[static_cast<size_t>(c)] = true;
    for (const char c : also) has_[static_cast<unsigned char>(c)] = true;
    for (const char c : but) has_[static_cast<unsigned char>(c)] = false;
  }
  bool HasAll(std::string_view text) const {
    return std::all_of(text.begin(), text.end(), [this](char c) { return has_[static_cast<unsigned char>(c)]; });
  }

 private:
  std::array<bool, 256> has_{};
};
constexpr CharSet kLicenceChars('0', '9', "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-.+() :", "");
constexpr CharSet kUrlChars('!', '~', "", "\"'<>\\^`{|}");

bool IsLicence(std::string_view text) {
  return !text.empty() && text.size() <= kLicenceMax && kLicenceChars.HasAll(text);
}

// Sorted, each once; `otherwise` when nothing is left.
std::vector<std::string> SortedOr(std::set<std::string> items, size_t count_max, std::string_view otherwise) {
  std::vector<std::string> out(items.begin(), items.end());
  if (out.size() > count_max) out.resize(count_max);
  if (out.empty()) out.emplace_back(otherwise);
  return out;
}

std::vector<std::string> Licences(const std::vector<std::string>& from) {
  std::set<std::string> out;
  for (const std::string& licence : from) {
    if (out.size() >= kLicencesMax) break;
    if (IsLicence(licence)) out.insert(licence);
  }
  return SortedOr(std::move(out), kLicencesMax, kNoLicence);
}

std::vector<std::string> Topics(const std::vector<std::string>& from) {
  std::set<std::string> out;
  for (const std::string& topic : from) {
    if (out.size() >= kTopicsMax) break;
    std::string clean = CleanText(topic, kTopicMax);
    if (!clean.empty()) out.insert(std::move(clean));
  }
  return SortedOr(std::move(out), kTopicsMax, "Utility");
}

std::vector<std::string> Snapshots(const std::vector<std::string>& from) {
  std::vector<std::string> out;
  for (const std::string& tag : from) {
    if (out.size() >= kSnapshotsMax) break;
    if (IsTag(tag)) out.push_back(tag);
  }
  return out;
}

bool IsFamily(std::string_view text) {
  return text.size() <= kFamilyMax && absl::ascii_isalnum(static_cast<unsigned char>(text[0])) &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-") == std::string_view::npos;
}

absl::Status Check(const RecordInput& p) {
  const auto wrong = [&](std::string_view field, std::string_view value, std::string_view why) {
    return absl::InvalidArgumentError(Cat("publish ", EscapeAndClip(p.import_path, kTextMax), ": ", field, " \"",
                                          EscapeAndClip(value, kTextMax), "\" ", why));
  };
  GOFARM_RETURN_IF_ERROR_CTX(gomod::CheckModulePath(p.module), "publish");
  GOFARM_RETURN_IF_ERROR_CTX(gomod::CheckImportPath(p.import_path), "publish");
  GOFARM_RETURN_IF_ERROR_CTX(gomod::CheckVersion(p.version), "publish");
  if (!gomod::IsInModule(p.import_path, p.module)) return wrong("import path", p.import_path, "is outside its module");
  if (!IsProgramName(p.name)) return wrong("name", p.name, "is not fit to be a file's name everywhere");
  if (!IsLowerHex(p.sha256)) return wrong("sha256", p.sha256, "is no digest");
  if (!IsLowerHex(p.blake3)) return wrong("blake3", p.blake3, "is no digest");
  if (p.size <= 0) return wrong("size", Cat(p.size), "is not the size of an executable");
  if (p.built_at == absl::InfinitePast()) return wrong("build time", "", "is missing");
  if (CleanUrl(p.download_url).empty()) return wrong("download_url", p.download_url, "cannot be published");
  if (!p.family.empty() && !IsFamily(p.family)) return wrong("family", p.family, "is none of SettleFamilies");
  return absl::OkStatus();
}

std::string DeprecatedNote(std::string_view words) {
  const std::string clean = CleanText(words, kTextMax);
  return clean.empty() ? "Deprecated by its author" : Cat("Deprecated by its author: ", clean);
}

constexpr size_t kFieldsMax = 56;

class FieldList {
 public:
  FieldList() { fields_.reserve(kFieldsMax); }
  void Text(std::string_view key, std::string value) {
    fields_.push_back({.key = key, .text = std::move(value), .list = {}});
  }
  void List(std::string_view key, std::vector<std::string> values) {
    fields_.push_back({.key = key, .is_list = true, .text = "", .list = std::move(values)});
  }
  std::vector<RecordField> Take() {
    GOFARM_CHECK(std::is_sorted(fields_.begin(), fields_.end(),
                                [](const RecordField& a, const RecordField& b) { return a.key < b.key; }));
    return std::move(fields_);
  }

 private:
  std::vector<RecordField> fields_;
};

// What may close a script or begin a tag in a page is written by its number.
void AppendValue(std::string& out, std::string_view text) {
  const size_t from = out.size();
  AppendJsonString(out, text);
  if (out.find('<', from) == std::string::npos && out.find('>', from) == std::string::npos) return;
  const std::string quoted = out.substr(from);
  out.resize(from);
  for (const char c : quoted) {
    if (c == '<' || c == '>') {
      out += absl::StrFormat("\\u%04x", static_cast<int>(c));
    } else {
      out += c;
    }
  }
}

struct Layout {
  std::string_view newline, indent, colon, item_comma;
};

constexpr size_t kUsualBytes = 3000;

std::string Write(const Record& record, const Layout& layout) {
  std::string out;
  out.reserve(kUsualBytes);
  out += '{';
  bool first = true;
  for (const RecordField& field : record.fields) {
    if (!first) out += ',';
    first = false;
    out += layout.newline;
    out += layout.indent;
    AppendJsonString(out, field.key);
    out += layout.colon;
    if (!field.is_list) {
      AppendValue(out, field.text);
      continue;
    }
    out += '[';
    for (size_t i = 0; i < field.list.size(); ++i) {
      if (i > 0) out += layout.item_comma;
      AppendValue(out, field.list[i]);
    }
    out += ']';
  }
  out += layout.newline;
  out += '}';
  out += layout.newline;
  return out;
}

}  // namespace

std::string_view Record::Text(std::string_view key) const {
  const auto at = std::find_if(fields.begin(), fields.end(), [&](const RecordField& f) { return f.key == key; });
  return at == fields.end() ? std::string_view() : std::string_view(at->text);
}

std::string HumanSize(int64_t bytes) {
  static constexpr std::array<std::string_view, 5> kUnits = {"B", "KB", "MB", "GB", "TB"};
  int64_t unit = 1;
  size_t i = 0;
  const auto rounded_up = [&] { return bytes / unit + (bytes % unit == 0 ? 0 : 1); };
  // Rounding up may fill the next unit: 1023.5 KB are 1.0 MB.
  while (i + 1 < kUnits.size() && rounded_up() >= 1024) {
    unit *= 1024;
    ++i;
  }
  if (i == 0) return Cat(bytes, " B");
  const int64_t tenths = bytes / unit * 10 + (bytes % unit * 10 + unit - 1) / unit;
  if (tenths < 100) return Cat(tenths / 10, ".", tenths % 10, " ", kUnits[i]);
  return Cat(rounded_up(), " ", kUnits[i]);
}

std::string CleanUrl(std::string_view url) {
  if (url.size() > kUrlMax) return "";
  const absl::string_view text = Av(url);
  const size_t scheme = absl::StartsWithIgnoreCase(text, "https://")  ? 8
                        : absl::StartsWithIgnoreCase(text, "http://") ? 7
                                                                      : 0;
  if (scheme == 0 || url.size() == scheme || url[scheme] == '/') return "";
  if (!kUrlChars.HasAll(url)) return "";
  // What stands before an "@" is no host but a password, or a name that looks like a host.
  const std::string_view authority = url.substr(scheme, url.find_first_of("/?#", scheme) - scheme);
  return authority.find('@') == std::string_view::npos ? std::string(url) : "";
}

absl::StatusOr<Record> MakeRecord(const RecordInput& p, const Publisher& publisher, RecordForm form) {
  GOFARM_RETURN_IF_ERROR(Check(p));
  const bool on_ghcr = absl::StartsWith(p.ghcr_repository, Av(kGhcr)) && IsRepositoryName(p.ghcr_repository);
  const std::string page = CleanUrl(p.homepage), publisher_page = CleanUrl(publisher.page);
  const std::string publisher_name = CleanText(publisher.name, kTextMax);
  const std::string id = PkgId(p.module, p.twin);
  const std::string source = CleanUrl(p.source_url);
  std::string description = CleanText(p.description, kDescriptionMax);
  if (description.empty()) description = kNoDescription;
  std::vector<std::string> notes = {Cat("Built by ", publisher_name, " from the module's source, not by its author"),
                                    Cat("Module: ", p.module, "@", p.version), Cat("Package: ", p.import_path),
                                    "Linked statically with musl (go and zig)"};
  if (p.deprecated) notes.push_back(DeprecatedNote(p.deprecated_note));
  const auto one = [](const std::string& text) {
    return text.empty() ? std::vector<std::string>() : std::vector<std::string>{text};
  };
  const std::string build_date = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", p.built_at, absl::UTCTimeZone());
  FieldList f;
  f.Text("_disabled", "false");
  f.Text("bsum", p.blake3);
  f.Text("build_date", build_date);
  f.Text("build_gha", CleanUrl(p.job_url));
  f.Text("build_id", CleanText(p.job_id, kTextMax));
  f.Text("build_log", CleanUrl(p.log_url));
  f.Text("build_script", CleanUrl(p.recipe_url));
  f.Text("bundle", "false");
  f.List("category", {"Utility"});
  f.Text("deprecated", YesNo(p.deprecated));
  f.Text("description", std::move(description));
  f.Text("desktop_integration", "false");
  f.Text("download_count", p.stars >= kStarsToTell ? Cat(p.stars) : "-1");
  f.Text("download_url", p.download_url);
  f.Text("external", "true");
  if (on_ghcr) {
    f.Text("ghcr_blob", Cat(p.ghcr_repository, "@sha256:", p.sha256));
    f.List("ghcr_files", {p.name});
    f.Text("ghcr_pkg", Cat(p.ghcr_repository, ":", TargetTag(p.version, p.target)));
    f.Text("ghcr_size_raw", Cat(p.size));
    f.Text("ghcr_url", Cat("https://", p.ghcr_repository));
  }
  if (form == RecordForm::kPackage) f.Text("help", CleanLines(p.help_text, kProgramTextMax));
  f.List("homepage", one(page));
  f.Text("host", HostName(p.target));
  f.Text("installable", "true");
  f.List("license", Licences(p.licences));
  f.List("maintainer", {publisher_page.empty() ? publisher_name : Cat(publisher_name, " (", publisher_page, ")")});
  f.Text("manifest_url", CleanUrl(p.manifest_url));
  f.List("note", std::move(notes));
  f.Text("pkg", p.name);
  f.Text("pkg_family", p.family.empty() ? PlainFamily(p.module) : p.family);
  f.Text("pkg_id", form == RecordForm::kPackage ? Cat(p.name, "#", id) : id);
  f.Text("pkg_name", p.name);
  f.Text("pkg_type", "static");
  f.Text("pkg_webpage", page);
  f.Text("portable", "true");
  f.Text("provenance_url", CleanUrl(p.provenance_url));
  f.List("provides", {p.name});
  f.Text("rank", "");
  f.Text("recurse_provides", "false");
  f.Text("reproduced", p.reproduced ? YesNo(*p.reproduced) : "");
  f.Text("shasum", p.sha256);
  f.Text("size", HumanSize(p.size));
  f.Text("size_raw", Cat(p.size));
  f.List("snapshots", Snapshots(p.older_tags));
  f.Text("soar_syms", "false");
  f.List("src_url", one(source));
  f.List("tag", Topics(p.topics));
  f.Text("trusted", "true");
  f.Text("version", RecordVersion(p.version));
  if (form == RecordForm::kPackage) f.Text("version_output", CleanLines(p.version_text, kProgramTextMax));
  f.Text("version_upstream", "");
  return Record{.fields = f.Take()};
}

std::string VersionLine(std::string_view version_text) {
  const size_t begin = version_text.find_first_not_of(" \t\n");
  if (begin == std::string_view::npos) return "";
  const std::string_view line = version_text.substr(begin, version_text.find('\n', begin) - begin);
  if (line.find_first_of("0123456789") == std::string_view::npos) return "";
  return CleanText(line, kTextMax);
}

RecordTexts TextsOfRecord(std::string_view text) {
  RecordTexts texts;
  json::Read(text, json::Rule::kLenient, texts).IgnoreError();
  return texts;
}

std::string CompactJson(const Record& record) {
  return Write(record, {.newline = "", .indent = "", .colon = ":", .item_comma = ","});
}

std::string PrettyJson(const Record& record) {
  return Write(record, {.newline = "\n", .indent = "  ", .colon = ": ", .item_comma = ", "});
}

}  // namespace gofarm::publish
