#include "cli/words_report.h"

namespace gofarm::cli {

void AddReports(Parser& p, CLI::App* report, ReportWords& args) {
  const auto html = [&args](CLI::App* verb) {
    verb->add_option("--html", args.report.html, "write it as one page that needs nothing else")
        ->type_name("FILE")
        ->check(NotEmpty());
  };
  CLI::App* batch = p.Verb(report, "batch", "one batch: rates, failures, sizes, times, and the batch before",
                           "gofarm report batch 3\ngofarm report batch 3 --html batch-3.html",
                           [&] { return ReportBatch(p.globals, args.report); });
  batch->add_option("id", args.report.batch, "id of the batch")->required()->type_name("ID")->check(AtLeast(1));
  html(batch);
  html(p.Verb(report, "failures", "what failed on the farm, by what is behind it, and what would mend it",
              "gofarm report failures\ngofarm report failures --html failures.html",
              [&] { return ReportFailures(p.globals, args.report); }));
  html(p.Verb(report, "coverage", "how much of what was asked for is built, by target",
              "gofarm report coverage\ngofarm report coverage --output json",
              [&] { return ReportCoverage(p.globals, args.report); }));
  p.Verb(report, "upstream", "the draft of an issue for a module's authors; it is printed and sent to nobody",
         "gofarm report upstream github.com/rakyll/hey", [&] { return ReportUpstream(p.globals, args.module); })
      ->add_option("module", args.module, "MODULE[@VERSION]")
      ->required()
      ->type_name("MODULE[@VERSION]")
      ->check(NotEmpty());
}

}  // namespace gofarm::cli
