#include "hub/engine/compose.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "common/base/encoding.h"
#include "common/base/uuid.h"
#include "common/crypto/crypto.h"
#include "hub/sharing/audience.h"

namespace noroshi::engine {
namespace {

using Key = std::pair<std::string_view, std::string>;  // Type and value.

// What has been seen, in order, and by whom.
class Sightings {
 public:
  void Add(std::string_view type, const std::string& value, const std::string& organization) {
    if (value.empty() || value.size() > kIndicatorValueBytesMax) return;
    const auto [place, is_new] = by_.try_emplace(Key(type, value));
    place->second.insert(organization);
    if (is_new) order_.push_back(&*place);
  }

  // Seen by two organisations or more.
  std::vector<Key> Shared() const {
    std::vector<Key> shared;
    for (const auto* entry : order_) {
      if (entry->second.size() >= 2) shared.push_back(entry->first);
    }
    return shared;
  }

 private:
  std::map<Key, std::set<std::string>> by_;
  std::vector<const std::pair<const Key, std::set<std::string>>*> order_;
};

// A lure links to the brand that it imitates, and loads fonts as everybody does: no alert warns
// of those.
bool IsInnocent(const v1::MailLink& link) {
  const auto& markers = link.markers();
  return std::find(markers.begin(), markers.end(), "innocent") != markers.end();
}

// What the mail leads to, and a page attached to it.
std::vector<std::string> UrlsToWarnOf(const v1::MailFacts& mail) {
  std::vector<std::string> urls;
  for (int i = 0; i < mail.urls_size(); ++i) {
    if (i < mail.links_size() && IsInnocent(mail.links(i))) continue;
    urls.push_back(mail.urls(i));
  }
  for (int i = mail.urls_size(); i < mail.links_size(); ++i) {
    const v1::MailLink& link = mail.links(i);
    if (link.place() == v1::LINK_PLACE_ATTACHMENT && !IsInnocent(link)) urls.push_back(link.url());
  }
  return urls;
}

std::vector<Key> SharedIndicators(std::span<const store::SubmissionRow> members) {
  Sightings sightings;
  for (const store::SubmissionRow& member : members) {
    const v1::MailFacts& mail = member.mail();
    const std::string& who = member.organization();
    sightings.Add("subject", mail.subject(), who);
    sightings.Add("sender", mail.from(), who);
    for (const std::string& url : UrlsToWarnOf(mail)) sightings.Add("url", url, who);
    for (const v1::AttachmentFacts& attachment : mail.attachments()) {
      sightings.Add("sha256", ToHex(attachment.sha256()), who);
      sightings.Add("file_name", attachment.name(), who);
    }
  }
  return sightings.Shared();
}

void AddIndicators(const std::vector<Key>& shared, v1::Alert* alert) {
  size_t bytes = 0;
  for (const auto& [type, value] : shared) {
    bytes += value.size();
    if (alert->indicators_size() >= static_cast<int>(kIndicatorsMax)) return;
    if (bytes > kIndicatorBytesMax) return;
    v1::Indicator& indicator = *alert->add_indicators();
    indicator.set_type(std::string(type));
    indicator.set_value(value);
  }
}

struct Words {
  std::string title;
  std::string organizations;
  std::string submissions;
};

// Replaces the placeholders in one pass: what is put in is not read again.
std::string Expand(std::string_view text, const Words& words, size_t max) {
  const std::pair<std::string_view, const std::string*> placeholders[] = {
      {"{title}", &words.title},
      {"{count_organizations}", &words.organizations},
      {"{count_submissions}", &words.submissions}};
  std::string out;
  while (!text.empty()) {
    const auto* const found =
        std::find_if(std::begin(placeholders), std::end(placeholders),
                     [&](const auto& entry) { return text.starts_with(entry.first); });
    if (found != std::end(placeholders)) {
      out += *found->second;
      text.remove_prefix(found->first.size());
    } else {
      out.push_back(text.front());
      text.remove_prefix(1);
    }
  }
  return std::string(TruncateUtf8(out, max));
}

// The words that may stand for the title; empty: none.
std::string TitleOf(const store::CaseRow& row, const std::vector<Key>& shared,
                    const sharing::Marking& source) {
  if (sharing::MayName(source)) return row.title();
  if (row.kind() != store::v1::CASE_KIND_CAMPAIGN) return "";
  for (const auto& [type, value] : shared) {
    if (type == "subject") return value;
  }
  return "";
}

bool IsForCentreOnly(const v1::AlertRule& rule) {
  return std::all_of(rule.audience().begin(), rule.audience().end(),
                     [](const std::string& selector) { return selector == "kind:centre"; });
}

Words WordsFor(const AlertInput& input, const std::string& title, std::string_view no_title,
               std::string_view several) {
  const bool counts = IsForCentreOnly(*input.rule);
  return {title.empty() ? std::string(no_title) : title,
          counts ? std::to_string(input.row->organizations()) : std::string(several),
          counts ? std::to_string(input.row->submissions()) : std::string(several)};
}

sharing::Marking ConsentOf(const store::CaseRow& row) {
  sharing::Marking marking;
  marking.may_share_name = row.may_share_name();
  marking.conflict = row.circles_conflict();
  return marking;
}

}  // namespace

std::string AutomaticAlertId(const v1::AlertRule& rule, const store::SubmissionRow& opener) {
  Sha256 hash;
  for (const std::string_view part :
       {std::string_view("noroshi automatic alert"), std::string_view(rule.id()),
        std::string_view(opener.organization()), std::string_view(opener.submission_id())}) {
    hash.Update(BigEndian64(part.size())).Update(part);
  }
  std::string id = hash.Finish().substr(0, Uuid::kBytes);
  id[6] = static_cast<char>((static_cast<unsigned char>(id[6]) & 0x0f) | 0x80);
  id[8] = static_cast<char>((static_cast<unsigned char>(id[8]) & 0x3f) | 0x80);
  return id;
}

v1::Alert ComposeAlert(const AlertInput& input) {
  const v1::AlertRule& rule = *input.rule;
  const store::CaseRow& row = *input.row;
  const std::vector<Key> shared = SharedIndicators(input.members);
  const std::string title = TitleOf(row, shared, ConsentOf(row));
  const Words ja = WordsFor(input, title, "(件名非公開)", "複数");
  const Words en = WordsFor(input, title, "(title withheld)", "several");
  v1::Alert alert;
  alert.set_alert_id(AutomaticAlertId(rule, input.opener ? *input.opener : store::SubmissionRow()));
  alert.set_kind(rule.alert_kind());
  alert.set_tlp(row.tlp());
  alert.set_title_ja(Expand(rule.title_ja(), ja, kAlertTitleBytesMax));
  alert.set_title_en(Expand(rule.title_en(), en, kAlertTitleBytesMax));
  alert.set_text_ja(Expand(rule.text_ja(), ja, kAlertTextBytesMax));
  alert.set_text_en(Expand(rule.text_en(), en, kAlertTextBytesMax));
  AddIndicators(shared, &alert);
  alert.set_issued_at_ms(input.time_ms);
  if (rule.acknowledge_within_ms() > 0) {
    alert.set_acknowledge_by_ms(input.time_ms + rule.acknowledge_within_ms());
  }
  alert.set_exercise_id(row.exercise_id());
  alert.set_circle(row.circle());
  alert.set_originator(input.originator);
  return alert;
}

}  // namespace noroshi::engine
