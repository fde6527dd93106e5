// What our detection says of files, for the comparison in tests/bench/licences.py: reads paths from standard input, one
// a line, and prints for each a JSON document of one line with the hits, the expression and the milliseconds.
#include <cstdio>
#include <iostream>
#include <string>

#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/json/writer.h"
#include "common/licences/detect.h"

int main() {
  const gofarm::licences::Corpus& corpus = gofarm::licences::Corpus::Spdx();
  for (std::string path; std::getline(std::cin, path);) {
    const absl::StatusOr<std::string> text = gofarm::io::ReadFile(path, gofarm::licences::kTextBytesMax);
    if (!text.ok()) {
      std::cerr << text.status() << "\n";
      return 1;
    }
    const absl::Time began = absl::Now();
    const gofarm::licences::Detection found = gofarm::licences::Detect(corpus, *text);
    const double milliseconds = absl::ToDoubleMilliseconds(absl::Now() - began);
    gofarm::JsonWriter json;
    json.BeginObject().Field("path", path).Field("milliseconds", milliseconds).Field("complete", found.complete);
    json.Field("expression", found.expression.ToString()).Key("hits").BeginArray();
    for (const gofarm::licences::Hit& hit : found.hits) {
      json.BeginObject().Field("id", hit.id).Key("kind").String(Name(hit.kind)).Field("score", hit.score);
      json.Field("begin", static_cast<int64_t>(hit.begin)).Field("end", static_cast<int64_t>(hit.end)).EndObject();
    }
    json.EndArray().Key("terms").BeginArray();
    for (const auto& terms : found.terms) json.String(text->substr(terms.begin, terms.end - terms.begin));
    json.EndArray().Key("restrictions").BeginArray();
    for (const std::string& restriction : found.restrictions) json.String(restriction);
    json.EndArray().EndObject();
    std::cout << absl::StrReplaceAll(json.Take(), {{"\n", " "}}) << "\n";
  }
}
