// Api: who may do what, over HTTP and over the admin socket: one set of routes, one
// policy (hub/access), one form of answers. JSON under /api/v1; errors are RFC 9457
// problems with a line for each field that is wrong.
//
// Every change is an Action entry with the caller's identity, appended, applied and
// only then answered. Where content is TLP:RED or confined to a circle, the reading
// is appended before the content is shown.
//
// A change may carry an Idempotency-Key: repeated, it is answered from what it made.
// Changes of what others may change too carry If-Match with the version that they
// saw ("*": whatever it is): lost updates are refused with 412.
//
// Routes, their schemas and what they need are in the OpenAPI document, which is made
// from the table of routes (docs/api.md).
//
// Threads: thread-safe; Handle may block until an entry is applied. Changes run one
// after the other. Lifetime: everything in Parts outlives the Api.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/runtime/clock.h"
#include "common/runtime/random.h"
#include "hub/engine/runner.h"
#include "hub/http/message.h"
#include "hub/identity/authority.h"
#include "hub/identity/oidc.h"
#include "hub/identity/password.h"
#include "hub/identity/throttle.h"
#include "hub/journal/journal.h"
#include "hub/store/store.h"

namespace noroshi::search {
class Searcher;
}

namespace noroshi::api {

// A change waits this long for its entry to be durable and applied.
inline constexpr int64_t kApplyTimeoutMs = 30'000;
inline constexpr size_t kPageDefault = 50;
inline constexpr size_t kPageMax = 200;
// Rows that one page of a filtered list looks at; a page may then be short.
inline constexpr size_t kLookedAtMax = 2'000;

struct Parts {
  journal::Journal* journal = nullptr;
  engine::Runner* runner = nullptr;
  store::Store* store = nullptr;
  const Clock* clock = nullptr;
  Random* random = nullptr;
  const identity::CertificateAuthority* authority = nullptr;
  identity::PasswordHasher* hasher = nullptr;
  identity::Throttle* throttle = nullptr;
  identity::OidcClient* oidc = nullptr;  // Absent: no OpenID Connect.
  const search::Searcher* searcher = nullptr;
  std::string sealing_key;  // 32 bytes: seals second factors.
  std::string hub_name;
  std::function<std::string()> agent_address;  // "HOST:PORT" for agents' tokens.
  std::function<std::string()> web_address;    // "https://HOST:PORT" for links.
};

class Api {
 public:
  explicit Api(Parts parts);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  // For hub/http.
  http::Response Handle(const http::Request& request);
  // Bytes of body that this request may have.
  uint64_t BodyLimit(const http::Request& head) const;

  // The same for somebody at the admin socket, who runs the machine. request:
  // {"method", "path", "query": {…}, "body": {…}, "if_match"}. The answer is the
  // body; an error's message holds what the problem says.
  Result<boost::json::object> HandleLocal(const std::string& login,
                                          const boost::json::object& request);

  // A one-time link for this person's first sign-in. For `init` and `person link`.
  Result<std::string> NewSignInLink(const std::string& login, const std::string& person);

  // Tells live events what has changed. From the engine's thread; does not wait.
  void OnApplied(const engine::Applied& applied);

  // Ends live events.
  void Stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace noroshi::api
