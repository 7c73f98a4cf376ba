// What reports, mails and samples have in common when somebody hands them in: for
// whom, how it may be handled, and who did it. For hub/api only.
//
// Threads: as Call.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "hub/api/call.h"
#include "noroshi/v1/submission.pb.h"

namespace noroshi::api {

// Whose it is: a member's own organisation; at the centre the one that was named,
// which the caller then checks (CheckOwner).
std::string OwnerOf(const Call& call, const std::string& named);
// kInvalid "organization: …": a member named another one; or at the centre it is
// absent, unknown or disabled.
Result<void> CheckOwner(const Call& call, const std::string& named);

// The policy's object: what this organisation hands in under this marking.
access::Object ObjectOf(const std::string& owner, const v1::Handling& handling);

// Query parameters tlp, circle, grade, may_share_name, may_tell_police,
// may_tell_competent_ministry. kInvalid names the one that is wrong.
Result<v1::Handling> QueryHandling(const Call& call);
// nullopt: absent. kInvalid unless "true" or "false", or a number up to `max`.
Result<std::optional<bool>> QueryFlag(const Call& call, std::string_view name);
Result<std::optional<uint64_t>> QueryNumber(const Call& call, std::string_view name, uint64_t max);

// kInvalid "tlp: …" unless a marking.
Result<v1::Tlp> ReadTlp(std::string_view word);

json::object HandlingJson(const v1::Handling& handling);
// Who did something. A member is told of the centre's persons only that it was the
// centre.
Result<std::string> ActorShown(const Call& call, const std::string& actor);
}  // namespace noroshi::api
