#include "common/wire/field.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <array>

namespace noroshi::wire {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

std::string FieldHead(int number, size_t size) {
  std::array<uint8_t, kFieldHeadBytesMax> head;
  uint8_t* end = CodedOutputStream::WriteVarint32ToArray(
      WireFormatLite::MakeTag(number, WireFormatLite::WIRETYPE_LENGTH_DELIMITED), head.data());
  end = CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(size), end);
  return {reinterpret_cast<const char*>(head.data()), static_cast<size_t>(end - head.data())};
}

void AppendField(int number, std::string_view content, std::string* out) {
  out->append(FieldHead(number, content.size())).append(content);
}

}  // namespace noroshi::wire
