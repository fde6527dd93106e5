// Which version of a module is "latest", as the go command finds it from what a module proxy answers: the list of its
// versions, the go.mod of one or two of them, and @latest where the list has nothing. Pure: the caller asks.
//
//   LatestRule rule(module, VersionsOfList(body of @v/list));
//   while (!rule.wants().empty()) rule.TakeGoMod(go.mod of rule.wants());   // or PassOver
//   rule.FromList(), and when that is empty rule.FromLatest(body of @latest)
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/gomod/version.h"

namespace gofarm::goproxy {

// The lines of @v/list, as they stand.
std::vector<std::string> VersionsOfList(std::string_view list);
// "Version" of a .info or @latest, whatever it is; empty: there is none.
std::string VersionOfInfo(std::string_view json);
// A proxy makes up one line where a version has no go.mod.
bool IsMadeUpGoMod(std::string_view module, std::string_view text);

class LatestRule {
 public:
  LatestRule(std::string module, std::vector<std::string> versions);

  // The version whose go.mod is to be read next; empty: none, the rest can be asked. First that of the newest version,
  // itself retracted or not: it says what is retracted. Then, where +incompatible versions are higher, that of the
  // highest other one: if it has a go.mod, they do not count.
  const std::string& wants() const { return wants_; }
  void TakeGoMod(std::string_view text);
  // It is not there: it retracts nothing, and +incompatible versions do not count.
  void PassOver();

  // The highest release that is not retracted, else the highest pre-release; empty: what the proxy calls latest.
  std::string FromList() const;
  // NOT_FOUND: it is retracted; INVALID_ARGUMENT: it names no version.
  absl::StatusOr<std::string> FromLatest(std::string_view info) const;

  const std::vector<gomod::VersionRange>& retracted() const { return retracted_; }
  // The highest version that is not retracted and not +incompatible has a go.mod.
  bool has_go_mod() const { return has_go_mod_; }

 private:
  void AfterNewest(bool made_up);

  const std::string module_;
  const std::vector<std::string> versions_;
  std::string newest_;
  std::string wants_;
  std::vector<gomod::VersionRange> retracted_;
  bool has_go_mod_ = true;
};

}  // namespace gofarm::goproxy
