// When the index is written, and by which key: coordinators that follow each other on one database.
#include "coordinator/publish/index_publisher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "common/attest/minisign.h"
#include "common/io/scratch_folder.h"
#include "common/publish/key_list.h"
#include "tests/unit/coordinator_publish/samples.h"

namespace gofarm::publish {
namespace {

namespace fs = std::filesystem;
using domain::Publication;
using domain::PublicationState;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kKept[] = "example.com/kept";
constexpr char kGone[] = "example.com/gone";

// As the statements of coordinator/sql.
class FakeOrders final : public IndexOrders {
 public:
  absl::StatusOr<std::vector<Publication>> Shown(const Scope&, domain::PublicationId after) override {
    std::vector<Publication> page;
    for (const Publication& row : rows) {
      if (row.id.value > after.value && !row.withdraw) page.push_back(row);
    }
    return page;
  }
  absl::StatusOr<std::vector<Publication>> Due(const Scope&, int limit) override {
    std::vector<Publication> due;
    for (const Publication& row : rows) {
      if (row.state == PublicationState::kPending && static_cast<int>(due.size()) < limit) due.push_back(row);
    }
    return due;
  }
  absl::Status Settle(const Scope&, const std::vector<std::pair<domain::PublicationId, int>>& shown) override {
    for (const auto& [id, change] : shown) {
      for (Publication& row : rows) {
        if (row.id != id || row.change != change) continue;
        row.state = row.withdraw ? PublicationState::kWithdrawn : PublicationState::kPublished;
      }
    }
    return absl::OkStatus();
  }
  absl::StatusOr<int64_t> NextGeneration(const Scope&, int64_t above) override {
    return generation = std::max(generation, above) + 1;
  }
  absl::StatusOr<std::vector<domain::PublishKey>> Keys(const Scope&) override { return keys; }

  void Order(const std::string& module) {
    const RecordInput p = SomeInput(module, "v1.0.0");
    Publication& row = rows.emplace_back();
    row.id = domain::PublicationId{static_cast<int64_t>(rows.size())};
    row.destination = domain::kIndexDestination;
    row.release = {.module = p.module,
                   .version = p.version,
                   .import_path = p.import_path,
                   .token = AttemptToken{row.id.value},
                   .job = JobId{row.id.value},
                   .size = p.size,
                   .sha256 = p.sha256,
                   .blake3 = p.blake3,
                   .facts = {.program = p.name, .licences = p.licences},
                   .built_at = p.built_at};
  }
  void Withdraw(const std::string& module) {
    for (Publication& row : rows) {
      if (row.release.module != module) continue;
      row.withdraw = true;
      row.state = PublicationState::kPending;
      ++row.change;
    }
  }

  std::vector<Publication> rows;
  std::vector<domain::PublishKey> keys;
  int64_t generation = 0;
};

class IndexPublisherTest : public ::testing::Test {
 protected:
  std::string At(const std::string& name) const { return Cat(scratch_.path(), "/", name); }
  // As a coordinator that begins to lead, on a data_dir of its own.
  std::unique_ptr<IndexPublisher> Lead(const std::string& folder) {
    return std::make_unique<IndexPublisher>(IndexPublisherParts{.orders = orders_,
                                                                .keys = [this] { return keys_; },
                                                                .folder = At(folder),
                                                                .public_url = "https://bins.example.com",
                                                                .publisher = {}});
  }
  static std::string Read(const IndexPublisher& index, const std::string& name) {
    return io::ReadFile(Cat(index.CurrentFolder(), "/", name), 1 << 20).value_or("none");
  }
  // All that `gofarm install` reads.
  static std::string Shards(const IndexPublisher& index) {
    std::string all;
    for (const fs::directory_entry& file : fs::directory_iterator(index.CurrentFolder() + "/shards")) {
      if (file.path().extension() == ".json") all += io::ReadFile(file.path().string(), 1 << 20).value_or("none");
    }
    return all;
  }
  domain::PublishKey Listed(const Keys& keys, bool announced) const {
    return {.kind = kMinisignKind,
            .public_key = keys.minisign().public_key().Line(),
            .since = absl::FromUnixSeconds(1'800'000'000),
            .announced = announced};
  }

  const io::ScratchFolder scratch_ = *io::ScratchFolder::Make("/tmp", "index-publisher");
  FakeOrders orders_;
  std::shared_ptr<const Keys> keys_ = Keys::LoadOrMake(At("keys")).value();
};

TEST_F(IndexPublisherTest, AStartWritesOnceAndThenWhenSomethingIsOrdered) {
  const auto index = Lead("index");
  EXPECT_FALSE(index->RunOnce({}).value());
  EXPECT_EQ(index->CurrentNumber(), 1) << "of no programs: clients read that there are none";
  EXPECT_FALSE(index->RunOnce({}).value());
  EXPECT_EQ(index->CurrentNumber(), 1);
  orders_.Order(kKept);
  EXPECT_TRUE(index->RunOnce({}).value());
  EXPECT_EQ(index->CurrentNumber(), 2);
  EXPECT_THAT(Shards(*index), HasSubstr(kKept));
  index->WriteAgain();
  EXPECT_FALSE(index->RunOnce({}).value()) << "no order";
  EXPECT_EQ(index->CurrentNumber(), 3);
  EXPECT_FALSE(index->RunOnce({}).value());
  EXPECT_EQ(index->CurrentNumber(), 3);
}

TEST_F(IndexPublisherTest, AnOldStateOfAnotherDataDirIsNotServedOn) {
  orders_.Order(kKept);
  orders_.Order(kGone);
  ASSERT_TRUE(Lead("b")->RunOnce({}).value());
  {
    const auto a = Lead("a");
    ASSERT_TRUE(a->RunOnce({}).ok());
    orders_.Withdraw(kGone);
    ASSERT_TRUE(a->RunOnce({}).value());
    EXPECT_THAT(Shards(*a), AllOf(HasSubstr(kKept), Not(HasSubstr(kGone))));
  }
  const auto b = Lead("b");
  EXPECT_EQ(b->CurrentNumber(), 1);
  EXPECT_THAT(Shards(*b), HasSubstr(kGone));
  EXPECT_FALSE(b->RunOnce({}).value()) << "nothing is due";
  EXPECT_EQ(b->CurrentNumber(), 4) << "above all that clients may have seen";
  EXPECT_THAT(Shards(*b), AllOf(HasSubstr(kKept), Not(HasSubstr(kGone))));
  EXPECT_FALSE(b->RunOnce({}).value());
  EXPECT_EQ(b->CurrentNumber(), 4);
}

TEST_F(IndexPublisherTest, AStartSignsByTheKeyOfItsFolderAndNamesWhatWasAnnounced) {
  const std::shared_ptr<const Keys> next = Keys::LoadOrMake(At("next")).value();
  orders_.keys = {Listed(*keys_, false)};
  orders_.Order(kKept);
  ASSERT_TRUE(Lead("index")->RunOnce({}).value());
  // Killed between the announcement and the next state.
  orders_.keys.push_back(Listed(*next, true));
  const auto announced = Lead("index");
  EXPECT_THAT(Read(*announced, kKeyListFile), Not(HasSubstr(next->minisign().public_key().Line())));
  ASSERT_TRUE(announced->RunOnce({}).ok());
  const KeyList list = ReadKeyList(Read(*announced, kKeyListFile)).value();
  ASSERT_EQ(list.keys.size(), 2u);
  EXPECT_EQ(list.keys[1].public_key, next->minisign().public_key().Line());
  // Killed between the exchange of the key files and the next state.
  keys_ = next;
  const auto exchanged = Lead("index");
  const auto signed_by_next = [&] {
    return attest::VerifyMinisign(next->minisign().public_key(), Read(*exchanged, kKeyListFile),
                                  Read(*exchanged, Cat(kKeyListFile, ".sig")))
        .status();
  };
  EXPECT_TRUE(absl::IsNotFound(signed_by_next()));
  ASSERT_TRUE(exchanged->RunOnce({}).ok());
  EXPECT_EQ(signed_by_next(), absl::OkStatus());
}

TEST_F(IndexPublisherTest, TheStateOfAStartIsTriedUntilItIsWritten) {
  ASSERT_TRUE(io::WriteFileAtomic(At("index"), "no folder\n").ok());
  const auto index = Lead("index");
  EXPECT_FALSE(index->RunOnce({}).ok());
  EXPECT_FALSE(index->RunOnce({}).ok()) << "it does not forget";
  ASSERT_EQ(::unlink(At("index").c_str()), 0);
  EXPECT_FALSE(index->RunOnce({}).value());
  EXPECT_GT(index->CurrentNumber(), 0);
  EXPECT_THAT(Read(*index, kKeyListFile), HasSubstr("\"format\""));
}

}  // namespace
}  // namespace gofarm::publish
