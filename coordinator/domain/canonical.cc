#include "coordinator/domain/canonical.h"

#include "common/base/text.h"

namespace gofarm::domain {

CanonicalText& CanonicalText::Add(std::string_view name, std::string_view value) {
  text_ += Cat(name, " ", value.size(), ":", value, "\n");
  return *this;
}

CanonicalText& CanonicalText::Add(std::string_view name, int64_t value) {
  const std::string digits = Cat(value);
  return Add(name, std::string_view(digits));
}

}  // namespace gofarm::domain
