// Zip archives for tests, in memory (libzip).
#pragma once

#include <string>
#include <vector>

namespace noroshi::analysis {

struct ZipMember {
  std::string name;
  std::string content;
};

// password: AES-256 for every member; empty: none.
std::string MakeZip(const std::vector<ZipMember>& members, const std::string& password = "");

}  // namespace noroshi::analysis
