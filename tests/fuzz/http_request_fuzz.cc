// Any bytes from a client of the web server, whole and in pieces: the same requests,
// the same refusal, and nothing in a request that its contract excludes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/encoding.h"
#include "hub/http/decode.h"
#include "hub/http/reader.h"

namespace noroshi::http {
namespace {

void Require(bool condition) {
  if (!condition) __builtin_trap();
}

void CheckText(const std::string& text) {
  Require(IsValidUtf8(text) && text.find('\0') == std::string::npos);
}

void CheckRequest(const Request& request, const Limits& limits) {
  CheckText(request.path);
  Require(request.path.starts_with('/') && request.path.find("//") == std::string::npos);
  const std::string closed = request.path + "/";
  Require(closed.find("/../") == std::string::npos && closed.find("/./") == std::string::npos);
  Require(request.query.size() <= limits.parameters_max);
  for (const auto& [name, value] : request.query) {
    CheckText(name);
    CheckText(value);
  }
  Require(request.headers.Count("Host") == 1 && request.headers.size() <= limits.headers_max);
  for (const auto& [name, value] : request.headers) Require(IsSendable(name, value));
  Require(request.body.size() <= limits.body_bytes_max);
  (void)request.Cookie("session");
  (void)ParseParameters(request.body, limits.parameters_max).ok();
}

// What becomes of the bytes, as a text to compare.
std::string Read(std::string_view bytes, size_t piece_bytes) {
  static const std::set<std::string, std::less<>> names = {"h"};
  Limits limits;
  limits.header_bytes_max = 2048;
  limits.headers_max = 8;
  limits.target_bytes_max = 128;
  limits.parameters_max = 4;
  limits.body_bytes_max = 64;
  RequestReader reader(limits, names);
  std::string outcome;
  using Stage = RequestReader::Stage;
  while (true) {
    const Stage stage = reader.stage();
    if (stage == Stage::kHeadDone) {
      reader.AllowBody(limits.body_bytes_max);
    } else if (stage == Stage::kDone) {
      const Request request = reader.Take();
      CheckRequest(request, limits);
      outcome += request.method + " " + request.raw_target + "\n" + request.body + "\n";
    } else if (stage != Stage::kRefused && !bytes.empty()) {
      reader.Receive(bytes.substr(0, piece_bytes));
      bytes.remove_prefix(std::min(bytes.size(), piece_bytes));
    } else {
      break;
    }
  }
  outcome += std::to_string(static_cast<int>(reader.stage()));
  if (reader.stage() == Stage::kRefused) outcome += " " + reader.refusal().detail;
  return outcome;
}

}  // namespace
}  // namespace noroshi::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace noroshi::http;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = Read(bytes, size + 1);
  noroshi::http::Require(whole == Read(bytes, 1));
  noroshi::http::Require(whole == Read(bytes, 7));
  // Decoding alone, without HTTP around it.
  if (const auto target = ParseTarget(bytes, 64); target.ok()) CheckText(target->path);
  (void)ParseHost(bytes).ok();
  return 0;
}
