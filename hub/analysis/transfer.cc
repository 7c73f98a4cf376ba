#include "hub/analysis/transfer.h"

#include <algorithm>
#include <array>
#include <map>

#include "common/base/ascii.h"
#include "common/text/charset.h"
#include "common/text/unicode.h"
#include "hub/analysis/host.h"

namespace noroshi::analysis {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

constexpr std::array<int8_t, 256> kBase64Values = [] {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  const std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < alphabet.size(); ++i) {
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<int8_t>(i);
  }
  return values;
}();

// "=?charset?B?text?=" at the start of text.
struct EncodedWord {
  std::string charset;
  std::string bytes;
  size_t length = 0;  // In the header; 0: there is none.
};

EncodedWord ReadEncodedWord(std::string_view text) {
  EncodedWord word;
  const size_t charset_end = text.find('?', 2);
  if (charset_end == std::string_view::npos || charset_end > 80 || charset_end + 2 >= text.size() ||
      text[charset_end + 2] != '?') {
    return word;
  }
  const char encoding = LowerAscii(text[charset_end + 1]);
  if (encoding != 'b' && encoding != 'q') return word;
  const size_t begin = charset_end + 3;
  // In Q a "?=" may be the start of "?=41": the end is followed by no hexadecimal pair.
  const size_t end = text.find("?=", begin);
  if (end == std::string_view::npos) return word;
  const std::string_view content = text.substr(begin, end - begin);
  word.charset = text.substr(2, charset_end - 2);
  word.charset = word.charset.substr(0, word.charset.find('*'));  // RFC 2231 language
  word.bytes = encoding == 'b' ? DecodeBase64(content) : DecodeQuotedPrintable(content, true);
  word.length = end + 2;
  return word;
}

// One parameter as written: name, sections and value.
struct RawParameter {
  std::string name;
  int section = -1;       // "*0"; -1: none.
  bool extended = false;  // Trailing "*": percent-encoded.
  std::string value;
};

RawParameter ReadParameter(std::string_view name, std::string value) {
  RawParameter parameter;
  if (name.ends_with('*')) {
    parameter.extended = true;
    name.remove_suffix(1);
  }
  const size_t star = name.find('*');
  if (star != std::string_view::npos) {
    int section = 0;
    for (const char c : name.substr(star + 1, 4)) {
      section = c >= '0' && c <= '9' ? section * 10 + (c - '0') : section;
    }
    parameter.section = section;
    name = name.substr(0, star);
  }
  parameter.name = LowerAscii(name);
  parameter.value = std::move(value);
  return parameter;
}

// A value in quotes or up to the next semicolon. Moves *at behind it.
std::string ReadValue(std::string_view raw, size_t* at) {
  std::string value;
  while (*at < raw.size() && IsSpace(raw[*at])) ++*at;
  if (*at < raw.size() && raw[*at] == '"') {
    for (++*at; *at < raw.size() && raw[*at] != '"'; ++*at) {
      if (raw[*at] == '\\' && *at + 1 < raw.size()) ++*at;
      if (raw[*at] != '\r' && raw[*at] != '\n') value.push_back(raw[*at]);
    }
    const size_t end = raw.find(';', *at);
    *at = end == std::string_view::npos ? raw.size() : end;
    return value;
  }
  const size_t end = std::min(raw.find(';', *at), raw.size());
  value = Trim(raw.substr(*at, end - *at));
  *at = end;
  return value;
}

std::string Join(std::vector<RawParameter> pieces) {
  std::stable_sort(pieces.begin(), pieces.end(),
                   [](const auto& a, const auto& b) { return a.section < b.section; });
  std::string bytes;
  std::string charset;
  bool extended = false;
  for (size_t i = 0; i < pieces.size(); ++i) {
    std::string_view value = pieces[i].value;
    if (pieces[i].extended && !extended) {
      const size_t first = value.find('\'');
      const size_t second = first == std::string_view::npos ? first : value.find('\'', first + 1);
      if (second != std::string_view::npos) {
        charset = value.substr(0, first);
        value.remove_prefix(second + 1);
      }
      extended = true;
    }
    bytes += pieces[i].extended ? PercentDecode(value) : std::string(value);
  }
  return extended ? text::DecodeCharset(bytes, charset).text : DecodeHeaderText(bytes);
}

}  // namespace

std::string DecodeBase64(std::string_view encoded) {
  std::string out;
  out.reserve(encoded.size() / 4 * 3 + 3);
  uint32_t bits = 0;
  int count = 0;
  const auto value_at = [&](size_t at) {
    return int{kBase64Values[static_cast<unsigned char>(encoded[at])]};
  };
  for (size_t at = 0; at < encoded.size(); ++at) {
    // Nearly all comes in groups of four.
    if (count == 0 && at + 4 <= encoded.size()) {
      const int group =
          value_at(at) << 18 | value_at(at + 1) << 12 | value_at(at + 2) << 6 | value_at(at + 3);
      if (group >= 0) {
        const std::array<char, 3> bytes = {static_cast<char>(group >> 16),
                                           static_cast<char>(group >> 8), static_cast<char>(group)};
        out.append(bytes.data(), bytes.size());
        at += 3;
        continue;
      }
    }
    const char c = encoded[at];
    const int value = value_at(at);
    if (value >= 0) {
      bits = (bits << 6) | static_cast<uint32_t>(value);
      count += 6;
      if (count >= 8) {
        count -= 8;
        out.push_back(static_cast<char>((bits >> count) & 0xff));
      }
    } else if (c == '=') {
      count = 0;  // Padding ends a group of four, not the content.
    }
  }
  return out;
}

std::string DecodeQuotedPrintable(std::string_view encoded, bool in_header) {
  std::string out;
  out.reserve(encoded.size());
  for (size_t i = 0; i < encoded.size(); ++i) {
    if (!in_header) {  // Most of a text is plain.
      const size_t plain = std::min(encoded.find('=', i), encoded.size());
      out.append(encoded, i, plain - i);
      i = plain;
      if (i == encoded.size()) break;
    }
    const char c = encoded[i];
    if (in_header && c == '_') {
      out.push_back(' ');
    } else if (c != '=') {
      out.push_back(c);
    } else if (i + 2 < encoded.size() && HexDigit(encoded[i + 1]) >= 0 &&
               HexDigit(encoded[i + 2]) >= 0) {
      out.push_back(static_cast<char>(HexDigit(encoded[i + 1]) * 16 + HexDigit(encoded[i + 2])));
      i += 2;
    } else {
      // A soft line break, with the white space that gateways add; else a stray "=".
      size_t next = i + 1;
      while (next < encoded.size() && (encoded[next] == ' ' || encoded[next] == '\t')) ++next;
      if (next < encoded.size() && encoded[next] == '\r') ++next;
      if (next < encoded.size() && encoded[next] == '\n') {
        i = next;
      } else if (next < encoded.size()) {
        out.push_back(c);
      } else {
        break;
      }
    }
  }
  return out;
}

std::string DecodeUu(std::string_view encoded) {
  std::string out;
  const size_t begin = encoded.find("begin ");
  size_t at = begin == std::string_view::npos ? encoded.size() : encoded.find('\n', begin);
  while (at < encoded.size()) {
    const size_t line_end = std::min(encoded.find('\n', ++at), encoded.size());
    const std::string_view line = Trim(encoded.substr(at, line_end - at));
    at = line_end;
    if (line == "end" || line.empty()) break;
    // The first character says how many bytes the line holds.
    size_t left = static_cast<unsigned char>(line[0] - ' ') & 63;
    for (size_t i = 1; i + 3 < line.size() && left > 0; i += 4) {
      uint32_t bits = 0;
      for (size_t k = 0; k < 4; ++k)
        bits = (bits << 6) | ((static_cast<unsigned char>(line[i + k]) - 32u) & 63);
      for (int shift = 16; shift >= 0 && left > 0; shift -= 8, --left) {
        out.push_back(static_cast<char>((bits >> shift) & 0xff));
      }
    }
  }
  return out;
}

std::string DecodeTransfer(std::string_view content, std::string_view encoding) {
  const std::string name = LowerAscii(Trim(encoding));
  if (name == "base64") return DecodeBase64(content);
  if (name == "quoted-printable") return DecodeQuotedPrintable(content);
  if (name == "x-uuencode" || name == "uuencode" || name == "x-uue") return DecodeUu(content);
  return std::string(content);
}

std::string DecodeHeaderText(std::string_view raw) {
  std::string unfolded;
  unfolded.reserve(raw.size());
  for (const char c : raw) {
    if (c != '\r' && c != '\n' && c != '\0') unfolded.push_back(c == '\t' ? ' ' : c);
  }
  const std::string_view text = Trim(unfolded);
  std::string out;
  std::string pending;  // Bytes of adjacent words of one charset.
  std::string pending_charset;
  const auto flush = [&] {
    if (!pending.empty()) out += text::DecodeCharset(pending, pending_charset).text;
    pending.clear();
  };
  size_t literal = 0;  // Start of what is not yet written.
  size_t at = text.find("=?");
  while (at != std::string_view::npos) {
    const EncodedWord word = ReadEncodedWord(text.substr(at));
    if (word.length == 0) {
      at = text.find("=?", at + 2);
      continue;
    }
    const std::string_view between = text.substr(literal, at - literal);
    const bool adjacent = !pending.empty() && Trim(between).empty();
    if (!adjacent || LowerAscii(word.charset) != LowerAscii(pending_charset)) {
      flush();
      if (!adjacent) out += text::DecodeCharset(between, "").text;
    }
    pending_charset = word.charset;
    pending += word.bytes;
    literal = at + word.length;
    at = text.find("=?", literal);
  }
  flush();
  out += text::DecodeCharset(text.substr(literal), "").text;
  std::erase_if(out, [](char c) { return c == '\r' || c == '\n'; });
  return out;
}

std::string_view HeaderWithParameters::Find(std::string_view name) const {
  for (const auto& [key, found] : parameters) {
    if (key == name) return found;
  }
  return {};
}

HeaderWithParameters ParseParameters(std::string_view raw) {
  HeaderWithParameters header;
  size_t at = std::min(raw.find(';'), raw.size());
  header.value = LowerAscii(Trim(raw.substr(0, at)));
  std::vector<RawParameter> list;
  while (at < raw.size() && list.size() < kParametersMax) {
    ++at;  // The semicolon.
    const size_t name_end = std::min(raw.find_first_of("=;", at), raw.size());
    const std::string_view name = Trim(raw.substr(at, name_end - at));
    at = name_end;
    if (at >= raw.size() || raw[at] == ';') continue;
    ++at;
    list.push_back(ReadParameter(name, ReadValue(raw, &at)));
  }
  // Sections of one name make one value; among repeated names the first counts.
  std::vector<std::string> order;
  std::map<std::string, std::vector<RawParameter>> groups;
  for (RawParameter& parameter : list) {
    std::vector<RawParameter>& group = groups[parameter.name];
    if (group.empty()) order.push_back(parameter.name);
    const bool section_wanted = group.empty() || (parameter.section >= 0 && group[0].section >= 0);
    if (section_wanted) group.push_back(std::move(parameter));
  }
  for (const std::string& name : order) {
    header.parameters.emplace_back(name, Join(std::move(groups[name])));
  }
  return header;
}

}  // namespace noroshi::analysis
