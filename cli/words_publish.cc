#include "cli/words_publish.h"

#include "cli/words.h"

namespace gofarm::cli {
namespace {

void AddKeys(Parser& p, PublishWords& args) {
  CLI::App* keys = p.Group(&p.app, "keys", "what the farm signs with");
  CLI::App* create = p.Verb(keys, "create", "two secret files, the same for every coordinator of a farm; needs no farm",
                            "gofarm keys create --dir ./farm-keys", [&] { return KeysCreate(p.globals, args.folder); });
  // Not the farm's folder that --dir is elsewhere: it hides that one.
  create->add_option("--dir", args.folder, "the folder for provenance.key and minisign.key; nothing is overwritten")
      ->required()
      ->type_name("DIR")
      ->check(NotEmpty());
  p.Verb(keys, "show", "public keys, those of before included", "gofarm keys show\ngofarm keys show --public >farm.pem",
         [&] { return KeysShow(p.globals, args.public_only); })
      ->add_flag("--public", args.public_only, "only the provenance key that signs, as PEM");
  KeyRotation& rotation = args.rotation;
  CLI::App* rotate = p.Verb(keys, "rotate", "a new key signs; the old one keeps verifying",
                            "gofarm keys rotate\ngofarm keys rotate --minisign --overlap 720h\n"
                            "gofarm keys rotate --minisign --finish",
                            [&] { return KeysRotate(p.globals, args.rotation); });
  CLI::Option* minisign = rotate->add_flag("--minisign", rotation.minisign,
                                           "the key of the index: announces the next one, which clients learn");
  CLI::Option* finish =
      rotate->add_flag("--finish", rotation.finish, "the announced key signs from now on")->needs(minisign);
  rotate->add_flag("--force", rotation.force, "with --finish: before the overlap is over")->needs(finish);
  rotate->add_option("--overlap", rotation.overlap, "how long it is announced before it may sign; 720h unless given")
      ->needs(minisign)
      ->excludes(finish)
      ->type_name("TIME");
}

}  // namespace

void AddPublish(Parser& p, PublishWords& args) {
  AddKeys(p, args);
  CLI::App* publish = p.Group(&p.app, "publish", "what reaches people, and what is in its way");
  p.Verb(publish, "status", "how much is published where, and how much is left",
         "gofarm publish status\ngofarm publish status --output json | jq .pending",
         [&] { return PublishStatusVerb(p.globals); });
  CLI::App* list = p.Verb(publish, "list", "one line for each program, target and destination",
                          "gofarm publish list --state failed --state parked\n"
                          "gofarm publish list --module github.com/rakyll/hey --destination index",
                          [&] { return PublishList(p.globals, args.list); });
  list->add_option("--destination", args.list.destination, "of this destination")->check(NotEmpty());
  list->add_option("--module", args.list.module, "of this module")->check(NotEmpty());
  OneAtATime(list->add_option("--state", args.list.states,
                              "pending, failed, parked, published or withdrawn; may be given several times")
                 ->type_name("STATE"));
  list->add_option("--limit", args.list.limit, "at most so many")->check(AtLeast(0));
  CLI::App* retry = p.Verb(publish, "retry", "try again what failed or is parked",
                           "gofarm publish retry --all\ngofarm publish retry 17 --replace",
                           [&] { return PublishRetry(p.globals, args.retry); });
  CLI::Option* ids =
      retry->add_option("ids", args.retry.ids, "ids of gofarm publish list")->type_name("ID")->check(AtLeast(1));
  retry->add_flag("--all", args.retry.all, "all of them, but what differs from what is published")->excludes(ids);
  retry->add_flag("--replace", args.retry.replace, "another build takes the place of the one that is published");
  CLI::App* rebuild = p.Verb(publish, "rebuild", "build again with cold caches, to see whether it comes out the same",
                             "gofarm publish rebuild github.com/rakyll/hey@v0.1.5 --wait\ngofarm publish rebuild 17",
                             [&] { return PublishRebuild(p.globals, args.rebuild); });
  CLI::Option* what = rebuild->add_option("what", args.rebuild.what, "an id of gofarm publish list, or a module")
                          ->type_name("ID|MODULE[@VERSION]")
                          ->check(NotEmpty());
  rebuild->add_flag("--all", args.rebuild.all, "all that is published")->excludes(what);
  rebuild->add_flag("--wait", args.rebuild.wait, "until they are made; exit code 1 where one is not the same");
  const auto destination = [&](const char* name, const char* help, const char* example, bool pause) {
    CLI::App* verb = p.Verb(publish, name, help, example, [&p, &args, pause] {
      return PublishPause(p.globals, args.destination, pause, args.reason);
    });
    verb->add_option("destination", args.destination, "as gofarm publish status names it")
        ->required()
        ->type_name("DEST")
        ->check(NotEmpty());
    return verb;
  };
  destination("pause", "nothing more goes to a destination, until it is resumed",
              "gofarm publish pause index --reason \"moving to another host\"", true)
      ->add_option("--reason", args.reason, "why, for those who look at the status")
      ->type_name("TEXT");
  destination("resume", "what waited for a destination goes there", "gofarm publish resume index", false);
  CLI::App* withdraw = p.Verb(publish, "withdraw", "take a module, or a version of it, away everywhere and for good",
                              "gofarm publish withdraw example.org/m@v1.2.3 --reason \"the author asks for it\"",
                              [&] { return PublishWithdraw(p.globals, args.withdraw); });
  withdraw->add_option("module", args.withdraw.module, "all versions when none is named")
      ->required()
      ->type_name("MODULE[@VERSION]")
      ->check(NotEmpty());
  withdraw->add_option("--reason", args.withdraw.reason, "why; kept, and told to people")
      ->required()
      ->type_name("TEXT")
      ->check(NotEmpty());
  withdraw->add_flag("--yes", args.withdraw.yes, "without asking");
  p.Verb(publish, "withdrawals", "what was withdrawn, and why", "gofarm publish withdrawals",
         [&] { return PublishWithdrawals(p.globals); });
  p.Verb(publish, "updates",
         "new versions of published modules: what waits until when and why, and what was queued today",
         "gofarm publish updates\ngofarm publish updates --output json | jq .left_today",
         [&] { return PublishUpdates(p.globals); });
  CLI::App* verify = p.Verb(publish, "verify", "look at what is published where it is, and compare digests",
                            "gofarm publish verify\ngofarm publish verify --all",
                            [&] { return PublishVerify(p.globals, args.verify); });
  verify->add_option("--module", args.verify.module, "of this module")->check(NotEmpty());
  CLI::Option* sample =
      verify->add_option("--sample", args.verify.sample, "so many of them, spread over all; 20")->check(AtLeast(1));
  verify->add_flag("--all", args.verify.all, "all of them")->excludes(sample);
}

}  // namespace gofarm::cli
