// Collects the URLs of a mail and what can be said of each: its host, its domain,
// and the tricks that were used on it.
// Threads: one at a time for each object. Deterministic.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hub/analysis/html.h"
#include "noroshi/v1/journal.pb.h"

namespace noroshi::analysis {

inline constexpr size_t kUrlsMax = 200;
inline constexpr size_t kUrlsPerDomainMax = 100;  // So that one domain does not crowd out the rest.
inline constexpr size_t kUrlsSeenMax = 300'000;   // Looked at in one mail.
inline constexpr size_t kUrlBytesMax = 2048;
inline constexpr size_t kIndicatorsMax = 200;  // Hosts, IPs and addresses, each.

class LinkCollector {
 public:
  // facts must outlive the collector; limit: the first that is reached is named.
  LinkCollector(v1::MailFacts* facts, std::string* limit) : facts_(facts), limit_(limit) {}

  void AddHtml(const HtmlLink& link, bool cover);
  // Of an attached page: where it leads, by its links and as its scripts name it.
  void AddPage(const HtmlContent& page);
  // URLs, hosts, IPs and addresses written in a text; first_marker: of all its
  // URLs, may be empty.
  void AddText(std::string_view utf8, v1::LinkPlace place, std::string_view first_marker = "");
  void AddHost(std::string host);
  void AddIp(std::string ip);
  void AddAddress(std::string address);
  // Writes urls and links into the facts. Call once, at the end.
  void Finish();

 private:
  struct Entry {
    std::string url;
    v1::MailLink link;
    bool followed = false;  // Somebody reads or follows it, in every mail program.
  };

  void NoteLimit(std::string_view what);
  void AddUrl(std::string_view url, v1::LinkPlace place, std::string_view first_marker,
              std::string_view shown);
  void SeenAgain(v1::LinkPlace place, std::string_view first_marker, std::string_view shown,
                 Entry* entry);
  void Warn(std::string_view code, std::string_view detail);

  v1::MailFacts* facts_;
  std::string* limit_;
  std::vector<Entry> entries_;
  std::unordered_map<std::string, size_t> seen_;  // URL: its place in entries_.
  std::unordered_map<std::string, size_t> per_domain_;
  size_t followed_ = 0;
  size_t urls_seen_ = 0;
};

}  // namespace noroshi::analysis
