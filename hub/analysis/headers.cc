#include "hub/analysis/headers.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "common/text/unicode.h"
#include "hub/analysis/host.h"
#include "hub/analysis/links.h"
#include "hub/analysis/transfer.h"

namespace noroshi::analysis {
namespace {

std::string_view Trim(std::string_view text) {
  const auto is_space = [](char c) { return static_cast<unsigned char>(c) <= 0x20; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string Token(std::string_view text) {
  return std::string(TruncateUtf8(text::ToValidUtf8(Trim(text)), kHeaderTokenBytesMax));
}

// Line ends and tabs become spaces.
std::string Unfold(std::string_view raw) {
  std::string out(raw);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return out;
}

// "<a@b>" without its brackets.
std::string BareId(std::string_view text) {
  text = Trim(text);
  if (text.starts_with('<')) text.remove_prefix(1);
  return Token(text.substr(0, text.find('>')));
}

// The word after " word " outside comments, ends at white space, ";" or "(".
std::string_view WordAfter(std::string_view text, std::string_view word) {
  int depth = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '(') ++depth;
    if (text[at] == ')') depth = std::max(0, depth - 1);
    const bool begins = at == 0 || text[at - 1] == ' ' || text[at - 1] == ')';
    if (depth > 0 || !begins || !StartsWithNoCase(text.substr(at), word)) continue;
    std::string_view rest = text.substr(at + word.size());
    if (!rest.starts_with(' ')) continue;
    rest = Trim(rest);
    return rest.substr(0, rest.find_first_of(" ;("));
  }
  return {};
}

// The first IP address in "[…]" or "(…)" of a text.
std::string BracketedIp(std::string_view text) {
  for (size_t at = text.find_first_of("[("); at != std::string_view::npos;
       at = text.find_first_of("[(", at + 1)) {
    std::string_view inner = text.substr(at + 1, 64);
    if (StartsWithNoCase(inner, "ipv6:")) inner.remove_prefix(5);
    std::string ip = CanonicalIp(inner.substr(0, inner.find_first_of("]) %,;")));
    if (!ip.empty()) return ip;
  }
  return {};
}

// Comments of RFC 5322 removed; each leaves a space.
std::string WithoutComments(std::string_view text) {
  std::string out;
  int depth = 0;
  for (const char c : text) {
    if (c == '(') ++depth;
    if (depth == 0) out.push_back(c);
    if (c == ')' && depth > 0 && --depth == 0) out.push_back(' ');
  }
  return out;
}

// What a result is about: "header.d=a.example", "smtp.mailfrom=x@a.example" …
std::string ResultDomain(const std::string& words) {
  for (const std::string_view key :
       {"header.d=", "header.from=", "smtp.mailfrom=", "smtp.helo=", "header.i=", "d="}) {
    const size_t at = LowerAscii(words).find(key);
    if (at == std::string::npos) continue;
    std::string_view value = std::string_view(words).substr(at + key.size());
    value = value.substr(0, value.find_first_of(" ;"));
    const size_t sign = value.rfind('@');
    if (sign != std::string_view::npos) value.remove_prefix(sign + 1);
    if (!value.empty()) return LowerAscii(Token(value));
  }
  return {};
}

void Take(std::vector<std::string> items, size_t max, std::vector<std::string>* list, bool* cut) {
  for (std::string& item : items) {
    if (list->size() >= max) {
      *cut = true;
      return;
    }
    list->push_back(std::move(item));
  }
}

void First(std::string value, std::string* field) {
  if (field->empty()) *field = std::move(value);
}

std::vector<std::string> ReadIds(const std::string& unfolded) {
  std::vector<std::string> ids;
  for (size_t at = unfolded.find('<'); at != std::string::npos && ids.size() <= kReferencesMax;
       at = unfolded.find('<', at + 1)) {
    ids.push_back(BareId(std::string_view(unfolded).substr(at, kHeaderTokenBytesMax + 2)));
  }
  return ids;
}

}  // namespace

bool MessageHeaders::Reads(std::string_view name) {
  constexpr std::string_view kNames[] = {"subject",      "from",
                                         "message-id",   "date",
                                         "in-reply-to",  "references",
                                         "return-path",  "reply-to",
                                         "to",           "cc",
                                         "received",     "authentication-results",
                                         "received-spf", "x-originating-ip",
                                         "x-sender-ip",  "arc-authentication-results",
                                         "x-source-ip"};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [&](std::string_view known) { return EqualsNoCase(name, known); });
}

void MessageHeaders::Add(std::string_view name, std::string_view raw) {
  const std::string key = LowerAscii(name);
  const auto addresses = [&] {
    return FindAddresses(DecodeHeaderText(raw), kHeaderAddressesMax + 1);
  };
  if (key == "subject") {
    First(DecodeHeaderText(raw), &subject);
  } else if (key == "from") {
    First(DecodeHeaderText(raw), &from);
    // In angle brackets it is the address; a name may hold another.
    const size_t angle = from.rfind('<');
    const std::string_view where =
        std::string_view(from).substr(angle == std::string::npos ? 0 : angle);
    for (std::string& address : FindAddresses(where, 1)) First(std::move(address), &from_address);
  } else if (key == "message-id") {
    First(DecodeHeaderText(raw), &message_id);
  } else if (key == "date") {
    First(Token(Unfold(raw)), &date);
  } else if (key == "in-reply-to") {
    First(BareId(Unfold(raw)), &in_reply_to);
  } else if (key == "references") {
    Take(ReadIds(Unfold(raw)), kReferencesMax, &references, &cut);
  } else if (key == "return-path") {
    for (std::string& address : FindAddresses(Unfold(raw), 1))
      First(std::move(address), &return_path);
  } else if (key == "reply-to") {
    Take(addresses(), kHeaderAddressesMax, &reply_to, &cut);
  } else if (key == "to" || key == "cc") {
    Take(addresses(), kHeaderAddressesMax, &recipients, &cut);
  } else if (key == "received") {
    if (hops.size() < kHopsMax) {
      hops.push_back(ReadReceived(Unfold(raw)));
    } else {
      cut = true;
    }
  } else if (key == "authentication-results" || key == "arc-authentication-results") {
    for (v1::AuthenticationResult& result : ReadAuthenticationResults(Unfold(raw))) {
      if (authentication.size() < kAuthenticationMax) authentication.push_back(std::move(result));
    }
  } else if (key == "received-spf") {
    v1::AuthenticationResult result = ReadReceivedSpf(Unfold(raw));
    if (authentication.size() < kAuthenticationMax && !result.result().empty()) {
      authentication.push_back(std::move(result));
    }
  } else if (key == "x-originating-ip" || key == "x-sender-ip" || key == "x-source-ip") {
    const std::string value = Unfold(raw);
    std::string ip = BracketedIp(value);
    if (ip.empty()) ip = CanonicalIp(Trim(value));
    if (!ip.empty() && ips.size() < kHopsMax) ips.push_back(std::move(ip));
  }
}

v1::MailHop ReadReceived(std::string_view unfolded) {
  v1::MailHop hop;
  const size_t date = unfolded.rfind(';');
  const std::string_view trace = unfolded.substr(0, date);
  if (date != std::string_view::npos) hop.set_date(Token(unfolded.substr(date + 1)));
  hop.set_from(Token(WordAfter(trace, "from")));
  hop.set_by(Token(WordAfter(trace, "by")));
  // What stands before "by" is about the sender.
  const size_t by = trace.find(" by ");
  std::string_view sender = trace.substr(0, by);
  std::string ip = BracketedIp(sender);
  if (ip.empty()) {
    std::string_view name = hop.from();
    if (name.starts_with('[')) name = name.substr(1, name.find(']') - 1);
    ip = CanonicalIp(name);
  }
  hop.set_ip(std::move(ip));
  return hop;
}

std::vector<v1::AuthenticationResult> ReadAuthenticationResults(std::string_view unfolded) {
  std::vector<v1::AuthenticationResult> results;
  const std::string text = WithoutComments(unfolded);
  std::string server;
  for (size_t begin = 0; begin < text.size() && results.size() < kAuthenticationMax;) {
    const size_t end = std::min(text.find(';', begin), text.size());
    const std::string words(Trim(std::string_view(text).substr(begin, end - begin)));
    begin = end + 1;
    const size_t equals = words.find('=');
    const std::string method = LowerAscii(Trim(std::string_view(words).substr(0, equals)));
    // "i=1" of ARC, and the server's name, which has no "=".
    if (equals == std::string::npos) {
      if (server.empty()) server = Token(words.substr(0, words.find(' ')));
      continue;
    }
    if (method == "i" || method.find(' ') != std::string::npos || method.empty()) continue;
    const std::string_view rest = Trim(std::string_view(words).substr(equals + 1));
    v1::AuthenticationResult result;
    result.set_method(Token(method.substr(0, method.find('/'))));
    result.set_result(LowerAscii(Token(rest.substr(0, rest.find(' ')))));
    result.set_domain(ResultDomain(words));
    result.set_server(server);
    if (!result.result().empty()) results.push_back(std::move(result));
  }
  return results;
}

v1::AuthenticationResult ReadReceivedSpf(std::string_view unfolded) {
  v1::AuthenticationResult result;
  const std::string_view text = Trim(unfolded);
  result.set_method("spf");
  result.set_result(LowerAscii(Token(text.substr(0, text.find_first_of(" (;")))));
  const size_t comment = text.find('(');
  if (comment == std::string_view::npos) return result;
  const std::string_view inner = text.substr(comment + 1);
  const std::string_view head = inner.substr(0, inner.find_first_of(" )"));
  if (head.ends_with(':')) result.set_server(Token(head.substr(0, head.size() - 1)));
  const size_t of = inner.find("domain of ");
  if (of == std::string_view::npos) return result;
  std::string_view domain = inner.substr(of + 10);
  if (domain.starts_with("transitioning ")) domain.remove_prefix(14);
  domain = domain.substr(0, domain.find_first_of(" )"));
  const size_t at = domain.rfind('@');
  if (at != std::string_view::npos) domain.remove_prefix(at + 1);
  result.set_domain(LowerAscii(Token(domain)));
  return result;
}

}  // namespace noroshi::analysis
