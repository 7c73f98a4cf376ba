#include <gtest/gtest.h>

#include "common/wire/field.h"
#include "noroshi/v1/agent.pb.h"

namespace noroshi::wire {
namespace {

TEST(FieldTest, PartsMakeTheMessageThatProtobufMakes) {
  for (const size_t size : {0, 1, 127, 128, 16'383, 16'384, 300'000}) {
    v1::Delivery whole;
    whole.set_position(7);
    whole.set_alert(std::string(size, 'a'));
    whole.set_reason("all");
    v1::Delivery rest;
    rest.set_position(7);
    rest.set_reason("all");
    std::string bytes = rest.SerializeAsString();
    AppendField(v1::Delivery::kAlertFieldNumber, whole.alert(), &bytes);
    v1::Delivery read;
    ASSERT_TRUE(read.ParseFromString(bytes)) << size;
    EXPECT_EQ(read.SerializeAsString(), whole.SerializeAsString()) << size;
  }
}

TEST(FieldTest, TheLargestHeadFits) {
  EXPECT_EQ(FieldHead(536'870'911, 0xffff'ffff).size(), kFieldHeadBytesMax);
}

}  // namespace
}  // namespace noroshi::wire
