#include "hub/http/reader.h"

#include <algorithm>
#include <array>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "common/base/check.h"
#include "hub/http/decode.h"

namespace noroshi::http {
namespace beast = boost::beast;
using beast::error_code;
using beast::string_view;

namespace {

constexpr size_t kRequestLineExtra = 32;  // The longest method, the version and two spaces.
constexpr std::array<std::string_view, 7> kMethods = {"GET",   "HEAD",   "POST",   "PUT",
                                                      "PATCH", "DELETE", "OPTIONS"};

std::string_view View(string_view text) { return {text.data(), text.size()}; }

bool IsDigits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Beast tells what it reads in a header; we keep it. It sees only headers that
// ScanHead has found well-formed, each in one piece, and never a body.
class HeadParser final : public beast::http::basic_parser<true> {
 public:
  explicit HeadParser(Request& request) : request_(request) {
    header_limit(UINT32_MAX);  // Ours come first.
    body_limit(boost::none);
    eager(false);
  }
  int version() const { return version_; }  // 11 is HTTP/1.1.

 private:
  void on_request_impl(beast::http::verb, string_view method, string_view target, int version,
                       error_code& error) override {
    error = {};
    request_.method = View(method);
    request_.raw_target = View(target);
    version_ = version;
  }
  void on_field_impl(beast::http::field, string_view name, string_view value,
                     error_code& error) override {
    error = {};
    request_.headers.Add(std::string(View(name)), std::string(View(value)));
  }
  void on_header_impl(error_code& error) override { error = {}; }
  void on_finish_impl(error_code& error) override { error = {}; }

  // The rest is of responses and bodies.
  void on_response_impl(int, string_view, int, error_code&) override { NOROSHI_CHECK(false); }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {
    NOROSHI_CHECK(false);
  }
  std::size_t on_body_impl(string_view, error_code&) override { NOROSHI_CHECK(false); }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {
    NOROSHI_CHECK(false);
  }
  std::size_t on_chunk_body_impl(std::uint64_t, string_view, error_code&) override {
    NOROSHI_CHECK(false);
  }

  Request& request_;
  int version_ = 0;
};

}  // namespace

RequestReader::RequestReader(const Limits& limits,
                             const std::set<std::string, std::less<>>& host_names)
    : limits_(limits), host_names_(host_names) {}

void RequestReader::Refuse(int status, std::string detail) {
  stage_ = Stage::kRefused;
  refusal_ = {status, std::move(detail)};
}

void RequestReader::Receive(std::string_view bytes) {
  if (stage_ == Stage::kRefused) return;
  buffer_.append(bytes);
  Advance();
}

void RequestReader::Advance() {
  if (stage_ == Stage::kNothing && !buffer_.empty()) stage_ = Stage::kHead;
  if (stage_ == Stage::kHead) ScanHead();
  if (stage_ == Stage::kBody) ReadBody();
}

// Byte by byte, so that a bad header is refused before it is complete.
void RequestReader::ScanHead() {
  const size_t end = std::min(buffer_.size(), limits_.header_bytes_max);
  for (; scanned_ < end; ++scanned_) {
    const char c = buffer_[scanned_];
    const bool after_return = scanned_ > line_begin_ && buffer_[scanned_ - 1] == '\r';
    if (after_return != (c == '\n')) return Refuse(400, "lines must end with CR LF");
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t' && c != '\r' && c != '\n') || byte == 0x7f) {
      return Refuse(400, "the header has a control character");
    }
    if (lines_ == 0 && scanned_ >= limits_.target_bytes_max + kRequestLineExtra) {
      return Refuse(414, "the request's address is too long");
    }
    if (scanned_ == line_begin_ && (c == ' ' || c == '\t')) {
      return Refuse(400, "a line must not begin with white space");
    }
    if (c != '\n') continue;
    const std::string_view line(buffer_.data() + line_begin_, scanned_ - 1 - line_begin_);
    if (line.empty() && lines_ > 0) return FinishHead(scanned_ + 1);
    if (!ScanLine(line)) return;
    ++lines_;
    line_begin_ = scanned_ + 1;
  }
  if (buffer_.size() >= limits_.header_bytes_max) {
    Refuse(431, "the header has too many bytes");
  }
}

bool RequestReader::ScanLine(std::string_view line) {
  if (lines_ == 0) {
    if (std::count(line.begin(), line.end(), ' ') == 2) return true;
    Refuse(400, "the request line must be method, target and version");
    return false;
  }
  if (!IsToken(line.substr(0, std::min(line.find(':'), line.size())))) {
    Refuse(400, "a header line must be a name, a colon and a value");
    return false;
  }
  if (lines_ > limits_.headers_max) {
    Refuse(431, "the header has too many fields");
    return false;
  }
  return true;
}

void RequestReader::FinishHead(size_t head_bytes) {
  HeadParser parser(request_);
  error_code error;
  const size_t used = parser.put(boost::asio::buffer(buffer_.data(), head_bytes), error);
  if (error == beast::http::error::bad_version || (!error && parser.version() != 11)) {
    return Refuse(505, "only HTTP/1.1 is spoken here");
  }
  if (error || used != head_bytes || !parser.is_header_done()) {
    return Refuse(400, "the header is not well-formed HTTP/1.1");
  }
  buffer_.erase(0, head_bytes);
  keep_alive_ = parser.keep_alive();
  chunked_ = parser.chunked();
  body_left_ = parser.content_length().value_or(0);
  if (CheckHead()) stage_ = Stage::kHeadDone;
}

bool RequestReader::CheckHead() {
  if (!CheckFraming()) return false;
  if (std::find(kMethods.begin(), kMethods.end(), request_.method) == kMethods.end()) {
    Refuse(501, "this method is not known here");
    return false;
  }
  if (request_.raw_target.size() > limits_.target_bytes_max) {
    Refuse(414, "the request's address is too long");
    return false;
  }
  auto host = ParseHost(*request_.headers.Find("Host"));
  if (!host.ok()) {
    Refuse(400, host.error().message);
    return false;
  }
  if (!host_names_.contains(*host)) {
    Refuse(421, "this server is not called by that name");
    return false;
  }
  auto target = ParseTarget(request_.raw_target, limits_.parameters_max);
  if (!target.ok()) {
    Refuse(400, target.error().message);
    return false;
  }
  request_.path = std::move(target->path);
  request_.query = std::move(target->query);
  return true;
}

// Stricter than Beast: whoever stands before us must not see other borders between
// requests than we do.
bool RequestReader::CheckFraming() {
  const Headers& headers = request_.headers;
  const std::string* encoding = headers.Find("Transfer-Encoding");
  const std::string* length = headers.Find("Content-Length");
  const std::string* expect = headers.Find("Expect");
  if (headers.Count("Host") != 1) {
    Refuse(400, "exactly one Host field is needed");
  } else if (encoding != nullptr && length != nullptr) {
    Refuse(400, "the body's length is told in two ways");
  } else if (headers.Count("Content-Length") > 1 || headers.Count("Transfer-Encoding") > 1 ||
             (length != nullptr && !IsDigits(*length)) ||
             (encoding != nullptr && !boost::algorithm::iequals(*encoding, "chunked")) ||
             (encoding != nullptr) != chunked_) {
    Refuse(400, "the body's length must be one Content-Length or \"chunked\"");
  } else if (expect != nullptr && !boost::algorithm::iequals(*expect, "100-continue")) {
    Refuse(417, "only 100-continue can be expected");
  } else {
    expects_continue_ = expect != nullptr;
    return true;
  }
  return false;
}

void RequestReader::AllowBody(uint64_t bytes_max) {
  NOROSHI_CHECK(stage_ == Stage::kHeadDone);
  if (body_left_ > bytes_max) return Refuse(413, "the body has too many bytes");
  stage_ = has_body() ? Stage::kBody : Stage::kDone;
  chunks_ = ChunkDecoder(bytes_max);
  Advance();
}

void RequestReader::ReadBody() {
  std::string_view bytes = buffer_;
  if (chunked_) {
    const ChunkDecoder::State state = chunks_.Take(&bytes, &request_.body);
    if (state == ChunkDecoder::State::kBad) {
      return Refuse(400, "the chunked body is not well-formed, or not plainly");
    }
    if (state == ChunkDecoder::State::kTooLong) return Refuse(413, "the body has too many bytes");
    if (state == ChunkDecoder::State::kDone) stage_ = Stage::kDone;
  } else {
    const size_t some = std::min<uint64_t>(body_left_, bytes.size());
    request_.body.append(bytes.substr(0, some));
    bytes.remove_prefix(some);
    body_left_ -= some;
    if (body_left_ == 0) stage_ = Stage::kDone;
  }
  buffer_.erase(0, buffer_.size() - bytes.size());
}

Request RequestReader::Take() {
  NOROSHI_CHECK(stage_ == Stage::kDone);
  Request taken = std::move(request_);
  request_ = Request();
  scanned_ = line_begin_ = lines_ = 0;
  stage_ = Stage::kNothing;
  Advance();
  return taken;
}

}  // namespace noroshi::http
