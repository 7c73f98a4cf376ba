#include "hub/api/call.h"

#include <fmt/format.h>

#include <charconv>

#include "common/base/encoding.h"
#include "common/base/uuid.h"

namespace noroshi::api {
namespace {

constexpr size_t kCursorBytesMax = 256;

bool ReadNumber(std::string_view text, uint64_t* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

Error NoSuchThing() { return {ErrorCode::kNotFound, "there is no such resource"}; }

}  // namespace

const std::string& Call::param(std::string_view name) const {
  const auto found = params_.find(name);
  NOROSHI_CHECK(found != params_.end());
  return found->second;
}

Result<uint64_t> Call::NumberParam(std::string_view name) const {
  uint64_t number = 0;
  if (!ReadNumber(param(name), &number)) return NoSuchThing();
  return number;
}

Result<std::string> Call::IdParam(std::string_view name) const {
  const auto uuid = Uuid::Parse(param(name));
  if (!uuid.ok()) return NoSuchThing();
  return uuid->bytes();
}

std::string Call::Query(std::string_view name) const {
  const std::string* value = request_.Parameter(name);
  return value == nullptr ? std::string() : *value;
}

Result<uint64_t> Call::NumberQuery(std::string_view name) const {
  uint64_t number = 0;
  if (!ReadNumber(Query(name), &number)) {
    return Error{ErrorCode::kInvalid, fmt::format("{}: a number is expected", name)};
  }
  return number;
}

Result<size_t> Call::Limit() const {
  const std::string text = Query("limit");
  uint64_t limit = kPageDefault;
  if (!text.empty() && (!ReadNumber(text, &limit) || limit == 0 || limit > kPageMax)) {
    return Error{ErrorCode::kInvalid,
                 fmt::format("limit: a number from 1 to {} is expected", kPageMax)};
  }
  return static_cast<size_t>(limit);
}

Result<std::string> Call::Cursor() const {
  const std::string text = Query("cursor");
  if (text.empty()) return std::string();
  const auto bytes = FromHex(text);
  if (!bytes.ok() || bytes->empty() || bytes->size() > kCursorBytesMax) {
    return Error{ErrorCode::kInvalid, "cursor: send what `next` said"};
  }
  return *bytes;
}

Result<uint64_t> Call::NumberCursor() const {
  NOROSHI_ASSIGN_OR_RETURN(const std::string cursor, Cursor());
  if (cursor.empty()) return uint64_t{0};
  if (cursor.size() != sizeof(uint64_t)) {
    return Error{ErrorCode::kInvalid, "cursor: send what `next` said"};
  }
  return ReadBigEndian64(cursor);
}

Result<uint64_t> Call::ExpectedVersion() const {
  const std::string* text = request_.headers.Find("If-Match");
  if (text == nullptr) {
    return Error{ErrorCode::kInvalid, "If-Match: send the ETag that you saw, or *"};
  }
  if (*text == "*") return uint64_t{0};
  uint64_t version = 0;
  const bool is_quoted = text->size() > 3 && text->starts_with("\"v") && text->ends_with('"');
  if (!is_quoted || !ReadNumber(std::string_view(*text).substr(2, text->size() - 3), &version) ||
      version == 0) {
    return Error{ErrorCode::kConflict, "stale: If-Match names no version of this resource"};
  }
  return version;
}

std::string Call::Text(std::string_view name) const {
  const auto* value = body_.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::vector<std::string> Call::Texts(std::string_view name) const {
  std::vector<std::string> texts;
  const auto* value = body_.if_contains(name);
  if (value == nullptr || !value->is_array()) return texts;
  for (const auto& item : value->as_array()) texts.emplace_back(item.as_string());
  return texts;
}

uint64_t Call::Number(std::string_view name) const {
  const auto* value = body_.if_contains(name);
  if (value == nullptr) return 0;
  boost::system::error_code error;
  const auto number = value->to_number<uint64_t>(error);
  return error ? 0 : number;
}

bool Call::Flag(std::string_view name) const {
  const auto* value = body_.if_contains(name);
  return value != nullptr && value->is_bool() && value->as_bool();
}

bool Call::Has(std::string_view name) const {
  const auto* value = body_.if_contains(name);
  return value != nullptr && !value->is_null();
}

std::string Call::address() const {
  const std::string& remote = request_.remote_address;
  return remote.substr(0, remote.rfind(':'));
}

v1::Filing Call::Filing() const {
  v1::Filing filing;
  filing.set_session(session_);
  filing.set_address(address());
  filing.set_request_key(request_key_);
  filing.set_request_digest(request_digest_);
  return filing;
}

bool Call::is_centre() const { return actor_.centre || actor_.kind == access::Actor::Kind::kLocal; }

// ---- pages and objects ----

std::string EncodeCursor(std::string_view position) { return ToHex(position); }

Reply Page(std::string_view name, json::array items, const std::string& next) {
  json::object body{{name, std::move(items)}};
  body["next"] = next.empty() ? json::value(nullptr) : json::value(EncodeCursor(next));
  return {200, std::move(body), {}, {}};
}

access::Object ObjectOf(const store::CaseRow& row) {
  access::Object object;
  object.tlp = row.tlp();
  object.circles.assign(row.circles().begin(), row.circles().end());
  return object;
}

access::Object NoObject() {
  access::Object object;
  object.tlp = v1::TLP_RED;
  object.circles = {""};  // For which nobody is cleared.
  return object;
}

access::Object OwnedBy(const std::string& organization) {
  access::Object object;
  object.owner = organization;
  return object;
}

access::Object ObjectOf(const store::SubmissionRow& row) {
  access::Object object;
  object.owner = row.organization();
  object.tlp = row.handling().tlp();
  if (!row.handling().circle().empty()) object.circles.push_back(row.handling().circle());
  return object;
}

}  // namespace noroshi::api
