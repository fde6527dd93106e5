#include "coordinator/publish/names.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/base/hex.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/gomod/path.h"

namespace gofarm::publish {
namespace {

constexpr std::string_view kHostSuffix = "-Linux";
constexpr size_t kEnding = 1 + kHashDigits;

bool IsAlnum(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); }
bool IsLowerAlnum(char c) { return IsAlnum(c) && !absl::ascii_isupper(static_cast<unsigned char>(c)); }

std::string Lower(std::string_view text) { return absl::AsciiStrToLower(Av(text)); }

std::vector<std::string_view> Elements(std::string_view path) {
  std::vector<std::string_view> out;
  for (const absl::string_view element : absl::StrSplit(Av(path), '/')) out.push_back(Sv(element));
  return out;
}

// `name` cut so that the ending of `source` fits into `limit`.
std::string WithEnding(std::string_view name, std::string_view source, size_t limit) {
  std::string_view kept = name.substr(0, limit - kEnding);
  while (!kept.empty() && !IsAlnum(kept.back())) kept.remove_suffix(1);
  return Cat(kept.empty() ? "x" : kept, "-", digest::Sha256Hex(source).substr(0, kHashDigits));
}

bool HasEnding(std::string_view name) {
  return name.size() >= kEnding && name[name.size() - kEnding] == '-' &&
         IsLowerHex(Lower(name.substr(name.size() - kHashDigits)), kHashDigits);
}

// One element of a repository's name: runs of [a-z0-9] with ".", "_", "__" or any number of "-" between them.
std::string RepositoryElement(std::string_view text) {
  std::string out, separator;
  for (const char c : Lower(text)) {
    if (!IsLowerAlnum(c)) {
      separator += c;
      continue;
    }
    if (!separator.empty() && !out.empty()) {
      const bool taken = separator == "." || separator == "_" || separator == "__" ||
                         separator.find_first_not_of('-') == std::string::npos;
      out += taken ? separator : "-";
    }
    separator.clear();
    out += c;
  }
  return out;
}

struct Forge {
  std::string_view in_host, name;
  std::string_view host;  // the one that the forge's name stands for; empty: none
};
constexpr std::array<Forge, 9> kForges = {{{"bitbucket.org", "bitbucket", "bitbucket.org"},
                                           {"buildroot.net", "buildroot", ""},
                                           {"codeberg.org", "codeberg", "codeberg.org"},
                                           {"gitee", "gitee", "gitee.com"},
                                           {"github.com", "github", "github.com"},
                                           {"gitlab.com", "gitlab", "gitlab.com"},
                                           {"gnu.org", "gnu", ""},
                                           {"sr.ht", "sourcehut", ""},
                                           {"sourceforge.net", "sourceforge", ""}}};
constexpr Forge kNoForge = {"", "misc", ""};

const Forge& ForgeOf(std::string_view host) {
  for (const Forge& forge : kForges) {
    if (host.find(forge.in_host) != std::string_view::npos) return forge;
  }
  return kNoForge;
}

// Fit to be a file's name everywhere, with nothing lost but what is odd.
std::string ProgramBase(std::string_view import_path) {
  std::string out;
  for (const char c : gomod::ProgramName(import_path)) {
    const bool taken = IsAlnum(c) || std::string_view("._+-").find(c) != std::string_view::npos;
    out += taken ? c : '-';
  }
  const size_t first = std::min(out.find_first_not_of(".+-"), out.size());
  out.erase(0, first);
  while (!out.empty() && (out.back() == '.' || out.back() == '-')) out.pop_back();
  return out;
}

std::string WithoutMajor(std::string_view module) { return std::string(gomod::SplitPathVersion(module).prefix); }

std::string FamilyText(std::string_view element) {
  std::string out;
  for (const char c : Lower(element)) {
    if (IsLowerAlnum(c) || c == '_' || c == '.' || c == '-') out += c;
  }
  const size_t first = std::min(out.find_first_not_of("._-"), out.size());
  out.erase(0, first);
  while (!out.empty() && !IsLowerAlnum(out.back())) out.pop_back();
  return out;
}

// The forms of a family, from the one wanted to the one that no other module has.
constexpr int kFamilyLevels = 3;
std::string FamilyAt(int level, std::string_view module) {
  const std::string plain = PlainFamily(module);
  if (level == 0) return plain;
  const std::string path = WithoutMajor(module);
  const std::vector<std::string_view> elements = Elements(path);
  const std::string owner = elements.size() < 2 ? "" : FamilyText(elements[elements.size() - 2]);
  const std::string owned = owner.empty() ? plain : Cat(owner, ".", plain);
  if (level == 1 && owned.size() <= kFamilyMax) return owned;
  return WithEnding(owned, module, kFamilyMax);
}

}  // namespace

std::string HostName(Target target) { return Cat(TargetName(target), kHostSuffix); }

std::optional<Target> ParseHostName(std::string_view host) {
  if (!host.ends_with(kHostSuffix)) return std::nullopt;
  return ParseTarget(host.substr(0, host.size() - kHostSuffix.size()));
}

std::string RepositoryFolder(std::string_view module, bool twin) {
  const size_t slash = module.find('/');
  const std::string_view host = module.substr(0, slash);
  const Forge& forge = ForgeOf(host);
  bool lost = host != forge.host || twin;
  std::string folder(forge.name);
  // Beyond letters, digits, "." and "-" the reference knows only "_", which it then takes for a "/".
  std::string path(slash == std::string_view::npos ? "" : module.substr(slash + 1));
  for (char& c : path) {
    if (IsAlnum(c) || c == '.' || c == '-' || c == '/') continue;
    c = '/';
    lost = true;
  }
  bool any = false;
  for (const std::string_view element : Elements(path)) {
    const std::string cleaned = RepositoryElement(element);
    if (cleaned != Lower(element)) lost = true;
    if (cleaned.empty()) continue;
    folder += Cat("/", cleaned);
    any = true;
  }
  if (!any) {
    folder += Cat("/", RepositoryElement(host));
    lost = true;
  }
  if (!lost && folder.size() <= kFolderMax && !HasEnding(folder)) return folder;
  return WithEnding(folder, module, kFolderMax);
}

std::string PkgId(std::string_view module, bool twin) {
  std::string id;
  bool lost = twin;
  for (const char c : module) {
    if (IsAlnum(c) || c == '.') {
      id += c;
      continue;
    }
    if (c != '/') lost = true;
    if (!id.empty() && id.back() != '_') id += '_';
  }
  while (!id.empty() && id.back() == '_') id.pop_back();
  return lost || id.size() > kPkgIdMax ? WithEnding(id, module, kPkgIdMax) : id;
}

absl::flat_hash_set<std::string> FindTwins(absl::Span<const std::string> modules) {
  absl::flat_hash_map<std::string, const std::string*> seen;  // by the path in lower case
  absl::flat_hash_set<std::string> twins;
  for (const std::string& module : modules) {
    const auto [at, is_new] = seen.try_emplace(Lower(module), &module);
    if (is_new || *at->second == module) continue;
    twins.insert(*at->second);
    twins.insert(module);
  }
  return twins;
}

std::vector<std::string> ProgramNames(std::string_view module, absl::Span<const std::string> import_paths) {
  // By base name in lower case: who comes first keeps it.
  std::map<std::string, std::set<std::tuple<size_t, std::string>>> askers;
  const auto base_of = [](const std::string& path) {
    const std::string base = ProgramBase(path);
    const bool as_it_was = base == gomod::ProgramName(path) && base.size() <= kProgramMax && !HasEnding(base);
    return std::pair(base.empty() ? std::string("program") : base, as_it_was);
  };
  for (const std::string& path : import_paths) {
    const auto [base, as_it_was] = base_of(path);
    if (!as_it_was) continue;
    const std::string_view below = path.size() > module.size() && path.starts_with(module)
                                       ? std::string_view(path).substr(module.size())
                                       : std::string_view();
    const auto depth = static_cast<size_t>(std::count(below.begin(), below.end(), '/'));
    const size_t rank = depth == 0 ? 0 : (depth == 2 && below.starts_with("/cmd/") ? 1 : 1 + depth);
    askers[Lower(base)].emplace(rank, path);
  }
  std::vector<std::string> names;
  names.reserve(import_paths.size());
  for (const std::string& path : import_paths) {
    const auto [base, as_it_was] = base_of(path);
    const bool keeps = as_it_was && std::get<1>(*askers[Lower(base)].begin()) == path;
    names.push_back(keeps ? base : WithEnding(base, path, kProgramMax));
  }
  return names;
}

bool IsProgramName(std::string_view name) {
  if (name.empty() || name.size() > kProgramMax || !(IsAlnum(name[0]) || name[0] == '_')) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return IsAlnum(c) || std::string_view("._+-").find(c) != std::string_view::npos; });
}

std::string RepositoryPath(std::string_view module, std::string_view name, bool twin) {
  const std::string element = RepositoryElement(name);
  const bool plain = element == Lower(name);
  // Of names with an ending that ProgramNames gave the element keeps it, so that only what is lost here gets one.
  return Cat(RepositoryFolder(module, twin), "/", plain ? element : WithEnding(element, name, kProgramMax));
}

bool IsRepositoryName(std::string_view name) {
  if (name.empty() || name.size() > 255) return false;
  const std::vector<std::string_view> elements = Elements(name);
  return std::all_of(elements.begin(), elements.end(), [](std::string_view element) {
    return !element.empty() && RepositoryElement(element) == element;
  });
}

bool IsTag(std::string_view tag) {
  if (tag.empty() || tag.size() > kTagMax || !(IsAlnum(tag[0]) || tag[0] == '_')) return false;
  return std::all_of(tag.begin(), tag.end(),
                     [](char c) { return IsAlnum(c) || std::string_view("._-").find(c) != std::string_view::npos; });
}

std::string VersionTag(std::string_view version) {
  constexpr std::string_view kIncompatible = "-incompatible";
  constexpr size_t kLongestHost = sizeof("-loongarch64-Linux") - 1;
  std::string tag;
  // A pre-release of that name would be the tag of +incompatible.
  bool lost = version.ends_with(kIncompatible) || version.size() > kTagMax - kLongestHost;
  for (const char c : version) {
    const bool taken = IsAlnum(c) || c == '.' || c == '-';
    if (!taken && c != '+') lost = true;
    tag += taken ? c : '-';
  }
  return lost ? WithEnding(tag, version, kTagMax - kLongestHost) : tag;
}

std::string TargetTag(std::string_view version, Target target) {
  return Cat(VersionTag(version), "-", HostName(target));
}

std::string RecordVersion(std::string_view version) { return Lower(VersionTag(version)); }

std::string PlainFamily(std::string_view module) {
  const std::string path = WithoutMajor(module);
  const std::string family = FamilyText(Elements(path).back());
  if (!family.empty() && family.size() <= kFamilyMax) return family;
  return WithEnding(family.empty() ? "module" : family, module, kFamilyMax);
}

std::vector<std::string> SettleFamilies(absl::Span<const ModuleProgram> programs) {
  struct Settled {
    int level = 0;
    std::string family;
  };
  std::map<ModuleProgram, Settled> settled;
  for (const ModuleProgram& program : programs) {
    settled.try_emplace(program, Settled{.family = PlainFamily(program.module)});
  }
  // Each round raises everybody of a clash, so the result does not depend on who is looked at first.
  for (bool raised = true; raised;) {
    raised = false;
    std::map<std::pair<std::string, std::string>, std::vector<std::pair<const ModuleProgram, Settled>*>> pairs;
    for (auto& entry : settled) pairs[{entry.second.family, Lower(entry.first.name)}].push_back(&entry);
    for (auto& [pair, members] : pairs) {
      const std::string& module = members.front()->first.module;
      if (std::all_of(members.begin(), members.end(), [&](const auto* m) { return m->first.module == module; })) {
        continue;
      }
      for (auto* member : members) {
        Settled& state = member->second;
        if (state.level + 1 >= kFamilyLevels) continue;
        state.family = FamilyAt(++state.level, member->first.module);
        raised = true;
      }
    }
  }
  std::vector<std::string> out;
  out.reserve(programs.size());
  for (const ModuleProgram& program : programs) out.push_back(settled.at(program).family);
  return out;
}

std::string_view Name(Kind kind) {
  switch (kind) {
    case Kind::kProgram:
      return "program";
    case Kind::kExample:
      return "example";
    case Kind::kTestHelper:
      return "test_helper";
  }
  return "program";
}

Kind KindOf(std::string_view import_path) {
  static constexpr std::array<std::string_view, 8> kExamples = {"example", "examples", "_example", "_examples",
                                                                "demo",    "demos",    "sample",   "samples"};
  static constexpr std::array<std::string_view, 4> kTests = {"test", "tests", "testing", "testdata"};
  const std::vector<std::string_view> elements = Elements(import_path);
  const bool has_owner = !elements.empty() && ForgeOf(elements[0]).host == elements[0];
  for (size_t i = has_owner ? 2 : 1; i < elements.size(); ++i) {
    const std::string element = Lower(elements[i]);
    if (std::find(kExamples.begin(), kExamples.end(), element) != kExamples.end()) return Kind::kExample;
    if (std::find(kTests.begin(), kTests.end(), element) != kTests.end()) return Kind::kTestHelper;
  }
  return Kind::kProgram;
}

}  // namespace gofarm::publish
