// The fields of a type, named once for both ways of JSON. A type gets one template, found by argument-dependent
// look-up: it stands in the namespace of the type, not in an unnamed one inside it.
//
//   template <typename Form, json::Is<Part> P>
//   void Fields(Form& form, P& p) {
//     form.Field("name", p.name);
//     form.Field("size", p.size);
//   }
//
// Then json::Write(part) makes the document, and json::Read(text, rule, part) fills it in again; a vector of such a
// type is an array of objects. FieldWriter and FieldReader know text, numbers, bool, times, vectors, maps, optionals
// and other types with Fields. Pure; a reader is used by one thread, and lives no longer than its Parser's text.
#pragma once

#include <simdjson.h>

#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/json/writer.h"

namespace gofarm::json {

// True for As and for const As: one Fields serves reading and writing.
template <typename Type, typename As>
concept Is = std::is_same_v<std::remove_const_t<Type>, As>;

enum class Rule {
  // Every field must be there and understood: for files that are made again when they do not fit.
  kStrict,
  // What is missing, or of a type or value that is not understood, keeps its default, and an item of an array that
  // holds such a value is left out: for what another version may have written. Nulls count as missing.
  kLenient,
};

class FieldWriter {
 public:
  explicit FieldWriter(JsonWriter& json) : json_(json) {}

  template <typename Value>
  void Field(std::string_view name, const Value& value) {
    json_.Key(name);
    Put(value);
  }
  // Of an enumeration, by its number; `last` is the highest that exists.
  template <typename Enum>
  void Number(std::string_view name, Enum value, Enum /*last*/) {
    json_.Field(name, static_cast<int64_t>(value));
  }
  // Of an enumeration, by its name.
  template <typename Enum, typename ToName, typename Parse>
  void Named(std::string_view name, Enum value, const ToName& to_name, const Parse& /*parse*/) {
    json_.Field(name, std::string_view(to_name(value)));
  }
  template <typename Enum, typename ToName, typename Parse>
  void Named(std::string_view name, const std::vector<Enum>& values, const ToName& to_name, const Parse& /*parse*/) {
    json_.Key(name).BeginArray();
    for (const Enum value : values) json_.String(to_name(value));
    json_.EndArray();
  }

  void Put(const std::string& text) { json_.String(text); }
  void Put(bool value) { json_.Bool(value); }
  void Put(int number) { json_.Int(number); }
  void Put(int64_t number) { json_.Int(number); }
  void Put(double number) { json_.Double(number); }
  void Put(absl::Time time) { json_.Time(time); }
  template <typename Value>
  void Put(const std::optional<Value>& value) {
    value.has_value() ? Put(*value) : void(json_.Null());
  }
  template <typename Item>
  void Put(const std::vector<Item>& items) {
    json_.BeginArray();
    for (const Item& item : items) Put(item);
    json_.EndArray();
  }
  template <typename Value>
  void Put(const std::map<std::string, Value>& values) {
    json_.BeginObject();
    for (const auto& [key, value] : values) Field(key, value);
    json_.EndObject();
  }
  template <typename Object>
  requires std::is_class_v<Object>
  void Put(const Object& object) {
    json_.BeginObject();
    Fields(*this, object);
    json_.EndObject();
  }

 private:
  JsonWriter& json_;
};

// Values for which null is not the same as missing. A time that is null is the infinite past.
template <typename Value>
inline constexpr bool kMayBeNull = std::is_same_v<Value, absl::Time>;
template <typename Value>
inline constexpr bool kMayBeNull<std::optional<Value>> = true;
template <typename Value>
inline constexpr bool kIsArray = false;
template <typename Item>
inline constexpr bool kIsArray<std::vector<Item>> = true;

// Reads the fields of one object. Notes the first that does not fit the rule; reading goes on.
class FieldReader {
 public:
  FieldReader(simdjson::dom::object object, Rule rule) : object_(object), rule_(rule) {}

  template <typename Value>
  void Field(std::string_view name, Value& out) {
    if (const std::optional<Element> element = Find(name, kMayBeNull<Value>)) Note(name, Take(*element, out));
  }
  template <typename Enum>
  void Number(std::string_view name, Enum& out, Enum last) {
    const std::optional<Element> element = Find(name);
    if (!element) return;
    int64_t number = -1;
    std::string problem = Take(*element, number);
    if (problem.empty() && (number < 0 || number > static_cast<int64_t>(last))) problem = ": unknown value";
    if (problem.empty()) out = static_cast<Enum>(number);
    Note(name, std::move(problem));
  }
  template <typename Enum, typename ToName, typename Parse>
  void Named(std::string_view name, Enum& out, const ToName& /*to_name*/, const Parse& parse) {
    if (const std::optional<Element> element = Find(name)) Note(name, TakeNamed(*element, out, parse));
  }
  template <typename Enum, typename ToName, typename Parse>
  void Named(std::string_view name, std::vector<Enum>& out, const ToName& /*to_name*/, const Parse& parse) {
    const std::optional<Element> element = Find(name);
    if (!element) return;
    Note(name, TakeItems(*element, out, [&](Element item, Enum& value) { return TakeNamed(item, value, parse); }));
  }

  // INVALID_ARGUMENT names the first field that does not fit; always OK under Rule::kLenient.
  absl::Status status() const;

 private:
  template <typename Value>
  friend absl::Status Read(std::string_view text, Rule rule, Value& out);
  using Element = simdjson::dom::element;

  explicit FieldReader(Rule rule) : rule_(rule) {}  // of no object: lends its Take to Read

  // Each Take fills `out` and returns what is wrong: empty, or the path below this element and the reason.
  std::string Take(Element element, std::string& out) const;
  std::string Take(Element element, bool& out) const;
  std::string Take(Element element, int& out) const;
  std::string Take(Element element, int64_t& out) const;
  std::string Take(Element element, double& out) const;
  std::string Take(Element element, absl::Time& out) const;
  template <typename Value>
  std::string Take(Element element, std::optional<Value>& out) const {
    if (element.is_null()) {
      out.reset();
      return "";
    }
    Value value;
    std::string problem = Take(element, value);
    // Of an object that is only partly understood, the lenient rule keeps what is.
    if (problem.empty() || (rule_ == Rule::kLenient && element.is_object())) out = std::move(value);
    return problem;
  }
  template <typename Item>
  std::string Take(Element element, std::vector<Item>& out) const {
    return TakeItems(element, out, [this](Element item, Item& value) { return Take(item, value); });
  }
  template <typename Value>
  std::string Take(Element element, std::map<std::string, Value>& out) const {
    simdjson::dom::object object;
    if (element.get(object) != simdjson::SUCCESS) return ": no object";
    std::string first;
    for (const auto& [key, inner] : object) {
      Value value{};
      std::string problem = Take(inner, value);
      if (problem.empty()) {
        out.insert_or_assign(std::string(key), std::move(value));
      } else if (rule_ == Rule::kStrict && first.empty()) {
        first = Below(key, problem);
      }
    }
    return first;
  }
  template <typename Object>
  requires std::is_class_v<Object> std::string Take(Element element, Object& out)
  const {
    simdjson::dom::object object;
    if (element.get(object) != simdjson::SUCCESS) return ": no object";
    FieldReader inner(object, rule_);
    Fields(inner, out);
    return std::move(inner.problem_);
  }
  template <typename Enum, typename Parse>
  std::string TakeNamed(Element element, Enum& out, const Parse& parse) const {
    std::string_view text;
    if (element.get(text) != simdjson::SUCCESS) return ": no text";
    const std::optional<Enum> value = parse(text);
    if (!value) return ": unknown value";
    out = *value;
    return "";
  }
  template <typename Item, typename TakeItem>
  std::string TakeItems(Element element, std::vector<Item>& out, const TakeItem& take) const {
    simdjson::dom::array array;
    if (element.get(array) != simdjson::SUCCESS) return ": no array";
    std::string first;
    size_t at = 0;
    for (const Element item : array) {
      Item value{};
      std::string problem = take(item, value);
      if (problem.empty()) {
        out.push_back(std::move(value));
      } else if (rule_ == Rule::kStrict && first.empty()) {
        first = AtIndex(at, problem);
      }
      ++at;
    }
    return first;
  }

  static absl::Status Error(std::string_view problem);
  static std::string Below(std::string_view name, std::string_view problem);
  static std::string AtIndex(size_t index, std::string_view problem);
  std::optional<Element> Find(std::string_view name, bool may_be_null = false);
  void Note(std::string_view name, std::string problem);

  simdjson::dom::object object_;
  Rule rule_;
  std::string problem_;
};

// Keeps its memory from text to text.
class Parser {
 public:
  // INVALID_ARGUMENT when `text` holds no JSON, or no object. The reader is good until the next call.
  absl::StatusOr<FieldReader> Object(std::string_view text, Rule rule);
  absl::StatusOr<simdjson::dom::element> Document(std::string_view text);

 private:
  simdjson::dom::parser parser_;
};

// Of documents one behind the other as the go command prints them, each with its closing brace at the start of a line
// and all lines inside it indented, so that only one document's tree is in memory at a time. Lenient. Ends with the
// first error of `take`; INVALID_ARGUMENT when the text is none of that.
absl::Status ForEachDocument(std::string_view text, const std::function<absl::Status(FieldReader&)>& take);

// The document of a value that FieldWriter knows, with a newline at its end.
template <typename Value>
std::string Write(const Value& value) {
  JsonWriter json;
  FieldWriter(json).Put(value);
  return json.Take();
}

// INVALID_ARGUMENT when `text` is no JSON or holds another kind of value (under both rules), and when a field does not
// fit Rule::kStrict. What was read until then stays in `out`.
template <typename Value>
absl::Status Read(std::string_view text, Rule rule, Value& out) {
  Parser parser;
  const absl::StatusOr<simdjson::dom::element> document = parser.Document(text);
  if (!document.ok()) return document.status();
  FieldReader reader(rule);
  std::string problem = reader.Take(*document, out);
  const bool of_this_kind = kIsArray<Value> ? document->is_array() : document->is_object();
  if (problem.empty() || (of_this_kind && rule == Rule::kLenient)) return absl::OkStatus();
  return FieldReader::Error(problem);
}

}  // namespace gofarm::json
