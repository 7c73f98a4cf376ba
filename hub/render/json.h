// Rows of the state as JSON, and the words for enums.
//
// Threads: pure functions.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/generated_enum_reflection.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "noroshi/store/v1/state.pb.h"

namespace noroshi::render {

// "MINISTRY" -> "ministry": the value's name without the prefix that all values
// of the enum share, in lower case.
std::string EnumWord(const google::protobuf::EnumDescriptor& type, int value);
// The reverse; kInvalid lists the words. Accepts '-' for '_', any case.
Result<int> EnumValue(const google::protobuf::EnumDescriptor& type, std::string_view word);

template <typename E>
std::string Word(E value) {
  return EnumWord(*google::protobuf::GetEnumDescriptor<E>(), static_cast<int>(value));
}
template <typename E>
Result<E> FromWord(std::string_view word) {
  const auto value = EnumValue(*google::protobuf::GetEnumDescriptor<E>(), word);
  if (!value.ok()) return value.error();
  return static_cast<E>(*value);
}

// TLP labels as FIRST writes them: "AMBER+STRICT". FromWord<v1::Tlp> reads them too.
std::string TlpLabel(v1::Tlp tlp);

// The text form where the bytes are a UUID, else hexadecimal.
std::string UuidText(const std::string& bytes);

// null for 0, else "2026-11-21T05:03:00.123Z".
boost::json::value TimeJson(int64_t time_ms);

boost::json::object ToJson(const v1::OrganizationSet& organization);
// cursor: View::CursorOf.
boost::json::object ToJson(const store::v1::AgentRow& agent, uint64_t cursor);
boost::json::object ToJson(const v1::Classification& classification);
boost::json::object ToJson(const store::v1::SubmissionRow& submission);
boost::json::object ToJson(const store::v1::CaseRow& row);
boost::json::object ToJson(const store::v1::AlertRow& row);
boost::json::object ToJson(const store::v1::DeliveryRow& row);

}  // namespace noroshi::render
