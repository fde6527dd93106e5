#include "worker/fetch/module_form.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_join.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/gomod/version.h"
#include "common/json/fields.h"

namespace gofarm::fetch {
namespace {

constexpr size_t kRevisionSize = 12;  // of a pseudo-version
constexpr size_t kCommitMin = 12, kCommitMax = 64;

struct Origin {
  std::string hash;
};
struct VersionInfo {
  std::optional<Origin> origin;
};

template <typename Form, json::Is<Origin> O>
void Fields(Form& form, O& o) {
  form.Field("Hash", o.hash);
}
template <typename Form, json::Is<VersionInfo> I>
void Fields(Form& form, I& i) {
  form.Field("Origin", i.origin);
}

bool IsHex(std::string_view text) { return text.find_first_not_of("0123456789abcdef") == std::string_view::npos; }

}  // namespace

SourceForm FirstForm(const gomod::GoModFile& file, std::string_view declared_path) {
  SourceForm form;
  const bool folders = std::any_of(file.replacements.begin(), file.replacements.end(),
                                   [](const gomod::Replacement& r) { return r.is_folder(); });
  if (folders) {
    form.base = Base::kNoReplace;
  } else if (!file.replacements.empty() || !file.exclusions.empty() || !declared_path.empty()) {
    form.base = Base::kSource;
  }
  return form;
}

std::string SyntheticGoMod(const Listing& listing, const std::vector<gomod::ModuleVersion>& locked) {
  std::string text = Cat("module gofarm.invalid/list\n\ngo ", listing.go_version, "\n\n");
  if (gomod::CompareGoVersion(listing.go_version, "1.23") >= 0) {  // older ones do not know the line
    text += Cat("godebug default=go", gomod::IsGoVersion(listing.go_line) ? listing.go_line : "1.20", "\n\n");
  }
  text += Cat("require ", listing.module, " ", listing.version, "\n");
  for (const auto* more : {&listing.form.raised, &locked}) {
    for (const gomod::ModuleVersion& required : *more) {
      text += Cat("\nrequire ", required.path, " ", required.version, "\n");
    }
  }
  return text;
}

absl::StatusOr<std::string> SourceGoMod(const Listing& listing, std::string_view own,
                                        const std::vector<gomod::ModuleVersion>& siblings) {
  const SourceForm& form = listing.form;
  const std::string made = Cat("module ", listing.own_path(), "\n\ngo ", listing.go_version, "\n");
  gomod::GoModEdit edit;
  edit.drop_folder_replacements = form.base == Base::kNoReplace || form.base == Base::kSibling;
  edit.go = form.go_line;
  edit.requirements = form.raised;
  for (const gomod::ModuleVersion& sibling : siblings) edit.replacements.push_back({{sibling.path, ""}, sibling, 0});
  return gomod::EditGoMod(own.empty() ? std::string_view(made) : own, edit);
}

std::vector<std::string> EditsOf(const Listing& listing, const gomod::GoModFile& own,
                                 const std::vector<gomod::ModuleVersion>& siblings) {
  const SourceForm& form = listing.form;
  std::vector<std::string> lines;
  if (!listing.declared_path.empty()) {
    lines.push_back(Cat("built as ", listing.declared_path, ", which is what its go.mod calls the module"));
  }
  for (const gomod::Replacement& r : own.replacements) {
    if (!r.is_folder() || (form.base != Base::kNoReplace && form.base != Base::kSibling)) continue;
    const auto sibling = std::find_if(siblings.begin(), siblings.end(),
                                      [&](const gomod::ModuleVersion& s) { return s.path == r.old_module.path; });
    const std::string line = Cat("replace ", r.old_module.path, " => ", r.new_module.path);
    lines.push_back(sibling == siblings.end()
                        ? Cat("left out, since the module's zip holds no other folder: ", line)
                        : Cat("replaced by version ", sibling->version, " of the same commit: ", line));
  }
  if (!form.go_line.empty()) {
    lines.push_back(Cat("go ", form.go_line, " in place of go ", own.go.empty() ? "(none)" : own.go));
  }
  for (const gomod::ModuleVersion& raised : form.raised) {
    lines.push_back(Cat("requires ", raised.path, " ", raised.version));
  }
  if (!form.experiments.empty()) lines.push_back(Cat("GOEXPERIMENT=", absl::StrJoin(form.experiments, ",")));
  if (!form.tags.empty()) lines.push_back(Cat("build tags ", absl::StrJoin(form.tags, ",")));
  if (form.locked) lines.emplace_back("versions of its lock file, and of its time, in place of today's newest");
  if (form.previous_go) lines.push_back(Cat("go ", listing.go_version));
  if (lines.size() > kEditsMax) {
    const size_t more = lines.size() - (kEditsMax - 1);
    lines.resize(kEditsMax - 1);
    lines.push_back(Cat("and ", more, " more; the edited go.mod has them all"));
  }
  return lines;
}

std::string CommitOf(std::string_view info_json, std::string_view version) {
  VersionInfo info;
  json::Read(info_json, json::Rule::kLenient, info).IgnoreError();
  if (info.origin.has_value() && info.origin->hash.size() >= kCommitMin && info.origin->hash.size() <= kCommitMax &&
      IsHex(info.origin->hash)) {
    return info.origin->hash;
  }
  // "v0.0.0-20260102030405-0123456789ab", perhaps with "+incompatible" behind it.
  version = version.substr(0, version.find('+'));
  const size_t dash = version.rfind('-');
  if (dash == std::string_view::npos || version.size() - dash - 1 != kRevisionSize) return "";
  const std::string_view revision = version.substr(dash + 1);
  return IsHex(revision) ? std::string(revision) : "";
}

std::string FormKey(const SourceForm* form) {
  if (form == nullptr) return "";
  std::string text = Cat(static_cast<int>(form->base), "\n", form->previous_go ? 1 : 0, form->locked ? 1 : 0, "\n",
                         form->go_line, "\n");
  for (const gomod::ModuleVersion& raised : form->raised)
    text += Cat("raised ", raised.path, " ", raised.version, "\n");
  for (const std::string& experiment : form->experiments) text += Cat("experiment ", experiment, "\n");
  for (const std::string& tag : form->tags) text += Cat("tag ", tag, "\n");
  return digest::Sha256Hex(text).substr(0, 16);
}

std::string DroppedReplaceNote(const gomod::GoModFile& own, const SourceForm& form, std::string_view detail) {
  std::string note;
  if (form.base != Base::kNoReplace && form.base != Base::kSibling) return note;
  for (const gomod::Replacement& r : own.replacements) {
    if (!r.is_folder() || detail.find(r.old_module.path) == std::string_view::npos) continue;
    note += Cat("\n(go.mod replaces ", EscapeForPrint(r.old_module.path), " by the folder ",
                EscapeForPrint(r.new_module.path), ", which the module's zip does not hold; the line was left out)");
  }
  return note;
}

}  // namespace gofarm::fetch
