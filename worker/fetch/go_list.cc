#include "worker/fetch/go_list.h"

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "common/base/text.h"
#include "common/gomod/main_function.h"
#include "common/gomod/path.h"
#include "common/json/fields.h"
#include "worker/fetch/fetch_errors.h"

namespace gofarm::fetch {
namespace {

struct PackageError {
  std::string message, position;
};

void Fields(json::FieldReader& form, PackageError& e) {
  form.Field("Err", e.message);
  form.Field("Pos", e.position);
}

bool HasAny(json::FieldReader& form, std::string_view name) {
  std::vector<std::string> files;
  form.Field(name, files);
  return !files.empty();
}

}  // namespace

// Found by json::FieldReader beside the types, so not in the unnamed namespace.
void Fields(json::FieldReader& form, GoListModule& m) {
  form.Field("Path", m.path);
  form.Field("Version", m.version);
  form.Field("Dir", m.dir);
  form.Field("Sum", m.sum);
  form.Field("Main", m.main);
  std::optional<GoListModule> replace;
  form.Field("Replace", replace);
  if (!replace.has_value()) return;
  m.replace_path = replace->path;
  m.replace_version = replace->version;
  if (m.sum.empty()) m.sum = replace->sum;
  if (m.dir.empty()) m.dir = replace->dir;
}

void Fields(json::FieldReader& form, GoListPackage& p) {
  form.Field("ImportPath", p.import_path);
  form.Field("Name", p.name);
  form.Field("Dir", p.dir);
  form.Field("Standard", p.standard);
  form.Field("Module", p.module);
  form.Field("GoFiles", p.go_files);
  std::vector<std::string> cgo_files;
  form.Field("CgoFiles", cgo_files);
  p.cgo = !cgo_files.empty();
  p.go_files.insert(p.go_files.end(), cgo_files.begin(), cgo_files.end());
  p.cxx = HasAny(form, "CXXFiles");
  p.swig_cxx = HasAny(form, "SwigCXXFiles");
  p.swig = HasAny(form, "SwigFiles") || p.swig_cxx;
  p.c = HasAny(form, "CFiles") || HasAny(form, "MFiles") || HasAny(form, "FFiles");
  p.assembly = HasAny(form, "SFiles");
  p.syso = HasAny(form, "SysoFiles");
  form.Field("Imports", p.imports);
  std::map<std::string, std::string> renamed;
  form.Field("ImportMap", renamed);
  for (std::string& import : p.imports) {
    if (const auto found = renamed.find(import); found != renamed.end()) import = found->second;
  }
  std::optional<PackageError> error;
  form.Field("Error", error);
  if (!error.has_value()) return;
  p.error = error->message.empty() ? "package has an error without a message" : error->message;
  // The position is a path of this machine; its last element is enough.
  const std::string& position = error->position;
  if (!position.empty()) p.error = Cat(position.substr(position.rfind('/') + 1), ": ", p.error);
}

namespace {

std::string MessageOf(std::string_view error) {
  // "debugger.go:32:2: found packages ..." -> the message alone.
  const size_t colon = error.find(": ");
  const std::string_view head = error.substr(0, colon);
  if (colon != std::string_view::npos && head.find(".go:") != std::string_view::npos &&
      head.find(' ') == std::string_view::npos) {
    return std::string(error.substr(colon + 2));
  }
  return std::string(error);
}

bool HasMain(const GoListPackage& package, const ListingInput& input) {
  return std::any_of(package.go_files.begin(), package.go_files.end(), [&](const std::string& file) {
    const std::optional<std::string> text = input.read_file(file.front() == '/' ? file : Cat(package.dir, "/", file));
    return text.has_value() && gomod::HasMainFunction(*text);
  });
}

std::string Below(std::string_view path, std::string_view folder) {
  if (path.size() <= folder.size() || path.substr(0, folder.size()) != folder || path[folder.size()] != '/') return "";
  return std::string(path.substr(folder.size() + 1));
}

class Builder {
 public:
  Builder(const std::vector<GoListPackage>& packages, const ListingInput& input) : packages_(packages), input_(input) {
    for (const GoListPackage& package : packages) by_path_.emplace(package.import_path, &package);
  }

  TargetListing Make() {
    result_.target = input_.target;
    for (const GoListPackage& package : packages_) {
      if (IsProgram(package)) AddProgram(package);
    }
    std::sort(result_.programs.begin(), result_.programs.end(),
              [](const Program& a, const Program& b) { return a.import_path < b.import_path; });
    for (const GoListPackage& package : packages_) {
      if (package.standard || package.import_path == "unsafe" || package.import_path == "C") continue;
      if (linked_.contains(package.import_path)) AddLinked(package);
      const bool own = package.module.has_value() && package.module->path == input_.module;
      if (!package.name.empty() && (own || linked_.contains(package.import_path))) {
        result_.packages[package.import_path] = package.name;
      }
    }
    for (auto& [path, module] : modules_) result_.modules.push_back(std::move(module));
    return std::move(result_);
  }

 private:
  bool IsProgram(const GoListPackage& package) const {
    if (package.name != "main" || package.standard || !package.module.has_value()) return false;
    // A pattern module/... also matches packages of other modules whose path goes on from there.
    return package.module->path == input_.module && !package.go_files.empty();
  }

  // Everything the package is made of, itself included.
  std::vector<const GoListPackage*> Closure(const GoListPackage& program) const {
    std::vector<const GoListPackage*> all;
    absl::flat_hash_set<const GoListPackage*> seen = {&program};
    std::deque<const GoListPackage*> queue = {&program};
    while (!queue.empty()) {
      const GoListPackage* package = queue.front();
      queue.pop_front();
      all.push_back(package);
      if (package->standard) continue;  // std does not import what is outside it
      for (const std::string& import : package->imports) {
        const auto found = by_path_.find(import);
        if (found != by_path_.end() && seen.insert(found->second).second) queue.push_back(found->second);
      }
    }
    return all;
  }

  void AddProgram(const GoListPackage& package) {
    Program program;
    program.import_path = package.import_path;
    program.name = gomod::ProgramName(package.import_path);
    program.dir = package.import_path == input_.module ? "." : Below(package.import_path, input_.module);
    program.has_main_func = HasMain(package, input_);
    if (!package.module->main && package.module->version != input_.version) {
      // The choice of versions raised the module itself. Go installs no other version than the one it was asked for,
      // and neither does the farm.
      program.failure = FailureClass::kSourceInvalid;
      program.detail = Clip(EscapeForPrint(Cat(package.import_path, ": what it imports requires ", input_.module, "@",
                                               package.module->version, ", so ", input_.version, " cannot be built")),
                            kProgramDetailMax);
    }
    const std::vector<const GoListPackage*> closure = Closure(package);
    for (const GoListPackage* part : closure) {
      if (part->error.empty()) continue;
      const FailureClass failure = ClassifyPackageError(MessageOf(part->error));
      const std::string detail =
          Clip(Cat(EscapeForPrint(part->import_path), ": ", EscapeForPrint(part->error, true)), kProgramDetailMax);
      // The first decides, but what may pass goes before all others: it must not be kept as the program's fault.
      if (program.failure == FailureClass::kNone || (IsTransient(failure) && !IsTransient(program.failure))) {
        program.failure = failure;
        program.detail = detail;
      }
    }
    if (program.has_main_func && program.failure == FailureClass::kNone) {
      for (const GoListPackage* part : closure) linked_.insert(part->import_path);
    }
    result_.programs.push_back(std::move(program));
  }

  void AddLinked(const GoListPackage& package) {
    result_.uses_cgo |= package.cgo;
    result_.uses_syso |= package.syso;
    result_.uses_assembly |= package.assembly;
    result_.uses_cxx |= (package.cxx && package.cgo) || package.swig_cxx;
    result_.uses_c |= package.cgo || package.c || package.cxx || package.swig || package.syso;
    for (const std::string& import : package.imports) {
      const auto found = by_path_.find(import);
      if (found != by_path_.end() && !found->second->standard && import != "unsafe" && import != "C") {
        result_.imports[package.import_path].push_back(import);
      }
    }
    if (!package.module.has_value() || package.module->path == input_.module) return;
    LinkedModule& module = modules_[package.module->path];
    module.path = package.module->path;
    module.version = package.module->version;
    module.h1 = package.module->sum;
    module.replace_path = package.module->replace_path;
    module.replace_version = package.module->replace_version;
    module.dir = Below(package.module->dir, input_.mod_cache);
  }

  const std::vector<GoListPackage>& packages_;
  const ListingInput& input_;
  absl::flat_hash_map<std::string, const GoListPackage*> by_path_;
  absl::flat_hash_set<std::string> linked_;
  std::map<std::string, LinkedModule> modules_;
  TargetListing result_;
};

}  // namespace

const std::string_view kGoListFields =
    "ImportPath,Name,Dir,Standard,Module,GoFiles,CgoFiles,CFiles,CXXFiles,MFiles,FFiles,SFiles,SwigFiles,SwigCXXFiles,"
    "SysoFiles,Imports,ImportMap,Error";

absl::StatusOr<std::vector<GoListPackage>> ParseGoList(std::string_view text) {
  std::vector<GoListPackage> packages;
  // One document a package, each ending in a brace at the start of a line; inside one all lines are indented. So only
  // one document's tree is in memory at a time.
  json::Parser parser;
  while (true) {
    const size_t start = text.find_first_not_of(" \t\r\n");
    if (start == std::string_view::npos) break;
    text.remove_prefix(start);
    const size_t end = text.find("\n}");
    const size_t length = end == std::string_view::npos ? text.size() : end + 2;
    absl::StatusOr<json::FieldReader> reader = parser.Object(text.substr(0, length), json::Rule::kLenient);
    if (!reader.ok()) return absl::InvalidArgumentError("go list answered broken JSON");
    if (packages.size() >= kPackagesMax) {
      return absl::ResourceExhaustedError(Cat("module needs more than ", kPackagesMax, " packages"));
    }
    Fields(*reader, packages.emplace_back());
    text.remove_prefix(length);
  }
  return packages;
}

TargetListing MakeTargetListing(const std::vector<GoListPackage>& packages, const ListingInput& input) {
  return Builder(packages, input).Make();
}

}  // namespace gofarm::fetch
