#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <optional>
#include <utility>

#include "cli/commands.h"
#include "cli/download.h"
#include "cli/export_plan.h"
#include "cli/names.h"
#include "cli/output.h"
#include "cli/publish_client.h"
#include "common/base/hex.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "common/shapes/json_shapes.h"
#include "gofarm/v1/farm.pb.h"
#include "gofarm/v1/publish.pb.h"

namespace gofarm::cli {
namespace {

absl::Status CheckDigest(const std::string& sha256) {
  if (IsLowerHex(sha256)) return absl::OkStatus();
  return absl::DataLossError(Cat("the farm names \"", EscapeForPrint(sha256), "\" as a SHA-256"));
}

// Of a farm that publishes nothing, and of one that is older than publishing: none.
absl::StatusOr<std::vector<ExportItem>> AttachedTo(FarmClient& client, int64_t batch) {
  v1::AttachmentPage page;
  const absl::Status listed = PublishClient(client).ListAttachments(batch, page);
  if (absl::IsUnimplemented(listed) || absl::IsFailedPrecondition(listed)) return std::vector<ExportItem>();
  GOFARM_RETURN_IF_ERROR(listed);
  std::vector<ExportItem> items;
  for (const v1::Attachment& row : page.attachments()) {
    GOFARM_RETURN_IF_ERROR(CheckDigest(row.sha256()));
    items.push_back({.module = row.module(),
                     .version = row.version(),
                     .target = std::string(NameOf(row.target())),
                     .name = row.name(),
                     .import_path = row.import_path(),
                     .sha256 = row.sha256(),
                     .size = row.size(),
                     .job_id = row.job_id(),
                     .kind = row.kind()});
  }
  return items;
}

// `left`: jobs of the batch that have not ended.
absl::StatusOr<std::vector<ExportFile>> PlanOf(FarmClient& client, int64_t batch, int64_t& left) {
  v1::Batch known;  // an unknown batch is an error, one without programs is not
  GOFARM_RETURN_IF_ERROR(client.GetBatch(batch, known));
  left = known.jobs().queued() + known.jobs().running();
  v1::ListArtifactsRequest request;
  request.set_batch_id(batch);
  v1::ArtifactPage page;
  GOFARM_RETURN_IF_ERROR(client.ListArtifacts(request, page));
  std::vector<ExportItem> items;
  for (const v1::ArtifactRow& row : page.artifacts()) {
    GOFARM_RETURN_IF_ERROR(CheckDigest(row.sha256()));
    items.push_back({.module = row.module(),
                     .version = row.version(),
                     .target = std::string(NameOf(row.target())),
                     .name = row.name(),
                     .import_path = row.import_path(),
                     .sha256 = row.sha256(),
                     .size = row.size(),
                     .job_id = row.job_id()});
  }
  GOFARM_ASSIGN_OR_RETURN(const std::vector<ExportItem> attached, AttachedTo(client, batch));
  return PlanExport(items, attached);
}

// `-o` through a link writes to what the link names, as cp does. What is no plain file is never replaced: root could
// move an executable over /dev/null.
absl::StatusOr<std::string> PlaceFor(const std::string& file) {
  struct stat info {};
  if (stat(file.c_str(), &info) != 0) return file;  // new, or the attempt to create it says what is wrong
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(
        Cat(EscapeForPrint(file), " is ", S_ISDIR(info.st_mode) ? "a folder" : "no plain file",
            "; name the file to write, such as -o ", S_ISDIR(info.st_mode) ? EscapeForPrint(file) : ".", "/PROG"));
  }
  char real[PATH_MAX];
  return realpath(file.c_str(), real) == nullptr ? file : std::string(real);
}

// An earlier export got this far.
bool IsThere(const std::string& path, const ExportItem& item) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_size != item.size) return false;
  const absl::StatusOr<digest::FileDigests> digests = digest::DigestFile(path);
  return digests.ok() && digests->sha256 == item.sha256 && static_cast<int>(info.st_mode & 0777) == item.Mode();
}

// Those that are there already are left; the sums name all.
absl::Status WriteFiles(FarmClient& client, const std::string& folder, const std::vector<ExportFile>& files,
                        int64_t& bytes) {
  std::string sums;
  const CountLine line;
  for (size_t done = 0; done < files.size(); ++done) {
    const ExportFile& file = files[done];
    line.Show(Cat(done, " of ", files.size(), " files, ", HumanBytes(bytes)));
    const std::string path = Cat(folder, "/", file.path);
    GOFARM_RETURN_IF_ERROR(io::MakeFolders(path.substr(0, path.rfind('/'))));
    int64_t size = file.item.size;
    if (!IsThere(path, file.item)) {
      GOFARM_RETURN_IF_ERROR(DownloadTo(client, file.item.sha256, path, file.item.Mode(), size));
    }
    bytes += size;
    sums += SumLine(file);
  }
  return io::WriteFileAtomic(Cat(folder, "/SHA256SUMS"), sums);
}

}  // namespace

Exit ArtifactList(const Globals& globals, const ArtifactListArgs& args) {
  v1::ListArtifactsRequest request;
  request.set_batch_id(args.batch);
  request.set_module(EscapeForPrint(args.module));
  request.set_limit(args.limit);
  if (!args.target.empty()) {
    const std::optional<Target> target = ParseTarget(args.target);
    if (!target) {
      return absl::InvalidArgumentError(
          Cat("unknown target \"", EscapeForPrint(args.target), "\"; known are ", kTargetNames));
    }
    request.set_target(static_cast<v1::Target>(*target));
  }
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  v1::ArtifactPage page;
  GOFARM_RETURN_IF_ERROR(client->ListArtifacts(request, page));
  if (globals.json) {
    PrintOut(shapes::ArtifactListDocument(page));
    return 0;
  }
  TableText table(
      {{"MODULE", false, true}, {"PROGRAM", false, true}, {"TARGET"}, {"SIZE", true}, {"JOB", true}, {"SHA-256"}});
  for (const v1::ArtifactRow& row : page.artifacts()) {
    table.Add({Cat(row.module(), "@", row.version()), row.name(), NameOf(row.target()), HumanBytes(row.size()),
               Cat(row.job_id()), row.sha256()});
  }
  PrintOut(table.empty() ? "no artifacts\n" : table.Render(OutTerminal()));
  return 0;
}

Exit ArtifactGet(const Globals& globals, const std::string& sha256, const std::string& file) {
  if (!IsLowerHex(sha256)) {
    return absl::InvalidArgumentError(Cat(
        "\"", EscapeForPrint(sha256), "\" is no SHA-256: 64 digits of 0-9a-f, as `gofarm artifact list` shows them"));
  }
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  GOFARM_ASSIGN_OR_RETURN(const std::string place, PlaceFor(file));
  int64_t size = 0;
  GOFARM_RETURN_IF_ERROR(DownloadTo(*client, sha256, place, 0755, size));
  if (globals.json) {
    JsonWriter json;
    json.BeginObject().Field("file", file).Field("sha256", sha256).Field("size", size).EndObject();
    PrintOut(json.Take());
  } else {
    PrintOut(Cat(EscapeForPrint(file), ": ", HumanBytes(size), ", SHA-256 checked\n"));
  }
  return 0;
}

Exit ArtifactExport(const Globals& globals, int64_t batch, const std::string& folder) {
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  int64_t left = 0;
  GOFARM_ASSIGN_OR_RETURN(const std::vector<ExportFile> files, PlanOf(*client, batch, left));
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(folder));
  int64_t bytes = 0;
  GOFARM_RETURN_IF_ERROR(WriteFiles(*client, folder, files, bytes));
  if (left > 0) {
    PrintErr(Cat("gofarm: batch ", batch, " is not done: ", left, left == 1 ? " job" : " jobs",
                 " to come; export again later, only what is missing is fetched\n"));
  }
  if (globals.json) {
    JsonWriter json;
    json.BeginObject().Field("batch_id", batch).Field("dir", folder).Field("bytes", bytes);
    json.Key("files").BeginArray();
    for (const ExportFile& file : files) {
      json.BeginObject()
          .Field("path", file.path)
          .Field("sha256", file.item.sha256)
          .Field("size", file.item.size)
          .Field("kind", file.item.kind)
          .Field("import_path", file.item.import_path)
          .Field("job_id", file.item.job_id)
          .EndObject();
    }
    json.EndArray().EndObject();
    PrintOut(json.Take());
  } else {
    PrintOut(Cat(files.size(), files.size() == 1 ? " file, " : " files, ", HumanBytes(bytes), " in ",
                 EscapeForPrint(folder), "; check them with: (cd ", EscapeForPrint(folder),
                 " && sha256sum -c SHA256SUMS)\n"));
  }
  return 0;
}

}  // namespace gofarm::cli
