#include "coordinator/web/frame.h"

namespace gofarm::web {

// Colours are variables, once for light and once for dark; a test measures their contrast. No "<", "&", ">" and quotes:
// the sheet stands in a <style> element as it is.
const std::string_view kStyleSheet = R"css(
:root{color-scheme:light dark;--page:#ffffff;--panel:#f3f5f7;--text:#1b2026;--quiet:#525b66;--line:#c3cad2;--link:#0b57b0;--good:#1a6b33;--bad:#a8201a;--focus:#0b57b0}
@media (prefers-color-scheme:dark){:root{--page:#14181d;--panel:#1f252c;--text:#e6e9ed;--quiet:#a7b0ba;--line:#434c57;--link:#8ab8ff;--good:#7fd598;--bad:#ff9b93;--focus:#8ab8ff}}
*{box-sizing:border-box}
html{font:100%/1.5 system-ui,sans-serif;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--text)}
header,main,footer{max-width:60rem;margin:0 auto;padding:.75rem 1rem}
header{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;align-items:baseline;border-bottom:1px solid var(--line)}
footer{border-top:1px solid var(--line);color:var(--quiet);font-size:.875rem}
.site{font-weight:700}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1rem;list-style:none;margin:0;padding:0}
h1{font-size:1.6rem;line-height:1.25;margin:.75rem 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:1.75rem 0 .5rem}
p,dl,ul,ol{margin:.5rem 0}
a{color:var(--link)}
a:focus-visible,[tabindex]:focus-visible{outline:3px solid var(--focus);outline-offset:2px}
.skip{position:absolute;left:-100vw;padding:.5rem 1rem;background:var(--page)}
.skip:focus{left:0;top:0}
.lead{font-size:1.1rem;white-space:pre-line;overflow-wrap:anywhere}
.quiet{color:var(--quiet)}
.good{color:var(--good)}
.bad{color:var(--bad)}
.notice{border-left:4px solid var(--quiet);background:var(--panel);padding:.5rem .75rem}
.notice.bad{border-color:var(--bad);color:var(--text)}
code,pre{font-family:ui-monospace,monospace;font-size:.875rem}
code{overflow-wrap:anywhere}
pre{background:var(--panel);padding:.75rem;overflow-x:auto;margin:.5rem 0;border:1px solid var(--line)}
pre.command{white-space:pre-wrap;overflow-wrap:anywhere}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.35rem .75rem .35rem 0;border-bottom:1px solid var(--line)}
td.number{text-align:right;white-space:nowrap}
th.number{text-align:right}
dt{font-weight:600}
dd{margin:0 0 .5rem;overflow-wrap:anywhere}
@media (min-width:40rem){dl{display:grid;grid-template-columns:12rem 1fr;gap:.25rem 1rem}dd{margin:0}}
)css";

}  // namespace gofarm::web
