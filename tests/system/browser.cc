#include "tests/system/browser.h"

#include <curl/curl.h>

namespace noroshi::support {
namespace {

constexpr int kRedirectsMax = 10;

size_t Take(char* data, size_t size, size_t count, void* out) {
  static_cast<std::string*>(out)->append(data, size * count);
  return size * count;
}

}  // namespace

struct Browser::State {
  CURL* curl = curl_easy_init();
  ~State() { curl_easy_cleanup(curl); }
};

Browser::Browser(const std::string& ca_file) : state_(std::make_unique<State>()) {
  curl_easy_setopt(state_->curl, CURLOPT_CAINFO, ca_file.c_str());
  curl_easy_setopt(state_->curl, CURLOPT_COOKIEFILE, "");
  curl_easy_setopt(state_->curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(state_->curl, CURLOPT_TIMEOUT, 30L);
  curl_easy_setopt(state_->curl, CURLOPT_PROXY, "");
  curl_easy_setopt(state_->curl, CURLOPT_WRITEFUNCTION, &Take);
}

Browser::~Browser() = default;

Result<Page> Browser::Fetch(const std::string& url, const std::string* form) {
  CURL* curl = state_->curl;
  Page page;
  page.url = url;
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &page.body);
  if (form != nullptr) {
    curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, form->c_str());
  } else {
    curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
  }
  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) return Error{ErrorCode::kIo, url + ": " + curl_easy_strerror(code)};
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  page.status = static_cast<int>(status);
  char* location = nullptr;
  curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &location);
  if (location != nullptr) page.location = location;
  return page;
}

Result<Page> Browser::Follow(Page page, const std::string& stop) {
  for (int i = 0; i < kRedirectsMax; ++i) {
    if (page.location.empty() || page.location.starts_with(stop)) return page;
    NOROSHI_ASSIGN_OR_RETURN(page, Get(page.location));
  }
  return Error{ErrorCode::kInvalid, "too many redirects: " + page.location};
}

}  // namespace noroshi::support
