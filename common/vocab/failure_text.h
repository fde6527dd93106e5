// What the detail of a failure says to people: its headline, and a sentence for the module's author. Pure functions.
#pragma once

#include <string_view>

#include "common/vocab/failure.h"

namespace gofarm {

// The first line that says something: compilers put "# PACKAGE" above theirs. Without the blanks around it; empty when
// there is none.
std::string_view Headline(std::string_view detail);

// One sentence for the author of the module about a failure whose cause is known: what it means and what would mend it.
// Empty: none.
std::string_view HintOf(FailureClass failure, std::string_view detail);

}  // namespace gofarm
