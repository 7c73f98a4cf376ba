#include "tests/support/api_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "common/runtime/clock.h"
#include "common/runtime/file.h"
#include "hub/identity/totp.h"

namespace noroshi::support {
namespace {

constexpr long kTimeoutMs = 60'000;

size_t Take(const char* data, size_t size, size_t count, std::string* into) {
  into->append(data, size * count);
  return size * count;
}

size_t TakeHeader(const char* data, size_t size, size_t count, ApiAnswer* answer) {
  const std::string line(data, size * count);
  const size_t colon = line.find(": ");
  if (colon == std::string::npos) return line.size();
  std::string name = line.substr(0, colon);
  std::transform(name.begin(), name.end(), name.begin(), ::tolower);
  answer->headers[name] = line.substr(colon + 2, line.find_last_not_of("\r\n") - colon - 1);
  return line.size();
}

// base32 without padding, as `totp_secret` shows it.
std::string FromBase32(const std::string& text) {
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const uint32_t value =
        c >= 'A' && c <= 'Z' ? static_cast<uint32_t>(c - 'A') : static_cast<uint32_t>(c - '2' + 26);
    bits = (bits << 5) | value;
    count += 5;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<char>((bits >> count) & 0xff));
  }
  return bytes;
}

std::string Text(const json::value& value, std::string_view name) {
  return std::string(value.as_object().at(name).as_string());
}

}  // namespace

Error ApiRefused(const std::string& what, const ApiAnswer& answer) {
  return {ErrorCode::kInternal, what + ": " + std::to_string(answer.status) + " " + answer.body};
}

struct ApiClient::State {
  CURL* curl = ::curl_easy_init();
  ~State() { ::curl_easy_cleanup(curl); }
};

ApiClient::ApiClient(const std::string& data_folder) : state_(std::make_unique<State>()) {
  const auto address = SystemFileSystem().Read(data_folder + "/run/web_address", 256);
  NOROSHI_CHECK(address.ok());
  base_ = "https://" + address->substr(0, address->find('\n')) + "/api/v1";
  CURL* curl = state_->curl;
  ::curl_easy_setopt(curl, CURLOPT_CAINFO, (data_folder + "/ca/ca.pem").c_str());
  ::curl_easy_setopt(curl, CURLOPT_COOKIEFILE, "");  // Keeps cookies in memory.
  ::curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, kTimeoutMs);
  ::curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
}

ApiClient::~ApiClient() = default;

Result<ApiAnswer> ApiClient::Call(const std::string& method, const std::string& path,
                                  const json::value& body, const Headers& headers) {
  if (body.is_null()) return Send(method, path, "", "", headers);
  return Send(method, path, json::serialize(body), "application/json", headers);
}

Result<ApiAnswer> ApiClient::Send(const std::string& method, const std::string& path,
                                  const std::string& bytes, const std::string& type,
                                  const Headers& headers) {
  CURL* curl = state_->curl;
  Headers all = headers;
  const auto has = [&](std::string_view name) {
    return std::any_of(all.begin(), all.end(), [&](const auto& h) { return h.first == name; });
  };
  if (!type.empty() && !has("Content-Type")) all.emplace_back("Content-Type", type);
  if (!csrf_token_.empty() && !has("X-CSRF-Token")) all.emplace_back("X-CSRF-Token", csrf_token_);
  if (method != "GET" && !has("If-Match")) all.emplace_back("If-Match", "*");
  curl_slist* list = nullptr;
  for (const auto& [name, value] : all) {
    list = ::curl_slist_append(list, (name + ": " + value).c_str());
  }
  list = ::curl_slist_append(list, "Expect:");
  ApiAnswer answer;
  ::curl_easy_setopt(curl, CURLOPT_URL, (base_ + path).c_str());
  ::curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
  if (method != "GET") {
    ::curl_easy_setopt(curl, CURLOPT_POST, 1L);
    ::curl_easy_setopt(curl, CURLOPT_POSTFIELDS, bytes.c_str());
    ::curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(bytes.size()));
  }
  ::curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method.c_str());
  ::curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
  ::curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, Take);
  ::curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
  ::curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, TakeHeader);
  ::curl_easy_setopt(curl, CURLOPT_HEADERDATA, &answer);
  const CURLcode code = ::curl_easy_perform(curl);
  ::curl_slist_free_all(list);
  if (code != CURLE_OK) return Error{ErrorCode::kIo, ::curl_easy_strerror(code)};
  long status = 0;
  ::curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  answer.status = static_cast<int>(status);
  boost::system::error_code error;
  answer.value = json::parse(answer.body, error);
  if (error) answer.value = nullptr;
  return answer;
}

ApiClient::Headers ApiClient::session_headers() const {
  if (csrf_token_.empty()) return {};
  curl_slist* cookies = nullptr;
  ::curl_easy_getinfo(state_->curl, CURLINFO_COOKIELIST, &cookies);
  std::string cookie;
  for (const curl_slist* line = cookies; line != nullptr; line = line->next) {
    // Netscape's format: domain, …, name and value, with tabs between.
    const std::string text = line->data;
    const size_t value = text.rfind('\t');
    const size_t name = text.rfind('\t', value - 1);
    cookie = text.substr(name + 1, value - name - 1) + "=" + text.substr(value + 1);
  }
  ::curl_slist_free_all(cookies);
  return {{"Cookie", cookie}, {"X-CSRF-Token", csrf_token_}};
}

void ApiClient::SetUserAgent(const std::string& name) {
  ::curl_easy_setopt(state_->curl, CURLOPT_USERAGENT, name.c_str());
}

Result<void> ApiClient::UseLink(const std::string& link) {
  const std::string token = link.substr(link.find('#') + 1);
  NOROSHI_ASSIGN_OR_RETURN(const ApiAnswer offer, Call("POST", "/sign-in/link/begin",
                                                       json::object{{"link_token", token}}));
  if (offer.status != 200) return ApiRefused("link/begin", offer);
  login_ = Text(offer.value, "login");
  totp_secret_ = FromBase32(Text(offer.value, "totp_secret"));
  const int64_t step = SystemClock().NowMs() / identity::kTotpStepMs;
  NOROSHI_ASSIGN_OR_RETURN(const ApiAnswer finished,
                           Call("POST", "/sign-in/link/finish",
                                json::object{{"link_token", token},
                                             {"enrolment", offer.value.as_object().at("enrolment")},
                                             {"code", identity::TotpCode(totp_secret_, step)},
                                             {"password", password_}}));
  if (finished.status != 200) return ApiRefused("link/finish", finished);
  for (const auto& code : finished.value.as_object().at("recovery_codes").as_array()) {
    recovery_codes_.emplace_back(code.as_string());
  }
  return SignIn();
}

Result<void> ApiClient::SignIn() {
  json::object body{{"login", login_}, {"password", password_}};
  if (code_used_) {
    NOROSHI_CHECK(!recovery_codes_.empty());
    body["recovery_code"] = recovery_codes_.back();
    recovery_codes_.pop_back();
  } else {
    const int64_t step = SystemClock().NowMs() / identity::kTotpStepMs;
    body["code"] = identity::TotpCode(totp_secret_, step);
    code_used_ = true;
  }
  NOROSHI_ASSIGN_OR_RETURN(const ApiAnswer answer, Call("POST", "/sign-in", body));
  if (answer.status != 200) return ApiRefused("sign-in", answer);
  csrf_token_ = Text(answer.value, "csrf_token");
  return {};
}

}  // namespace noroshi::support
