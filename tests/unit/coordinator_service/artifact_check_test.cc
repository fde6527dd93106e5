#include "coordinator/service/artifact_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/digest/digest.h"
#include "common/io/files.h"
#include "tests/support/elf_maker.h"

namespace gofarm::service {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::StaticPie;
using testing::WithInterpreter;

class ArtifactCheckTest : public ::testing::Test {
 protected:
  ArtifactCheckTest() {
    char name[] = "/tmp/gofarm-check-XXXXXX";
    dir_ = ::mkdtemp(name);
    blobs_ = blob::OpenFolderBlobStore(dir_).value();
    check_ = std::make_unique<ArtifactCheck>(*blobs_);
  }
  ~ArtifactCheckTest() override { (void)io::RemoveTree(dir_); }

  // What an honest worker reports of these bytes, which are stored.
  Executable Stored(const std::string& bytes) {
    Executable executable{.name = "tool",
                          .import_path = "example.com/tool",
                          .size = static_cast<int64_t>(bytes.size()),
                          .sha256 = digest::Sha256Hex(bytes),
                          .blake3 = digest::Blake3Hex(bytes)};
    auto upload = blobs_->BeginUpload(executable.sha256, executable.size);
    EXPECT_TRUE(upload.ok()) << upload.status();
    if (*upload != nullptr) {
      EXPECT_TRUE((*upload)->Append(bytes).ok());
      EXPECT_TRUE((*upload)->Finish().ok());
    }
    return executable;
  }
  std::string Faults(const Executable& executable, Target target = Target::kX86_64) {
    const absl::Status status = check_->CheckExecutable(executable, target);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    return std::string(status.message());
  }

  std::string dir_;
  std::unique_ptr<blob::BlobStore> blobs_;
  std::unique_ptr<ArtifactCheck> check_;
};

TEST_F(ArtifactCheckTest, AStaticPieOfTheTargetPassesForEachTarget) {
  for (const Target target : kAllTargets) {
    const absl::Status status = check_->CheckExecutable(Stored(StaticPie(target)), target);
    EXPECT_TRUE(status.ok()) << TargetName(target) << ": " << status;
  }
}

TEST_F(ArtifactCheckTest, WhatIsNoProgramOfTheTargetIsRefused) {
  EXPECT_THAT(Faults(Stored("hello")),
              AllOf(HasSubstr("tool of example.com/tool"), HasSubstr(": the file: not an ELF file")));
  const Executable riscv = Stored(StaticPie(Target::kRiscv64));
  EXPECT_TRUE(check_->CheckExecutable(riscv, Target::kRiscv64).ok());
  EXPECT_THAT(Faults(riscv), HasSubstr("is for riscv64, not x86_64")) << "what passed for one passes for no other";
  EXPECT_THAT(Faults(Stored(WithInterpreter(StaticPie(Target::kX86_64)))), HasSubstr("has an interpreter"));
  std::string other_class = StaticPie(Target::kX86_64);
  other_class[4] = 1;
  EXPECT_THAT(Faults(Stored(other_class)), HasSubstr("ELF"));
}

TEST_F(ArtifactCheckTest, ReportAndBytesMustAgree) {
  const Executable good = Stored(StaticPie(Target::kX86_64));
  EXPECT_TRUE(check_->CheckExecutable(good, Target::kX86_64).ok());
  Executable wrong = good;
  wrong.size += 1;
  EXPECT_THAT(Faults(wrong), HasSubstr("its size is"));
  wrong = good;
  wrong.blake3 = std::string(64, '0');
  EXPECT_THAT(Faults(wrong), HasSubstr("its BLAKE3 is"));
  wrong = good;
  wrong.sha256 = std::string(64, '0');
  EXPECT_TRUE(absl::IsNotFound(check_->CheckExecutable(wrong, Target::kX86_64)));
}

}  // namespace
}  // namespace gofarm::service
