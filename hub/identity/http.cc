#include "hub/identity/http.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include "common/crypto/quiet.h"

namespace noroshi::identity {
namespace {

using Handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;

size_t TakeBody(char* data, size_t size, size_t count, void* body) {
  auto* out = static_cast<std::string*>(body);
  if (out->size() + size * count > kHttpReplyBytesMax) return 0;  // Ends the transfer.
  out->append(data, size * count);
  return size * count;
}

std::string FormBody(const HttpRequest& request) {
  std::string body;
  for (const auto& [name, value] : request.form) {
    if (!body.empty()) body += '&';
    body += FormEncode(name) + '=' + FormEncode(value);
  }
  return body;
}

// curl's words about codes name neither the URL nor what was sent.
Error CurlError(CURLcode code) {
  const std::string message = fmt::format("the identity provider: {}", curl_easy_strerror(code));
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return {ErrorCode::kTimeout, message};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return {ErrorCode::kDenied, message};
    case CURLE_WRITE_ERROR:
    case CURLE_FILESIZE_EXCEEDED:
      return {
          ErrorCode::kOverloaded,
          fmt::format("the identity provider: a reply of more than {} bytes", kHttpReplyBytesMax)};
    case CURLE_URL_MALFORMAT:
      return {ErrorCode::kInvalid, message};
    default:
      return {ErrorCode::kIo, message};
  }
}

class CurlGetter final : public HttpGetter {
 public:
  explicit CurlGetter(std::string ca_file) : ca_file_(std::move(ca_file)) {
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    NOROSHI_CHECK(ready == CURLE_OK);
  }

  Result<HttpReply> Fetch(const HttpRequest& request) override {
    if (request.url.size() > kHttpUrlBytesMax || !request.url.starts_with("https://")) {
      return Error{ErrorCode::kInvalid, "the identity provider: not an https address"};
    }
    const Quiet quiet;  // Outlives the handle, whose end may leave errors as well.
    const Handle handle(curl_easy_init(), &curl_easy_cleanup);
    NOROSHI_CHECK(handle != nullptr);
    HttpReply reply;
    const std::string body = FormBody(request);
    Prepare(handle.get(), request, body, &reply.body);
    const CURLcode code = curl_easy_perform(handle.get());
    if (code != CURLE_OK) return CurlError(code);
    long status = 0;
    curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
    reply.status = static_cast<int>(status);
    return reply;
  }

 private:
  void Prepare(CURL* curl, const HttpRequest& request, const std::string& body,
               std::string* out) const {
    curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    if (!ca_file_.empty()) {
      curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file_.c_str());
      curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
    }
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(kHttpConnectMs));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(kHttpTotalMs));
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE, static_cast<long>(kHttpReplyBytesMax));
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "noroshi");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &TakeBody);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
    if (!body.empty()) {
      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.c_str());
    }
    if (!request.basic.empty()) {
      curl_easy_setopt(curl, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
      curl_easy_setopt(curl, CURLOPT_USERPWD, request.basic.c_str());
    }
  }

  const std::string ca_file_;
};

}  // namespace

std::unique_ptr<HttpGetter> MakeHttpsGetter(const std::string& ca_file) {
  return std::make_unique<CurlGetter>(ca_file);
}

std::string FormEncode(std::string_view text) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string out;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace noroshi::identity
