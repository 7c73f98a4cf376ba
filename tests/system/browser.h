// Browser: as much of one as signing in at an identity provider takes: HTTPS, cookies,
// redirects one by one.
//
// Threads: one thread.
#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"

namespace noroshi::support {

struct Page {
  int status = 0;
  std::string url;       // Where it came from.
  std::string location;  // Absolute; where a redirect leads.
  std::string body;
};

class Browser {
 public:
  explicit Browser(const std::string& ca_file);
  ~Browser();

  Result<Page> Get(const std::string& url) { return Fetch(url, nullptr); }
  // form: encoded already.
  Result<Page> Post(const std::string& url, const std::string& form) { return Fetch(url, &form); }
  // Follows redirects until a page, or until one leads to a URL that begins with `stop`;
  // that is then the page's location.
  Result<Page> Follow(Page page, const std::string& stop);

 private:
  struct State;
  Result<Page> Fetch(const std::string& url, const std::string* form);
  std::unique_ptr<State> state_;
};

}  // namespace noroshi::support
