#include "common/json/fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gofarm::json {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

enum class Colour : int { kNone = 0, kRed, kBlue };

std::string_view ColourName(Colour colour) { return colour == Colour::kRed ? "red" : "blue"; }
std::optional<Colour> ParseColour(std::string_view name) {
  if (name == "red") return Colour::kRed;
  if (name == "blue") return Colour::kBlue;
  return std::nullopt;
}

struct Wheel {
  std::string name;
  Colour colour = Colour::kRed;
  int spokes = 0;
};
struct Bicycle {
  std::string name = "none";
  bool sold = false;
  int64_t grams = 0;
  double price = 0;
  absl::Time built_at = absl::InfinitePast();
  Colour by_number = Colour::kNone;
  std::vector<Colour> colours;
  std::vector<std::string> riders;
  std::vector<Wheel> wheels;
  std::map<std::string, std::vector<std::string>> parts;
  std::optional<Wheel> spare;
};

template <typename Form, Is<Wheel> W>
void Fields(Form& form, W& w) {
  form.Field("name", w.name);
  form.Named("colour", w.colour, ColourName, ParseColour);
  form.Field("spokes", w.spokes);
}
template <typename Form, Is<Bicycle> B>
void Fields(Form& form, B& b) {
  form.Field("name", b.name);
  form.Field("sold", b.sold);
  form.Field("grams", b.grams);
  form.Field("price", b.price);
  form.Field("built_at", b.built_at);
  form.Number("by_number", b.by_number, Colour::kBlue);
  form.Named("colours", b.colours, ColourName, ParseColour);
  form.Field("riders", b.riders);
  form.Field("wheels", b.wheels);
  form.Field("parts", b.parts);
  form.Field("spare", b.spare);
}

Bicycle Sample() {
  return {.name = "a \"b\"\n\xC3\xA9",
          .sold = true,
          .grams = 9'007'199'254'740'993,
          .price = 0.1,
          .built_at = absl::FromUnixMicros(1'700'000'000'250'000),
          .by_number = Colour::kBlue,
          .colours = {Colour::kBlue, Colour::kRed},
          .riders = {"ann", ""},
          .wheels = {{.name = "front", .colour = Colour::kBlue, .spokes = 32}, {.name = "back"}},
          .parts = {{"chain", {"x", "y"}}, {"none", {}}},
          .spare = Wheel{.name = "spare", .spokes = 3}};
}

// The document of a sample with `from` replaced once.
std::string Changed(std::string_view from, std::string_view to) {
  std::string text = Write(Sample());
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from << " is not in " << text;
  return text.replace(at, from.size(), to);
}

std::string Problem(std::string_view text) {
  Bicycle out;
  return std::string(Read(text, Rule::kStrict, out).message());
}

TEST(JsonFieldsTest, WhatIsWrittenIsReadBackUnderBothRules) {
  const std::string text = Write(Sample());
  for (const Rule rule : {Rule::kStrict, Rule::kLenient}) {
    Bicycle read;
    ASSERT_TRUE(Read(text, rule, read).ok());
    EXPECT_EQ(Write(read), text);
    EXPECT_EQ(read.grams, 9'007'199'254'740'993);
    EXPECT_EQ(read.wheels.at(0).colour, Colour::kBlue);
    EXPECT_EQ(read.spare.value().name, "spare");
  }
}

TEST(JsonFieldsTest, EmptyValuesAreReadBackStrictly) {
  const std::string text = Write(Bicycle{});
  EXPECT_THAT(text, HasSubstr("\"spare\": null"));
  EXPECT_THAT(text, HasSubstr("\"built_at\": null"));
  Bicycle read{.built_at = absl::Now(), .spare = Wheel{}};
  ASSERT_TRUE(Read(text, Rule::kStrict, read).ok());
  EXPECT_FALSE(read.spare.has_value());
  EXPECT_EQ(Write(read), text);
}

TEST(JsonFieldsTest, ArraysAreDocumentsToo) {
  std::vector<Wheel> read;
  ASSERT_TRUE(Read(Write(Sample().wheels), Rule::kStrict, read).ok());
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[0].spokes, 32);
}

TEST(JsonFieldsTest, TheStrictRuleNamesTheFirstFieldThatDoesNotFit) {
  EXPECT_EQ(Problem(Write(Sample())), "");
  EXPECT_EQ(Problem(Changed("\"grams\"", "\"weight\"")), "grams: missing");
  EXPECT_EQ(Problem(Changed("\"sold\": true", "\"sold\": null")), "sold: missing");
  EXPECT_EQ(Problem(Changed("\"sold\": true", "\"sold\": 1")), "sold: no truth value");
  EXPECT_EQ(Problem(Changed("\"price\": 0.1", "\"price\": \"0.1\"")), "price: no number");
  EXPECT_EQ(Problem(Changed("9007199254740993", "0.5")), "grams: no whole number");
  EXPECT_EQ(Problem(Changed("2023-", "never-")), "built_at: no time");
  EXPECT_EQ(Problem(Changed("\"by_number\": 2", "\"by_number\": 3")), "by_number: unknown value");
  EXPECT_EQ(Problem(Changed("\"by_number\": 2", "\"by_number\": -1")), "by_number: unknown value");
  EXPECT_EQ(Problem(Changed("\"red\"", "\"green\"")), "colours[1]: unknown value");
  EXPECT_EQ(Problem(Changed("\"ann\"", "7")), "riders[0]: no text");
  EXPECT_EQ(Problem(Changed("\"spokes\": 32", "\"spokes\": 3000000000")), "wheels[0].spokes: out of range");
  EXPECT_EQ(Problem(Changed("\"spokes\": 32", "\"teeth\": 32")), "wheels[0].spokes: missing");
  EXPECT_EQ(Problem(Changed("\"x\"", "[]")), "parts.chain[0]: no text");
  EXPECT_EQ(Problem(Changed("\"spokes\": 3\n", "\"spokes\": {}\n")), "spare.spokes: no whole number");
}

TEST(JsonFieldsTest, TheLenientRuleKeepsDefaultsForWhatIsMissingOrNotUnderstood) {
  Bicycle read;
  ASSERT_TRUE(Read(R"({"sold": 1, "grams": "5", "price": true, "by_number": 9, "built_at": "x", "riders": {},
                       "parts": [], "spare": 1, "later": {"a": [1]}})",
                   Rule::kLenient, read)
                  .ok());
  EXPECT_EQ(Write(read), Write(Bicycle{}));
  ASSERT_TRUE(Read("{}", Rule::kLenient, read).ok());
  EXPECT_EQ(read.name, "none");
}

TEST(JsonFieldsTest, TheLenientRuleLeavesOutItemsThatAreNotUnderstood) {
  Bicycle read;
  ASSERT_TRUE(Read(R"({"colours": ["red", "green", 7], "riders": [1, "bob"], "parts": {"a": 1, "b": ["x", 2]},
                       "wheels": [{"name": "a", "colour": "green"}, {"name": "b"}, 3, {"name": 4}],
                       "spare": {"name": "s", "colour": "green"}})",
                   Rule::kLenient, read)
                  .ok());
  EXPECT_THAT(read.colours, ElementsAre(Colour::kRed));
  EXPECT_THAT(read.riders, ElementsAre("bob"));
  EXPECT_THAT(read.parts, ElementsAre(Pair("b", ElementsAre("x"))));
  ASSERT_EQ(read.wheels.size(), 1u);
  EXPECT_EQ(read.wheels[0].name, "b");
  // It stands in no array: what of it is understood is kept.
  EXPECT_EQ(read.spare.value().name, "s");
}

TEST(JsonFieldsTest, TextThatIsNoDocumentOfThisKindIsAnErrorUnderBothRules) {
  for (const Rule rule : {Rule::kStrict, Rule::kLenient}) {
    Bicycle one;
    std::vector<Wheel> many;
    for (const std::string_view text : {"", "{", "{\"name\": \"a\"} x", "7", "[]"}) {
      EXPECT_FALSE(Read(text, rule, one).ok()) << text;
    }
    EXPECT_EQ(Read("{}", rule, many).message(), "document: no array");
  }
}

TEST(JsonFieldsTest, AParserReadsOneTextAfterTheOther) {
  Parser parser;
  std::string all;
  for (const std::string_view text : {R"({"name": "a"})", R"({"name": "b", "colour": "red", "spokes": 1})"}) {
    absl::StatusOr<FieldReader> reader = parser.Object(text, Rule::kStrict);
    ASSERT_TRUE(reader.ok());
    Wheel wheel;
    Fields(*reader, wheel);
    all += wheel.name + (reader->status().ok() ? " whole " : " not whole ");
  }
  EXPECT_EQ(all, "a not whole b whole ");
  EXPECT_EQ(parser.Object("[1]", Rule::kLenient).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gofarm::json
