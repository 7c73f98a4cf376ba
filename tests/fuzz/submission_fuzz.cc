// A submission's bytes: validation either says what is wrong, or vouches for
// everything that the rest of the hub relies on.
#include <google/protobuf/stubs/logging.h>

#include "common/base/encoding.h"
#include "common/submission/validate.h"
#include "noroshi/v1/submission.pb.h"

namespace {

using noroshi::submission::Vocabulary;

const Vocabulary& Words() {
  static const Vocabulary vocabulary{{"malware"}, {"cause-0", "cause-1"}, {"water"}};
  return vocabulary;
}

void CheckAccepted(std::string_view bytes) {
  noroshi::v1::Submission submission;
  NOROSHI_CHECK(submission.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  NOROSHI_CHECK(submission.id().size() == 16);
  NOROSHI_CHECK(submission.handling().tlp() != noroshi::v1::TLP_UNSPECIFIED);
  NOROSHI_CHECK(submission.exercise_id().empty() ||
                noroshi::IsIdentifier(submission.exercise_id()));
  const auto& incident = submission.incident();
  NOROSHI_CHECK(noroshi::IsValidUtf8(incident.title() + incident.what_happened()));
  NOROSHI_CHECK(incident.causes_size() <= noroshi::submission::kCausesMax);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  google::protobuf::SetLogHandler(nullptr);
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  constexpr int64_t kNowMs = 1'795'000'000'000;
  const auto result = noroshi::submission::ValidateSubmission(bytes, Words(), kNowMs);
  NOROSHI_CHECK(result.rejection.has_value() != result.id.has_value());
  if (result.rejection) {
    NOROSHI_CHECK(!result.rejection->code().empty() && !result.rejection->rule().empty());
  } else {
    CheckAccepted(bytes);
  }
  return 0;
}
