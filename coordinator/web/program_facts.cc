#include "coordinator/web/program_facts.h"

#include <algorithm>

#include "common/base/text.h"
#include "common/io/url.h"
#include "common/json/fields.h"
#include "common/publish/address.h"
#include "coordinator/web/shell_text.h"

namespace gofarm::web {

std::string_view Name(Reproduced reproduced) {
  switch (reproduced) {
    case Reproduced::kYes:
      return "yes";
    case Reproduced::kNo:
      return "no";
    case Reproduced::kNotTried:
      break;
  }
  return "not_tried";
}

std::optional<Reproduced> ParseReproduced(std::string_view name) {
  for (const Reproduced value : {Reproduced::kNotTried, Reproduced::kYes, Reproduced::kNo}) {
    if (Name(value) == name) return value;
  }
  return std::nullopt;
}

template <typename Form, json::Is<FileFacts> F>
void Fields(Form& form, F& file) {
  form.Named("target", file.target, TargetName, ParseTarget);
  form.Field("url", file.url);
  form.Field("size", file.size);
  form.Field("sha256", file.sha256);
  form.Field("blake3", file.blake3);
}

template <typename Form, json::Is<AttachmentUrls> A>
void Fields(Form& form, A& urls) {
  form.Field("provenance", urls.provenance);
  form.Field("sbom", urls.sbom);
  form.Field("licences", urls.licences);
  form.Field("checksums", urls.checksums);
  form.Field("log", urls.log);
}

template <typename Form, json::Is<AuthorsRelease> R>
void Fields(Form& form, R& release) {
  form.Field("version", release.version);
  form.Field("url", release.url);
  form.Field("published_at", release.published_at);
}

template <typename Form, json::Is<VersionFacts> V>
void Fields(Form& form, V& version) {
  form.Field("version", version.version);
  form.Field("published_at", version.published_at);
  form.Field("withdrawn", version.withdrawn);
}

template <typename Form, json::Is<InstallCommands> C>
void Fields(Form& form, C& commands) {
  form.Field("shell", commands.shell);
  form.Field("gofarm", commands.gofarm);
}

template <typename Form, json::Is<ProgramFacts> P>
void Fields(Form& form, P& facts) {
  form.Field("module", facts.module);
  form.Field("import_path", facts.import_path);
  form.Field("name", facts.name);
  form.Field("version", facts.version);
  form.Field("description", facts.description);
  form.Field("homepage", facts.homepage);
  form.Field("repository", facts.repository);
  form.Field("authors", facts.authors);
  form.Field("licences", facts.licences);
  form.Field("licence_note", facts.licence_note);
  form.Field("files", facts.files);
  form.Field("attachments", facts.attachments);
  form.Field("built_at", facts.built_at);
  form.Field("published_at", facts.published_at);
  form.Field("go_version", facts.go_version);
  form.Field("zig_version", facts.zig_version);
  form.Field("builder", facts.builder);
  form.Named(
      "reproduced", facts.reproduced, [](Reproduced r) { return Name(r); }, ParseReproduced);
  form.Field("reproduced_detail", facts.reproduced_detail);
  form.Field("reproduced_report", facts.reproduced_report);
  form.Field("reproduced_at", facts.reproduced_at);
  form.Field("authors_release", facts.authors_release);
  form.Field("deprecated", facts.deprecated);
  form.Field("withdrawn", facts.withdrawn);
  form.Field("version_output", facts.version_output);
  form.Field("help_output", facts.help_output);
  form.Field("versions", facts.versions);
  form.Field("versions_total", facts.versions_total);
}

template <typename Form, json::Is<ModulePrograms::Program> P>
void Fields(Form& form, P& program) {
  form.Field("import_path", program.import_path);
  form.Field("name", program.name);
  form.Field("description", program.description);
  form.Named("targets", program.targets, TargetName, ParseTarget);
}

template <typename Form, json::Is<ModulePrograms> M>
void Fields(Form& form, M& programs) {
  form.Field("module", programs.module);
  form.Field("version", programs.version);
  form.Field("programs", programs.programs);
  form.Field("programs_total", programs.programs_total);
}

namespace {

template <typename Item>
int64_t CutList(std::vector<Item>& list, size_t limit) {
  const auto had = static_cast<int64_t>(list.size());
  if (list.size() > limit) list.resize(limit);
  return had;
}

void CutTexts(size_t limit, std::initializer_list<std::string*> texts) {
  for (std::string* text : texts) {
    if (text->size() > limit) *text = Clip(*text, limit);
  }
}

}  // namespace

ProgramFacts Bounded(ProgramFacts facts) {
  CutTexts(kFactNameMax, {&facts.module, &facts.import_path, &facts.name, &facts.version, &facts.homepage,
                          &facts.repository, &facts.go_version, &facts.zig_version, &facts.builder});
  CutTexts(kFactTextMax,
           {&facts.description, &facts.licence_note, &facts.reproduced_detail, &facts.deprecated, &facts.withdrawn});
  CutTexts(kFactOutputMax, {&facts.version_output, &facts.help_output});
  CutList(facts.authors, kFactListMax);
  CutList(facts.licences, kFactListMax);
  CutList(facts.files, kAllTargets.size());
  facts.versions_total = std::max(facts.versions_total, CutList(facts.versions, kVersionsMax));
  for (std::string& author : facts.authors) CutTexts(kFactNameMax, {&author});
  for (std::string& licence : facts.licences) CutTexts(kFactNameMax, {&licence});
  for (FileFacts& file : facts.files) CutTexts(kFactNameMax, {&file.url, &file.sha256, &file.blake3});
  AttachmentUrls& urls = facts.attachments;
  CutTexts(kFactNameMax, {&urls.provenance, &urls.sbom, &urls.licences, &urls.checksums, &urls.log});
  if (facts.authors_release) CutTexts(kFactNameMax, {&facts.authors_release->version, &facts.authors_release->url});
  for (VersionFacts& version : facts.versions) {
    CutTexts(kFactNameMax, {&version.version});
    CutTexts(kFactTextMax, {&version.withdrawn});
  }
  return facts;
}

ModulePrograms Bounded(ModulePrograms programs) {
  CutTexts(kFactNameMax, {&programs.module, &programs.version});
  programs.programs_total = std::max(programs.programs_total, CutList(programs.programs, kProgramsMax));
  for (ModulePrograms::Program& program : programs.programs) {
    CutTexts(kFactNameMax, {&program.import_path, &program.name});
    CutTexts(kFactTextMax, {&program.description});
    CutList(program.targets, kAllTargets.size());
  }
  return programs;
}

InstallCommands CommandsFor(const FarmAddresses& farm, std::string_view import_path, std::string_view version) {
  // Both take what is no address, too, and refuse it then; here it only must stay one word.
  const std::string address = publish::AddressText(import_path, version);
  InstallCommands commands;
  commands.shell = Cat("curl -sS ", ShellWord(Cat(farm.public_url, "/i/", io::PercentEncode(address, "/@+"))), " | sh");
  commands.gofarm = Cat("gofarm install ", ShellWord(EscapeForPrint(address)), " --index ",
                        ShellWord(Cat(farm.public_url, "/index")));
  if (!farm.minisign_public_key.empty()) commands.gofarm += Cat(" --key ", ShellWord(farm.minisign_public_key));
  return commands;
}

std::string ProgramJson(const FarmAddresses& farm, const ProgramFacts& facts) {
  JsonWriter json;
  json.BeginObject();
  json::FieldWriter form(json);
  Fields(form, facts);
  form.Field("built_by", std::string("gofarm, not by the program's authors"));
  // Of a version that cannot be installed there is nothing to say.
  if (facts.withdrawn.empty()) form.Field("install", CommandsFor(farm, facts.import_path, facts.version));
  json.EndObject();
  return json.Take();
}

std::string ModuleJson(const FarmAddresses& farm, const ModulePrograms& programs) {
  JsonWriter json;
  json.BeginObject();
  json::FieldWriter form(json);
  Fields(form, programs);
  form.Field("public_url", farm.public_url);
  json.EndObject();
  return json.Take();
}

std::string ErrorJson(std::string_view address, std::string_view error) {
  JsonWriter json;
  json.BeginObject();
  json.Field("error", Clip(error, kFactTextMax));
  json.Field("address", Clip(address, kFactNameMax));
  json.EndObject();
  return json.Take();
}

}  // namespace gofarm::web
