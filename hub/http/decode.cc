#include "hub/http/decode.h"

#include <algorithm>
#include <boost/asio/ip/address_v6.hpp>
#include <charconv>

#include "common/base/ascii.h"
#include "common/base/encoding.h"

namespace noroshi::http {
namespace {

constexpr size_t kHostBytesMax = 255;

Error Invalid(std::string message) { return Error{ErrorCode::kInvalid, std::move(message)}; }

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// RFC 3986 pchar and "/", with "%" for the escapes.
bool IsPathCharacter(char c) {
  return IsAsciiLetter(c) || IsAsciiDigit(c) ||
         std::string_view("-._~!$&'()*+,;=:@/%").find(c) != std::string_view::npos;
}

// More than RFC 3986 has: browsers leave some characters of a query as they are.
bool IsQueryCharacter(char c) { return c > 0x20 && c < 0x7f && c != '#'; }

Result<std::string> Unescape(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return Invalid("a % must be followed by two hexadecimal digits");
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  if (!IsValidUtf8(out)) return Invalid("the address must be UTF-8, %-escaped");
  return out;
}

Result<std::string> ParsePath(std::string_view raw) {
  if (raw.empty() || raw.front() != '/') return Invalid("the request target must begin with /");
  if (!std::all_of(raw.begin(), raw.end(), IsPathCharacter)) {
    return Invalid("the path has a character that must be %-escaped");
  }
  NOROSHI_ASSIGN_OR_RETURN(std::string path, Unescape(raw, /*plus_is_space=*/false));
  // A slash that came escaped would mean one thing here and another to others.
  if (std::count(path.begin(), path.end(), '/') != std::count(raw.begin(), raw.end(), '/')) {
    return Invalid("the path has an escaped slash");
  }
  if (path.find('\\') != std::string::npos || std::any_of(path.begin(), path.end(), IsControl)) {
    return Invalid("the path has a backslash or a control character");
  }
  for (std::string_view rest = std::string_view(path).substr(1); !rest.empty();) {
    const size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view segment = rest.substr(0, end);
    if (segment.empty() || segment == "." || segment == "..") {
      return Invalid("the path has an empty segment, \".\" or \"..\"");
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return path;
}

bool IsHostName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return IsAsciiLetter(c) || IsAsciiDigit(c) || c == '-' || c == '.' || c == '_';
  });
}

bool IsPort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port != 0;
}

}  // namespace

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return IsAsciiLetter(c) || IsAsciiDigit(c) ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

Result<Parameters> ParseParameters(std::string_view encoded, size_t parameters_max) {
  if (!std::all_of(encoded.begin(), encoded.end(), IsQueryCharacter)) {
    return Invalid("the query has a character that must be %-escaped");
  }
  Parameters parameters;
  while (!encoded.empty()) {
    const size_t end = std::min(encoded.find('&'), encoded.size());
    const std::string_view pair = encoded.substr(0, end);
    encoded.remove_prefix(std::min(end + 1, encoded.size()));
    if (pair.empty()) continue;
    if (parameters.size() == parameters_max) return Invalid("the query has too many parameters");
    const size_t equals = std::min(pair.find('='), pair.size());
    NOROSHI_ASSIGN_OR_RETURN(std::string name, Unescape(pair.substr(0, equals), true));
    NOROSHI_ASSIGN_OR_RETURN(std::string value,
                             Unescape(pair.substr(std::min(equals + 1, pair.size())), true));
    for (const std::string* text : {&name, &value}) {
      for (const char c : *text) {
        if (IsControl(c) && c != '\t' && c != '\n' && c != '\r') {
          return Invalid("the query has a control character");
        }
      }
    }
    parameters.emplace_back(std::move(name), std::move(value));
  }
  return parameters;
}

Result<Target> ParseTarget(std::string_view raw, size_t parameters_max) {
  const size_t mark = std::min(raw.find('?'), raw.size());
  Target target;
  NOROSHI_ASSIGN_OR_RETURN(target.path, ParsePath(raw.substr(0, mark)));
  NOROSHI_ASSIGN_OR_RETURN(
      target.query, ParseParameters(raw.substr(std::min(mark + 1, raw.size())), parameters_max));
  return target;
}

Result<std::string> ParseHost(std::string_view host) {
  const Error bad = Invalid("the Host field must be one name or address");
  if (host.size() > kHostBytesMax) return bad;
  std::string_view rest;  // What follows the name: nothing, or ":port".
  std::string name;
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    if (end == std::string_view::npos) return bad;
    boost::system::error_code error;
    const auto address =
        boost::asio::ip::make_address_v6(std::string(host.substr(1, end - 1)), error);
    if (error) return bad;
    name = address.to_string();
    rest = host.substr(end + 1);
  } else {
    const size_t end = std::min(host.find(':'), host.size());
    if (!IsHostName(host.substr(0, end))) return bad;
    name = host.substr(0, end);
    rest = host.substr(end);
    name = LowerAscii(name);
  }
  if (!rest.empty() && (rest.front() != ':' || !IsPort(rest.substr(1)))) return bad;
  return name;
}

}  // namespace noroshi::http
