// The words of the verbs that need an index and no farm. `--dir` behind them is the folder of programs.
#include "cli/words.h"

namespace gofarm::cli {
namespace {

constexpr char kEverywhere[] =
    "The index: --index URL --key KEY, GOFARM_INDEX and GOFARM_INDEX_KEY, the farm (GOFARM_DIR, GOFARM_SERVER,\n"
    "GOFARM_FARM, gofarm login), the one that was used last, the first of them that is there. Also: --output json.\n"
    "Exit codes: 2 nothing of that name, or not ours to change; 3 the index is not reachable; 6 not what was signed.";

void AddIndex(CLI::App* verb, IndexArgs& args) {
  verb->add_option("--index", args.url, "address of the index (GOFARM_INDEX)")->type_name("URL")->check(NotEmpty());
  OneAtATime(verb->add_option("--key", args.keys, "minisign key of the index, or a file with it (GOFARM_INDEX_KEY)")
                 ->type_name("KEY")
                 ->check(NotEmpty()));
}

void AddFolder(CLI::App* verb, std::string& folder) {
  verb->add_option("--dir", folder, "the folder of programs (GOFARM_BIN, else ~/.local/bin)")
      ->type_name("DIR")
      ->check(NotEmpty());
}

}  // namespace

void AddInstall(Parser& p, InstallWords& args) {
  CLI::App* install = p.Verb(
      &p.app, "install", "put programs that a farm published into a folder; needs no account",
      "gofarm install github.com/rakyll/hey\n"
      "gofarm install filippo.io/age/cmd/age@v1.3.2 --dir ~/bin\n"
      "gofarm install github.com/rakyll/hey --index https://bins.example.org/index --key RW...",
      [&] { return Install(p.globals, args.install); }, kEverywhere);
  install->add_option("programs", args.install.addresses, "which; the newest version when none is given")
      ->required()
      ->type_name("MODULE[/path][@VERSION]");
  AddIndex(install, args.install.index);
  AddFolder(install, args.install.folder);
  install->add_option("--target", args.install.target,
                      "x86_64, aarch64, riscv64 or loongarch64; this machine's when left out");
  install->add_flag("--force", args.install.force, "replace a file that gofarm did not install");

  AddFolder(p.Verb(
                &p.app, "installed", "what was installed, and whether it is as it was", "gofarm installed",
                [&] { return Installed(p.globals, args.folder); }, kEverywhere),
            args.folder);

  CLI::App* upgrade = p.Verb(
      &p.app, "upgrade", "newer versions of what was installed", "gofarm upgrade\ngofarm upgrade hey",
      [&] { return Upgrade(p.globals, args.upgrade); }, kEverywhere);
  upgrade->add_option("names", args.upgrade.names, "which programs; all when left out")->type_name("NAME");
  AddIndex(upgrade, args.upgrade.index);
  AddFolder(upgrade, args.upgrade.folder);
  upgrade->add_flag("--force", args.upgrade.force, "also those that were changed since");

  CLI::App* uninstall = p.Verb(
      &p.app, "uninstall", "remove programs that were installed", "gofarm uninstall hey",
      [&] { return Uninstall(p.globals, args.names, args.folder, args.force); }, kEverywhere);
  uninstall->add_option("names", args.names, "which programs")->required()->type_name("NAME");
  AddFolder(uninstall, args.folder);
  uninstall->add_flag("--force", args.force, "also one that was changed since");

  CLI::App* verify = p.Verb(
      &p.app, "verify", "whether a program is what a farm signed, and what it was built from",
      "gofarm verify ./out/github.com/rakyll/hey@v0.1.5/x86_64/hey --offline\n"
      "gofarm verify ./hey --key provenance.pem --key RW...\n"
      "gofarm verify github.com/rakyll/hey@v0.1.5",
      [&] { return VerifyVerb(p.globals, args.verify); }, kEverywhere);
  verify->add_option("what", args.verify.what, "a file with FILE.sigstore.json beside it, or what an index has")
      ->required()
      ->type_name("FILE|MODULE[/path]@VERSION")
      ->check(NotEmpty());
  AddIndex(verify, args.verify.index);
  verify->get_option("--key")->description(
      "a provenance key in PEM or a minisign key, or a file with it; may be "
      "given several times");
  verify->add_option("--target", args.verify.target, "of what an index has; this machine's when left out");
  verify->add_flag("--offline", args.verify.offline, "ask no index");
}

}  // namespace gofarm::cli
