// The pages of docs/runbooks at /runbooks/NAME, which alerts link to: embedded when the coordinator is built, so they
// are there when the farm is not well. Their Markdown is a small part of CommonMark, which a test holds them to:
// headings of two levels, paragraphs, lists, fenced blocks and code spans; the name of another runbook becomes a link.
// Pure functions.
#pragma once

#include <string_view>

#include "coordinator/web/answer.h"

namespace gofarm::web {

// 404 with the list of what there is, when `name` is no runbook's.
Answer RunbookPage(std::string_view name);
// All of them.
Answer RunbookList();

}  // namespace gofarm::web
