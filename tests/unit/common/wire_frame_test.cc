#include <gtest/gtest.h>

#include "common/base/encoding.h"
#include "common/wire/frame.h"
#include "noroshi/v1/agent.pb.h"

namespace noroshi::wire {
namespace {

v1::AgentFrame PingFrame(uint64_t token) {
  v1::AgentFrame frame;
  frame.mutable_ping()->set_token(token);
  return frame;
}

std::string Header(uint32_t size) {
  std::string header;
  AppendBigEndian32(size, &header);
  return header;
}

TEST(FrameTest, BytesAreFixed) {
  std::string out;
  AppendFrame(PingFrame(7), &out);
  EXPECT_EQ(ToHex(out), "0000000442020807");
}

TEST(FrameTest, DecodesWhateverThePieces) {
  std::string stream;
  for (uint64_t i = 1; i <= 5; ++i) AppendFrame(PingFrame(i * 1000), &stream);
  for (size_t piece = 1; piece <= stream.size(); ++piece) {
    FrameDecoder decoder;
    uint64_t seen = 0;
    for (size_t at = 0; at < stream.size(); at += piece) {
      decoder.Append(std::string_view(stream).substr(at, piece));
      while (true) {
        auto next = decoder.Next();
        ASSERT_TRUE(next.ok());
        if (!next->has_value()) break;
        v1::AgentFrame frame;
        ASSERT_TRUE(frame.ParseFromArray((*next)->data(), static_cast<int>((*next)->size())));
        EXPECT_EQ(frame.ping().token(), ++seen * 1000);
      }
    }
    EXPECT_EQ(seen, 5U);
    EXPECT_EQ(decoder.buffered(), 0U);
  }
}

TEST(FrameTest, LengthZeroIsAnError) {
  FrameDecoder decoder;
  decoder.Append(Header(0));
  EXPECT_EQ(decoder.Next().error().code, ErrorCode::kInvalid);
}

TEST(FrameTest, LargestFrameIsTakenAndOneByteMoreRefused) {
  FrameDecoder decoder;
  decoder.Append(Header(kFrameBytesMax) + std::string(kFrameBytesMax, 'x'));
  EXPECT_EQ((*decoder.Next())->size(), kFrameBytesMax);
  FrameDecoder other;
  other.Append(Header(kFrameBytesMax + 1));  // Refused by its length alone.
  EXPECT_EQ(other.Next().error().code, ErrorCode::kInvalid);
}

TEST(FrameTest, ReleasesOnlyWhenEmpty) {
  FrameDecoder decoder;
  std::string stream;
  AppendFrame(PingFrame(1), &stream);
  decoder.Append(stream + "\0");
  ASSERT_TRUE((*decoder.Next()).has_value());
  decoder.ReleaseIfEmpty();
  EXPECT_EQ(decoder.buffered(), 0U);
  decoder.Append(stream.substr(0, 5));
  decoder.ReleaseIfEmpty();
  EXPECT_EQ(decoder.buffered(), 5U);
  decoder.Append(stream.substr(5));
  EXPECT_TRUE((*decoder.Next()).has_value());
}

}  // namespace
}  // namespace noroshi::wire
