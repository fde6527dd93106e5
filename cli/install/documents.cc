#include "cli/install/documents.h"

#include <algorithm>

#include "absl/strings/str_split.h"
#include "common/base/text.h"
#include "common/json/writer.h"

namespace gofarm::install {
namespace {

// As a POSIX shell reads it back.
std::string Quoted(const std::string& raw) {
  const std::string word = EscapeForPrint(raw);
  const bool plain = word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-") ==
                     std::string::npos;
  if (plain && !word.empty()) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string_view NameOf(attest::Reproduced reproduced) {
  switch (reproduced) {
    case attest::Reproduced::kNotTried:
      return "";
    case attest::Reproduced::kTrue:
      return "true";
    case attest::Reproduced::kFalse:
      return "false";
  }
  return "";
}

std::string Line(std::string_view name, std::string_view value) {
  constexpr size_t kColumn = 12;
  return Cat("  ", name, std::string(name.size() < kColumn ? kColumn - name.size() : 1, ' '), EscapeForPrint(value),
             "\n");
}

}  // namespace

std::string InstallDocument(const std::vector<Outcome>& outcomes) {
  JsonWriter json;
  json.BeginArray();
  for (const Outcome& outcome : outcomes) {
    const publish::Resolved& program = outcome.program;
    json.BeginObject()
        .Field("name", program.name)
        .Field("module", program.module)
        .Field("path", program.path)
        .Field("version", program.version)
        .Field("version_before", outcome.version_before)
        .Field("target", TargetName(outcome.target))
        .Field("file", outcome.path)
        .Field("sha256", program.target.sha256)
        .Field("size", program.target.size)
        .Field("reproduced", program.target.reproduced)
        .Field("state", NameOf(outcome.state))
        .EndObject();
  }
  json.EndArray();
  return json.Take();
}

std::string InstalledDocument(const std::string& folder, const std::vector<Installed>& programs) {
  JsonWriter json;
  json.BeginArray();
  for (const Installed& program : programs) {
    json.BeginObject()
        .Field("name", program.name)
        .Field("module", program.note.module)
        .Field("path", program.note.package)
        .Field("version", program.note.version)
        .Field("target", program.note.target)
        .Field("file", Place{folder, program.name}.Path())
        .Field("sha256", program.note.sha256)
        .Field("state", NameOf(program.state))
        .EndObject();
  }
  json.EndArray();
  return json.Take();
}

std::string_view NameOf(UpgradeLine::State state) {
  switch (state) {
    case UpgradeLine::State::kUpgraded:
      return "upgraded";
    case UpgradeLine::State::kCurrent:
      return "current";
    case UpgradeLine::State::kNotFound:
      return "not_found";
    case UpgradeLine::State::kRefused:
      return "refused";
  }
  return "";
}

std::string UpgradeDocument(const std::vector<UpgradeLine>& lines) {
  JsonWriter json;
  json.BeginArray();
  for (const UpgradeLine& line : lines) {
    json.BeginObject()
        .Field("name", line.name)
        .Field("path", line.path)
        .Field("target", line.target)
        .Field("version", line.version)
        .Field("version_before", line.version_before)
        .Field("state", NameOf(line.state))
        .Field("detail", line.detail)
        .EndObject();
  }
  json.EndArray();
  return json.Take();
}

std::string RemovedDocument(const std::vector<Place>& places) {
  JsonWriter json;
  json.BeginArray();
  for (const Place& place : places) {
    json.BeginObject().Field("name", place.name).Field("file", place.Path()).Field("state", "removed").EndObject();
  }
  json.EndArray();
  return json.Take();
}

std::string VerifyDocument(const Verified& verified) {
  const attest::Provenance& p = verified.built.provenance;
  JsonWriter json;
  json.BeginObject()
      .Field("name", verified.name)
      .Field("sha256", verified.sha256)
      .Field("blake3", verified.blake3)
      .Field("size", verified.size)
      .Field("subject", verified.built.subject.name)
      .Field("module", p.module)
      .Field("version", p.version)
      .Field("command_directory", p.command_directory)
      .Field("target", p.target)
      .Field("variant", p.variant);
  json.Key("toolchains").BeginArray();
  for (const attest::ToolMaterial& tool : p.toolchains) {
    json.BeginObject().Field("name", tool.name).Field("version", tool.version).Field("sha256", tool.sha256).EndObject();
  }
  json.EndArray()
      .Field("dependencies", static_cast<int64_t>(p.dependencies.size()))
      .Field("worker_class", p.worker_class)
      .Field("sandbox_layout", p.sandbox_layout)
      .Field("builder", p.builder_id)
      .Field("job", p.invocation_id)
      .Field("started_at", p.started_on)
      .Field("finished_at", p.finished_on)
      .Field("reproduced", NameOf(p.reproduced))
      .Field("key", verified.built.key_hint)
      .Field("checksum", NameOf(verified.list))
      .EndObject();
  return json.Take();
}

std::string VerifyText(const Verified& verified) {
  const attest::Provenance& p = verified.built.provenance;
  std::string out = Cat(EscapeForPrint(verified.name), ": as it was signed\n", Line("SHA-256", verified.sha256));
  if (verified.built.subject.name != verified.name) out += Line("signed as", verified.built.subject.name);
  out += Line("module", Cat(p.module, "@", p.version));
  if (p.command_directory != ".") out += Line("package", p.command_directory);
  out += Line("target", p.target);
  for (const attest::ToolMaterial& tool : p.toolchains) out += Line(tool.name, Cat(tool.version, ", ", tool.sha256));
  out += Line("recipe", p.variant);
  out += Line("modules", Cat(p.dependencies.size(), " linked in beside its own, each with its digest"));
  out += Line("built by", p.builder_id);
  out += Line("worker", Cat(p.worker_class, ", sandbox ", p.sandbox_layout));
  out += Line("job", p.invocation_id);
  out += Line("built", Cat(FormatUtc(p.started_on), " to ", FormatUtc(p.finished_on)));
  out += Line("reproduced", p.reproduced == attest::Reproduced::kNotTried ? "not tried"
                            : p.reproduced == attest::Reproduced::kTrue   ? "yes, by another build"
                                                                          : "no: another build gave other bytes");
  switch (verified.list) {
    case ListState::kNone:
      break;
    case ListState::kNotSigned:
      out += Line("CHECKSUM", "says the same; it is not signed");
      break;
    case ListState::kNotChecked:
      out += Line("CHECKSUM", "says the same; its signature was not checked, as no minisign key is known");
      break;
    case ListState::kSigned:
      out += Line("CHECKSUM", Cat("says the same, signed (", verified.list_comment, ")"));
      break;
  }
  return out + Line("signed by", verified.built.key_hint);
}

std::string OutcomeText(const Outcome& outcome) {
  const std::string what =
      Cat(outcome.program.name, " ", EscapeForPrint(outcome.program.version), " (", TargetName(outcome.target), ")");
  if (outcome.state == Outcome::State::kAlready) return Cat(Quoted(outcome.path), " is ", what, " already\n");
  std::string out = Cat("installed ", Quoted(outcome.path), ": ", what, ", signature, SHA-256 and provenance verified");
  if (!outcome.version_before.empty()) out += Cat("; it was ", EscapeForPrint(outcome.version_before));
  if (outcome.program.target.reproduced == "false") out += "; a second build gave other bytes";
  return out + "\n";
}

std::string PathHint(const std::string& folder, std::string_view path_variable) {
  const std::vector<absl::string_view> folders = absl::StrSplit(Av(path_variable), ':');
  if (std::find(folders.begin(), folders.end(), absl::string_view(folder)) != folders.end()) return "";
  return Cat(EscapeForPrint(folder), " is not in PATH; to have it there: export PATH=", Quoted(folder), ":$PATH\n");
}

}  // namespace gofarm::install
