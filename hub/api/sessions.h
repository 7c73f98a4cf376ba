// Sessions: from the cookie to the actor, and opening them. For hub/api only.
//
// The cookie __Host-noroshi holds a token; the hub keeps its hash. A session lasts
// kSessionLifeMs at most and ends earlier when it is not used for kSessionIdleMs
// (counted by this process: a restart begins anew).
//
// Threads: thread-safe.
#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"
#include "hub/access/policy.h"
#include "hub/api/call.h"
#include "hub/http/message.h"
#include "hub/store/view.h"

namespace noroshi::api {

inline constexpr char kSessionCookie[] = "__Host-noroshi";
inline constexpr int64_t kSessionLifeMs = int64_t{10} * 3600 * 1000;  // A working day.
inline constexpr int64_t kSessionIdleMs = int64_t{60} * 60 * 1000;
inline constexpr int64_t kLinkLifeMs = int64_t{72} * 3600 * 1000;
// Sessions of which the last use is remembered; beyond it the oldest is forgotten.
inline constexpr size_t kUsesMax = 100'000;

struct SignedIn {
  access::Actor actor;
  std::string session;  // SHA-256 of the token.
  std::string token;
};

// Who the request's cookie belongs to; nullopt: nobody who may act.
Result<std::optional<SignedIn>> FindSession(Shared& shared, const http::Request& request,
                                            const store::View& view, int64_t now_ms);

// Opens a session for this person, who has proved who it is. opened says how; its
// session and times are filled here. The answer carries the cookie.
Result<Reply> OpenSession(Call& call, v1::SessionOpened opened);

// Records a refused attempt; to the caller all of them look alike.
Error RefuseSignIn(Call& call, const std::string& person, const std::string& step,
                   const std::string& reason);

// The cookie that ends it in the browser.
std::string EndedCookie();

// Whether neither it nor its organisation is disabled.
bool MaySignIn(const store::View& view, const store::PersonRow& person);

access::Actor ActorOf(const store::PersonRow& person, const v1::OrganizationSet& organization);

}  // namespace noroshi::api
