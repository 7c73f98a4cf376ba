// The policy against a table that was written by hand, cell by cell.
#include "hub/access/policy.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>

namespace noroshi::access {
namespace {

constexpr size_t kColumns = 10;
const std::vector<v1::Tlp> kTlps = {v1::TLP_UNSPECIFIED, v1::TLP_CLEAR,        v1::TLP_GREEN,
                                    v1::TLP_AMBER,       v1::TLP_AMBER_STRICT, v1::TLP_RED};

// For each deed: reader, analyst, approver, administrator, auditor, local; own reporter,
// own liaison; received reporter, received liaison.
std::map<std::string, std::vector<bool>> ReadTable() {
  std::map<std::string, std::vector<bool>> table;
  std::ifstream file(NOROSHI_ROLES_TABLE);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string deed;
    words >> deed;
    for (std::string word; words >> word;) {
      if (word == "x" || word == "-") table[deed].push_back(word == "x");
    }
  }
  return table;
}

enum class Where { kCentre, kMember };
enum class Relation { kCentre, kOwn, kReceived, kOwnAndReceived, kForeign };
enum class Circles { kNone, kCleared, kNotCleared };

struct Cell {
  Deed deed;
  Where where;
  v1::Role role;  // UNSPECIFIED: local at the centre; nobody elsewhere.
  Relation relation;
  v1::Tlp tlp;
  Circles circles;
};

Actor ActorOf(const Cell& cell) {
  Actor actor;
  actor.id = "person:test";
  actor.circles = {"cleared"};
  if (cell.role == v1::ROLE_UNSPECIFIED) {
    actor.kind = cell.where == Where::kCentre ? Actor::Kind::kLocal : Actor::Kind::kNobody;
    return actor;
  }
  actor.kind = Actor::Kind::kPerson;
  actor.centre = cell.where == Where::kCentre;
  actor.organization = actor.centre ? "centre" : "meti";
  actor.roles = {cell.role};
  return actor;
}

Object ObjectOf(const Cell& cell) {
  Object object;
  const bool own = cell.relation == Relation::kOwn || cell.relation == Relation::kOwnAndReceived;
  if (own) object.owner = "meti";
  if (cell.relation == Relation::kForeign) object.owner = "mof";
  object.received =
      cell.relation == Relation::kReceived || cell.relation == Relation::kOwnAndReceived;
  object.tlp = cell.tlp;
  if (cell.circles == Circles::kCleared) object.circles = {"cleared"};
  if (cell.circles == Circles::kNotCleared) object.circles = {"cleared", "other"};
  return object;
}

// What the written rules say, in their own order; the code's is another.
bool Expected(const Cell& cell, const std::vector<bool>& row) {
  const bool red = cell.tlp == v1::TLP_RED || cell.tlp == v1::TLP_UNSPECIFIED;
  if (cell.where == Where::kCentre) {
    const bool local = cell.role == v1::ROLE_UNSPECIFIED;
    if (cell.role > v1::ROLE_AUDITOR) return false;
    if (!row[local ? 5 : static_cast<size_t>(cell.role) - 1]) return false;
    const bool reads_red = local || cell.role == v1::ROLE_ANALYST || cell.role == v1::ROLE_APPROVER;
    if (red && !reads_red) return false;
    return local || cell.circles != Circles::kNotCleared;
  }
  if (cell.role != v1::ROLE_REPORTER && cell.role != v1::ROLE_LIAISON) return false;
  const size_t liaison = cell.role == v1::ROLE_LIAISON ? 1 : 0;
  const bool own = cell.relation == Relation::kOwn || cell.relation == Relation::kOwnAndReceived;
  const bool received =
      cell.relation == Relation::kReceived || cell.relation == Relation::kOwnAndReceived;
  if (own && row[6 + liaison]) return true;
  if (!received || !row[8 + liaison]) return false;
  if (red && liaison == 0) return false;
  return cell.circles != Circles::kNotCleared;
}

TEST(PolicyTest, EveryCellIsAsItIsWritten) {
  const auto table = ReadTable();
  ASSERT_EQ(table.size(), kDeeds) << "each deed has a line in roles.txt";
  size_t cells = 0;
  for (size_t d = 0; d < kDeeds; ++d) {
    const Deed deed = static_cast<Deed>(d);
    const std::string name(DeedName(deed));
    ASSERT_TRUE(table.contains(name)) << name << " is not declared";
    const auto& row = table.at(name);
    ASSERT_EQ(row.size(), kColumns) << name;
    for (const Where where : {Where::kCentre, Where::kMember}) {
      for (int role = v1::ROLE_UNSPECIFIED; role <= v1::ROLE_LIAISON; ++role) {
        for (const Relation relation : {Relation::kCentre, Relation::kOwn, Relation::kReceived,
                                        Relation::kOwnAndReceived, Relation::kForeign}) {
          for (const v1::Tlp tlp : kTlps) {
            for (const Circles circles :
                 {Circles::kNone, Circles::kCleared, Circles::kNotCleared}) {
              const Cell cell{deed, where, static_cast<v1::Role>(role), relation, tlp, circles};
              const Decision decision = Decide(ActorOf(cell), deed, ObjectOf(cell));
              ASSERT_EQ(decision.allowed, Expected(cell, row))
                  << name << " role " << role << " at " << static_cast<int>(where) << " relation "
                  << static_cast<int>(relation) << " tlp " << tlp << " circles "
                  << static_cast<int>(circles);
              const bool closed =
                  tlp == v1::TLP_RED || tlp == v1::TLP_UNSPECIFIED || circles != Circles::kNone;
              ASSERT_EQ(decision.record, decision.allowed && closed);
              ++cells;
            }
          }
        }
      }
    }
  }
  std::printf("%zu cells\n", cells);
  EXPECT_GE(cells, 5'000U);
}

TEST(PolicyTest, RolesAddUp) {
  Actor actor;
  actor.kind = Actor::Kind::kPerson;
  actor.centre = true;
  actor.organization = "centre";
  actor.roles = {v1::ROLE_AUDITOR, v1::ROLE_ANALYST};
  EXPECT_TRUE(Decide(actor, Deed::kAuditRead, {}).allowed);
  EXPECT_TRUE(Decide(actor, Deed::kCaseTriage, {}).allowed);
  actor.roles.clear();
  EXPECT_FALSE(Decide(actor, Deed::kSelf, {}).allowed);
}

TEST(PolicyTest, NobodyOwnsWhatHasNoOwner) {
  Actor actor;
  actor.kind = Actor::Kind::kPerson;
  actor.roles = {v1::ROLE_LIAISON};  // Of an organisation without a name.
  EXPECT_FALSE(Decide(actor, Deed::kReportRead, {}).allowed);
}

TEST(PolicyTest, WhoeverMayChangeMayRead) {
  for (size_t d = 0; d < kDeeds; ++d) {
    const Deed deed = static_cast<Deed>(d);
    const Deed reading = ReadingDeed(deed);
    EXPECT_EQ(ReadingDeed(reading), reading) << DeedName(deed);
  }
}

}  // namespace
}  // namespace noroshi::access
