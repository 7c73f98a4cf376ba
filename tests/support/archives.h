// Archives of samples, opened by the tool that their receivers use: 7z.
//
// Threads: one thread.
#pragma once

#include <map>
#include <string>

#include "common/base/result.h"

namespace noroshi::support {

struct OpenedArchive {
  int status = 0;                            // 7z's; 0: everything came out.
  std::map<std::string, std::string> files;  // Members that came out, by name.
  std::string listing;                       // `7z l -slt`.
};

Result<OpenedArchive> OpenArchive(const std::string& archive, const std::string& password);

}  // namespace noroshi::support
