// The headers of a message, as facts: addresses, the Received chain, what the
// receiving servers said of SPF, DKIM and DMARC.
//
// Tolerant: whatever is malformed gives fewer facts, never an error. The first
// header of a name counts where only one may stand.
// Threads: thread-safe. Deterministic; linear in the input.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "noroshi/v1/journal.pb.h"

namespace noroshi::analysis {

inline constexpr size_t kHopsMax = 64;
inline constexpr size_t kAuthenticationMax = 64;
inline constexpr size_t kReferencesMax = 64;
inline constexpr size_t kHeaderAddressesMax = 100;   // Of all headers of a message together.
inline constexpr size_t kHeaderTokenBytesMax = 256;  // Names, results, domains.

struct MessageHeaders {
  std::string subject;  // These as a person sees them.
  std::string from;
  std::string message_id;
  std::string date;
  std::string in_reply_to;
  std::string return_path;
  std::string from_address;
  std::vector<std::string> reply_to;    // Addresses.
  std::vector<std::string> recipients;  // To and Cc.
  std::vector<std::string> references;
  std::vector<v1::MailHop> hops;
  std::vector<v1::AuthenticationResult> authentication;
  std::vector<std::string> ips;  // Of X-Originating-IP and its kind.
  bool cut = false;              // One of the limits above was reached.

  // Whether Add makes anything of headers of this name, in any case of letters.
  static bool Reads(std::string_view name);
  // One header, in the order of the mail. raw: as it stands, folded and encoded.
  void Add(std::string_view name, std::string_view raw);
};

// RFC 5321 trace line: "from a (b [1.2.3.4]) by c …; date".
v1::MailHop ReadReceived(std::string_view unfolded);

// RFC 8601, with what servers write in its place.
std::vector<v1::AuthenticationResult> ReadAuthenticationResults(std::string_view unfolded);

// "Pass (server: domain of a@b.example designates …) client-ip=…".
v1::AuthenticationResult ReadReceivedSpf(std::string_view unfolded);

}  // namespace noroshi::analysis
