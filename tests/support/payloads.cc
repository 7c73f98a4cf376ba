#include "tests/support/payloads.h"

#include "common/base/encoding.h"
#include "common/runtime/clock.h"
#include "common/runtime/random.h"

namespace noroshi::support {

v1::Submission MakeReport(const std::string& text) {
  v1::Submission submission;
  const int64_t now = SystemClock().NowMs();
  submission.set_id(SystemRandom().UuidV7(now).bytes());
  submission.set_created_at_ms(now);
  submission.mutable_handling()->set_tlp(v1::TLP_AMBER);
  submission.mutable_incident()->set_stage(v1::REPORT_STAGE_FIRST);
  submission.mutable_incident()->set_what_happened(text);
  return submission;
}

std::string Framed(std::string_view message) {
  std::string bytes;
  AppendBigEndian32(static_cast<uint32_t>(message.size()), &bytes);
  return bytes.append(message);
}

std::string Framed(const v1::AgentFrame& frame) { return Framed(frame.SerializeAsString()); }

std::string SubmitFrame(const std::string& submission) {
  v1::AgentFrame frame;
  frame.mutable_submit()->set_submission(submission);
  return Framed(frame);
}

Result<std::unique_ptr<WireClient>> Greet(const WireOptions& options) {
  NOROSHI_ASSIGN_OR_RETURN(auto client, WireClient::Connect(options));
  v1::AgentFrame frame;
  frame.mutable_hello()->set_software("noroshi-test/1");
  NOROSHI_RETURN_IF_ERROR(client->Send(frame));
  NOROSHI_ASSIGN_OR_RETURN(const v1::HubFrame answer, client->Receive());
  if (answer.has_welcome()) return client;
  return Error{ErrorCode::kDenied, answer.ShortDebugString()};
}

}  // namespace noroshi::support
