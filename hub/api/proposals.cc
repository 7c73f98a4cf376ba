// Proposals (発議): alerts that one person wants to send and another one decides about.
#include <fmt/format.h>

#include <algorithm>

#include "common/base/uuid.h"
#include "hub/api/alert_json.h"
#include "hub/api/call.h"
#include "hub/api/drafts.h"
#include "hub/engine/issuing.h"
#include "hub/render/json.h"
#include "hub/sharing/audience.h"

namespace noroshi::api {
namespace {

using access::Deed;
using render::TimeJson;
using render::UuidText;

// Of those who may not receive what nobody may receive, named in the refusal.
constexpr size_t kExcludedShownMax = 8;

std::string Path(const std::string& id) { return "/proposals/" + UuidText(id); }

json::object HeadJson(const store::ProposalRow& row) {
  const v1::AlertIssued& issued = row.proposal().alert();
  json::object object = AlertHeadJson(issued.alert());
  // It has not been issued: what counts from then is not known.
  object.erase("issued_at");
  object.erase("acknowledge_by");
  object["proposal_id"] = UuidText(row.proposal().proposal_id());
  object["state"] = render::Word(row.state());
  object["proposed_by"] = row.proposed_by();
  object["proposed_at"] = TimeJson(row.proposed_at_ms());
  object["decided_by"] = row.decided_by();
  object["decided_at"] = TimeJson(row.decided_at_ms());
  object["acknowledge_within_ms"] = row.proposal().acknowledge_within_ms();
  object["case_id"] = CaseIdJson(issued.case_id());
  json::array audience;
  for (const auto& selector : issued.audience()) audience.emplace_back(selector);
  object["audience"] = std::move(audience);
  return object;
}

json::object WholeJson(const store::ProposalRow& row) {
  json::object object = HeadJson(row);
  AddContent(row.proposal().alert().alert(), &object);
  object.erase("originator");  // The engine decides whether it may be named.
  object["reason"] = row.proposal().reason();
  object["decided_reason"] = row.decided_reason();
  return object;
}

Result<store::ProposalRow> FindProposal(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string id, call.IdParam("proposal_id"));
  NOROSHI_ASSIGN_OR_RETURN(auto row, call.view().Proposal(id));
  NOROSHI_RETURN_IF_ERROR(
      call.Authorize(row ? ObjectOf(row->proposal().alert().alert()) : NoObject()));
  if (!row) return Error{ErrorCode::kNotFound, "there is no such resource"};
  return *std::move(row);
}

Result<Reply> AnswerProposal(Call& call, const std::string& id, int status) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().Proposal(id));
  if (!row) return Error{ErrorCode::kNotFound, "there is no such proposal"};
  Reply reply{status, WholeJson(*row), {}, {}};
  if (status == 201) reply.headers.Set("Location", "/api/v1" + Path(id));
  return reply;
}

// What the body says, for somebody who may send it. about: the case it names, if any.
Result<AlertDraft> ReadDraft(Call& call, std::optional<store::CaseRow>* about) {
  NOROSHI_ASSIGN_OR_RETURN(AlertDraft draft, ReadAlertDraft(call.body()));
  NOROSHI_RETURN_IF_ERROR(call.Authorize(ObjectOf(draft.issued.alert())));
  if (draft.issued.case_id() == 0) return draft;
  NOROSHI_ASSIGN_OR_RETURN(*about, engine::LiveCase(call.view(), draft.issued.case_id()));
  if (!*about || !call.Decide(Deed::kCaseRead, ObjectOf(**about)).allowed) {
    return Error{ErrorCode::kInvalid, "case_id: there is no such case"};
  }
  return draft;
}

// ---- the audience ----

Result<std::vector<store::OrganizationRow>> AllOrganizations(const store::View& view) {
  std::vector<store::OrganizationRow> all;
  while (true) {
    const std::string after = all.empty() ? std::string() : all.back().organization().id();
    NOROSHI_ASSIGN_OR_RETURN(auto rows, view.Organizations(after, store::kListMax));
    const bool more = rows.size() == store::kListMax;
    std::move(rows.begin(), rows.end(), std::back_inserter(all));
    if (!more) return all;
  }
}

json::array DecidedJson(const std::vector<sharing::Decided>& decided) {
  json::array array;
  for (const auto& one : decided) array.emplace_back(RecipientJson(one.organization, one.reason));
  return array;
}

bool Has(const v1::OrganizationSet& organization, const sharing::Selector& selector) {
  using Type = sharing::Selector::Type;
  const auto& circles = organization.circles();
  switch (selector.type) {
    case Type::kOrganization:
      return organization.id() == selector.id;
    case Type::kSector:
      return organization.sector() == selector.id;
    case Type::kCeptoar:
      return organization.ceptoar() == selector.id;
    case Type::kCircle:
      return std::find(circles.begin(), circles.end(), selector.id) != circles.end();
    default:
      return true;
  }
}

// Who would get it now. kInvalid names a selector of what no organisation is or has.
Result<sharing::Audience> AudienceOf(const store::View& view, const v1::AlertIssued& issued,
                                     const store::CaseRow* about) {
  const auto addressing = engine::AddressingOf(issued.alert(), issued.case_id(), about);
  NOROSHI_ASSIGN_OR_RETURN(const auto organizations, AllOrganizations(view));
  std::vector<const v1::OrganizationSet*> candidates;
  candidates.reserve(organizations.size());
  for (const auto& row : organizations) candidates.push_back(&row.organization());
  const std::vector<std::string> selectors(issued.audience().begin(), issued.audience().end());
  for (const std::string& text : selectors) {
    NOROSHI_ASSIGN_OR_RETURN(const sharing::Selector selector, sharing::ParseSelector(text));
    const bool known = std::any_of(candidates.begin(), candidates.end(),
                                   [&](const auto* one) { return Has(*one, selector); });
    if (!known) {
      return Error{
          ErrorCode::kInvalid,
          fmt::format("to: '{}' fits no organisation's record; see GET /organizations", text)};
    }
  }
  return sharing::DecideAudience(addressing.purpose, addressing.content, selectors, candidates);
}

// "nobody may receive it: moj (tlp_red), nict (circle) and 3 more".
std::string NobodyWords(const sharing::Audience& audience) {
  if (audience.excluded.empty()) return "nobody may receive it: it selects no organisation";
  std::string words = "nobody may receive it: ";
  const size_t shown = std::min(audience.excluded.size(), kExcludedShownMax);
  for (size_t i = 0; i < shown; ++i) {
    const sharing::Decided& one = audience.excluded[i];
    words += fmt::format("{}{} ({})", i == 0 ? "" : ", ", one.organization, one.reason);
  }
  const size_t rest = audience.excluded.size() - shown;
  return rest == 0 ? words : words + fmt::format(" and {} more", rest);
}

Result<Reply> PreviewAudience(Call& call) {
  std::optional<store::CaseRow> about;
  NOROSHI_ASSIGN_OR_RETURN(const AlertDraft draft, ReadDraft(call, &about));
  NOROSHI_ASSIGN_OR_RETURN(const auto audience,
                           AudienceOf(call.view(), draft.issued, about ? &*about : nullptr));
  const auto addressing =
      engine::AddressingOf(draft.issued.alert(), draft.issued.case_id(), about ? &*about : nullptr);
  return Reply{200,
               json::object{{"notice", addressing.purpose == sharing::Purpose::kNotice},
                            {"recipients", DecidedJson(audience.recipients)},
                            {"excluded", DecidedJson(audience.excluded)}},
               {},
               {}};
}

// ---- proposals ----

Result<Reply> ProposeAlert(Call& call) {
  std::optional<store::CaseRow> about;
  NOROSHI_ASSIGN_OR_RETURN(AlertDraft draft, ReadDraft(call, &about));
  NOROSHI_ASSIGN_OR_RETURN(const auto audience,
                           AudienceOf(call.view(), draft.issued, about ? &*about : nullptr));
  if (audience.recipients.empty()) {
    return Error{ErrorCode::kInvalid, "to: " + NobodyWords(audience)};
  }
  v1::Action action;
  v1::ProposalMade& made = *action.mutable_proposal_made();
  made.set_proposal_id(call.NewId());
  made.set_reason(call.Text("reason"));
  made.set_acknowledge_within_ms(draft.acknowledge_within_ms);
  made.mutable_alert()->Swap(&draft.issued);
  made.mutable_alert()->mutable_alert()->set_alert_id(call.NewId());
  const std::string id = made.proposal_id();
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), Path(id)));
  return AnswerProposal(call, id, 201);
}

Result<std::vector<store::ProposalRow>> OpenProposals(const store::View& view,
                                                      const std::string& before, size_t limit) {
  NOROSHI_ASSIGN_OR_RETURN(const auto ids,
                           view.Ids(store::List::kProposalsOpen, "", before, limit));
  std::vector<store::ProposalRow> rows;
  for (const std::string& id : ids) {
    NOROSHI_ASSIGN_OR_RETURN(auto row, view.Proposal(id));
    if (!row) return Error{ErrorCode::kInternal, "a list names a proposal that is not there"};
    rows.push_back(*std::move(row));
  }
  return rows;
}

Result<Reply> ListProposals(Call& call) {
  NOROSHI_RETURN_IF_ERROR(call.Authorize(access::Object()));
  NOROSHI_ASSIGN_OR_RETURN(const size_t limit, call.Limit());
  NOROSHI_ASSIGN_OR_RETURN(const std::string before, call.Cursor());
  const std::string state = call.Query("state");
  if (!state.empty() && state != "open") {
    return Error{ErrorCode::kInvalid, "state: open, or nothing for all"};
  }
  NOROSHI_ASSIGN_OR_RETURN(const auto rows, state.empty()
                                                ? call.view().Proposals(before, limit)
                                                : OpenProposals(call.view(), before, limit));
  json::array items;
  for (const store::ProposalRow& row : rows) {
    const auto decision = call.Decide(Deed::kAlertRead, ObjectOf(row.proposal().alert().alert()));
    if (!decision.allowed) continue;
    items.emplace_back(decision.record ? HeadJson(row) : WholeJson(row));
  }
  const bool more = rows.size() == limit;
  return Page("proposals", std::move(items), more ? rows.back().proposal().proposal_id() : "");
}

Result<Reply> ShowProposal(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindProposal(call));
  return AnswerProposal(call, row.proposal().proposal_id(), 200);
}

// Markings and records may have changed since it was proposed.
Result<void> CheckReachesSomebody(Call& call, const store::ProposalRow& row) {
  if (row.state() != store::v1::PROPOSAL_STATE_OPEN) return {};  // The engine says so.
  const v1::AlertIssued& issued = row.proposal().alert();
  std::optional<store::CaseRow> about;
  if (issued.case_id() != 0) {
    NOROSHI_ASSIGN_OR_RETURN(about, engine::LiveCase(call.view(), issued.case_id()));
  }
  const auto audience = AudienceOf(call.view(), issued, about ? &*about : nullptr);
  if (!audience.ok()) return Error{ErrorCode::kConflict, audience.error().message};
  if (!audience->recipients.empty()) return {};
  return Error{ErrorCode::kConflict,
               NobodyWords(*audience) + "; reject it, and propose one that reaches somebody"};
}

Result<Reply> DecideProposal(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindProposal(call));
  if (call.Flag("approved")) NOROSHI_RETURN_IF_ERROR(CheckReachesSomebody(call, row));
  v1::Action action;
  v1::ProposalDecided& decided = *action.mutable_proposal_decided();
  decided.set_proposal_id(row.proposal().proposal_id());
  decided.set_approved(call.Flag("approved"));
  decided.set_reason(call.Text("reason"));
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), Path(decided.proposal_id())));
  return AnswerProposal(call, row.proposal().proposal_id(), 200);
}

}  // namespace

void AddProposalRoutes(std::vector<Route>* routes) {
  const auto add = [&](Route route) { routes->push_back(std::move(route)); };
  add({"POST",
       "/alerts/audience",
       Deed::kAlertPropose,
       PreviewAudience,
       "Who would get such an alert and who would not, and why",
       "AudienceAsk",
       "Audience",
       {}});
  Route propose{"POST",
                "/alerts/proposals",
                Deed::kAlertPropose,
                ProposeAlert,
                "Propose an alert; another person decides whether it is sent",
                "AlertPropose",
                "Proposal",
                {}};
  propose.by_person = true;
  add(std::move(propose));
  add({"GET",
       "/proposals",
       Deed::kAlertRead,
       ListProposals,
       "Proposals, newest first",
       "",
       "ProposalPage",
       {"limit", "cursor", "state"}});
  add({"GET",
       "/proposals/{proposal_id}",
       Deed::kAlertRead,
       ShowProposal,
       "One proposal",
       "",
       "Proposal",
       {}});
  add({"POST",
       "/proposals/{proposal_id}/decision",
       Deed::kAlertDecide,
       DecideProposal,
       "Approve it, and it is sent; or reject it",
       "ProposalDecide",
       "Proposal",
       {}});
}

}  // namespace noroshi::api
