// A real disk as small as a test wants it. For processes with one thread, such as the child of a death test: what one
// of them mounts nobody else sees, and it is gone with it, however it ends.
#pragma once

#include <string>

namespace gofarm::testing {

// From here on this process and what it starts have their own view of the mounts. An ordinary user may mount in a user
// namespace of its own. Repeats change nothing. What goes wrong is a fatal failure of the test.
void EnterOwnMounts();

// A tmpfs over a folder that exists, until the object dies. Options: as mount(8) knows them for tmpfs, "size=1m".
class SmallDisk {
 public:
  SmallDisk(std::string folder, const std::string& options);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  void Remount(const std::string& options);
  void Fill() const;  // to the last byte, or until there is no room for one more file

 private:
  const std::string folder_;
};

}  // namespace gofarm::testing
