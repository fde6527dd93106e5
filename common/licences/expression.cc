#include "common/licences/expression.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::licences {
namespace {

bool IsIdByte(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '+' || c == ':';
}

// Recursive descent; OR binds less than AND, AND less than WITH.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::StatusOr<Expression::Choice> Run() {
    if (text_.size() > kExpressionBytesMax) {
      return absl::InvalidArgumentError(Cat("SPDX expression: longer than ", kExpressionBytesMax, " bytes"));
    }
    Next();
    GOFARM_ASSIGN_OR_RETURN(Expression::Choice choice, Or(0));
    if (!word_.empty()) return Wrong();
    return choice;
  }

 private:
  void Next() {
    while (at_ < text_.size() && absl::ascii_isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    const size_t begin = at_;
    if (at_ < text_.size() && !IsIdByte(text_[at_])) {
      ++at_;
    } else {
      while (at_ < text_.size() && IsIdByte(text_[at_])) ++at_;
    }
    word_ = text_.substr(begin, at_ - begin);
  }
  bool Is(std::string_view name) const {
    return word_ == name || (word_.size() == name.size() && absl::AsciiStrToUpper(Av(word_)) == Av(name));
  }
  absl::Status Wrong() const {
    return absl::InvalidArgumentError(Cat("SPDX expression: ", word_.empty() ? "ends" : "has a word too much",
                                          " after \"", EscapeAndClip(text_.substr(0, at_), 200), "\""));
  }

  absl::StatusOr<Expression::Choice> Or(size_t depth) {
    if (depth > kExpressionDepthMax) {
      return absl::InvalidArgumentError(Cat("SPDX expression: more than ", kExpressionDepthMax, " parentheses"));
    }
    GOFARM_ASSIGN_OR_RETURN(Expression::Choice all, And(depth));
    while (Is("OR")) {
      Next();
      GOFARM_ASSIGN_OR_RETURN(Expression::Choice more, And(depth));
      all.insert(more.begin(), more.end());
      GOFARM_RETURN_IF_ERROR(Bounded(all));
    }
    return all;
  }

  absl::StatusOr<Expression::Choice> And(size_t depth) {
    GOFARM_ASSIGN_OR_RETURN(Expression::Choice all, One(depth));
    while (Is("AND")) {
      Next();
      GOFARM_ASSIGN_OR_RETURN(const Expression::Choice more, One(depth));
      Expression::Choice product;
      for (const Expression::All& a : all) {
        for (const Expression::All& b : more) {
          Expression::All both = a;
          both.insert(b.begin(), b.end());
          product.insert(std::move(both));
        }
        GOFARM_RETURN_IF_ERROR(Bounded(product));
      }
      all = std::move(product);
    }
    return all;
  }

  absl::StatusOr<Expression::Choice> One(size_t depth) {
    if (word_ == "(") {
      Next();
      GOFARM_ASSIGN_OR_RETURN(Expression::Choice inner, Or(depth + 1));
      if (word_ != ")") return Wrong();
      Next();
      return inner;
    }
    if (word_.empty() || !IsIdByte(word_[0]) || Is("OR") || Is("AND") || Is("WITH")) return Wrong();
    std::string id(word_);
    Next();
    if (Is("WITH")) {
      Next();
      if (word_.empty() || !IsIdByte(word_[0])) return Wrong();
      id += Cat(" WITH ", word_);
      Next();
    }
    return Expression::Choice{{std::move(id)}};
  }

  static absl::Status Bounded(const Expression::Choice& choice) {
    size_t terms = 0;
    for (const Expression::All& all : choice) terms += all.size();
    if (terms <= kExpressionTermsMax) return absl::OkStatus();
    return absl::InvalidArgumentError(Cat("SPDX expression: more than ", kExpressionTermsMax, " licences"));
  }

  const std::string_view text_;
  size_t at_ = 0;
  std::string_view word_;
};

}  // namespace

Expression Expression::Of(std::string_view id) { return OneOf({{std::string(id)}}); }

Expression Expression::AnyOf(const std::vector<std::string>& ids) {
  Choice choice;
  for (const std::string& id : ids) choice.insert({id});
  return OneOf(std::move(choice));
}

Expression Expression::OneOf(Choice choice) {
  Expression out;
  out.Add(std::move(choice));
  return out;
}

absl::StatusOr<Expression> Expression::Parse(std::string_view text) {
  GOFARM_ASSIGN_OR_RETURN(Choice choice, Parser(text).Run());
  return OneOf(std::move(choice));
}

void Expression::Add(Choice choice) {
  if (choice.empty()) return;
  // What every alternative asks for is no choice.
  All common = *choice.begin();
  for (const All& all : choice) {
    for (auto it = common.begin(); it != common.end();) it = all.contains(*it) ? std::next(it) : common.erase(it);
  }
  Choice rest;
  for (const All& all : choice) {
    All left;
    std::set_difference(all.begin(), all.end(), common.begin(), common.end(), std::inserter(left, left.end()));
    // Who may keep nothing more than what is asked for in any case has chosen.
    if (left.empty()) {
      rest.clear();
      break;
    }
    rest.insert(std::move(left));
  }
  for (const std::string& id : common) choices_.insert(Choice{{id}});
  if (!rest.empty()) choices_.insert(std::move(rest));
}

std::set<std::string> Expression::Ids() const {
  std::set<std::string> ids;
  for (const Choice& choice : choices_) {
    for (const All& all : choice) ids.insert(all.begin(), all.end());
  }
  return ids;
}

void Expression::And(const Expression& other) { choices_.insert(other.choices_.begin(), other.choices_.end()); }

std::string Expression::ToString() const {
  std::vector<std::string> single, several;
  for (const Choice& choice : choices_) {
    std::vector<std::string> parts;
    for (const All& all : choice) {
      const std::string part = absl::StrJoin(all, " AND ");
      parts.push_back(all.size() > 1 && choice.size() > 1 ? Cat("(", part, ")") : part);
    }
    if (parts.size() == 1) {
      single.push_back(parts[0]);
    } else {
      several.push_back(absl::StrJoin(parts, " OR "));
    }
  }
  const bool alone = single.empty() && several.size() == 1;
  for (std::string& part : several) single.push_back(alone ? part : Cat("(", part, ")"));
  return absl::StrJoin(single, " AND ");
}

}  // namespace gofarm::licences
