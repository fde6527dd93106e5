// The answers to GET /p/MODULE[/path][@VERSION]: what is known of a published program, for people as HTML that needs no
// script, and the same facts as JSON for "Accept: application/json". Facts are bounded here, so any may be given. Pure
// functions.
#pragma once

#include <string_view>

#include "coordinator/web/answer.h"
#include "coordinator/web/program_facts.h"

namespace gofarm::web {

// 410 for a version that was withdrawn: the page says why. `accept` is the request's header field, empty when absent.
Answer ProgramPage(std::string_view accept, const FarmAddresses& farm, const ProgramFacts& facts);

// A module with several programs of which none is meant by the module's path alone.
Answer ModulePage(std::string_view accept, const FarmAddresses& farm, const ModulePrograms& programs);

// Why there is no page: 400 for what is no address, 404 for what is not published, 503 and the like. `address` is what
// was asked for, `why` one or more sentences.
Answer NoPage(std::string_view accept, int status, std::string_view address, std::string_view why);

}  // namespace gofarm::web
