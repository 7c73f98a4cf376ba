#include "hub/access/policy.h"

#include <algorithm>
#include <array>

#include "common/base/check.h"

namespace noroshi::access {
namespace {

using Roles = uint32_t;

constexpr Roles Bit(v1::Role role) { return Roles{1} << role; }
constexpr Roles kNone = 0;
constexpr Roles kReader = Bit(v1::ROLE_READER);
constexpr Roles kAnalyst = Bit(v1::ROLE_ANALYST);
constexpr Roles kApprover = Bit(v1::ROLE_APPROVER);
constexpr Roles kAdministrator = Bit(v1::ROLE_ADMINISTRATOR);
constexpr Roles kAuditor = Bit(v1::ROLE_AUDITOR);
constexpr Roles kReporter = Bit(v1::ROLE_REPORTER);
constexpr Roles kLiaison = Bit(v1::ROLE_LIAISON);
constexpr Roles kLocal = Roles{1} << 31;  // Who runs the machine.

constexpr Roles kTriage = kAnalyst | kApprover | kLocal;
constexpr Roles kDesk = kReader | kTriage;
constexpr Roles kOffice = kDesk | kAdministrator | kAuditor;
constexpr Roles kManage = kAdministrator | kLocal;
constexpr Roles kMembers = kReporter | kLiaison;

struct Rule {
  Deed deed;
  std::string_view name;
  Deed reading;
  Roles centre;
  Roles own;
  Roles received;
};

// In the order of Deed. A role that is not named is refused.
constexpr std::array<Rule, kDeeds> kTable = {{
    {Deed::kSelf, "self", Deed::kSelf, kOffice, kMembers, kNone},
    {Deed::kOrganizationRead, "organization_read", Deed::kOrganizationRead, kOffice, kMembers,
     kNone},
    {Deed::kOrganizationChange, "organization_change", Deed::kOrganizationRead, kManage, kNone,
     kNone},
    {Deed::kAgentRead, "agent_read", Deed::kAgentRead,
     kAnalyst | kApprover | kAdministrator | kAuditor | kLocal, kLiaison, kNone},
    {Deed::kAgentManage, "agent_manage", Deed::kAgentRead, kManage, kNone, kNone},
    {Deed::kPersonRead, "person_read", Deed::kPersonRead, kOffice, kLiaison, kNone},
    {Deed::kPersonManage, "person_manage", Deed::kPersonRead, kManage, kNone, kNone},
    {Deed::kCaseRead, "case_read", Deed::kCaseRead, kDesk, kNone, kNone},
    {Deed::kCaseOpen, "case_open", Deed::kCaseRead, kTriage, kNone, kNone},
    {Deed::kCaseTriage, "case_triage", Deed::kCaseRead, kTriage, kNone, kNone},
    {Deed::kCaseRegroup, "case_regroup", Deed::kCaseRead, kTriage, kNone, kNone},
    {Deed::kCaseClose, "case_close", Deed::kCaseRead, kTriage, kNone, kNone},
    {Deed::kReportRead, "report_read", Deed::kReportRead, kDesk, kMembers, kNone},
    {Deed::kReportFile, "report_file", Deed::kReportRead, kNone, kMembers, kNone},
    {Deed::kReportEnter, "report_enter", Deed::kReportRead, kTriage, kNone, kNone},
    {Deed::kMarkingLoosen, "marking_loosen", Deed::kReportRead, kNone, kLiaison, kNone},
    {Deed::kAlertRead, "alert_read", Deed::kAlertRead, kDesk | kAuditor, kNone, kMembers},
    {Deed::kAlertPropose, "alert_propose", Deed::kAlertRead, kTriage, kNone, kNone},
    {Deed::kAlertDecide, "alert_decide", Deed::kAlertRead, kApprover, kNone, kNone},
    {Deed::kDeliveryRead, "delivery_read", Deed::kDeliveryRead, kDesk | kAuditor, kMembers, kNone},
    {Deed::kDeliveryMark, "delivery_mark", Deed::kAlertRead, kNone, kNone, kMembers},
    {Deed::kQuestionRead, "question_read", Deed::kQuestionRead, kDesk, kMembers, kNone},
    {Deed::kQuestionAsk, "question_ask", Deed::kQuestionRead, kTriage, kNone, kNone},
    {Deed::kQuestionAnswer, "question_answer", Deed::kQuestionRead, kTriage, kMembers, kNone},
    {Deed::kSampleRead, "sample_read", Deed::kSampleRead, kDesk, kMembers, kNone},
    {Deed::kSampleStore, "sample_store", Deed::kSampleRead, kTriage, kMembers, kNone},
    {Deed::kSampleTake, "sample_take", Deed::kSampleRead, kAnalyst | kApprover, kLiaison, kNone},
    {Deed::kAnalysisRequest, "analysis_request", Deed::kSampleRead, kTriage, kMembers, kNone},
    {Deed::kAnalysisMove, "analysis_move", Deed::kSampleRead, kTriage, kNone, kNone},
    {Deed::kAuditRead, "audit_read", Deed::kAuditRead, kAuditor | kLocal, kNone, kNone},
}};

constexpr bool InOrder() {
  for (size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<size_t>(kTable[i].deed) != i) return false;
  }
  return true;
}
static_assert(InOrder(), "one row for each deed");

const Rule& RuleOf(Deed deed) {
  const auto index = static_cast<size_t>(deed);
  NOROSHI_CHECK(index < kTable.size());
  return kTable[index];
}

// The roles that an actor may hold where it is. A role of the other side counts for
// nothing.
Roles RolesOf(const Actor& actor) {
  if (actor.kind == Actor::Kind::kLocal) return kLocal;
  if (actor.kind == Actor::Kind::kNobody) return kNone;
  Roles roles = kNone;
  for (const v1::Role role : actor.roles) {
    if (role > v1::ROLE_UNSPECIFIED && role <= v1::ROLE_LIAISON) roles |= Bit(role);
  }
  return actor.centre ? roles & ~kMembers : roles & kMembers;
}

bool IsCleared(const Actor& actor, const std::vector<std::string>& circles) {
  if (actor.kind == Actor::Kind::kLocal) return true;
  return std::all_of(circles.begin(), circles.end(), [&](const std::string& circle) {
    return std::find(actor.circles.begin(), actor.circles.end(), circle) != actor.circles.end();
  });
}

}  // namespace

std::string_view DeedName(Deed deed) { return RuleOf(deed).name; }

Deed ReadingDeed(Deed deed) { return RuleOf(deed).reading; }

Decision Decide(const Actor& actor, Deed deed, const Object& object) {
  const Rule& rule = RuleOf(deed);
  const Roles roles = RolesOf(actor);
  const bool at_centre = actor.centre || actor.kind == Actor::Kind::kLocal;
  const bool is_own = !at_centre && !object.owner.empty() && object.owner == actor.organization;
  const bool is_received = !at_centre && object.received;
  Roles granted = kNone;
  if (at_centre) granted |= roles & rule.centre;
  if (is_own) granted |= roles & rule.own;
  if (is_received) granted |= roles & rule.received;
  if (granted == kNone) return {};
  const bool is_red = object.tlp == v1::TLP_RED || object.tlp == v1::TLP_UNSPECIFIED;
  const bool is_own_words = is_own && (roles & rule.own) != kNone;
  if (!is_own_words) {
    const Roles red = at_centre ? kTriage : kLiaison;
    if (is_red && (granted & red) == kNone) return {};
    if (!IsCleared(actor, object.circles)) return {};
  }
  return {true, is_red || !object.circles.empty()};
}

}  // namespace noroshi::access
