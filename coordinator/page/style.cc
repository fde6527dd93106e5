#include "coordinator/page/assets.h"

namespace gofarm::page {

// A text and its background have a contrast of 4.5 at least, which a test measures, in both schemes.
constinit const web::Constant kPageStyle = R"css(
:root{--run:#0b57b0;--wait:#525b66;--yellow:#7a5200;--magenta:#8b2a8b;--cyan:#0f6674}
@media (prefers-color-scheme:dark){:root{--run:#8ab8ff;--wait:#a7b0ba;--yellow:#e3b341;--magenta:#e29ae2;--cyan:#7fd0dc}}
header,main,footer{max-width:90rem}
progress{width:100%;height:.75rem;accent-color:var(--link)}
td progress{min-width:6rem}
th,td{padding-right:1rem}
p,li,td{overflow-wrap:anywhere}
table.matrix td,table.matrix th{white-space:nowrap}
table.matrix th[scope=row]{white-space:normal;overflow-wrap:anywhere;min-width:12rem}
.queued{color:var(--wait)}
.running{color:var(--run);font-weight:600}
.built{color:var(--good)}
.partial{color:var(--yellow)}
.failed{color:var(--bad);font-weight:600}
.cancelled,.nothing_to_build{color:var(--quiet)}
ul.counts,ul.filter{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;padding:0;margin:.5rem 0}
ul.counts b{font-variant-numeric:tabular-nums}
.pages{display:flex;gap:1.5rem;margin:.75rem 0}
pre.log{max-height:70vh;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.35}
pre.log:focus-visible{outline:3px solid var(--focus);outline-offset:2px}
.red{color:var(--bad)}
.green{color:var(--good)}
.yellow{color:var(--yellow)}
.blue{color:var(--link)}
.magenta{color:var(--magenta)}
.cyan{color:var(--cyan)}
.black,.white{color:var(--text)}
.bold{font-weight:700}
.faint{color:var(--quiet)}
.italic{font-style:italic}
.underlined{text-decoration:underline}
details{margin:.5rem 0}
summary{cursor:pointer}
)css";

}  // namespace gofarm::page
