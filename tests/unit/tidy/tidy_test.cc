// The repository's own rules, as tests (docs/development.md gives the reasons).
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = NOROSHI_SOURCE_DIR;

// Which folders a folder may include, beside itself. Arrows point one way: a
// folder may only name folders that stand above it in this table.
const std::map<std::string, std::set<std::string>>& AllowedIncludes() {
  static const std::map<std::string, std::set<std::string>> allowed = {
      {"common/base", {}},
      {"common/runtime", {"common/base"}},
      {"common/crypto", {"common/base", "common/runtime"}},
      {"common/merkle", {"common/base", "common/crypto"}},
      {"common/log", {"common/base", "common/runtime"}},
      {"common/config", {"common/base", "common/runtime"}},
      {"common/wire", {"common/base"}},
      {"common/tls", {"common/base", "common/runtime", "common/crypto"}},
      {"common/taxonomy", {"common/base"}},
      {"common/text", {"common/base"}},
      {"common/submission", {"common/base", "common/wire", "common/taxonomy"}},
      {"hub/rocks", {"common/base", "common/log"}},
      {"hub/journal",
       {"common/base", "common/runtime", "common/crypto", "common/merkle", "common/log",
        "hub/rocks"}},
      {"hub/store", {"common/base", "common/crypto", "hub/rocks"}},
      {"hub/campaign", {"common/base"}},
      {"hub/sharing", {"common/base", "common/taxonomy", "common/text"}},
      {"hub/search",
       {"common/base", "common/runtime", "common/crypto", "common/log", "common/text",
        "hub/journal", "hub/store"}},
      {"hub/access", {"common/base"}},
      {"hub/render", {"common/base", "common/runtime"}},
      {"hub/engine",
       {"common/base", "common/runtime", "common/crypto", "common/log", "common/taxonomy",
        "common/text", "hub/campaign", "hub/journal", "hub/store", "hub/sharing"}},
      {"hub/analysis",
       {"common/base", "common/runtime", "common/crypto", "common/log", "common/taxonomy",
        "common/text", "common/wire"}},
      {"hub/identity",
       {"common/base", "common/runtime", "common/crypto", "common/log", "common/text",
        "common/tls"}},
      {"hub/http", {"common/base", "common/runtime", "common/crypto", "common/log", "common/tls"}},
      {"hub/intake",
       {"common/base", "common/runtime", "common/crypto", "common/merkle", "common/log",
        "common/wire", "common/tls", "common/submission", "hub/journal"}},
      {"hub/fanout",
       {"common/base", "common/runtime", "common/crypto", "common/log", "common/wire",
        "hub/journal", "hub/store", "hub/sharing"}},
      {"hub/admin",
       {"common/base", "common/runtime", "common/crypto", "common/log", "common/tls",
        "common/config", "common/taxonomy", "common/text", "hub/journal", "hub/store",
        "hub/sharing", "hub/engine", "hub/identity", "hub/fanout", "hub/render", "hub/api"}},
      {"hub/api",
       {"common/base", "common/runtime", "common/crypto", "common/log", "common/config",
        "common/taxonomy", "common/text", "common/tls", "common/submission", "hub/journal",
        "hub/store", "hub/sharing", "hub/engine", "hub/identity", "hub/access", "hub/render",
        "hub/http", "hub/search"}},
      {"agent/spool",
       {"common/base", "common/runtime", "common/crypto", "common/merkle", "common/log",
        "common/wire"}},
      {"agent/sinks",
       {"common/base", "common/runtime", "common/crypto", "common/log", "agent/spool"}},
      {"agent/session",
       {"common/base", "common/runtime", "common/crypto", "common/merkle", "common/log",
        "common/wire", "common/tls", "agent/spool", "agent/sinks"}},
  };
  return allowed;
}

std::vector<fs::path> SourcesBelow(const std::vector<std::string>& folders) {
  std::vector<fs::path> sources;
  for (const auto& folder : folders) {
    for (const auto& item : fs::recursive_directory_iterator(kRoot / folder)) {
      const auto extension = item.path().extension();
      if (extension == ".h" || extension == ".cc") sources.push_back(item.path());
    }
  }
  return sources;
}

std::vector<std::string> LinesOf(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::string FolderOf(const fs::path& path) {
  return fs::relative(path.parent_path(), kRoot).generic_string();
}

TEST(TidyTest, IncludesPointOneWay) {
  const std::regex include(R"re(^#include "((common|hub|agent)/[^"]+)/[^/"]+")re");
  size_t seen = 0;
  for (const auto& source : SourcesBelow({"common", "hub", "agent"})) {
    const std::string folder = FolderOf(source);
    const auto allowed = AllowedIncludes().find(folder);
    if (allowed == AllowedIncludes().end()) continue;  // hub/app and agent/app compose everything
    for (const auto& line : LinesOf(source)) {
      std::smatch match;
      if (!std::regex_search(line, match, include)) continue;
      ++seen;
      const std::string target = match[1];
      EXPECT_TRUE(target == folder || allowed->second.contains(target))
          << source << " includes " << target << ", which " << folder << " may not know";
    }
  }
  EXPECT_GT(seen, 100U);
}

TEST(TidyTest, OnlyCompositionFoldersAreExempt) {
  for (const auto& source : SourcesBelow({"common", "hub", "agent"})) {
    const std::string folder = FolderOf(source);
    if (folder == "hub" || folder == "agent") continue;  // main.cc
    EXPECT_TRUE(AllowedIncludes().contains(folder) || folder == "hub/app" || folder == "agent/app")
        << folder << " has no line in the table of allowed includes";
  }
}

TEST(TidyTest, RocksDbIsKnownToJournalAndStoreOnly) {
  for (const auto& source : SourcesBelow({"common", "hub", "agent"})) {
    const std::string folder = FolderOf(source);
    if (folder == "hub/rocks" || folder == "hub/journal" || folder == "hub/store") continue;
    for (const auto& line : LinesOf(source)) {
      EXPECT_EQ(line.find("#include <rocksdb/"), std::string::npos) << source;
    }
  }
}

TEST(TidyTest, SourcesStayReadable) {
  for (const auto& source : SourcesBelow({"common", "hub", "agent"})) {
    EXPECT_LE(LinesOf(source).size(), 800U) << source << " is more than one thing: split it";
  }
}

TEST(TidyTest, NothingIsLeftUnfinished) {
  const std::regex mark(R"(\b(TODO|FIXME|XXX|HACK)\b)");
  for (const auto& source : SourcesBelow({"common", "hub", "agent"})) {
    for (const auto& line : LinesOf(source)) {
      EXPECT_FALSE(std::regex_search(line, mark)) << source << ": " << line;
    }
  }
}

TEST(TidyTest, ProjectMailsUseReservedNamesOnly) {
  const std::regex host(R"(@([A-Za-z0-9.-]+\.[A-Za-z]{2,}))");
  const std::regex reserved(
      R"((^|\.)(example|test|invalid|localhost|example\.(com|net|org|jp|co\.jp|go\.jp|lg\.jp))$)");
  size_t mails = 0;
  for (const auto& item : fs::recursive_directory_iterator(kRoot / "tests/data")) {
    if (item.path().extension() != ".eml") continue;
    ++mails;
    for (const auto& line : LinesOf(item.path())) {
      for (std::sregex_iterator it(line.begin(), line.end(), host), end; it != end; ++it) {
        EXPECT_TRUE(std::regex_search((*it)[1].str(), reserved)) << item.path() << ": " << line;
      }
    }
  }
  EXPECT_GT(mails, 0U);
}

}  // namespace
