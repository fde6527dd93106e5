#include "common/json/writer.h"

#include <gtest/gtest.h>

namespace gofarm {
namespace {

TEST(JsonWriterTest, ZerosAndEmptyListsAreThere) {
  JsonWriter json;
  json.BeginObject().Field("n", 0).Field("s", "").Key("l").BeginArray().EndArray().Key("o").BeginObject().EndObject();
  json.EndObject();
  EXPECT_EQ(json.Take(), "{\n  \"n\": 0,\n  \"s\": \"\",\n  \"l\": [],\n  \"o\": {}\n}\n");
}

TEST(JsonWriterTest, LargeNumbersAreNumbersAndExact) {
  JsonWriter json;
  json.BeginArray().Int(9'007'199'254'740'993).Int(INT64_MIN).Double(0.1).Double(2).Double(1e300).Double(0.0 / 0.0);
  json.EndArray();
  EXPECT_EQ(json.Take(), "[\n  9007199254740993,\n  -9223372036854775808,\n  0.1,\n  2,\n  1e+300,\n  0\n]\n");
}

TEST(JsonWriterTest, TextIsEscapedAndBrokenUtf8Repaired) {
  JsonWriter json;
  json.String(
      "a\"b\\c\n\t\x01\x1b[31m\x7f"
      "é\xff\xc3(\xed\xa0\x80 \xf4\x90\x80\x80");
  EXPECT_EQ(json.Take(),
            "\"a\\\"b\\\\c\\n\\t\\u0001\\u001b[31m\\u007fé\\ufffd\\ufffd(\\ufffd\\ufffd\\ufffd "
            "\\ufffd\\ufffd\\ufffd\\ufffd\"\n");
}

TEST(JsonWriterTest, TimesAreUtcWithZAndNeverIsNull) {
  JsonWriter json;
  json.BeginArray()
      .Time(absl::FromUnixMicros(1'700'000'000'250'000))
      .Time(absl::FromUnixSeconds(1'700'000'000))
      .Time(absl::InfinitePast())
      .EndArray();
  EXPECT_EQ(json.Take(), "[\n  \"2023-11-14T22:13:20.25Z\",\n  \"2023-11-14T22:13:20Z\",\n  null\n]\n");
}

TEST(JsonWriterTest, ACompactDocumentHasNoWhiteSpaceOfItsOwn) {
  JsonWriter json(JsonWriter::Layout::kCompact);
  json.BeginObject().Field("a b", " ").Key("list").BeginArray().Int(1).Bool(true).EndArray();
  json.Key("empty").BeginObject().EndObject().EndObject();
  EXPECT_EQ(json.Take(), R"({"a b":" ","list":[1,true],"empty":{}})");
}

TEST(JsonWriterDeathTest, AKeyOutsideAnObjectIsABrokenInvariant) {
  JsonWriter json;
  json.BeginArray();
  EXPECT_DEATH(json.Key("k"), "");
}

TEST(JsonWriterTest, ATerminalThatShowsADocumentObeysNothingInIt) {
  JsonWriter json;
  json.String("a\u009b2J\u202eb\U000E0041");
  EXPECT_EQ(json.Take(), "\"a\\u009b2J\\u202eb\\udb40\\udc41\"\n");
}

}  // namespace
}  // namespace gofarm
