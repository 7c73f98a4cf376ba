// Malformed frames, by the hundred thousand: each is refused with a word and a
// count, and the honest agents do not notice.
//
// NOROSHI_ATTACK_FRAMES: how many, in all (default 20,000; 1,000,000 takes about half an hour).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/encoding.h"
#include "tests/support/assertions.h"
#include "tests/support/attack_rig.h"
#include "tests/support/payloads.h"

namespace noroshi::support {
namespace {

size_t Frames() {
  const char* frames = std::getenv("NOROSHI_ATTACK_FRAMES");
  return frames == nullptr ? 20'000 : static_cast<size_t>(std::atoll(frames));
}

constexpr size_t kFrameBytesMax = 256 * 1024;
// Sent on one connection before its answers are read.
constexpr size_t kRejectedAtOnce = 50;

std::string Length(uint32_t length) {
  std::string bytes;
  AppendBigEndian32(length, &bytes);
  return bytes;
}

std::string Repeated(size_t count, std::string_view piece) {
  std::string bytes;
  for (size_t i = 0; i < count; ++i) bytes += piece;
  return bytes;
}

v1::AgentFrame Chunk(size_t offset, size_t total, const std::string& data) {
  v1::AgentFrame frame;
  frame.mutable_chunk()->set_submission_id(MakeReport("x").id());
  frame.mutable_chunk()->set_offset(offset);
  frame.mutable_chunk()->set_total_size(total);
  frame.mutable_chunk()->set_data(data);
  return frame;
}

v1::AgentFrame FrameOf(const std::function<void(v1::AgentFrame*)>& fill) {
  v1::AgentFrame frame;
  fill(&frame);
  return frame;
}

// A report in which one byte of a text is not UTF-8.
std::string NotUtf8() {
  std::string bytes = MakeReport("needle").SerializeAsString();
  bytes[bytes.find("needle")] = '\xff';
  return bytes;
}

struct Malformed {
  const char* name;
  std::string bytes;
  const char* code;  // Of the Goodbye, or of the Rejection.
};

// Each ends the session.
std::vector<Malformed> Deadly() {
  const std::string report = MakeReport("x").SerializeAsString();
  return {
      {"length zero", Length(0), "bad_frame"},
      {"length one over", Length(kFrameBytesMax + 1), "bad_frame"},
      {"length of everything", Length(0xffffffff), "bad_frame"},
      {"truncated message", Framed(std::string_view(SubmitFrame(report)).substr(4, 20)),
       "bad_frame"},
      {"truncated varint", Framed("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "bad_frame"},
      {"unknown member of the oneof", Framed("\x7a\x01x"), "bad_frame"},
      {"member of another type", Framed("\x10\x01"), "bad_frame"},
      {"nested groups", Framed(Repeated(50'000, "\x7b")), "bad_frame"},
      {"not UTF-8",
       Framed(FrameOf([](auto* f) { f->mutable_mark()->set_note("x"); })
                  .SerializeAsString()
                  .substr(0, 2) +
              "\x22\x01\xff"),
       "bad_frame"},
      {"hello twice", Framed(FrameOf([](auto* f) { f->mutable_hello(); })), "unexpected_frame"},
      {"enrolment", Framed(FrameOf([](auto* f) { f->mutable_enroll(); })), "unexpected_frame"},
      {"acknowledging the future",
       Framed(FrameOf([](auto* f) { f->mutable_delivery_ack()->set_position(~0ULL); })), "bad_ack"},
      {"a mark of nothing", Framed(FrameOf([](auto* f) { f->mutable_mark(); })), "bad_mark"},
      {"a chunk from the middle", Framed(Chunk(7, 100, "x")), "bad_chunk"},
      {"a chunk without data", Framed(Chunk(0, 100, "")), "bad_chunk"},
      {"a chunk of everything", Framed(Chunk(0, ~0ULL, "x")), "bad_chunk"},
      {"a chunk beyond its end", Framed(Chunk(0, 1, "xy")), "bad_chunk"},
  };
}

// Each is answered by a Rejection, and the session goes on.
std::vector<Malformed> Harmless() {
  const std::string report = MakeReport("x").SerializeAsString();
  v1::Submission nameless = MakeReport("x");
  nameless.clear_id();
  return {
      {"no submission", SubmitFrame("\xff\xff\xff"), "unreadable"},
      {"empty submission", SubmitFrame(""), "missing_field"},
      {"truncated submission", SubmitFrame(report.substr(0, report.size() - 1)), "unreadable"},
      {"not UTF-8", SubmitFrame(NotUtf8()), "unreadable"},
      {"no id", SubmitFrame(nameless.SerializeAsString()), "missing_field"},
      {"nested groups", SubmitFrame(report + Repeated(10'000, "\xa3\x06")), "unreadable"},
      {"a huge repeated field",
       SubmitFrame(report + "\x52\x80\x80\x06" + Repeated(0xc000, std::string_view("\x5a\0", 2))),
       "invalid_field"},
      {"two contents", SubmitFrame(report + std::string("\x5a\0", 2)), "missing_field"},
  };
}

class AttackFramesTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(rig_.Start()); }

  // Every deadly frame needs a session of its own.
  Result<void> SendDeadly(const Malformed& malformed) {
    NOROSHI_ASSIGN_OR_RETURN(auto client, Greet(options_));
    NOROSHI_RETURN_IF_ERROR(client->SendBytes(malformed.bytes));
    NOROSHI_ASSIGN_OR_RETURN(const v1::HubFrame answer, client->Receive());
    options_.session = client->TakeSession();  // Cheaper next time.
    ++expected_[std::string("/goodbyes/") + malformed.code];
    return Expect(malformed, answer.goodbye().code());
  }

  Result<void> SendHarmless(WireClient& client, const Malformed& malformed, size_t count) {
    NOROSHI_RETURN_IF_ERROR(client.SendBytes(Repeated(count, malformed.bytes)));
    for (size_t i = 0; i < count; ++i) {
      NOROSHI_ASSIGN_OR_RETURN(const v1::HubFrame answer, client.Receive());
      NOROSHI_RETURN_IF_ERROR(Expect(malformed, answer.rejection().code()));
    }
    expected_[std::string("/submissions_rejected/") + malformed.code] += count;
    return {};
  }

  static Result<void> Expect(const Malformed& malformed, const std::string& code) {
    if (code == malformed.code) return {};
    return Error{ErrorCode::kInternal,
                 fmt::format("{}: \"{}\" instead of \"{}\"", malformed.name, code, malformed.code)};
  }

  Result<void> SendAll(AttackControl& control) {
    options_ = {rig_.hub().address(), rig_.hostile()};
    const auto deadly = Deadly();
    const auto harmless = Harmless();
    NOROSHI_ASSIGN_OR_RETURN(auto client, Greet(options_));
    size_t sent = 0;
    control.Stands();
    for (size_t round = 0; sent < Frames(); ++round) {
      NOROSHI_RETURN_IF_ERROR(SendDeadly(deadly[round % deadly.size()]));
      NOROSHI_RETURN_IF_ERROR(
          SendHarmless(*client, harmless[round % harmless.size()], kRejectedAtOnce));
      sent += 1 + kRejectedAtOnce;
    }
    control.done = fmt::format("{} malformed frames", sent);
    return {};
  }

  AttackRig rig_;
  WireOptions options_;
  std::map<std::string, int64_t> expected_;  // By the counter's JSON pointer.
};

TEST_F(AttackFramesTest, EachIsRefusedByNameAndCounted) {
  EXPECT_TRUE(
      rig_.StaysCalmDuring("malformed", [&](AttackControl& control) { return SendAll(control); }));
  for (const auto& [counter, count] : expected_) EXPECT_EQ(rig_.Counter(counter), count) << counter;
  // The log has the reason, but not a line for each.
  EXPECT_NE(rig_.hub().log().find("\"code\":\"unreadable\""), std::string::npos);
  EXPECT_GT(rig_.Counter("/intake/log_lines_dropped"), 0);
}

// Twenty-five megabytes that would take a gigabyte once parsed.
TEST_F(AttackFramesTest, ALargeSubmissionOfTinyFields) {
  const size_t resident = rig_.ResidentBytes();
  size_t most = 0;
  const std::string report = MakeReport("x").SerializeAsString();
  std::string body = report + "\x52\xf8\xff\xff\x0b";  // An incident of 25165816 bytes.
  body += Repeated(25165816 / 2, std::string_view("\x5a\0", 2));
  EXPECT_TRUE(rig_.StaysCalmDuring("tiny fields", [&](AttackControl& control) -> Result<void> {
    NOROSHI_ASSIGN_OR_RETURN(auto client, Greet({rig_.hub().address(), rig_.hostile()}));
    control.Stands();
    size_t sent = 0;
    while (!control.Stopping()) {
      v1::AgentFrame frame = Chunk(0, body.size(), "");
      for (size_t at = 0; at < body.size(); at += frame.chunk().data().size()) {
        frame.mutable_chunk()->set_offset(at);
        frame.mutable_chunk()->set_data(body.substr(at, 128 * 1024));
        NOROSHI_RETURN_IF_ERROR(client->Send(frame));
        most = std::max(most, rig_.ResidentBytes());
      }
      NOROSHI_ASSIGN_OR_RETURN(const v1::HubFrame answer, client->Receive());
      NOROSHI_RETURN_IF_ERROR(Expect({"tiny fields", "", "too_large"}, answer.rejection().code()));
      ++sent;
    }
    control.done = fmt::format("{} submissions; the hub grew by {} MiB", sent,
                               (most - std::min(most, resident)) >> 20);
    return {};
  }));
  EXPECT_LT(most, resident + (size_t{128} << 20));
}

}  // namespace
}  // namespace noroshi::support
