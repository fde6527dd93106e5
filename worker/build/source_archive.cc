#include "worker/build/source_archive.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <stop_token>
#include <system_error>
#include <utility>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/tar_writer.h"
#include "common/json/writer.h"
#include "common/vocab/target.h"
#include "worker/build/plan.h"

namespace gofarm::build {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPackage = "PACKAGE";  // stands for any of the module
constexpr std::string_view kOwnFolder = "gofarm/", kSourceFolder = "source/";

// Of a plan for one package, that of its last command; the ones before make what an edit tells of.
PlannedTry PlanOf(const BuiltVariant& built, Target target) {
  const fetch::Program package{.import_path = std::string(kPackage),
                               .name = std::string(kPackage),
                               .dir = std::string(kPackage),
                               .has_main_func = true,
                               .detail = "",
                               .wants_experiment = "",
                               .wants_newer = ""};
  return PlanTry({.listing = *built.listing,
                  .target = target,
                  .variant = built.variant,
                  .programs = {&package},
                  .host_goarch = "",
                  .share = {}});
}

// Without what SetResources and PlanCall give by the share.
std::vector<std::string> ArgvOf(const PlannedTry& planned) {
  std::vector<std::string> argv = planned.calls.back().argv;
  const auto parallel = std::find(argv.begin(), argv.end(), "-p");
  if (parallel != argv.end() && parallel + 1 != argv.end()) argv.erase(parallel, parallel + 2);
  return argv;
}

std::vector<std::string> EnvironmentOf(const PlannedTry& planned) {
  static constexpr std::array<std::string_view, 2> kOfTheWorker = {"GOMAXPROCS", "GOMEMLIMIT"};
  std::vector<std::string> lines;
  for (const auto& [name, value] : planned.calls.back().environment) {
    if (std::find(kOfTheWorker.begin(), kOfTheWorker.end(), name) == kOfTheWorker.end()) {
      lines.push_back(Cat(name, "=", value));
    }
  }
  return lines;
}

void WriteList(JsonWriter& json, std::string_view key, const std::vector<std::string>& lines) {
  json.Key(key).BeginArray();
  for (const std::string& line : lines) json.String(line);
  json.EndArray();
}

// A variant's name holds words of go.mod files: tags, experiments.
std::string FileOf(std::string_view kind, std::string_view variant, const RecipeFiles& files) {
  std::string name = Cat(kOwnFolder, kind, ".", variant);
  const size_t begin = kOwnFolder.size();
  for (size_t i = begin; i < name.size(); ++i) {
    constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";
    if (kPlain.find(name[i]) == std::string_view::npos) name[i] = '_';
  }
  constexpr size_t kNameMax = 200;
  if (name.size() > kNameMax || files.contains(name)) {
    name = Cat(name.substr(0, std::min(name.size(), kNameMax)), "-", digest::Sha256Hex(variant).substr(0, 8));
  }
  return name;
}

struct SourceFile {
  std::string name;  // below the folder
  std::string path;
};

// In the order of their names.
absl::StatusOr<std::vector<SourceFile>> FilesBelow(const Scope& scope, const std::string& folder,
                                                   const SourceLimits& limits) {
  std::vector<SourceFile> files;
  int64_t bytes = 0;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, fs::directory_options::none, error);
  const auto failed = [&] { return ErrnoStatus(error.value(), Cat("read ", folder)); };
  if (error) return failed();
  for (; at != fs::recursive_directory_iterator(); at.increment(error)) {
    GOFARM_RETURN_IF_ERROR(scope.Check());
    const fs::file_status status = at->symlink_status(error);
    if (error) return failed();
    if (fs::is_directory(status)) continue;
    std::string name = at->path().lexically_relative(folder).native();
    if (!fs::is_regular_file(status)) {
      return absl::InvalidArgumentError(
          Cat("\"", EscapeAndClip(name, 200), "\" in the module is neither file nor folder"));
    }
    bytes += static_cast<int64_t>(at->file_size(error));
    if (error) return failed();
    if (static_cast<int64_t>(files.size()) >= limits.files || bytes > limits.bytes) {
      return absl::OutOfRangeError(
          Cat("the module has more than ", limits.files, " files or ", limits.bytes, " bytes"));
    }
    files.push_back({std::move(name), at->path().native()});
  }
  if (error) return failed();
  std::sort(files.begin(), files.end(), [](const SourceFile& a, const SourceFile& b) { return a.name < b.name; });
  return files;
}

}  // namespace

RecipeFiles MakeRecipeFiles(const BuiltVariants& built, std::string_view zig_version) {
  RecipeFiles files;
  if (built.empty()) return files;
  const fetch::Listing& first = *built.begin()->second.listing;
  JsonWriter json;
  json.BeginObject().Field("module", first.module).Field("version", first.version).Field("module_h1", first.module_h1);
  json.Field("zig", zig_version).Key("variants").BeginArray();
  for (const auto& [name, one] : built) {
    const PlannedTry planned = PlanOf(one, kAllTargets[0]);
    std::vector<std::string> edits = one.listing->edits;
    for (std::string& edit : EditsOf(one.variant)) edits.push_back(std::move(edit));
    std::string go_mod, go_sum;
    if (!planned.go_mod.empty()) files[go_mod = FileOf("go.mod", name, files)] = planned.go_mod;
    if (!planned.go_sum.empty()) files[go_sum = FileOf("go.sum", name, files)] = planned.go_sum;
    json.BeginObject().Field("variant", name).Field("go", one.listing->go_version);
    WriteList(json, "argv", ArgvOf(planned));
    json.Key("environments").BeginObject();
    for (const Target target : kAllTargets) WriteList(json, TargetName(target), EnvironmentOf(PlanOf(one, target)));
    json.EndObject().Field("working_directory", planned.working_directory);
    WriteList(json, "edits", edits);
    json.Field("go_mod", go_mod).Field("go_sum", go_sum).EndObject();
  }
  json.EndArray().EndObject();
  files[std::string(kRecipeFile)] = json.Take();
  return files;
}

absl::StatusOr<SourceArchive> WriteSourceArchive(const Scope& scope, const std::string& source_folder,
                                                 const RecipeFiles& recipe, const std::string& out_file,
                                                 const SourceLimits& limits) {
  GOFARM_ASSIGN_OR_RETURN(const std::vector<SourceFile> files, FilesBelow(scope, source_folder, limits));
  digest::Sha256 hasher;
  SourceArchive archive;
  // A file ends in its middle once the archive is too large.
  std::stop_source stop;
  const std::stop_callback pass_on(scope.stop, [&stop] { stop.request_stop(); });
  io::TarOptions options{.compression = io::TarCompression::kZstd, .level = kSourceZstdLevel};
  options.on_stored = [&](std::string_view bytes) {
    hasher.Update(bytes);
    archive.size += static_cast<int64_t>(bytes.size());
    if (archive.size > limits.packed_bytes) stop.request_stop();
  };
  const auto pack = [&]() -> absl::Status {
    GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<io::TarWriter> tar, io::TarWriter::Create(out_file, options));
    const Scope inner{scope.deadline, stop.get_token()};
    for (const auto& [name, content] : recipe) GOFARM_RETURN_IF_ERROR(tar->AddBytes({.name = name}, content));
    for (const SourceFile& file : files) {
      GOFARM_RETURN_IF_ERROR(inner.Check());
      GOFARM_RETURN_IF_ERROR(tar->AddFile(inner, {.name = Cat(kSourceFolder, file.name)}, file.path));
    }
    return tar->Finish();
  };
  const absl::Status packed = pack();
  GOFARM_RETURN_IF_ERROR(scope.Check());
  if (archive.size > limits.packed_bytes) {
    return absl::OutOfRangeError(Cat("packed, the sources have more than ", limits.packed_bytes, " bytes"));
  }
  GOFARM_RETURN_IF_ERROR(packed);
  archive.sha256 = hasher.HexAndReset();
  return archive;
}

}  // namespace gofarm::build
