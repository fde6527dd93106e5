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
  form.Field("CgoFiles", p.cgo_files);
  p.cgo = !p.cgo_files.empty();
  p.go_files.insert(p.go_files.end(), p.cgo_files.begin(), p.cgo_files.end());
  for (const std::string_view name : {"CgoCPPFLAGS", "CgoCFLAGS", "CgoCXXFLAGS"}) {
    std::vector<std::string> flags;
    form.Field(name, flags);
    p.c_flags.insert(p.c_flags.end(), flags.begin(), flags.end());
  }
  form.Field("CgoLDFLAGS", p.ld_flags);
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
  // It is a path of this machine; its last element is enough.
  p.position = error->position.substr(error->position.rfind('/') + 1);
}

namespace {

constexpr size_t kUnreadableMax = 50;
constexpr size_t kExperimentMax = 40;  // bytes of its name

bool Holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// "found packages main (main.go) and other (other.go) in DIR": the two files.
std::vector<std::string> FilesOfClash(std::string_view error) {
  std::vector<std::string> files;
  for (size_t open = error.find(" ("); open != std::string_view::npos && files.size() < 2;
       open = error.find(" (", open)) {
    open += 2;
    files.emplace_back(error.substr(open, error.find(')', open) - open));
  }
  return files;
}

bool HasMain(const GoListPackage& package, const ListingInput& input) {
  return std::any_of(package.go_files.begin(), package.go_files.end(), [&](const std::string& file) {
    const std::optional<std::string> text =
        input.reader.read_file(file.front() == '/' ? file : Cat(package.dir, "/", file));
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
    for (const GoListPackage& package : packages) {
      by_path_.emplace(package.import_path, &package);
      imported_.insert(package.imports.begin(), package.imports.end());
    }
  }

  TargetListing Make() {
    result_.target = input_.target;
    for (const GoListPackage& package : packages_) {
      IsProgram(package) ? AddProgram(package) : AddUnreadable(package);
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
    // Of a folder with two package names go tells the one that it met first.
    const bool is_main =
        package.name == "main" || (package.error.starts_with("found packages ") && Holds(package.error, " main ("));
    if (!is_main || package.standard || !package.module.has_value()) return false;
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

  bool IsOwn(std::string_view import_path) const {
    return import_path == input_.module || !Below(import_path, input_.module).empty();
  }

  // What go said in general, made precise by the files that it spoke of.
  FailureClass ClassOf(const GoListPackage& package, Program& program) const {
    const FailureClass failure = ClassifyPackageError(package.error);
    if (package.error.starts_with("found packages ")) {
      // Files that are left out on some target clash by that target's doing.
      for (const std::string& file : FilesOfClash(package.error)) {
        for (const Target target : kAllTargets) {
          if (!Counts(input_.reader, package.dir, file, target, input_.go_version))
            return FailureClass::kTargetUnsupported;
        }
      }
      return FailureClass::kSourceInvalid;
    }
    if (Holds(package.error, "build constraints exclude all Go files")) NoteWhatWouldHelp(package, program);
    // Loaded in part, it would have a name: nothing of the folder is there.
    if (package.name.empty() && package.go_files.empty() && IsOwn(package.import_path) && !IsTransient(failure) &&
        !Holds(package.error, "build constraints") &&
        (Holds(package.error, "package") || Holds(package.error, "no Go files in"))) {
      return FailureClass::kSourceIncomplete;
    }
    return failure;
  }

  // Of a package that has Go files, none of them for this build.
  void NoteWhatWouldHelp(const GoListPackage& package, Program& program) const {
    static constexpr std::string_view kMark = "goexperiment.";
    const bool dependency = !package.standard && package.module.has_value() && !package.module->main &&
                            package.module->path != input_.module;
    for (const std::string& file : input_.reader.go_files_in(package.dir)) {
      if (file.ends_with("_test.go")) continue;
      const std::optional<gomod::ConstraintLines> lines = ConstraintsOf(input_.reader, package.dir, file);
      if (!lines.has_value()) continue;
      if (const size_t at = lines->go_build.find(kMark); at != std::string::npos) {
        std::string name = lines->go_build.substr(at + kMark.size());
        name.resize(std::min(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789"), name.size()));
        if (name.size() > kExperimentMax) name.clear();
        std::vector<std::string> experiments = gomod::DefaultExperiments();
        experiments.push_back(name);
        if (!name.empty() && Counts(input_.reader, package.dir, file, input_.target, input_.go_version, experiments)) {
          program.wants_experiment = std::move(name);
          return;
        }
      }
      if (dependency && std::any_of(kAllTargets.begin(), kAllTargets.end(), [&](Target target) {
            return Counts(input_.reader, package.dir, file, target, input_.go_version);
          })) {
        program.wants_newer = package.module->path;
      }
    }
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
      const FailureClass failure = ClassOf(*part, program);
      const std::string detail = Clip(Cat(EscapeForPrint(part->import_path), ": ", EscapeForPrint(part->position),
                                          part->position.empty() ? "" : ": ", EscapeForPrint(part->error, true)),
                                      kProgramDetailMax);
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

  // A folder with Go files that is no package to go: whether it would be a program, nobody can say.
  void AddUnreadable(const GoListPackage& package) {
    if (!package.name.empty() || package.error.empty() || package.standard || !IsOwn(package.import_path)) return;
    if (imported_.contains(package.import_path) || Holds(package.error, "build constraints exclude all Go files") ||
        Holds(package.error, "no Go files") || Holds(package.error, "no non-test Go files")) {
      return;
    }
    if (result_.unreadable.size() >= kUnreadableMax) return;
    result_.unreadable.push_back(Clip(EscapeForPrint(Cat(package.import_path, ": ", package.position,
                                                         package.position.empty() ? "" : ": ", package.error)),
                                      kProgramDetailMax));
  }

  void AddDemand(const GoListPackage& package) {
    CgoDemand demand;
    demand.native = std::any_of(package.c_flags.begin(), package.c_flags.end(), IsNativeFlag);
    demand.linker_flags = std::any_of(package.ld_flags.begin(), package.ld_flags.end(),
                                      [](const std::string& flag) { return flag.starts_with("-Wl,"); });
    if (!demand.native && !demand.linker_flags) return;
    demand.import_path = package.import_path;
    demand.in_source = package.module.has_value() && package.module->main;
    demand.files = package.cgo_files;
    demand.dir = Below(package.dir, input_.mod_cache);
    if (demand.in_source) {
      demand.dir = package.import_path == input_.module ? "." : Below(package.import_path, input_.module);
    }
    result_.cgo_demands.push_back(std::move(demand));
  }

  void AddLinked(const GoListPackage& package) {
    result_.uses_cgo |= package.cgo;
    result_.uses_syso |= package.syso;
    result_.uses_assembly |= package.assembly;
    result_.uses_cxx |= (package.cxx && package.cgo) || package.swig_cxx ||
                        std::any_of(package.ld_flags.begin(), package.ld_flags.end(),
                                    [](const std::string& flag) { return flag == "-lstdc++" || flag == "-lc++"; });
    AddDemand(package);
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
  absl::flat_hash_set<std::string> imported_;  // by any package
  std::map<std::string, LinkedModule> modules_;
  TargetListing result_;
};

}  // namespace

const std::string_view kGoListFields =
    "ImportPath,Name,Dir,Standard,Module,GoFiles,CgoFiles,CFiles,CXXFiles,MFiles,FFiles,SFiles,SwigFiles,SwigCXXFiles,"
    "SysoFiles,CgoCPPFLAGS,CgoCFLAGS,CgoCXXFLAGS,CgoLDFLAGS,EmbedFiles,Imports,ImportMap,Error";

absl::StatusOr<std::vector<GoListPackage>> ParseGoList(std::string_view text) {
  std::vector<GoListPackage> packages;
  const absl::Status read = json::ForEachDocument(text, [&](json::FieldReader& reader) -> absl::Status {
    if (packages.size() >= kPackagesMax) {
      return absl::ResourceExhaustedError(Cat("module needs more than ", kPackagesMax, " packages"));
    }
    Fields(reader, packages.emplace_back());
    return absl::OkStatus();
  });
  if (!read.ok()) return read;
  return packages;
}

TargetListing MakeTargetListing(const std::vector<GoListPackage>& packages, const ListingInput& input) {
  return Builder(packages, input).Make();
}

}  // namespace gofarm::fetch
