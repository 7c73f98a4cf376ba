// ApiClient: a program that uses the hub's API over HTTPS, as one person.
//
// Threads: one thread.
#pragma once

#include <boost/json/value.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace noroshi::support {

namespace json = boost::json;

struct ApiAnswer {
  int status = 0;
  std::map<std::string, std::string> headers;  // Names in lower case.
  std::string body;
  json::value value;  // The body, if it is JSON; else null.
};

// An answer that a test did not want, as an error.
Error ApiRefused(const std::string& what, const ApiAnswer& answer);

class ApiClient {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  // Of the hub that serves with this data folder.
  explicit ApiClient(const std::string& data_folder);
  ~ApiClient();

  // path: below /api/v1, with query. The CSRF token of the session is added, and
  // If-Match: * to changes without If-Match. An Error: no answer came at all.
  Result<ApiAnswer> Call(const std::string& method, const std::string& path,
                         const json::value& body = nullptr, const Headers& headers = {});
  // The same with bytes of another type.
  Result<ApiAnswer> Send(const std::string& method, const std::string& path,
                         const std::string& bytes, const std::string& type,
                         const Headers& headers = {});
  Result<ApiAnswer> Get(const std::string& path) { return Call("GET", path); }

  // Uses a one-time link ("https://…/link#TOKEN"): sets a password and a second factor,
  // and signs in.
  Result<void> UseLink(const std::string& link);
  // With password and the present code. A code is good once: within one step of 30 s
  // the second time needs a recovery code, which is then taken.
  Result<void> SignIn();

  // What the program calls itself; else nothing.
  void SetUserAgent(const std::string& name);

  const std::string& login() const { return login_; }
  const std::string& password() const { return password_; }
  const std::vector<std::string>& recovery_codes() const { return recovery_codes_; }
  const std::string& csrf_token() const { return csrf_token_; }
  // "https://HOST:PORT/api/v1".
  const std::string& base() const { return base_; }
  // With which another program acts in this session; empty: nobody is signed in.
  Headers session_headers() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::string base_;
  std::string login_;
  std::string password_ = "seven lanterns over the grey harbour";
  std::string totp_secret_;  // Bytes.
  bool code_used_ = false;
  std::vector<std::string> recovery_codes_;
  std::string csrf_token_;
};

}  // namespace noroshi::support
