// Campaigns: which mails are the same matter (hub/campaign decides), and what is
// known of them as a whole.
#include <algorithm>
#include <set>

#include "hub/engine/batch.h"
#include "hub/engine/campaign_index.h"

namespace noroshi::engine {
namespace {

v1::Relation RelationOf(const v1::CampaignLink& strongest) {
  switch (strongest.kind()) {
    case v1::TIE_KIND_SAME_MAIL:
      return v1::RELATION_EXACT;
    case v1::TIE_KIND_SAME_TEXT:
      return v1::RELATION_SAME_TEXT;
    default:
      return v1::RELATION_CAMPAIGN;
  }
}

std::string_view WordsOf(v1::TieKind kind) {
  switch (kind) {
    case v1::TIE_KIND_SAME_MAIL:
      return "内容が同一 / same content";
    case v1::TIE_KIND_SAME_TEXT:
      return "本文が同一 / same text";
    case v1::TIE_KIND_TEXT:
      return "本文が類似 / similar text";
    case v1::TIE_KIND_ATTACHMENT:
      return "添付が同一 / same attachment";
    case v1::TIE_KIND_ATTACHMENT_HEAD:
      return "添付が類似 / similar attachment";
    case v1::TIE_KIND_HOST:
      return "リンク先ホストが同一 / same host of links";
    case v1::TIE_KIND_DOMAIN:
      return "リンク先ドメインが同一 / same domain of links";
    case v1::TIE_KIND_PAGE:
      return "リンク先ページが同一 / same page of links";
    case v1::TIE_KIND_ADDRESS:
      return "返信先が同一 / same address to answer to";
    case v1::TIE_KIND_SUBJECT:
      return "件名が同一 / same subject";
    default:
      return "共通点 / something in common";
  }
}

// "same content; same subject 請求書 (40)".
std::string ReasonOf(const std::vector<v1::CampaignLink>& links) {
  std::string reason;
  for (const v1::CampaignLink& link : links) {
    if (!reason.empty()) reason += "; ";
    reason += WordsOf(link.kind());
    if (!link.shown().empty()) reason += ' ' + link.shown();
    reason += " (" + std::to_string(link.strength()) + ')';
  }
  return reason;
}

void AddMarker(const std::string& marker, store::v1::CampaignFacts* facts) {
  auto& markers = *facts->mutable_attachment_markers();
  const auto at = std::lower_bound(markers.begin(), markers.end(), marker);
  if (at != markers.end() && *at == marker) return;
  const auto place = at - markers.begin();
  markers.Add(std::string(marker));
  std::rotate(markers.begin() + place, markers.end() - 1, markers.end());
}

}  // namespace

void AddToCampaign(const store::SubmissionRow& mail, store::CaseRow* row) {
  store::v1::CampaignFacts& facts = *row->mutable_campaign();
  const int64_t at = mail.accepted_at_ms();
  if (facts.first_seen_ms() == 0 || at < facts.first_seen_ms()) facts.set_first_seen_ms(at);
  facts.set_last_seen_ms(std::max(facts.last_seen_ms(), at));
  if (mail.variant() == mail.sequence()) facts.set_variants(facts.variants() + 1);
  for (const v1::AttachmentFacts& file : mail.mail().attachments()) {
    for (const std::string& marker : file.markers()) AddMarker(marker, &facts);
    for (const v1::ArchiveMember& member : file.members()) {
      for (const std::string& marker : member.markers()) AddMarker(marker, &facts);
    }
  }
}

Result<void> Batch::JoinMail(store::SubmissionRow* row, store::CaseRow* joined) {
  CampaignIndex index(&state_, row->exercise_id());
  const v1::MailSketch& sketch = row->mail().sketch();
  NOROSHI_ASSIGN_OR_RETURN(const campaign::Decision decision, campaign::Decide(sketch, index));
  const bool opens = decision.case_id == 0;
  const uint64_t case_id = opens ? row->sequence() : decision.case_id;
  if (!opens) {
    NOROSHI_ASSIGN_OR_RETURN(*joined, RequireCase(case_id));
  }
  const bool may_add = joined->campaign().variants() < campaign::kVariantsMax;
  NOROSHI_ASSIGN_OR_RETURN(
      const uint64_t variant,
      campaign::Record(sketch, row->sequence(), case_id, decision.variant, may_add, &index));
  row->set_variant(variant);
  if (opens) {
    OpenCase(store::v1::CASE_KIND_CAMPAIGN, row, joined);
  } else {
    row->mutable_links()->Assign(decision.links.begin(), decision.links.end());
    NOROSHI_RETURN_IF_ERROR(
        Join(RelationOf(decision.links.front()), ReasonOf(decision.links), row, joined));
  }
  AddToCampaign(*row, joined);
  return {};
}

// Later mails are to find it by what a newer analyser sees, too.
Result<void> Batch::RecordAgain(store::SubmissionRow* row) {
  CampaignIndex index(&state_, row->exercise_id());
  NOROSHI_ASSIGN_OR_RETURN(const store::CaseRow joined, RequireCase(row->case_id()));
  NOROSHI_ASSIGN_OR_RETURN(
      const uint64_t variant,
      campaign::Record(row->mail().sketch(), row->sequence(), joined.case_id(), 0,
                       joined.campaign().variants() < campaign::kVariantsMax, &index));
  row->set_variant(variant);
  return {};
}

// A text or an indicator that only the moved ones have leads to where they are now;
// what those that stay have as well leads to both.
Result<void> Batch::FollowMails(const std::vector<store::SubmissionRow>& moved,
                                const std::vector<store::SubmissionRow>& staying, uint64_t from,
                                uint64_t into) {
  std::set<std::string> ties;  // Of those that stay.
  std::set<uint64_t> variants;
  for (const store::SubmissionRow& row : staying) {
    for (const v1::MailTie& tie : row.mail().sketch().ties()) ties.insert(tie.key());
    variants.insert(row.variant());
  }
  for (const store::SubmissionRow& row : moved) {
    CampaignIndex index(&state_, row.exercise_id());
    if (row.variant() != 0 && !variants.contains(row.variant())) {
      NOROSHI_ASSIGN_OR_RETURN(auto variant, index.FindVariant(row.variant()));
      if (variant && variant->case_id == from) {
        variant->case_id = into;
        index.SetVariant(*variant);
      }
    }
    for (const v1::MailTie& tie : row.mail().sketch().ties()) {
      NOROSHI_ASSIGN_OR_RETURN(campaign::TieUse use, index.Tie(tie.key()));
      const auto here = std::find(use.cases.begin(), use.cases.end(), from);
      if (here == use.cases.end()) continue;
      if (!ties.contains(tie.key())) {
        *here = into;
      } else if (use.cases.size() <= campaign::kTieCasesMax &&
                 std::find(use.cases.begin(), use.cases.end(), into) == use.cases.end()) {
        use.cases.push_back(into);
      }
      index.SetTie(tie.key(), use);
    }
  }
  return {};
}

}  // namespace noroshi::engine
