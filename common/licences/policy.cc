#include "common/licences/policy.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/base/text.h"

namespace gofarm::licences {
namespace {

constexpr LicenceClass kClasses[] = {
    LicenceClass::kPublicDomain,   LicenceClass::kPermissive,      LicenceClass::kWeakCopyleft,
    LicenceClass::kStrongCopyleft, LicenceClass::kNetworkCopyleft, LicenceClass::kOsiApproved,
    LicenceClass::kNonFree,        LicenceClass::kOther,           LicenceClass::kUnknown};
constexpr size_t kReasonMax = 500;

struct Judged {
  Verdict verdict = Verdict::kPublish;
  std::string reason;
};

// The stricter one; of equals the first.
void Worsen(Judged& judged, Verdict verdict, std::string_view reason) {
  if (verdict > judged.verdict) judged = {verdict, std::string(reason)};
}

std::string BaseOf(std::string_view id) { return std::string(id.substr(0, id.find(" WITH "))); }

Verdict VerdictOf(const Corpus& corpus, const Policy& policy, const std::string& id) {
  const std::string base = BaseOf(id);
  const std::string class_name(Name(ClassOf(corpus, base)));
  for (const std::string& name : {id, base, class_name}) {
    if (policy.refuse.contains(name)) return Verdict::kRefuse;
    if (policy.mark.contains(name)) return Verdict::kMark;
    if (policy.publish.contains(name)) return Verdict::kPublish;
  }
  return Verdict::kRefuse;
}

Judged JudgeId(const Corpus& corpus, const Policy& policy, const std::string& id) {
  const Verdict verdict = VerdictOf(corpus, policy, id);
  if (verdict == Verdict::kPublish) return {};
  return {verdict, Cat("licence ", id, " (", Name(ClassOf(corpus, id)), ")")};
}

// All must be kept; of a choice the best alternative counts.
Judged JudgeExpression(const Corpus& corpus, const Policy& policy, const Expression& expression) {
  Judged whole;
  for (const Expression::Choice& choice : expression.choices()) {
    std::optional<Judged> best;
    for (const Expression::All& all : choice) {
      Judged alternative;
      for (const std::string& id : all) {
        const Judged one = JudgeId(corpus, policy, id);
        Worsen(alternative, one.verdict, one.reason);
      }
      if (!best || alternative.verdict < best->verdict) best = std::move(alternative);
    }
    Worsen(whole, best->verdict, best->reason);
  }
  return whole;
}

// Files that go with a licence and are none: what they hold counts, but nothing is missing when they hold no licence.
bool IsSideFile(std::string_view name) {
  const std::string base = absl::AsciiStrToUpper(Av(name.substr(name.rfind('/') + 1)));
  return absl::StartsWith(base, "NOTICE") || absl::StartsWith(base, "PATENTS") || absl::StartsWith(base, "COPYRIGHT");
}

// Of all files of a module together: the text of an alternative belongs to the choice that names it, the text of a GNU
// licence to the notice that allows later versions, and LGPL-3.0 is written as an addition to the text of GPL-3.0.
Expression WithoutRepeated(const Expression& expression) {
  const std::set<std::string> ids = expression.Ids();
  const bool lesser = ids.contains("LGPL-3.0-only") || ids.contains("LGPL-3.0-or-later");
  Expression out;
  for (const Expression::Choice& choice : expression.choices()) {
    bool repeated = false;
    if (choice.size() == 1 && choice.begin()->size() == 1) {
      const std::string& id = *choice.begin()->begin();
      for (const Expression::Choice& other : expression.choices()) {
        repeated = repeated || (other.size() > 1 && other.contains(Expression::All{id}));
      }
      if (const size_t only = id.rfind("-only"); only != std::string::npos) {
        repeated = repeated || ids.contains(id.substr(0, only) + "-or-later");
      }
      repeated = repeated || (lesser && id == "GPL-3.0-only");
    }
    if (!repeated) out.And(Expression::OneOf(choice));
  }
  return out;
}

ModuleVerdict JudgeModule(const Corpus& corpus, const Policy& policy, const ModuleFinding& module, Expression& all) {
  ModuleVerdict out{.path = module.path, .version = module.version};
  const std::string label = EscapeForPrint(Cat(module.path, "@", module.version));
  auto concluded = policy.concluded.find(Cat(module.path, "@", module.version));
  if (concluded == policy.concluded.end()) concluded = policy.concluded.find(module.path);
  const bool text_is_there = module.role != Role::kToolchain || (!module.files.empty() && module.complete);
  if (concluded != policy.concluded.end() && text_is_there) {
    const absl::StatusOr<Expression> expression = Expression::Parse(concluded->second);
    const Judged judged = expression.ok() ? JudgeExpression(corpus, policy, *expression)
                                          : Judged{Verdict::kRefuse, std::string(expression.status().message())};
    out.verdict = judged.verdict;
    const Expression known = expression.ok() ? *expression : Expression::Of(kUnknownLicence);
    all.And(known);
    out.expression = known.ToString();
    if (!judged.reason.empty()) out.reason = Cat(label, ": ", judged.reason, ", as concluded by the policy");
    return out;
  }

  Expression expression;
  std::set<std::string> texts;
  std::vector<std::string> unknown, unread;  // files
  std::set<std::string> restrictions;
  Judged judged;
  for (const FileFinding& file : module.files) {
    const Detection& found = file.detection;
    restrictions.insert(found.restrictions.begin(), found.restrictions.end());
    if (!found.complete) {
      unread.push_back(EscapeForPrint(file.name));
    } else if (found.expression.empty() && !IsSideFile(file.name)) {
      unknown.push_back(EscapeForPrint(file.name));
    }
    expression.And(found.expression);
    for (const Hit& hit : found.hits) {
      if (hit.kind != HitKind::kNamed) texts.insert(hit.id);
    }
    if (!found.terms.empty() && !found.expression.empty()) {
      Worsen(judged, Verdict::kMark, Cat(EscapeForPrint(file.name), " has terms beside ", found.expression.ToString()));
    }
  }
  expression = WithoutRepeated(expression);

  const Judged of_ids = JudgeExpression(corpus, policy, expression);
  Worsen(judged, of_ids.verdict, of_ids.reason);
  if (!restrictions.empty()) {
    expression.And(Expression::Of(kRestrictedLicence));
    const Judged restricted = JudgeId(corpus, policy, std::string(kRestrictedLicence));
    Worsen(judged, restricted.verdict, Cat("its terms restrict it: ", absl::StrJoin(restrictions, ", ")));
  }
  const Verdict of_unknown = VerdictOf(corpus, policy, std::string(kUnknownLicence));
  if (!unread.empty()) Worsen(judged, of_unknown, Cat("too much to be read: ", absl::StrJoin(unread, ", ")));
  if (expression.empty()) {
    expression = Expression::Of(kUnknownLicence);
    Worsen(judged, of_unknown,
           module.files.empty() ? "no licence file" : Cat("licence not recognised in ", absl::StrJoin(unknown, ", ")));
  } else if (!unknown.empty()) {
    // Beside a licence that is known: a file in another language, a list of holders, a pointer to the licence.
    Worsen(judged, Verdict::kMark, Cat("licence not recognised in ", absl::StrJoin(unknown, ", ")));
  }
  if (texts.empty() && !expression.empty()) {
    Worsen(judged, Verdict::kMark, Cat(expression.ToString(), " is named, and its text is missing"));
  }
  if (!module.complete) {
    Worsen(judged, of_unknown, "not all of its licence files could be collected");
  }
  if (expression.ToString().size() > kExpressionBytesMax) {
    expression = Expression::Of(kUnknownLicence);
    Worsen(judged, of_unknown, Cat("its licences do not fit into ", kExpressionBytesMax, " bytes"));
  }
  out.verdict = judged.verdict;
  if (judged.verdict != Verdict::kPublish) out.reason = Cat(label, ": ", Clip(judged.reason, kReasonMax));
  out.expression = expression.ToString();
  all.And(expression);
  return out;
}

}  // namespace

std::string_view Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPublish:
      return "publish";
    case Verdict::kMark:
      return "mark";
    case Verdict::kRefuse:
      return "refuse";
  }
  return "refuse";
}

absl::Status CheckPolicy(const Corpus& corpus, const Policy& policy) {
  for (const auto* names : {&policy.publish, &policy.mark, &policy.refuse}) {
    for (const std::string& name : *names) {
      const bool is_class =
          std::any_of(std::begin(kClasses), std::end(kClasses), [&name](LicenceClass c) { return Name(c) == name; });
      if (is_class || corpus.Find(BaseOf(name)) >= 0 || absl::StartsWith(name, "LicenseRef-")) continue;
      std::vector<std::string_view> classes;
      for (const LicenceClass c : kClasses) classes.push_back(Name(c));
      return absl::InvalidArgumentError(
          Cat("licence policy: \"", EscapeAndClip(name, 100), "\" is no SPDX id of ", corpus.list(), " and no class (",
              absl::StrJoin(classes, ", ", [](std::string* out, std::string_view c) { out->append(c); }), ")"));
    }
  }
  for (const auto& [module, concluded] : policy.concluded) {
    const absl::StatusOr<Expression> expression = Expression::Parse(concluded);
    if (!expression.ok()) return Annotate(expression.status(), Cat("licence policy: ", EscapeAndClip(module, 200)));
    for (const std::string& id : expression->Ids()) {
      if (corpus.Find(BaseOf(id)) >= 0 || absl::StartsWith(id, "LicenseRef-")) continue;
      return absl::InvalidArgumentError(Cat("licence policy: ", EscapeAndClip(module, 200), ": \"",
                                            EscapeAndClip(id, 100), "\" is no SPDX id of ", corpus.list()));
    }
  }
  return absl::OkStatus();
}

Decision Decide(const Corpus& corpus, const Policy& policy, const std::vector<ModuleFinding>& modules) {
  Decision out{.licence = std::string(kUnknownLicence)};
  if (modules.empty()) {
    out.reason = "nothing is known of what is linked";
    out.expression = std::string(kUnknownLicence);
    return out;
  }
  Judged judged;
  Expression all;
  for (const ModuleFinding& module : modules) {
    ModuleVerdict one = JudgeModule(corpus, policy, module, all);
    Worsen(judged, one.verdict, one.reason);
    if (module.role == Role::kMain) out.licence = one.expression;
    out.modules.push_back(std::move(one));
  }
  const auto of_verdict = std::count_if(out.modules.begin(), out.modules.end(), [&judged](const ModuleVerdict& module) {
    return module.verdict == judged.verdict;
  });
  out.verdict = judged.verdict;
  if (judged.verdict != Verdict::kPublish) {
    out.reason = Clip(judged.reason, kReasonMax);
    if (of_verdict > 1) out.reason += Cat(" (and ", of_verdict - 1, " more)");
  }
  out.expression = all.ToString();
  return out;
}

}  // namespace gofarm::licences
