// A text as JSON writes it, for documents that JsonWriter is too roomy for. Pure.
#pragma once

#include <string>
#include <string_view>

namespace gofarm {

// With its quotation marks. What is no UTF-8 becomes U+FFFD; characters that a terminal obeys are escaped.
void AppendJsonString(std::string& out, std::string_view text);

}  // namespace gofarm
