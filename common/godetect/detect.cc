#include "common/godetect/detect.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/godetect/forecast.h"
#include "common/godetect/package_maker.h"
#include "common/godetect/package_rules.h"
#include "common/godetect/read_files.h"
#include "common/godetect/uses.h"
#include "common/gomod/go_mod_file.h"
#include "common/gomod/path.h"

namespace gofarm::godetect {
namespace {

// How many headers of a folder are asked for at once when the first did not decide; twice as many each further round.
constexpr size_t kHeadersMore = 6;
constexpr int kImportRoundsMax = 30;
// Heads that are read along with other things; a bomb makes each 16 KiB. What is left gets rounds of its own.
constexpr size_t kHeadsAlongMax = 4'000;

std::string_view DirOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? "" : path.substr(0, slash);
}

bool IsEmbeddedSource(std::string_view base) {
  for (const absl::string_view end :
       {".c", ".cc", ".cpp", ".cxx", ".m", ".S", ".sx", ".s", ".syso", ".f", ".F", ".for", ".f90"}) {
    if (absl::EndsWith(Av(base), end)) return true;
  }
  return false;
}

class Detector {
 public:
  Detector(const Scope& scope, ModuleSource& source, SourceParser& parser, const DetectOptions& options)
      : scope_(scope),
        source_(source),
        parser_(parser),
        options_(options),
        uses_(source.files(), tags_, folders_, found_) {
    for (const Target target : kAllTargets) {
      tags_.emplace_back(InfoOf(target).goarch, options.go_version, options.tags, options.experiments);
    }
  }

  absl::StatusOr<Detection> Run() {
    GOFARM_RETURN_IF_ERROR(FirstRound());
    if (!lists_) {
      found_.forecast = Forecast(found_, options_.go_version);
      return std::move(found_);
    }
    GOFARM_RETURN_IF_ERROR(NameFolders());
    GOFARM_RETURN_IF_ERROR(ReadMainFolders());
    GOFARM_RETURN_IF_ERROR(ReadImports());
    GOFARM_RETURN_IF_ERROR(ReadOtherHeads());
    TakePrograms();
    if (options_.packages) found_.packages = MakePackages(found_, folders_, uses_);
    if (uses_.GaveUp()) {
      return absl::ResourceExhaustedError(Cat("its programs import more than ", kVisitsMax, " packages of it in all"));
    }
    found_.forecast = Forecast(found_, options_.go_version);
    return std::move(found_);
  }

 private:
  // Everything that the list of files alone asks for: go.mod, what people read, one head a folder.
  absl::Status FirstRound() {
    std::vector<Wish> wishes;
    std::vector<size_t> searched, tools;
    std::optional<size_t> go_mod;
    const std::vector<SourceFile>& files = source_.files();
    for (size_t i = 0; i < files.size(); ++i) {
      const std::string& name = files[i].name;
      if (name == "go.mod") go_mod = i;
      NoteRole(i, searched, tools);
    }
    if (go_mod) wishes.push_back({.file = *go_mod, .bytes_max = static_cast<int64_t>(gomod::kGoModBytesMax)});
    for (const size_t i : searched) wishes.push_back({.file = i, .bytes_max = kReadFileBytesMax});
    for (const size_t i : tools) wishes.push_back({.file = i, .bytes_max = kReadFileBytesMax});
    const size_t heads_begin = wishes.size();
    // What go.mod leaves out is not known yet; a head too many costs little.
    MakeFolders();
    std::vector<std::pair<Folder*, size_t>> heads;
    for (auto& [dir, folder] : folders_) {
      for (size_t i = 0; folder.listed && i < folder.files.size(); ++i) {
        if (!folder.files[i].FitsAny()) continue;
        if (heads.size() >= kHeadsAlongMax) break;
        heads.emplace_back(&folder, i);
        wishes.push_back({.file = folder.files[i].index, .head = true, .bytes_max = kGoFileBytesMax});
        break;
      }
    }
    GOFARM_ASSIGN_OR_RETURN(const std::vector<Text> texts, source_.Read(scope_, wishes));
    if (go_mod) {
      TakeGoMod(texts[0].text);
    } else {
      found_.declared_module = options_.module;
    }
    found_.module = options_.module.empty() ? found_.declared_module : options_.module;
    found_.version = options_.version;
    if (found_.module.empty()) {
      return absl::InvalidArgumentError("no go.mod names the module; say which one it is as MODULE@VERSION");
    }
    size_t at = go_mod ? 1 : 0;
    for (const size_t i : searched) FindInstallLines(texts[at++].text, files[i].name, found_.install_lines);
    for ([[maybe_unused]] const size_t i : tools) {
      const gomod::GoHeader header = gomod::ReadGoHeader(texts[at].text, texts[at].whole);
      ++at;
      for (const gomod::GoImport& import : header.imports) {
        if (import.blank && !IsStandard(import.path)) found_.blank_imports.push_back(import.path);
      }
    }
    for (size_t i = 0; i < heads.size(); ++i) TakeHeader(*heads[i].first, heads[i].second, texts[heads_begin + i]);
    // A folder whose name makes no import path cannot be named to the go command.
    for (auto& [dir, folder] : folders_) {
      folder.listed =
          folder.listed && IsPackageFolder(dir, go_mod_) && gomod::CheckImportPath(PathBelow(found_.module, dir)).ok();
    }
    return absl::OkStatus();
  }

  void NoteRole(size_t i, std::vector<size_t>& searched, std::vector<size_t>& tools) {
    const std::string& name = source_.files()[i].name;
    const FileRole role = RoleOf(name);
    if (role == FileRole::kLicence) found_.licences.push_back(name);
    if (role == FileRole::kDocker) found_.docker_files.push_back(name);
    if (role == FileRole::kCi) found_.ci_files.push_back(name);
    if (role == FileRole::kRelease) found_.release_files.push_back(name);
    if (IsSearched(role) && searched.size() < kReadFilesMax) searched.push_back(i);
    if (role == FileRole::kTools && tools.size() < kReadFilesMax && IsPackageFolder(DirOf(name), {}))
      tools.push_back(i);
  }

  void MakeFolders() {
    const std::vector<SourceFile>& files = source_.files();
    for (size_t i = 0; i < files.size(); ++i) {
      const std::string& name = files[i].name;
      const std::string dir(DirOf(name));
      const std::string_view base = BaseOf(name);
      const bool go = IsGoFile(name);
      if (!go && !IsEmbeddedSource(base)) continue;
      const auto [place, fresh] = folders_.try_emplace(dir);
      Folder& folder = place->second;
      if (fresh) {
        folder.dir = dir;
        folder.listed = IsPackageFolder(dir, {});
      }
      if (!go) {
        folder.embedded = true;
        continue;
      }
      GoFile file{.index = i, .name = std::string(base), .test = IsTestFile(name)};
      for (size_t t = 0; t < kTargets; ++t) file.fits[t] = gomod::FileNameFits(base, tags_[t]);
      folder.files.push_back(std::move(file));
    }
    // The go command reads a folder in the order of its names.
    for (auto& [dir, folder] : folders_) {
      std::sort(folder.files.begin(), folder.files.end(),
                [](const GoFile& a, const GoFile& b) { return a.name < b.name; });
    }
  }

  void TakeGoMod(const std::string& text) {
    found_.has_go_mod = true;
    // A worker builds the module as the main one. Programs are listed as of a dependency: that is how others see it.
    const absl::Status own = gomod::ParseOwnGoMod(text, options_.module).status();
    if (!own.ok()) found_.go_mod_fault = Clip(Sv(own.message()), kForecastDetailMax);
    absl::StatusOr<gomod::GoModFile> file = gomod::ParseGoMod(text);
    if (!file.ok()) {
      lists_ = false;
      found_.declared_module = options_.module;
      return;
    }
    go_mod_ = *std::move(file);
    found_.declared_module = go_mod_.module.empty() ? options_.module : go_mod_.module;
    found_.go_version = go_mod_.go;
    found_.toolchain = go_mod_.toolchain;
    found_.tools = go_mod_.tools;
    for (const gomod::Replacement& r : go_mod_.replacements) {
      found_.replaces.push_back({r.old_module.path, r.old_module.version, r.new_module.path, r.new_module.version});
    }
    for (const gomod::Requirement& r : go_mod_.requirements) found_.requires_.push_back(r.module.path);
  }

  // A head that ends too early stays unknown; its file is read whole next time.
  static void TakeHeader(Folder& folder, size_t file, const Text& text) {
    gomod::GoHeader header = gomod::ReadGoHeader(text.text, text.whole);
    GoFile& out = folder.files[file];
    if (header.truncated) {
      out.head_was_short = true;
    } else {
      out.header = std::move(header);
    }
  }

  // Header wishes; executed in rounds of bounded size. A file whose head was too short is read whole, up to a limit
  // behind which nothing decides any more.
  struct HeaderWish {
    Folder* folder;
    size_t file;
  };
  absl::Status ReadHeaders(std::vector<HeaderWish> wishes) {
    while (!wishes.empty()) {
      GOFARM_ASSIGN_OR_RETURN(wishes, ReadOnce(wishes));
    }
    return absl::OkStatus();
  }
  static Wish WishOf(const HeaderWish& wish) {
    const GoFile& file = wish.folder->files[wish.file];
    return {.file = file.index, .head = !file.head_was_short, .bytes_max = kGoFileBytesMax};
  }
  // Returns those whose head was too short.
  absl::StatusOr<std::vector<HeaderWish>> ReadOnce(const std::vector<HeaderWish>& wishes) {
    std::vector<HeaderWish> again;
    size_t done = 0;
    while (done < wishes.size()) {
      std::vector<Wish> round;
      int64_t bytes = 0;
      const size_t begin = done;
      for (; done < wishes.size() && bytes < kRoundBytesMax; ++done) {
        round.push_back(WishOf(wishes[done]));
        const int64_t size = std::min(source_.files()[round.back().file].size, kGoFileBytesMax);
        bytes += round.back().head ? kHeadBytes : size;
      }
      GOFARM_ASSIGN_OR_RETURN(std::vector<Text> texts, source_.Read(scope_, round));
      for (size_t i = 0; i < texts.size(); ++i) {
        const HeaderWish& wish = wishes[begin + i];
        if (!round[i].head) texts[i].whole = true;
        TakeHeader(*wish.folder, wish.file, texts[i]);
        if (!wish.folder->files[wish.file].header) again.push_back(wish);
      }
    }
    return again;
  }

  // What the packages of the module lack that nothing else asks for: of those that others may import, those near the
  // root first and tests and examples last; of internal ones when they are imported for these.
  std::vector<HeaderWish> OtherHeads() {
    if (!options_.packages) return {};
    std::vector<Folder*> queue;
    absl::flat_hash_set<Folder*> seen;
    for (auto& [dir, folder] : folders_) {
      if (IsImportable(folder) && !IsInternal(folder) && seen.insert(&folder).second) queue.push_back(&folder);
    }
    std::vector<std::pair<std::pair<bool, std::ptrdiff_t>, Folder*>> folders;
    for (size_t i = 0; i < queue.size(); ++i) {
      Folder& folder = *queue[i];
      if (!IsRead(folder)) {
        const std::string& dir = folder.dir;
        const bool aside = KindOf(found_.module, dir.empty() ? "." : dir) != ProgramKind::kProgram;
        folders.push_back({{aside, std::count(dir.begin(), dir.end(), '/') + (dir.empty() ? 0 : 1)}, &folder});
      }
      for (const GoFile& file : folder.files) {
        if (file.test || !file.header) continue;
        for (const gomod::GoImport& import : file.header->imports) {
          Folder* const own = uses_.FolderOf(import.path);
          if (own != nullptr && IsImportable(*own) && seen.insert(own).second) queue.push_back(own);
        }
      }
    }
    std::stable_sort(folders.begin(), folders.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<HeaderWish> wishes;
    for (const auto& [rank, folder] : folders) {
      for (size_t i = 0; i < folder->files.size() && wishes.size() < kHeadsAlongMax; ++i) {
        const GoFile& file = folder->files[i];
        if (!file.test && file.FitsAny() && !file.header) wishes.push_back({folder, i});
      }
    }
    return wishes;
  }

  // The first of them, as long as they fetch less than their share of the module.
  std::vector<HeaderWish> Affordable(std::vector<HeaderWish> wishes) {
    std::vector<Wish> round;
    for (const HeaderWish& wish : wishes) round.push_back(WishOf(wish));
    const auto cost = [&](size_t count) { return source_.BytesToFetch(absl::MakeConstSpan(round).first(count)); };
    const int64_t left = source_.bytes() / kPackagesShare - fetched_for_packages_;
    size_t count = wishes.size();
    if (cost(count) > left) {
      size_t too_many = count;
      for (count = 0; count + 1 < too_many;) {
        const size_t middle = count + (too_many - count) / 2;
        (cost(middle) > left ? too_many : count) = middle;
      }
    }
    fetched_for_packages_ += cost(count);
    wishes.resize(count);
    return wishes;
  }

  // In one round, and one more for long headers; of a module that is all here, everything.
  absl::Status ReadOtherHeads() {
    for (int round = 0;; ++round) {
      const int64_t before = fetched_for_packages_;
      const std::vector<HeaderWish> wishes = Affordable(OtherHeads());
      if (wishes.empty()) return absl::OkStatus();
      GOFARM_RETURN_IF_ERROR(ReadOnce(wishes).status());
      if (round > 0 && fetched_for_packages_ > before) return absl::OkStatus();
    }
  }

  absl::Status NameFolders() {
    for (size_t more = kHeadersMore;; more *= 2) {
      std::vector<HeaderWish> wishes;
      for (auto& [dir, folder] : folders_) {
        if (!folder.listed) continue;
        std::set<size_t> unknown;
        for (size_t t = 0; t < kTargets; ++t) {
          folder.names[t] = NameOf(folder.files, t, tags_[t]);
          if (folder.names[t].unknown) unknown.insert(*folder.names[t].unknown);
        }
        if (unknown.empty()) continue;
        // The first did not decide; the next few are asked for together.
        for (size_t i = *unknown.begin(); i < folder.files.size() && unknown.size() < more; ++i) {
          if (folder.files[i].FitsAny() && !folder.files[i].header) unknown.insert(i);
        }
        for (const size_t i : unknown) wishes.push_back({&folder, i});
      }
      if (wishes.empty()) return absl::OkStatus();
      GOFARM_RETURN_IF_ERROR(ReadHeaders(std::move(wishes)));
    }
  }

  // Whole texts of the files of packages main, heads of their tests; then who declares func main.
  absl::Status ReadMainFolders() {
    std::vector<Folder*> mains;
    for (auto& [dir, folder] : folders_) {
      if (folder.IsMainAnywhere()) mains.push_back(&folder);
    }
    // What the heads that are known say of imports is asked for in the same round; it is nearly all.
    std::vector<HeaderWish> imported = Missing(mains);
    if (imported.size() > kHeadsAlongMax) imported.resize(kHeadsAlongMax);
    std::vector<HeaderWish> along;
    if (!mains.empty()) along = Affordable(OtherHeads());
    const absl::flat_hash_set<Folder*> is_main(mains.begin(), mains.end());
    size_t done = 0;
    while (done < mains.size()) {
      std::vector<Wish> wishes;
      std::vector<HeaderWish> whose;
      int64_t bytes = 0;
      const size_t begin = done;
      for (const HeaderWish& wish : std::exchange(imported, {})) {
        const GoFile& file = wish.folder->files[wish.file];
        if (is_main.contains(wish.folder) || file.head_was_short) continue;
        wishes.push_back({.file = file.index, .head = true, .bytes_max = kGoFileBytesMax});
        whose.push_back(wish);
        bytes += kHeadBytes;
      }
      const size_t along_begin = wishes.size();
      for (const HeaderWish& wish : std::exchange(along, {})) {
        wishes.push_back({.file = wish.folder->files[wish.file].index, .head = true, .bytes_max = kGoFileBytesMax});
        whose.push_back(wish);
        bytes += kHeadBytes;
      }
      const size_t along_end = wishes.size();
      for (; done < mains.size() && bytes < kRoundBytesMax; ++done) {
        Folder& folder = *mains[done];
        for (size_t i = 0; i < folder.files.size(); ++i) {
          const GoFile& file = folder.files[i];
          if (!file.FitsAny() || (file.test && file.header)) continue;
          wishes.push_back({.file = file.index, .head = file.test, .bytes_max = kGoFileBytesMax});
          whose.push_back({&folder, i});
          bytes += file.test ? kHeadBytes : std::min(source_.files()[file.index].size, kGoFileBytesMax);
        }
      }
      GOFARM_ASSIGN_OR_RETURN(std::vector<Text> texts, source_.Read(scope_, wishes));
      absl::flat_hash_map<size_t, const std::string*> by_file;
      std::vector<HeaderWish> short_ones;
      for (size_t i = 0; i < texts.size(); ++i) {
        GoFile& file = whose[i].folder->files[whose[i].file];
        if (!wishes[i].head) texts[i].whole = true;
        TakeHeader(*whose[i].folder, whose[i].file, texts[i]);
        if (!file.header && (i < along_begin || i >= along_end)) short_ones.push_back(whose[i]);
        by_file[file.index] = &texts[i].text;
      }
      GOFARM_RETURN_IF_ERROR(ReadHeaders(std::move(short_ones)));
      for (size_t f = begin; f < done; ++f) {
        GOFARM_RETURN_IF_ERROR(AskParser(*mains[f], by_file));
      }
    }
    return absl::OkStatus();
  }

  absl::Status AskParser(Folder& folder, const absl::flat_hash_map<size_t, const std::string*>& texts) {
    for (size_t t = 0; t < kTargets; ++t) {
      if (!folder.IsMain(t)) continue;
      for (const size_t i : uses_.FilesFor(folder, t).files) {
        GoFile& file = folder.files[i];
        if (!file.main) {
          const auto text = texts.find(file.index);
          if (text == texts.end()) continue;
          absl::StatusOr<bool> main = parser_.DeclaresMain(*text->second);
          if (!main.ok()) return Annotate(main.status(), EscapeForPrint(source_.files()[file.index].name));
          file.main = *main;
        }
        if (*file.main) break;
      }
    }
    return absl::OkStatus();
  }

  bool IsProgram(Folder& folder, size_t target) {
    if (!folder.IsMain(target)) return false;
    const std::vector<size_t>& files = uses_.FilesFor(folder, target).files;
    return std::any_of(files.begin(), files.end(), [&](size_t i) { return folder.files[i].main.value_or(false); });
  }

  std::vector<Folder*> Roots() {
    std::vector<Folder*> roots;
    for (auto& [dir, folder] : folders_) {
      bool program = false;
      for (size_t t = 0; t < kTargets; ++t) program = program || IsProgram(folder, t);
      if (program) roots.push_back(&folder);
    }
    return roots;
  }

  // Follows imports within the module through all headers that are known, and lists those that are missing on the way.
  // Folders whose headers were missing are looked at again the next time.
  std::vector<HeaderWish> Missing(const std::vector<Folder*>& roots) {
    for (Folder* const root : roots) {
      if (reached_.insert(root).second) unfollowed_.push_back(root);
    }
    std::vector<HeaderWish> missing;
    std::vector<Folder*> again;
    while (!unfollowed_.empty()) {
      Folder* const folder = unfollowed_.back();
      unfollowed_.pop_back();
      bool whole = true;
      for (size_t i = 0; i < folder->files.size(); ++i) {
        const GoFile& file = folder->files[i];
        // A test cannot change what is built but by a broken constraint line; then it fails, which costs a build.
        if (!file.FitsAny() || file.test) continue;
        if (!file.header) {
          missing.push_back({folder, i});
          whole = false;
          continue;
        }
        for (const gomod::GoImport& import : file.header->imports) {
          Folder* const imported = uses_.FolderOf(import.path);
          if (imported != nullptr && reached_.insert(imported).second) unfollowed_.push_back(imported);
        }
      }
      if (!whole) again.push_back(folder);
    }
    unfollowed_ = std::move(again);
    return missing;
  }

  absl::Status ReadImports() {
    const std::vector<Folder*> roots = Roots();
    for (int round = 0;; ++round) {
      std::vector<HeaderWish> missing = Missing(roots);
      if (missing.empty()) return absl::OkStatus();
      // Whoever nests imports so deep gets no request for each level.
      if (round >= kImportRoundsMax) missing = AllMissing();
      GOFARM_RETURN_IF_ERROR(ReadHeaders(std::move(missing)));
    }
  }

  std::vector<HeaderWish> AllMissing() {
    std::vector<HeaderWish> missing;
    for (auto& [dir, folder] : folders_) {
      for (size_t i = 0; i < folder.files.size(); ++i) {
        const GoFile& file = folder.files[i];
        if (file.FitsAny() && !file.test && !file.header) missing.push_back({&folder, i});
      }
    }
    return missing;
  }

  static void AddUse(Use use, std::vector<Use>& uses) {
    for (Use& known : uses) {
      if (!known.SameAs(use)) continue;
      known.targets.push_back(use.targets.front());
      return;
    }
    uses.push_back(std::move(use));
  }

  void TakePrograms() {
    for (auto& [dir, folder] : folders_) {
      Program program;
      std::set<std::string> frameworks;
      for (size_t t = 0; t < kTargets; ++t) {
        if (!IsProgram(folder, t)) continue;
        program.targets.push_back(kAllTargets[t]);
        AddUse(uses_.UseOf(folder, t), program.uses);
        for (const size_t i : uses_.FilesFor(folder, t).files) {
          for (const gomod::GoImport& import : folder.files[i].header->imports) {
            if (const std::string_view name = FrameworkOf(import.path); !name.empty()) frameworks.emplace(name);
          }
        }
      }
      if (program.targets.empty() || found_.programs.size() >= kProgramsMax) continue;
      // Frameworks are often imported by a package below the program.
      for (const Use& use : program.uses) {
        for (const std::string& import : use.imports) {
          if (const std::string_view name = FrameworkOf(import); !name.empty()) frameworks.emplace(name);
        }
      }
      program.frameworks.assign(frameworks.begin(), frameworks.end());
      program.import_path = PathBelow(found_.module, dir);
      if (found_.declared_module != found_.module) program.declared_path = PathBelow(found_.declared_module, dir);
      program.name = gomod::ProgramName(program.import_path);
      program.dir = dir.empty() ? "." : dir;
      program.kind = KindOf(found_.module, program.dir);
      found_.programs.push_back(std::move(program));
    }
    std::sort(found_.programs.begin(), found_.programs.end(),
              [](const Program& a, const Program& b) { return a.import_path < b.import_path; });
  }

  const Scope& scope_;
  ModuleSource& source_;
  SourceParser& parser_;
  const DetectOptions& options_;
  std::vector<gomod::BuildTags> tags_;
  std::map<std::string, Folder> folders_;
  absl::flat_hash_set<Folder*> reached_;  // by imports from programs
  std::vector<Folder*> unfollowed_;
  int64_t fetched_for_packages_ = 0;
  gomod::GoModFile go_mod_;
  bool lists_ = true;  // false: the go command lists nothing of a module with such a go.mod
  Detection found_;
  UseMaker uses_;
};

}  // namespace

absl::StatusOr<Detection> Detect(const Scope& scope, ModuleSource& source, SourceParser& parser,
                                 const DetectOptions& options) {
  absl::StatusOr<Detection> found = Detector(scope, source, parser, options).Run();
  if (found.ok()) return found;
  const std::string named = options.version.empty() ? options.module : Cat(options.module, "@", options.version);
  return Annotate(found.status(), Cat("detect the programs of ", named.empty() ? "the module" : named));
}

}  // namespace gofarm::godetect
