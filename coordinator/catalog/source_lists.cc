#include "coordinator/catalog/source_lists.h"

#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "common/base/text.h"
#include "common/gomod/path.h"
#include "coordinator/catalog/clean_text.h"
#include "coordinator/catalog/repository_name.h"

namespace gofarm::catalog {
namespace {

constexpr size_t kSectionMax = 100;

struct MarkdownItem {
  std::string_view url;
  std::string_view description;
};

std::string_view Trim(std::string_view text) { return Sv(absl::StripAsciiWhitespace(Av(text))); }

// "- [name](url) - Description." or with "*", an en dash, or no dash. Null for every other line.
std::optional<MarkdownItem> ItemOf(std::string_view line) {
  if (line.size() < 2 || (line[0] != '-' && line[0] != '*' && line[0] != '+') || line[1] != ' ') return std::nullopt;
  line = Trim(line.substr(2));
  if (line.empty() || line.front() != '[') return std::nullopt;
  // The name may hold brackets of its own, an image for one; the link follows the first "](".
  const size_t middle = line.find("](");
  if (middle == std::string_view::npos) return std::nullopt;
  const size_t end = line.find(')', middle);
  if (end == std::string_view::npos) return std::nullopt;
  MarkdownItem item{.url = Trim(line.substr(middle + 2, end - middle - 2))};
  item.url = item.url.substr(0, item.url.find_first_of(" \t"));  // [name](url "title")
  absl::string_view rest = absl::StripLeadingAsciiWhitespace(Av(line.substr(end + 1)));
  for (const absl::string_view dash : {"-", "\xe2\x80\x93", "\xe2\x80\x94", ":"}) {
    if (absl::ConsumePrefix(&rest, dash)) break;
  }
  item.description = Trim(Sv(rest));
  return item;
}

bool IsHeading(std::string_view line, std::string_view* title) {
  const size_t level = line.find_first_not_of('#');
  if (level == 0 || level == std::string_view::npos || level > 6 || line[level] != ' ') return false;
  *title = Trim(line.substr(level));
  return true;
}

bool KeepsRepositories(std::string_view repository) {
  for (const std::string_view host :
       {"github.com/", "gitlab.com/", "bitbucket.org/", "codeberg.org/", "gitea.com/", "gitee.com/", "git.sr.ht/"}) {
    if (absl::StartsWith(Av(repository), Av(host))) return true;
  }
  return false;
}

// Of pages about a module, what stands behind the host.
std::optional<std::string_view> BehindPageHost(absl::string_view rest) {
  for (const absl::string_view host : {"pkg.go.dev/", "godoc.org/", "www.godoc.org/", "goreportcard.com/report/"}) {
    if (absl::ConsumePrefix(&rest, host)) return Sv(rest);
  }
  return std::nullopt;
}

// A module as operators write it, else null.
std::optional<SourceEntry> ModuleOf(std::string_view text) {
  const absl::StatusOr<gomod::ModuleSpec> spec = gomod::ParseModuleSpec(text);
  if (!spec.ok()) return std::nullopt;
  return SourceEntry{.kind = SourceEntry::Kind::kModule,
                     .name = spec->module,
                     .path = spec->module,
                     .version = spec->version == "latest" ? "" : spec->version};
}

// A repository on a host that keeps such, else null.
std::optional<SourceEntry> RepositoryEntryOf(std::string_view url) {
  const std::optional<std::string> name = RepositoryOfUrl(url);
  if (!name || !KeepsRepositories(*name)) return std::nullopt;
  return SourceEntry{.kind = SourceEntry::Kind::kRepository,
                     .name = *name,
                     .path = RepositoryOfUrl(url, Letters::kAsWritten).value_or(*name)};
}

std::optional<SourceEntry> EntryOfUrl(std::string_view url) {
  absl::string_view rest = Av(url);
  if (!absl::ConsumePrefix(&rest, "https://") && !absl::ConsumePrefix(&rest, "http://")) {
    return RepositoryEntryOf(url);  // git@host:owner/name and the like
  }
  rest = absl::StripSuffix(rest.substr(0, rest.find_first_of("?#")), "/");
  if (const std::optional<std::string_view> page = BehindPageHost(rest)) return ModuleOf(*page);
  if (std::optional<SourceEntry> repository = RepositoryEntryOf(url)) return repository;
  // A host of its own: its path is the module's, if it is one at all.
  return ModuleOf(Sv(rest));
}

// A line of a plain list: a module, a repository's address, or "owner/name" as GitHub calls it.
std::optional<SourceEntry> EntryOfLine(std::string_view line) {
  if (absl::StrContains(Av(line), "://") || absl::StartsWith(Av(line), "git@")) return EntryOfUrl(line);
  if (std::optional<SourceEntry> module = ModuleOf(line)) return module;
  const std::string_view first = line.substr(0, line.find('/'));
  const std::optional<GithubName> name = GithubNameOf(line);
  if (!name || first.find('.') != std::string_view::npos) return std::nullopt;
  const std::string path = Cat("github.com/", name->owner, "/", name->name);
  return SourceEntry{.kind = SourceEntry::Kind::kRepository, .name = absl::AsciiStrToLower(path), .path = path};
}

// Calls `each(line, number)`, without line ends and trailing blanks; false ends.
template <typename Each>
void ForEachLine(std::string_view text, const Each& each) {
  int number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!each(Sv(absl::StripTrailingAsciiWhitespace(Av(line))), ++number)) return;
  }
}

}  // namespace

absl::StatusOr<SourceList> ParseSourceList(std::string_view text, std::string_view origin) {
  if (text.size() > kSourceListBytesMax) {
    return absl::InvalidArgumentError(
        Cat("the list is ", text.size(), " bytes long, at most ", kSourceListBytesMax, " are taken: split it"));
  }
  bool markdown = false;
  ForEachLine(text, [&](std::string_view line, int) {
    markdown = ItemOf(line).has_value();
    return !markdown;
  });

  SourceList list;
  std::string section;
  absl::flat_hash_set<std::string> seen;
  absl::Status full;
  ForEachLine(text, [&](std::string_view line, int number) {
    const auto skip = [&](std::string_view why) {
      ++list.skipped_count;
      if (list.skipped.size() < kSkippedShownMax) {
        list.skipped.push_back(Cat("line ", number, ": ", why, ": ", Clip(EscapeForPrint(line), 200)));
      }
      return true;
    };
    if (line.size() > kSourceLineMax) return skip("longer than a line of a list is");
    std::optional<SourceEntry> entry;
    std::string description;
    if (markdown) {
      std::string_view title;
      if (IsHeading(line, &title)) {
        if (title == "Resources") return false;  // what follows are books, blogs and meetings
        section = CleanText(title, kSectionMax);
        return true;
      }
      const std::optional<MarkdownItem> item = ItemOf(Sv(absl::StripLeadingAsciiWhitespace(Av(line))));
      if (!item || absl::StartsWith(Av(item->url), "#")) return true;
      entry = EntryOfUrl(item->url);
      description = CleanText(item->description, kDescriptionMax);
    } else {
      const std::string_view word = Trim(line.substr(0, line.find('#')));
      if (word.empty()) return true;
      entry = EntryOfLine(word);
    }
    if (!entry) return skip("neither a module nor a repository");
    if (!seen.insert(absl::AsciiStrToLower(Cat(entry->name, "@", entry->version))).second) {
      ++list.repeated;
      return true;
    }
    if (list.entries.size() >= kSourceEntriesMax) {
      full = absl::InvalidArgumentError(Cat("the list has more than ", kSourceEntriesMax, " entries: split it"));
      return false;
    }
    entry->origin = CleanText(origin, kPageUrlMax);
    entry->section = section;
    entry->description = std::move(description);
    entry->line = number;
    list.entries.push_back(*std::move(entry));
    return true;
  });
  if (!full.ok()) return full;
  return list;
}

}  // namespace gofarm::catalog
