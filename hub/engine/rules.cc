// Alert rules: when one becomes true of a case, for the first time.
#include <algorithm>
#include <deque>

#include "common/base/encoding.h"
#include "hub/engine/batch.h"
#include "hub/engine/compose.h"

namespace noroshi::engine {
namespace {

bool HasFired(const v1::AlertRule& rule, const store::CaseRow& row) {
  const auto& fired = row.fired_rules();
  return std::find(fired.begin(), fired.end(), rule.id()) != fired.end();
}

// Why nothing automatic may leave, whatever the rule says; empty: it may.
std::string_view KeptBack(const sharing::Marking& source) {
  if (source.conflict) return "その届出は異なる共有サークルのもの / its submissions conflict";
  if (source.tlp == v1::TLP_RED) return "TLP:RED";
  if (source.tlp == v1::TLP_AMBER_STRICT) return "TLP:AMBER+STRICT";
  return "";
}

std::string NotSent(const v1::AlertRule& rule, std::string_view why) {
  return "規則 " + rule.id() + ": 自動発信せず / nothing was sent: " + std::string(why);
}

std::string_view KindWord(store::v1::CaseKind kind) {
  switch (kind) {
    case store::v1::CASE_KIND_INCIDENT:
      return "incident";
    case store::v1::CASE_KIND_CAMPAIGN:
      return "campaign";
    default:
      return "vulnerability";
  }
}

uint64_t ClampedToWindow(uint32_t wanted) { return std::min<uint64_t>(wanted, kRuleWindowMax); }

}  // namespace

void AddNote(const std::string& note, store::CaseRow* row) {
  if (row->notes_size() < static_cast<int>(kCaseNotesMax)) row->add_notes(note);
}

Result<void> Batch::CaseChanged(store::CaseRow* row) {
  for (const v1::AlertRule& rule : memory_.rules.rules()) {
    if (HasFired(rule, *row)) continue;
    NOROSHI_ASSIGN_OR_RETURN(const bool holds, Holds(rule, *row));
    if (holds) NOROSHI_RETURN_IF_ERROR(Fire(rule, row));
  }
  PutCase(row);
  return {};
}

Result<bool> Batch::Holds(const v1::AlertRule& rule, const store::CaseRow& row) const {
  if (!rule.case_kind().empty() && rule.case_kind() != KindWord(row.kind())) return false;
  if (row.organizations() < rule.organizations_at_least()) return false;
  if (row.submissions() < rule.submissions_at_least()) return false;
  const v1::Label& label = EventTypeOf(row);
  const auto& types = rule.event_types();
  if (!types.empty() &&
      (label.id().empty() || std::find(types.begin(), types.end(), label.id()) == types.end())) {
    return false;
  }
  if (label.confidence_percent() < rule.confidence_at_least()) return false;
  const auto& wanted = rule.attachment_markers();
  const auto& markers = row.campaign().attachment_markers();
  if (!wanted.empty() && std::find_first_of(wanted.begin(), wanted.end(), markers.begin(),
                                            markers.end()) == wanted.end()) {
    return false;
  }
  return rule.within_ms() > 0 ? HoldsInWindow(rule, row) : Result<bool>(true);
}

// Whether some stretch of within_ms holds enough submissions of enough
// organisations, among the newest kRuleWindowMax.
Result<bool> Batch::HoldsInWindow(const v1::AlertRule& rule, const store::CaseRow& row) const {
  const uint64_t organizations = ClampedToWindow(rule.organizations_at_least());
  const uint64_t submissions = ClampedToWindow(rule.submissions_at_least());
  std::deque<store::CaseMember> window;  // Newest in front.
  std::map<std::string, size_t> seen;    // Submissions in the window by organisation.
  size_t looked_at = 0;
  bool holds = false;
  NOROSHI_RETURN_IF_ERROR(
      state_.VisitCaseMembers(row.case_id(), [&](const store::CaseMember& member) {
        window.push_back(member);
        ++seen[member.organization];
        while (window.front().accepted_at_ms - member.accepted_at_ms > rule.within_ms()) {
          const auto count = seen.find(window.front().organization);
          if (--count->second == 0) seen.erase(count);
          window.pop_front();
        }
        holds = window.size() >= submissions && seen.size() >= organizations;
        return !holds && ++looked_at < kRuleWindowMax;
      }));
  return holds;
}

Result<void> Batch::Fire(const v1::AlertRule& rule, store::CaseRow* row) {
  row->add_fired_rules(rule.id());
  sharing::Content content;
  content.tlp = row->tlp();
  content.circle = row->circle();
  content.exercise_id = row->exercise_id();
  content.source = MarkingOfCase(*row);
  const std::string_view kept_back = KeptBack(*content.source);
  if (!kept_back.empty()) return AddNote(NotSent(rule, kept_back), row), Result<void>();

  Issue issue;
  issue.selectors.assign(rule.audience().begin(), rule.audience().end());
  auto audience =
      sharing::DecideAudience(sharing::Purpose::kAlert, content, issue.selectors, Candidates());
  if (!audience.ok()) return AddNote(NotSent(rule, audience.error().message), row), Result<void>();
  if (audience->recipients.empty()) {
    return AddNote(NotSent(rule, "誰も受け取れない / nobody may have it"), row), Result<void>();
  }
  issue.audience = std::move(audience).value();
  NOROSHI_ASSIGN_OR_RETURN(issue.original, Compose(rule, *row));
  NOROSHI_ASSIGN_OR_RETURN(const auto known, state_.Alert(issue.original.alert_id()));
  if (known) return {};
  issue.case_id = row->case_id();
  issue.rule = rule.id();
  Send(issue);
  row->add_alerts(issue.original.alert_id());
  return {};
}

// The submission that opened the case. If it has left, or a person opened the case:
// the first one that is there, so that the alert's id is no other case's.
store::Found<store::SubmissionRow> Batch::OpenerOf(const store::CaseRow& row) const {
  NOROSHI_ASSIGN_OR_RETURN(auto opener, state_.Submission(row.case_id()));
  if (opener && opener->case_id() == row.case_id()) return opener;
  NOROSHI_ASSIGN_OR_RETURN(auto members, state_.SubmissionsOfCase(row.case_id(), 0, 1));
  return members.empty() ? std::nullopt : std::optional(std::move(members.front()));
}

Result<v1::Alert> Batch::Compose(const v1::AlertRule& rule, const store::CaseRow& row) const {
  NOROSHI_ASSIGN_OR_RETURN(const auto opener, OpenerOf(row));
  std::vector<store::SubmissionRow> members;
  std::optional<Error> error;
  NOROSHI_RETURN_IF_ERROR(
      state_.VisitCaseMembers(row.case_id(), [&](const store::CaseMember& member) {
        auto submission = state_.Submission(member.sequence);
        if (!submission.ok()) error = submission.error();
        if (submission.ok() && *submission) members.push_back(**std::move(submission));
        return !error && members.size() < kIndicatorSubmissionsMax;
      }));
  if (error) return *error;
  std::string originator;
  if (row.organizations() == 1 && sharing::MayName(MarkingOfCase(row)) && opener) {
    const auto named = memory_.organizations.find(opener->organization());
    if (named != memory_.organizations.end()) originator = named->second.organization().name_ja();
  }
  return ComposeAlert({&rule, &row, opener ? &*opener : nullptr, members, originator, at_.time_ms});
}

}  // namespace noroshi::engine
