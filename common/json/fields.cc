#include "common/json/fields.h"

#include <limits>

#include "common/base/text.h"

namespace gofarm::json {

namespace dom = simdjson::dom;

absl::Status FieldReader::status() const {
  if (rule_ == Rule::kLenient || problem_.empty()) return absl::OkStatus();
  return Error(problem_);
}

std::string FieldReader::Take(Element element, std::string& out) const {
  std::string_view text;
  if (element.get(text) != simdjson::SUCCESS) return ": no text";
  out = text;
  return "";
}

std::string FieldReader::Take(Element element, bool& out) const {
  return element.get(out) == simdjson::SUCCESS ? "" : ": no truth value";
}

std::string FieldReader::Take(Element element, int& out) const {
  int64_t number = 0;
  std::string problem = Take(element, number);
  if (!problem.empty()) return problem;
  if (number < std::numeric_limits<int>::min() || number > std::numeric_limits<int>::max()) return ": out of range";
  out = static_cast<int>(number);
  return "";
}

std::string FieldReader::Take(Element element, int64_t& out) const {
  int64_t number = 0;
  if (element.get(number) != simdjson::SUCCESS) return ": no whole number";
  out = number;
  return "";
}

std::string FieldReader::Take(Element element, double& out) const {
  double number = 0;
  if (element.get(number) != simdjson::SUCCESS) return ": no number";
  out = number;
  return "";
}

std::string FieldReader::Take(Element element, absl::Time& out) const {
  if (element.is_null()) {
    out = absl::InfinitePast();
    return "";
  }
  std::string_view text;
  std::string error;
  absl::Time time;
  if (element.get(text) != simdjson::SUCCESS || !absl::ParseTime(absl::RFC3339_full, Av(text), &time, &error)) {
    return ": no time";
  }
  out = time;
  return "";
}

absl::Status FieldReader::Error(std::string_view problem) {
  if (problem.front() == '.') return absl::InvalidArgumentError(Av(problem.substr(1)));
  return absl::InvalidArgumentError(Cat("document", problem));
}

std::string FieldReader::Below(std::string_view name, std::string_view problem) {
  return Cat(".", EscapeForPrint(name), problem);
}

std::string FieldReader::AtIndex(size_t index, std::string_view problem) { return Cat("[", index, "]", problem); }

std::optional<FieldReader::Element> FieldReader::Find(std::string_view name, bool may_be_null) {
  Element element;
  const bool found = object_.at_key(name).get(element) == simdjson::SUCCESS;
  if (found && (may_be_null || !element.is_null())) return element;
  if (rule_ == Rule::kStrict) Note(name, ": missing");
  return std::nullopt;
}

void FieldReader::Note(std::string_view name, std::string problem) {
  if (problem_.empty() && !problem.empty()) problem_ = Below(name, problem);
}

absl::StatusOr<dom::element> Parser::Document(std::string_view text) {
  dom::element root;
  // With true the text is copied to where the parser may read beyond its end.
  const simdjson::error_code error = parser_.parse(text.data(), text.size(), true).get(root);
  if (error != simdjson::SUCCESS) return absl::InvalidArgumentError(simdjson::error_message(error));
  return root;
}

absl::StatusOr<FieldReader> Parser::Object(std::string_view text, Rule rule) {
  const absl::StatusOr<dom::element> root = Document(text);
  if (!root.ok()) return root.status();
  dom::object object;
  if (root->get(object) != simdjson::SUCCESS) return absl::InvalidArgumentError("the document is no object");
  return FieldReader(object, rule);
}

absl::Status ForEachDocument(std::string_view text, const std::function<absl::Status(FieldReader&)>& take) {
  Parser parser;
  while (true) {
    const size_t start = text.find_first_not_of(" \t\r\n");
    if (start == std::string_view::npos) return absl::OkStatus();
    text.remove_prefix(start);
    const size_t end = text.find("\n}");
    const size_t length = end == std::string_view::npos ? text.size() : end + 2;
    absl::StatusOr<FieldReader> reader = parser.Object(text.substr(0, length), Rule::kLenient);
    if (!reader.ok()) return absl::InvalidArgumentError("go list answered broken JSON");
    if (absl::Status taken = take(*reader); !taken.ok()) return taken;
    text.remove_prefix(length);
  }
}

}  // namespace gofarm::json
