#include "hub/analysis/mail_links.h"

#include <algorithm>
#include <array>
#include <set>

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "common/text/unicode.h"
#include "hub/analysis/gateways.h"
#include "hub/analysis/host.h"
#include "hub/analysis/innocent_hosts.h"
#include "hub/analysis/links.h"

namespace noroshi::analysis {
namespace {

constexpr size_t kWarningsMax = 50;

// In the order in which facts hold them (journal.proto).
constexpr std::string_view kMarkers[] = {
    "shown_differs", "hidden",       "defanged",  "credentials", "ip",      "odd_ip",
    "idn",           "encoded_host", "backslash", "mso",         "innocent"};

void Mark(std::string_view marker, v1::MailLink* link) {
  std::set<std::string> found(link->markers().begin(), link->markers().end());
  found.insert(std::string(marker));
  link->clear_markers();
  for (const std::string_view known : kMarkers) {
    if (found.contains(std::string(known))) link->add_markers(std::string(known));
  }
}

void Unmark(std::string_view marker, v1::MailLink* link) {
  const auto found = std::find(link->markers().begin(), link->markers().end(), marker);
  if (found != link->markers().end()) link->mutable_markers()->erase(found);
}

// What a mail program hands to the system: worth a fact beside the web's schemes.
bool IsFollowed(std::string_view scheme) {
  constexpr std::array<std::string_view, 5> kSchemes = {"file", "ldap", "ldaps", "sftp", "smb"};
  return std::find(kSchemes.begin(), kSchemes.end(), scheme) != kSchemes.end();
}

std::string SchemeOf(std::string_view url) {
  const size_t colon = url.find_first_of(":/?#");
  const bool has = colon != std::string_view::npos && colon > 0 && colon < 24 && url[colon] == ':';
  return has ? LowerAscii(url.substr(0, colon)) : std::string();
}

bool IsFollowedIn(v1::LinkPlace place, std::string_view first_marker) {
  return place != v1::LINK_PLACE_RESOURCE && place != v1::LINK_PLACE_BASE &&
         place != v1::LINK_PLACE_COVER && place != v1::LINK_PLACE_ATTACHMENT &&
         first_marker != "mso";
}

bool SameSite(const std::string& a, const std::string& b) {
  if (a == b) return true;
  const std::string domain = RegistrableDomain(a);
  return !domain.empty() && domain == RegistrableDomain(b);
}

// What the URL itself tells.
void Describe(std::string_view url, const UrlReading& reading, const std::string& domain,
              v1::MailLink* link) {
  link->set_host(reading.host.text);
  link->set_domain(domain);
  link->set_target(std::string(TruncateUtf8(text::ToValidUtf8(WrappedUrl(url)), kUrlBytesMax)));
  const bool ip = reading.host.kind == HostKind::kIpv4 || reading.host.kind == HostKind::kIpv6;
  if (reading.credentials) link->add_markers("credentials");
  if (ip) link->add_markers("ip");
  if (reading.host.odd_ip) link->add_markers("odd_ip");
  if (reading.host.idn) link->add_markers("idn");
  if (reading.host.percent_encoded) link->add_markers("encoded_host");
  if (reading.backslash) link->add_markers("backslash");
  // Behind a gateway's rewriting stands what the sender wrote.
  const std::string leads_to = link->target().empty() ? link->host() : HostOf(link->target());
  if (UseOfHost(leads_to) == HostUse::kInnocent) link->add_markers("innocent");
}

// Whether what is clicked shows another site.
void CompareShown(std::string_view shown, v1::MailLink* link) {
  if (shown.empty() || link->host().empty() || !link->shown_host().empty()) return;
  const std::string shown_host = ShownHost(text::ToValidUtf8(shown));
  if (shown_host.empty() || SameSite(shown_host, link->host())) return;
  // A gateway's rewriting is no trick of the sender's.
  if (!link->target().empty() && SameSite(shown_host, HostOf(link->target()))) return;
  link->set_shown_host(shown_host);
  Mark("shown_differs", link);
}

void AddOnce(std::string item, google::protobuf::RepeatedPtrField<std::string>* list) {
  if (item.empty() || static_cast<size_t>(list->size()) >= kIndicatorsMax) return;
  if (std::find(list->begin(), list->end(), item) == list->end()) list->Add(std::move(item));
}

}  // namespace

void LinkCollector::NoteLimit(std::string_view what) {
  if (limit_->empty()) *limit_ = what;
}

void LinkCollector::Warn(std::string_view code, std::string_view detail) {
  std::string warning = std::string(code) + ": " + std::string(detail);
  if (static_cast<size_t>(facts_->warnings_size()) >= kWarningsMax) return;
  if (std::find(facts_->warnings().begin(), facts_->warnings().end(), warning) ==
      facts_->warnings().end()) {
    facts_->add_warnings(std::move(warning));
  }
}

void LinkCollector::AddHost(std::string host) {
  const auto& hosts = facts_->hosts();
  if (std::find(hosts.begin(), hosts.end(), host) != hosts.end()) return;  // With its domain.
  const std::string ip = CanonicalIp(host);
  if (!ip.empty()) {
    AddIp(ip);
    return;
  }
  AddOnce(RegistrableDomain(host), facts_->mutable_domains());
  AddOnce(std::move(host), facts_->mutable_hosts());
}

void LinkCollector::AddIp(std::string ip) { AddOnce(std::move(ip), facts_->mutable_ips()); }

void LinkCollector::AddAddress(std::string address) {
  AddOnce(std::string(TruncateUtf8(address, 320)), facts_->mutable_addresses());
}

void LinkCollector::AddHtml(const HtmlLink& link, bool cover) {
  const std::string scheme = SchemeOf(link.url);
  if (scheme == "mailto") {
    const std::string address = PercentDecode(std::string_view(link.url).substr(7));
    for (std::string& found : FindAddresses(text::ToValidUtf8(address), 10)) {
      if (!cover) AddAddress(std::move(found));
    }
    return;
  }
  const UrlReading reading = ReadUrl(link.url);
  const bool web = !reading.scheme.empty() && (reading.host.kind != HostKind::kNone ||
                                               link.url.find("://") != std::string::npos);
  if (!web && !IsFollowed(scheme)) {
    const bool harmless = scheme.empty() || scheme == "cid" || scheme == "tel" || scheme == "about";
    if (!harmless) Warn("link_scheme", text::ToValidUtf8(scheme));
    return;
  }
  // "https:\\evil.example" and the like, as browsers repair them.
  std::string url = link.url;
  if (web && url.compare(scheme.size(), 3, "://") != 0) {
    url = scheme + "://" + url.substr(std::min(url.size(), reading.host_begin));
  }
  const v1::LinkPlace place = cover ? v1::LINK_PLACE_COVER : link.place;
  AddUrl(url, place, link.mso ? "mso" : link.hidden ? "hidden" : "", link.shown);
}

void LinkCollector::AddPage(const HtmlContent& page) {
  for (HtmlLink link : page.links) {
    if (link.place == v1::LINK_PLACE_RESOURCE || link.place == v1::LINK_PLACE_BASE) continue;
    link.place = v1::LINK_PLACE_ATTACHMENT;
    AddHtml(link, /*cover=*/false);
  }
  UrlScanner scanner(page.scripts);
  for (TextUrl found; urls_seen_ < kUrlsSeenMax && scanner.Next(&found); found = {}) {
    AddUrl(found.url, v1::LINK_PLACE_ATTACHMENT, "", "");
  }
}

void LinkCollector::AddText(std::string_view utf8, v1::LinkPlace place,
                            std::string_view first_marker) {
  UrlScanner scanner(utf8);
  for (TextUrl found; urls_seen_ < kUrlsSeenMax && scanner.Next(&found); found = {}) {
    AddUrl(found.url, place, found.defanged ? "defanged" : first_marker, "");
  }
  if (place == v1::LINK_PLACE_COVER) return;
  for (std::string& host : FindBareHosts(utf8, kIndicatorsMax)) AddHost(std::move(host));
  for (std::string& ip : FindIps(utf8, kIndicatorsMax)) AddIp(std::move(ip));
  for (std::string& address : FindAddresses(utf8, kIndicatorsMax)) AddAddress(std::move(address));
}

void LinkCollector::AddUrl(std::string_view url, v1::LinkPlace place, std::string_view first_marker,
                           std::string_view shown) {
  if (++urls_seen_ > kUrlsSeenMax) return;
  if (url.size() > kUrlBytesMax) NoteLimit("kUrlBytesMax: a URL of more than 2 KiB");
  std::string clean = text::ToValidUtf8(TruncateUtf8(url, kUrlBytesMax));
  const auto known = seen_.find(clean);
  if (known != seen_.end()) {
    SeenAgain(place, first_marker, shown, &entries_[known->second]);
    return;
  }
  const UrlReading reading = ReadUrl(clean);
  const std::string domain = RegistrableDomain(reading.host);
  const bool followed = IsFollowedIn(place, first_marker);
  const size_t same_kind = followed ? followed_ : entries_.size() - followed_;
  if (same_kind >= kUrlsMax ||
      ++per_domain_[domain.empty() ? reading.host.text : domain] > kUrlsPerDomainMax) {
    NoteLimit("kUrlsMax: more than 200 URLs, or 100 of one domain");
    return;
  }
  Entry entry{std::move(clean), {}, followed};
  Describe(entry.url, reading, domain, &entry.link);
  entry.link.set_place(place);
  CompareShown(shown, &entry.link);
  if (!first_marker.empty()) Mark(first_marker, &entry.link);
  if (place != v1::LINK_PLACE_COVER && !entry.link.host().empty()) AddHost(entry.link.host());
  followed_ += entry.followed ? 1 : 0;
  seen_.emplace(entry.url, entries_.size());
  entries_.push_back(std::move(entry));
}

// Somewhere else: what is seen there counts more than what hides here.
void LinkCollector::SeenAgain(v1::LinkPlace place, std::string_view first_marker,
                              std::string_view shown, Entry* entry) {
  CompareShown(shown, &entry->link);
  if (!IsFollowedIn(place, first_marker)) return;
  if (first_marker.empty()) Unmark("hidden", &entry->link);
  if (entry->followed) return;
  entry->followed = true;
  ++followed_;
  Unmark("mso", &entry->link);
  entry->link.set_place(place);
}

void LinkCollector::Finish() {
  for (const bool followed : {true, false}) {
    for (Entry& entry : entries_) {
      if (entry.followed != followed) continue;
      if (followed) {
        facts_->add_urls(std::move(entry.url));
      } else {
        entry.link.set_url(std::move(entry.url));
      }
      *facts_->add_links() = std::move(entry.link);
    }
  }
  entries_.clear();
}

}  // namespace noroshi::analysis
