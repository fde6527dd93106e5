#include "worker/fetch/lock_files.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"
#include "common/gomod/path.h"
#include "common/gomod/version.h"
#include "common/json/fields.h"

namespace gofarm::fetch {
namespace {

// A repository of github.com, gitlab.com and the like holds one module per package tree: its first three elements.
std::string RepositoryOf(std::string_view path) {
  size_t end = 0;
  for (int element = 0; element < 3 && end != std::string_view::npos; ++element) end = path.find('/', end + 1);
  const bool three = path.starts_with("github.com/") || path.starts_with("gitlab.com/") ||
                     path.starts_with("bitbucket.org/") || path.starts_with("golang.org/x/");
  return std::string(three ? path.substr(0, end) : path);
}

class Locked {
 public:
  // A release before a commit: it is what a proxy is sure to have.
  void Add(std::string_view path, std::string_view version, std::string_view revision) {
    std::string asked(version);
    if (!asked.empty() && asked.front() >= '0' && asked.front() <= '9') asked.insert(0, "v");
    if (!gomod::IsSemver(asked)) asked = revision;
    const std::string repository = RepositoryOf(path);
    const bool plain = !asked.empty() && asked.size() <= 100 &&
                       asked.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-+_") ==
                           std::string::npos;
    if (!plain || !gomod::CheckModulePath(repository).ok() || all_.size() >= kLockedMax) return;
    all_.emplace(repository, asked);
  }
  std::vector<gomod::ModuleVersion> Take() {
    std::vector<gomod::ModuleVersion> out;
    for (auto& [path, version] : all_) out.push_back({path, version});
    return out;
  }

 private:
  std::map<std::string, std::string> all_;
};

std::string_view Trimmed(std::string_view text) { return Sv(absl::StripAsciiWhitespace(Av(text))); }

std::string_view Unquoted(std::string_view text) {
  text = Trimmed(text);
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front()) {
    text = text.substr(1, text.size() - 2);
  }
  return text;
}

// The three keys wanted stand in lines of their own in every file that dep writes, so a whole TOML reader says no more.
std::vector<gomod::ModuleVersion> ReadGopkgLock(std::string_view text) {
  Locked locked;
  std::string name, version, revision;
  const auto close = [&] {
    if (!name.empty()) locked.Add(name, version, revision);
    name.clear(), version.clear(), revision.clear();
  };
  for (const absl::string_view whole : absl::StrSplit(Av(text), '\n')) {
    const std::string_view line = Trimmed(Sv(whole));
    if (line.starts_with("[")) close();
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = Trimmed(line.substr(0, equals)), value = Unquoted(line.substr(equals + 1));
    if (key == "name") name = value;
    if (key == "version") version = value;
    if (key == "revision") revision = value;
  }
  close();
  return locked.Take();
}

// "- name: github.com/x/y" and below it "  version: 0123...".
std::vector<gomod::ModuleVersion> ReadGlideLock(std::string_view text) {
  Locked locked;
  std::string name;
  for (const absl::string_view whole : absl::StrSplit(Av(text), '\n')) {
    const std::string_view line = Trimmed(Sv(whole));
    if (line.starts_with("- name:")) name = Unquoted(line.substr(7));
    if (line.starts_with("version:") && !name.empty()) {
      const std::string_view version = Unquoted(line.substr(8));
      locked.Add(name, version, version);
      name.clear();
    }
  }
  return locked.Take();
}

struct Noted {
  std::string path, path_2, version, revision, revision_2;
};
struct NotedFile {
  std::vector<Noted> packages, deps;
};

template <typename Form, json::Is<Noted> N>
void Fields(Form& form, N& n) {
  form.Field("path", n.path);
  form.Field("ImportPath", n.path_2);
  form.Field("version", n.version);
  form.Field("revision", n.revision);
  form.Field("Rev", n.revision_2);
}
template <typename Form, json::Is<NotedFile> F>
void Fields(Form& form, F& f) {
  form.Field("package", f.packages);
  form.Field("Deps", f.deps);
}

std::vector<gomod::ModuleVersion> ReadJsonLock(std::string_view text) {
  NotedFile file;
  json::Read(text, json::Rule::kLenient, file).IgnoreError();
  Locked locked;
  for (const Noted& n : file.packages) locked.Add(n.path, n.version, n.revision);
  for (const Noted& n : file.deps) locked.Add(n.path_2, "", n.revision_2);
  return locked.Take();
}

}  // namespace

const std::vector<std::string>& LockFileNames() {
  static const std::vector<std::string> names = {"Gopkg.lock", "glide.lock", "vendor/vendor.json", "Godeps/Godeps.json",
                                                 "Godeps.json"};
  return names;
}

std::vector<gomod::ModuleVersion> ReadLockFile(std::string_view name, std::string_view text) {
  if (static_cast<int64_t>(text.size()) > kLockFileMax) return {};
  if (name == "Gopkg.lock") return ReadGopkgLock(text);
  if (name == "glide.lock") return ReadGlideLock(text);
  return ReadJsonLock(text);
}

}  // namespace gofarm::fetch
