#include "tests/support/archives.h"

#include <filesystem>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/waiting.h"

namespace noroshi::support {

Result<OpenedArchive> OpenArchive(const std::string& archive, const std::string& password) {
  constexpr char kProgram[] = "/usr/bin/7z";
  const TempDir folder;
  const std::string file = folder / "archive.zip";
  WriteFile(file, archive);
  NOROSHI_ASSIGN_OR_RETURN(const Output listed, RunCommand({kProgram, "l", "-slt", file}));
  NOROSHI_ASSIGN_OR_RETURN(const Output taken, RunCommand({kProgram, "x", "-y", "-p" + password,
                                                           "-o" + (folder / "out"), file}));
  OpenedArchive opened{taken.status, {}, listed.out};
  if (taken.status != 0) return opened;
  for (const auto& item : std::filesystem::recursive_directory_iterator(folder / "out")) {
    opened.files[item.path().filename()] = ReadFile(item.path());
  }
  return opened;
}

}  // namespace noroshi::support
