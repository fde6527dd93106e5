#include "common/godetect/module_packages.h"

#include "common/base/status_macros.h"
#include "common/json/fields.h"

namespace gofarm::godetect {

// Found by argument-dependent look-up, so not in the unnamed namespace. Short names: there is one document a module.
template <typename Form, json::Is<PackagePart> P>
void Fields(Form& form, P& part) {
  form.Field("t", part.targets);
  form.Field("o", part.own);
  form.Field("i", part.imports);
  form.Field("n", part.need);
  form.Field("x", part.excluded);
}

template <typename Form, json::Is<ModulePackage> P>
void Fields(Form& form, P& package) {
  form.Field("d", package.dir);
  form.Field("p", package.parts);
}

template <typename Form, json::Is<ModulePackages> P>
void Fields(Form& form, P& packages) {
  form.Field("imports", packages.imports);
  form.Field("packages", packages.packages);
  form.Field("unread", packages.unread);
  form.Field("cut", packages.cut);
}

std::string ToJson(const ModulePackages& packages) { return json::Write(packages); }

absl::StatusOr<ModulePackages> PackagesFromJson(std::string_view text) {
  ModulePackages packages;
  GOFARM_RETURN_IF_ERROR(json::Read(text, json::Rule::kLenient, packages));
  return packages;
}

}  // namespace gofarm::godetect
