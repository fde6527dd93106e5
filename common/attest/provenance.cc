#include "common/attest/provenance.h"

#include <initializer_list>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "common/attest/dsse.h"
#include "common/attest/module_id.h"
#include "common/attest/statement_form.h"
#include "common/base/hex.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/json/fields.h"
#include "common/json/writer.h"

namespace gofarm::attest {
namespace {

using statement_form::Material;
using statement_form::Statement;

constexpr std::string_view kMainModule = "main-module";
constexpr std::string_view kDependency = "dependency";
constexpr std::string_view kToolchain = "toolchain";

absl::Status Wrong(std::string_view what) { return absl::InvalidArgumentError(Cat("provenance: ", what)); }

std::string Shown(std::string_view text) { return Cat("\"", EscapeAndClip(text, 200), "\""); }

std::string_view NameOf(Reproduced reproduced) {
  switch (reproduced) {
    case Reproduced::kNotTried:
      return "";
    case Reproduced::kTrue:
      return "true";
    case Reproduced::kFalse:
      return "false";
  }
  return "";
}

absl::StatusOr<Reproduced> ParseReproduced(std::string_view name) {
  for (const Reproduced value : {Reproduced::kNotTried, Reproduced::kTrue, Reproduced::kFalse}) {
    if (NameOf(value) == name) return value;
  }
  return Wrong(Cat("reproduced is ", Shown(name)));
}

absl::Status CheckSet(std::string_view what, std::string_view text) {
  return text.empty() ? Wrong(Cat("no ", what)) : absl::OkStatus();
}

absl::Status CheckDigest(std::string_view of, std::string_view hex) {
  if (IsLowerHex(hex)) return absl::OkStatus();
  return Wrong(Cat(Shown(of), " has no digest of 64 lower-case hex digits, but ", Shown(hex)));
}

absl::Status CheckModule(const ModuleMaterial& module) {
  GOFARM_RETURN_IF_ERROR(CheckSet("path of a module", module.path));
  if (module.version.empty()) return Wrong(Cat("no version of the module ", Shown(module.path)));
  GOFARM_RETURN_IF_ERROR(CheckDigest(module.path, module.dir_hash));
  return module.zip_sha256.empty() ? absl::OkStatus() : CheckDigest(module.path, module.zip_sha256);
}

// Of named things with a digest.
template <typename Item>
absl::Status CheckNamed(std::string_view what, const std::vector<Item>& items, size_t max) {
  if (items.size() > max) return Wrong(Cat(items.size(), " ", what, ", at most ", max, " are taken"));
  std::set<std::string_view> names;
  for (const Item& item : items) {
    if (item.name.empty()) return Wrong(Cat("one of the ", what, " has no name"));
    if (!names.insert(item.name).second) return Wrong(Cat(Shown(item.name), " stands twice among the ", what));
    GOFARM_RETURN_IF_ERROR(CheckDigest(item.name, item.sha256));
  }
  return absl::OkStatus();
}

// What holds of every statement, written or read.
absl::Status CheckWhole(const Provenance& p) {
  if (p.subjects.empty()) return Wrong("it has no subject");
  GOFARM_RETURN_IF_ERROR(CheckNamed("subjects", p.subjects, kSubjectsMax));
  for (const Subject& subject : p.subjects) {
    if (!subject.blake3.empty()) GOFARM_RETURN_IF_ERROR(CheckDigest(subject.name, subject.blake3));
  }
  GOFARM_RETURN_IF_ERROR(CheckNamed("byproducts", p.byproducts, kByproductsMax));
  GOFARM_RETURN_IF_ERROR(CheckNamed("toolchains", p.toolchains, kByproductsMax));
  for (const ToolMaterial& tool : p.toolchains)
    GOFARM_RETURN_IF_ERROR(CheckSet("version of a toolchain", tool.version));
  for (const auto& [what, text] :
       std::initializer_list<std::pair<std::string_view, std::string_view>>{{"module", p.module},
                                                                            {"version", p.version},
                                                                            {"target", p.target},
                                                                            {"command directory", p.command_directory},
                                                                            {"variant of the recipe", p.variant},
                                                                            {"worker class", p.worker_class},
                                                                            {"builder id", p.builder_id},
                                                                            {"invocation id", p.invocation_id}}) {
    GOFARM_RETURN_IF_ERROR(CheckSet(what, text));
  }
  if (p.argv.empty()) return Wrong("no command line");
  GOFARM_RETURN_IF_ERROR(CheckModule(p.main_module));
  if (p.main_module.path != p.module || p.main_module.version != p.version) {
    return Wrong(Cat("it was asked for ", Shown(Cat(p.module, "@", p.version)), ", and its main module is ",
                     Shown(Cat(p.main_module.path, "@", p.main_module.version))));
  }
  if (p.dependencies.size() > kMaterialsMax) {
    return Wrong(Cat(p.dependencies.size(), " dependencies, at most ", kMaterialsMax, " are taken"));
  }
  for (const ModuleMaterial& module : p.dependencies) GOFARM_RETURN_IF_ERROR(CheckModule(module));
  if (p.started_on == absl::InfinitePast() || p.finished_on == absl::InfinitePast()) return Wrong("a time is missing");
  if (p.finished_on < p.started_on) return Wrong("it finished before it started");
  return absl::OkStatus();
}

Material ToMaterial(const ModuleMaterial& module, std::string_view role) {
  Material material;
  material.name = module.path;
  material.uri = GoPurl(module.path, module.version);
  material.annotations[std::string(statement_form::kRole)] = std::string(role);
  material.annotations[std::string(statement_form::kVersion)] = module.version;
  if (!module.replaces.empty()) material.annotations[std::string(statement_form::kReplaces)] = module.replaces;
  material.digest["dirHash"] = module.dir_hash;
  if (!module.zip_sha256.empty()) material.digest["sha256"] = module.zip_sha256;
  return material;
}

Material ToMaterial(const ToolMaterial& tool) {
  return Material{.annotations = {{std::string(statement_form::kRole), std::string(kToolchain)},
                                  {std::string(statement_form::kVersion), tool.version}},
                  .digest = {{"sha256", tool.sha256}},
                  .name = tool.name,
                  .uri = tool.uri};
}

std::string Take(std::map<std::string, std::string>& values, std::string_view name) {
  const auto found = values.find(std::string(name));
  return found == values.end() ? std::string() : std::move(found->second);
}

absl::Status TakeMaterial(Material& material, Provenance& p) {
  const std::string role = Take(material.annotations, statement_form::kRole);
  if (role == kToolchain) {
    p.toolchains.push_back({.name = std::move(material.name),
                            .version = Take(material.annotations, statement_form::kVersion),
                            .uri = std::move(material.uri),
                            .sha256 = Take(material.digest, "sha256")});
    return absl::OkStatus();
  }
  ModuleMaterial module{.path = std::move(material.name),
                        .version = Take(material.annotations, statement_form::kVersion),
                        .dir_hash = Take(material.digest, "dirHash"),
                        .zip_sha256 = Take(material.digest, "sha256"),
                        .replaces = Take(material.annotations, statement_form::kReplaces)};
  if (material.uri != GoPurl(module.path, module.version)) {
    return Wrong(Cat("the module ", Shown(module.path), " has the URI ", Shown(material.uri)));
  }
  if (role == kDependency) {
    p.dependencies.push_back(std::move(module));
  } else if (role != kMainModule) {
    return Wrong(Cat("a material with the role ", Shown(role)));
  } else if (!p.main_module.path.empty()) {
    return Wrong("two main modules");
  } else {
    p.main_module = std::move(module);
  }
  return absl::OkStatus();
}

Statement ToForm(const Provenance& p) {
  Statement s;
  s.type = kStatementType;
  s.predicate_type = kProvenanceType;
  for (const Subject& subject : p.subjects) {
    statement_form::Subject& out = s.subjects.emplace_back();
    out.name = subject.name;
    out.digest["sha256"] = subject.sha256;
    if (!subject.blake3.empty()) out.annotations["blake3"] = subject.blake3;
  }
  statement_form::BuildDefinition& build = s.predicate.build;
  build.build_type = kBuildType;
  build.external = {
      {"commandDirectory", p.command_directory}, {"module", p.module}, {"target", p.target}, {"version", p.version}};
  build.internal = {.argv = p.argv,
                    .edits = p.edits,
                    .environment = p.environment,
                    .go_mod = p.go_mod,
                    .sandbox_layout = p.sandbox_layout,
                    .variant = p.variant,
                    .worker_class = p.worker_class,
                    .working_directory = p.working_directory};
  build.materials.push_back(ToMaterial(p.main_module, kMainModule));
  for (const ModuleMaterial& module : p.dependencies) build.materials.push_back(ToMaterial(module, kDependency));
  for (const ToolMaterial& tool : p.toolchains) build.materials.push_back(ToMaterial(tool));
  statement_form::RunDetails& run = s.predicate.run;
  run.builder = {.id = p.builder_id, .version = p.builder_version};
  for (const Byproduct& byproduct : p.byproducts) {
    run.byproducts.push_back({.digest = {{"sha256", byproduct.sha256}}, .name = byproduct.name});
  }
  run.metadata = {.finished_on = p.finished_on,
                  .reproduced = std::string(NameOf(p.reproduced)),
                  .invocation_id = p.invocation_id,
                  .started_on = p.started_on};
  return s;
}

absl::Status TakeExternal(std::map<std::string, std::string>& external, Provenance& p) {
  p.command_directory = Take(external, "commandDirectory");
  p.module = Take(external, "module");
  p.target = Take(external, "target");
  p.version = Take(external, "version");
  for (const char* known : {"commandDirectory", "module", "target", "version"}) external.erase(known);
  if (external.empty()) return absl::OkStatus();
  return Wrong(Cat("its external parameter ", Shown(external.begin()->first), " is unknown to this release of gofarm"));
}

absl::Status CheckTypes(const Statement& s) {
  if (s.type != kStatementType) return Wrong(Cat("it is a statement of type ", Shown(s.type)));
  if (s.predicate_type != kProvenanceType) return Wrong(Cat("its predicate is of type ", Shown(s.predicate_type)));
  const std::string& build_type = s.predicate.build.build_type;
  if (build_type != kBuildType) return Wrong(Cat("its build is of type ", Shown(build_type)));
  return absl::OkStatus();
}

absl::Status Mismatch(std::string_view what, std::string_view is, std::string_view wanted) {
  return absl::FailedPreconditionError(
      Cat("the provenance names the ", what, " ", Shown(is), ", expected ", Shown(wanted)));
}

}  // namespace

absl::StatusOr<std::string> ToStatement(const Provenance& provenance) {
  GOFARM_RETURN_IF_ERROR(CheckWhole(provenance));
  JsonWriter json(JsonWriter::Layout::kCompact);
  json::FieldWriter(json).Put(ToForm(provenance));
  std::string statement = json.Take();
  if (statement.size() > kStatementBytesMax) {
    return absl::ResourceExhaustedError(
        Cat("a provenance of ", statement.size(), " bytes: at most ", kStatementBytesMax, " are published"));
  }
  return statement;
}

absl::StatusOr<Provenance> ParseStatement(std::string_view statement) {
  if (statement.size() > kStatementBytesMax) {
    return Wrong(Cat("a statement of ", statement.size(), " bytes, at most ", kStatementBytesMax, " are read"));
  }
  Statement s;
  const absl::Status read = json::Read(statement, json::Rule::kStrict, s);
  // The types first: of another kind of statement the first missing field says little.
  if (!s.type.empty() && !s.predicate_type.empty() && !s.predicate.build.build_type.empty()) {
    GOFARM_RETURN_IF_ERROR(CheckTypes(s));
  }
  if (!read.ok()) return Wrong(EscapeAndClip(Sv(read.message()), 400));
  GOFARM_RETURN_IF_ERROR(CheckTypes(s));

  Provenance p;
  for (statement_form::Subject& subject : s.subjects) {
    p.subjects.push_back({.name = std::move(subject.name),
                          .sha256 = Take(subject.digest, "sha256"),
                          .blake3 = Take(subject.annotations, "blake3")});
  }
  GOFARM_RETURN_IF_ERROR(TakeExternal(s.predicate.build.external, p));
  statement_form::InternalParameters& internal = s.predicate.build.internal;
  p.worker_class = std::move(internal.worker_class);
  p.sandbox_layout = internal.sandbox_layout;
  p.variant = std::move(internal.variant);
  p.argv = std::move(internal.argv);
  p.environment = std::move(internal.environment);
  p.working_directory = std::move(internal.working_directory);
  p.edits = std::move(internal.edits);
  p.go_mod = std::move(internal.go_mod);
  for (Material& material : s.predicate.build.materials) GOFARM_RETURN_IF_ERROR(TakeMaterial(material, p));
  statement_form::RunDetails& run = s.predicate.run;
  p.builder_id = std::move(run.builder.id);
  p.builder_version = std::move(run.builder.version);
  p.invocation_id = std::move(run.metadata.invocation_id);
  p.started_on = run.metadata.started_on;
  p.finished_on = run.metadata.finished_on;
  GOFARM_ASSIGN_OR_RETURN(p.reproduced, ParseReproduced(run.metadata.reproduced));
  for (statement_form::Byproduct& byproduct : run.byproducts) {
    p.byproducts.push_back({.name = std::move(byproduct.name), .sha256 = Take(byproduct.digest, "sha256")});
  }
  GOFARM_RETURN_IF_ERROR(CheckWhole(p));
  return p;
}

absl::StatusOr<Subject> CheckProvenance(const Provenance& provenance, const Expectation& expected) {
  const Subject* found = nullptr;
  for (const Subject& subject : provenance.subjects) {
    if (found == nullptr && subject.sha256 == expected.sha256) found = &subject;
  }
  if (found == nullptr) {
    return absl::DataLossError(Cat("the provenance is of other bytes: no subject has the SHA-256 ",
                                   EscapeAndClip(expected.sha256, kSha256Digits)));
  }
  if (provenance.builder_id != expected.builder_id) {
    return Mismatch("builder", provenance.builder_id, expected.builder_id);
  }
  for (const auto& [what, is, wanted] :
       std::initializer_list<std::tuple<std::string_view, std::string_view, std::string_view>>{
           {"module", provenance.module, expected.module},
           {"version", provenance.version, expected.version},
           {"target", provenance.target, expected.target}}) {
    if (!wanted.empty() && is != wanted) return Mismatch(what, is, wanted);
  }
  return *found;
}

}  // namespace gofarm::attest
