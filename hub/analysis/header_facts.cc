#include "hub/analysis/header_facts.h"

#include <string>
#include <string_view>

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "common/text/unicode.h"
#include "hub/analysis/host.h"
#include "hub/analysis/links.h"
#include "hub/analysis/mail.h"

namespace noroshi::analysis {
namespace {

std::string Field(std::string_view text) {
  return std::string(TruncateUtf8(text::ToValidUtf8(text), kFactFieldBytesMax));
}

// The registrable domain of an address, or its whole host where there is none.
std::string SiteOf(std::string_view address) {
  const size_t at = address.rfind('@');
  if (at == std::string_view::npos) return {};
  const std::string host = LowerAscii(address.substr(at + 1));
  const std::string domain = RegistrableDomain(host);
  return domain.empty() ? host : domain;
}

// A name that is an address or host of somebody else's.
void FindDisplayNameMismatch(const MessageHeaders& headers, v1::MailFacts* facts) {
  const std::string site = SiteOf(headers.from_address);
  const size_t angle = headers.from.rfind('<');
  if (site.empty() || angle == std::string::npos) return;
  const std::string name = headers.from.substr(0, angle);
  for (const std::string& address : FindAddresses(name, 4)) {
    if (SiteOf(address) != site) {
      facts->add_mismatches(Field("display_name: " + address + " is shown, " +
                                  headers.from_address + " is the address"));
      return;
    }
  }
  std::string shown = name;
  std::erase(shown, '"');
  const std::string host = ShownHost(shown);
  if (!host.empty() && RegistrableDomain(host) != site) {
    facts->add_mismatches(
        Field("display_name: " + host + " is shown, " + headers.from_address + " is the address"));
  }
}

void FindMismatches(const MessageHeaders& headers, v1::MailFacts* facts) {
  FindDisplayNameMismatch(headers, facts);
  const std::string site = SiteOf(headers.from_address);
  for (const std::string& address : headers.reply_to) {
    if (site.empty() || SiteOf(address) == site) continue;
    facts->add_mismatches(
        Field("reply_to: answers go to " + address + ", not to " + headers.from_address));
    break;
  }
  const std::string& path = headers.return_path;
  if (!site.empty() && !path.empty() && SiteOf(path) != site) {
    facts->add_mismatches(
        Field("return_path: sent as " + path + ", shown as " + headers.from_address));
  }
  const bool answers = StartsWithNoCase(headers.subject, "re:");
  if (answers && headers.in_reply_to.empty() && headers.references.empty()) {
    facts->add_mismatches("thread: the subject says answer, but no header names what it answers");
  }
}

}  // namespace

void FillHeaderFacts(const MessageHeaders& headers, LinkCollector* indicators,
                     v1::MailFacts* facts) {
  facts->set_message_id(Field(headers.message_id));
  facts->set_from_address(Field(headers.from_address));
  facts->set_return_path(Field(headers.return_path));
  facts->set_date(Field(headers.date));
  facts->set_in_reply_to(Field(headers.in_reply_to));
  for (const std::string& id : headers.references) facts->add_references(Field(id));
  for (const v1::MailHop& hop : headers.hops) *facts->add_hops() = hop;
  for (const v1::AuthenticationResult& result : headers.authentication) {
    *facts->add_authentication() = result;
  }
  indicators->AddAddress(facts->from_address());
  for (const std::string& address : headers.reply_to) {
    facts->add_reply_to(Field(address));
    indicators->AddAddress(Field(address));
  }
  indicators->AddAddress(facts->return_path());
  for (const v1::MailHop& hop : headers.hops) indicators->AddIp(hop.ip());
  for (const std::string& ip : headers.ips) indicators->AddIp(ip);
  FindMismatches(headers, facts);
}

}  // namespace noroshi::analysis
