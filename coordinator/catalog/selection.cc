#include "coordinator/catalog/selection.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "common/base/text.h"
#include "common/gomod/path.h"
#include "common/gomod/version.h"

namespace gofarm::catalog {
namespace {

std::string WantedWhy(const Candidate& c, const SelectionRules& rules) {
  if (c.stars && *c.stars > rules.stars_more_than)
    return Cat("more than ", rules.stars_more_than, " stars: ", *c.stars);
  if (c.importers && *c.importers >= rules.importers_at_least) return Cat("imported by ", *c.importers);
  if (c.demand >= rules.demand_at_least) return Cat("wanted by ", c.demand, " other modules");
  return "";
}

bool HasKind(const Candidate& c, const SelectionRules& rules) {
  for (const std::string& kind : rules.kinds) {
    if (kind == "program" ? c.programs > 0 : c.other_programs > 0) return true;
  }
  return false;
}

// The major of a module path: 0 for none and gopkg.in's v0 and v1.
int64_t MajorOf(const std::string& path) {
  const std::string_view major = gomod::SplitPathVersion(path).major;
  int64_t number = 0;
  for (const char c : major) {
    if (c >= '0' && c <= '9') number = number * 10 + (c - '0');
  }
  return number;
}

// Equal for modules that are the same program.
std::string Identity(const Candidate& c) {
  const std::string prefix = absl::AsciiStrToLower(Av(gomod::SplitPathVersion(c.path).prefix));
  if (c.repository.empty()) return prefix;
  // The folder of the module inside its repository: what the path has beyond host, owner and name.
  const std::vector<std::string> known = {"github.com/", "gitlab.com/", "bitbucket.org/"};
  for (const std::string& host : known) {
    if (prefix.substr(0, host.size()) != host) continue;
    size_t slash = prefix.find('/', host.size());
    if (slash != std::string::npos) slash = prefix.find('/', slash + 1);
    return Cat(c.repository, slash == std::string::npos ? "" : prefix.substr(slash));
  }
  return prefix;
}

}  // namespace

const std::string* ListedIn(const std::map<std::string, std::string>& list, const std::string& path) {
  if (const auto it = list.find(path); it != list.end()) return &it->second;
  for (size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0; slash = path.rfind('/', slash - 1)) {
    if (const auto it = list.find(path.substr(0, slash + 1)); it != list.end()) return &it->second;
  }
  return nullptr;
}

DecisionRow Judge(const Candidate& c, const SelectionRules& rules) {
  DecisionRow row{.module_id = c.module_id, .version = c.version};
  const auto no = [&](std::string reason) {
    row.reason = std::move(reason);
    return row;
  };
  const auto yes = [&](const std::string& reason) {
    row.selected = c.left_out.empty();
    return no(row.selected ? reason : c.left_out);
  };
  if (const std::string* why = ListedIn(rules.deny, c.path)) return no(Cat("on the deny list: ", *why));
  if (c.reach != Reachability::kAvailable)
    return no(c.reach == Reachability::kNone ? "not checked for reachability yet"
                                             : Cat("its source is ", Name(c.reach)));
  if (!HasKind(c, rules)) return no("it has examples or test helpers only");
  if (c.targets == 0) return no("no target has a program that is forecast as buildable");
  if (c.declared_is_other_module) return no(Cat("a fork: its go.mod declares ", c.declared_path));
  if (const std::string* why = ListedIn(rules.allow, c.path)) return yes(Cat("on the allow list: ", *why));
  if (!c.eligible) return no("no version since eligible_since");
  if (c.last_indexed_at < rules.released_since) return no("no version since released_since");
  if (c.archived && !rules.archived) return no("its repository is archived");
  if (c.fork && !rules.forks) return no("its repository is a fork");
  if (c.deprecated && !rules.deprecated) return no("deprecated");
  if (c.retracted) return no("all of its versions are retracted");
  if (!rules.licenses.empty() &&
      std::find(rules.licenses.begin(), rules.licenses.end(), c.license) == rules.licenses.end()) {
    return no(c.license.empty() ? "no known licence" : Cat("its licence is ", c.license));
  }
  const std::string why = WantedWhy(c, rules);
  if (why.empty()) {
    return no(Cat("nobody asks for it: ", c.stars.value_or(0), " stars, ", c.importers.value_or(0),
                  " importers, wanted by ", c.demand, " modules"));
  }
  return yes(why);
}

std::vector<Target> TargetsOf(int bits) {
  std::vector<Target> targets;
  for (const Target target : kAllTargets) {
    if ((bits & 1 << (static_cast<int>(target) - 1)) != 0) targets.push_back(target);
  }
  return targets;
}

std::vector<DecisionRow> Select(const std::vector<Candidate>& candidates, const SelectionRules& rules) {
  std::vector<DecisionRow> rows;
  rows.reserve(candidates.size());
  absl::flat_hash_map<std::string, size_t> best;
  // The higher one stays.
  const auto rank = [&](size_t i) {
    const Candidate& c = candidates[i];
    return std::make_tuple(MajorOf(c.path), c.demand, c.importers.value_or(0), c.last_indexed_at, -c.module_id);
  };
  for (size_t i = 0; i < candidates.size(); ++i) {
    rows.push_back(Judge(candidates[i], rules));
    if (!rows.back().selected) continue;
    const auto [it, first] = best.emplace(Identity(candidates[i]), i);
    if (!first && rank(it->second) < rank(i)) it->second = i;
  }
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (!rows[i].selected) continue;
    const size_t other = best.at(Identity(candidates[i]));
    if (other == i) continue;
    rows[i].selected = false;
    rows[i].reason = Cat("the same program as ", candidates[other].path);
  }
  return rows;
}

std::string WhyNoCandidate(const std::optional<ReachRow>& reach, const std::optional<DetectionRow>& detection,
                           bool eligible) {
  if (!eligible) return "no version since eligible_since";
  if (!reach) return "not checked for reachability yet";
  if (reach->state != Reachability::kAvailable) {
    return Cat("its source is ", Name(reach->state), reach->detail.empty() ? "" : Cat(": ", reach->detail));
  }
  if (!detection) return "not looked into yet";
  if (!detection->undecided.empty()) return Cat("undecided: ", detection->undecided);
  return detection->programs == 0 ? "it has no program" : "the selection has not run since it was found";
}

}  // namespace gofarm::catalog
