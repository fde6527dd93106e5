#include "worker/fetch/listing.h"

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/json/fields.h"

namespace gofarm::gomod {

// Found by argument-dependent look-up, so in the namespace of the type.
template <typename Form, json::Is<ModuleVersion> M>
void Fields(Form& form, M& m) {
  form.Field("path", m.path);
  form.Field("version", m.version);
}

}  // namespace gofarm::gomod

namespace gofarm::fetch {
namespace {

// Raised whenever the form or the meaning of a stored listing changes: older ones are then made again.
constexpr int64_t kFormat = 3;

}  // namespace

template <typename Form, json::Is<Program> P>
void Fields(Form& form, P& p) {
  form.Field("import_path", p.import_path);
  form.Field("name", p.name);
  form.Field("dir", p.dir);
  form.Field("has_main_func", p.has_main_func);
  form.Number("failure", p.failure, kLastFailureClass);
  form.Field("detail", p.detail);
  form.Field("wants_experiment", p.wants_experiment);
  form.Field("wants_newer", p.wants_newer);
}

template <typename Form, json::Is<SourceForm> F>
void Fields(Form& form, F& f) {
  form.Number("base", f.base, Base::kSibling);
  form.Field("previous_go", f.previous_go);
  form.Field("go_line", f.go_line);
  form.Field("raised", f.raised);
  form.Field("experiments", f.experiments);
  form.Field("tags", f.tags);
  form.Field("locked", f.locked);
}

template <typename Form, json::Is<CgoDemand> D>
void Fields(Form& form, D& d) {
  form.Field("import_path", d.import_path);
  form.Field("dir", d.dir);
  form.Field("in_source", d.in_source);
  form.Field("files", d.files);
  form.Field("native", d.native);
  form.Field("linker_flags", d.linker_flags);
}

template <typename Form, json::Is<LinkedModule> M>
void Fields(Form& form, M& m) {
  form.Field("path", m.path);
  form.Field("version", m.version);
  form.Field("h1", m.h1);
  form.Field("replace_path", m.replace_path);
  form.Field("replace_version", m.replace_version);
  form.Field("dir", m.dir);
}

template <typename Form, json::Is<TargetListing> L>
void Fields(Form& form, L& l) {
  form.Named("target", l.target, TargetName, ParseTarget);
  form.Field("programs", l.programs);
  form.Field("uses_cgo", l.uses_cgo);
  form.Field("uses_c", l.uses_c);
  form.Field("uses_cxx", l.uses_cxx);
  form.Field("uses_assembly", l.uses_assembly);
  form.Field("uses_syso", l.uses_syso);
  form.Field("modules", l.modules);
  form.Field("packages", l.packages);
  form.Field("imports", l.imports);
  form.Field("cgo_demands", l.cgo_demands);
  form.Field("unreadable", l.unreadable);
}

template <typename Form, json::Is<Listing> L>
void Fields(Form& form, L& l) {
  form.Field("module", l.module);
  form.Field("version", l.version);
  form.Field("module_h1", l.module_h1);
  form.Field("go_line", l.go_line);
  form.Field("go_version", l.go_version);
  form.Field("declared_path", l.declared_path);
  form.Field("form", l.form);
  form.Field("edits", l.edits);
  form.Field("go_mod", l.go_mod);
  form.Field("go_sum", l.go_sum);
  form.Field("pinned_go_mod", l.pinned_go_mod);
  form.Field("pinned_go_sum", l.pinned_go_sum);
  form.Field("dir", l.dir);
  form.Field("has_go_mod", l.has_go_mod);
  form.Field("bytes_fetched", l.bytes_fetched);
  form.Field("cache_dirs", l.cache_dirs);
  form.Field("downloads", l.downloads);
  form.Field("targets", l.targets);
}

bool IsNativeFlag(std::string_view flag) { return flag.starts_with("-m") && flag.ends_with("=native"); }

bool IsInModule(std::string_view import_path, std::string_view module) {
  return import_path.starts_with(module) && (import_path.size() == module.size() || import_path[module.size()] == '/');
}

const LinkedModule* ModuleOf(const TargetListing& listing, std::string_view import_path) {
  const LinkedModule* found = nullptr;
  for (const LinkedModule& module : listing.modules) {
    if (IsInModule(import_path, module.path) && (found == nullptr || module.path.size() > found->path.size())) {
      found = &module;
    }
  }
  return found;
}

bool IsSource(const SourceForm& form) { return form.base != Base::kInstall; }

std::string AskedImportPath(const Listing& listing, std::string_view import_path) {
  const std::string& declared = listing.declared_path;
  return !declared.empty() && IsInModule(import_path, declared)
             ? Cat(listing.module, import_path.substr(declared.size()))
             : std::string(import_path);
}

std::string WhyNotReportable(const TargetListing& listing) {
  if (listing.programs.size() > kProgramsMax) {
    return Cat("the module has ", listing.programs.size(), " programs; at most ", kProgramsMax, " are built");
  }
  for (const Program& program : listing.programs) {
    if (program.import_path.size() > kImportPathMax) {
      return Cat("the import path of a program has ", program.import_path.size(), " bytes; at most ", kImportPathMax,
                 " are taken");
    }
  }
  return "";
}

const TargetListing* Listing::Find(Target target) const {
  for (const TargetListing& listing : targets) {
    if (listing.target == target) return &listing;
  }
  return nullptr;
}

std::string ToJson(const Listing& listing) {
  JsonWriter json;
  json.BeginObject().Field("format", kFormat);
  json::FieldWriter writer(json);
  Fields(writer, listing);
  return json.EndObject().Take();
}

absl::StatusOr<Listing> ListingFromJson(std::string_view text) {
  json::Parser parser;
  GOFARM_ASSIGN_OR_RETURN_CTX(json::FieldReader reader, parser.Object(text, json::Rule::kStrict), "stored listing");
  int64_t format = 0;
  reader.Field("format", format);
  if (format != kFormat) {
    return absl::InvalidArgumentError(Cat("stored listing has format ", format, ", not ", kFormat));
  }
  Listing listing;
  Fields(reader, listing);
  if (!reader.status().ok()) return Annotate(reader.status(), "stored listing");
  return listing;
}

}  // namespace gofarm::fetch
