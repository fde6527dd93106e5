// What stands in every page of the operators besides web::kStyleSheet. Constants of the program; the digests of both
// are in each page's Content-Security-Policy.
#pragma once

#include "coordinator/web/html.h"

namespace gofarm::page {

extern const web::Constant kPageStyle;
// Asks for the page again every data-refresh seconds while somebody looks at it, and takes over the parts marked with
// data-live; follows the log of a <pre> with data-log. Everything it shows stands in the page without it, too.
extern const web::Constant kPageScript;

}  // namespace gofarm::page
