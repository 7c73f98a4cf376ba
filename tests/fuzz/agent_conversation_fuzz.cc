// Any frames of a hub that owns the log's key, as an agent hears them: nothing
// leaves the spool without an answer, nothing breaks.
//
// Input: frames of a two-byte length each. A head whose signature is "!" is signed;
// an empty frame stands for the honest answer that is due.
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <map>

#include "agent/session/conversation.h"
#include "common/log/log.h"
#include "common/wire/frame.h"
#include "tests/unit/agent/fixtures.h"

namespace noroshi::session {
namespace {

constexpr size_t kFramesMax = 64;

// Files in memory: as many runs a second as the conversation allows.
class MemoryFiles final : public FileSystem {
 public:
  Result<void> WriteDurably(const std::string& path, std::string_view content, uint32_t) override {
    files_[path] = content;
    return {};
  }
  Result<void> CreateDurably(const std::string& path, std::string_view content, uint32_t) override {
    if (!files_.try_emplace(path, content).second) return Error{ErrorCode::kConflict, path};
    return {};
  }
  Result<std::string> Read(const std::string& path, size_t max) override {
    const auto found = files_.find(path);
    if (found == files_.end()) return Error{ErrorCode::kNotFound, path};
    if (found->second.size() > max) return Error{ErrorCode::kInvalid, path};
    return found->second;
  }
  Result<void> Rename(const std::string& from, const std::string& to) override {
    auto node = files_.extract(from);
    if (node.empty()) return Error{ErrorCode::kNotFound, from};
    files_[to] = std::move(node.mapped());
    return {};
  }
  Result<void> Remove(const std::string& path) override {
    if (files_.erase(path) == 0) return Error{ErrorCode::kNotFound, path};
    return {};
  }
  Result<void> SyncFolder(const std::string&) override { return {}; }
  Result<std::vector<std::string>> List(const std::string& folder, size_t max) override {
    std::vector<std::string> names;
    const std::string prefix = folder + "/";
    for (auto file = files_.lower_bound(prefix); file != files_.end(); ++file) {
      if (!file->first.starts_with(prefix) || names.size() == max) break;
      std::string name = file->first.substr(prefix.size());
      if (name.find('/') == std::string::npos) names.push_back(std::move(name));
    }
    return names;
  }
  Result<void> MakeFolder(const std::string&, uint32_t) override { return {}; }
  bool Exists(const std::string& path) override {
    const auto below = files_.lower_bound(path + "/");
    return files_.contains(path) || (below != files_.end() && below->first.starts_with(path + "/"));
  }
  Result<uint64_t> FreeBytes(const std::string&) override { return uint64_t{1} << 40; }

 private:
  std::map<std::string, std::string> files_;
};

SigningKey Key() { return SigningKey::FromSeed(std::string(32, 'k')).value(); }

void SignIfAsked(v1::TreeHead* head) {
  if (head->signature() == "!") head->set_signature(Key().Sign(merkle::TreeHeadSignedBytes(*head)));
}

class Scene {
 public:
  Scene() {
    for (const Sample& sample :
         {MakeIncident(random_, clock_.now_ms), MakeMail(random_, clock_.now_ms, 300'000),
          MakeMail(random_, clock_.now_ms, 100)}) {
      NOROSHI_CHECK(spool_.Add(sample.item, sample.bytes).ok());
      log_.Append("org", sample.bytes);
    }
    v1::AnswerQuestion answer;
    answer.set_question_id(std::string(Uuid::kBytes, 'q'));
    answer.set_text("yes");
    NOROSHI_CHECK(questions_.Answer(answer).ok());
  }

  void Listen(std::string_view input) {
    Conversation::Options options;
    options.pins = {"org", "agent", log_.log_id(), log_.public_key()};
    Conversation conversation({spool_, inbox_, marks_, questions_, head_, clock_}, options, {});
    NOROSHI_CHECK(conversation.Begin().ok());
    for (size_t frames = 0; frames < kFramesMax && input.size() >= 2; ++frames) {
      const size_t size = static_cast<uint8_t>(input[0]) * 256U + static_cast<uint8_t>(input[1]);
      const std::string_view frame = input.substr(2, size);
      input.remove_prefix(2 + frame.size());
      if (!conversation.OnFrame(Prepare(frame)).ok()) break;
      std::string out;
      if (!conversation.Fill(&out).ok()) break;
      CheckFrames(out);
      clock_.Advance(std::chrono::milliseconds(1));
    }
    (void)conversation.Close().ok();
    CheckSpool();
  }

 private:
  std::string Prepare(std::string_view bytes) {
    v1::HubFrame frame;
    if (bytes.empty()) return HonestAnswer().SerializeAsString();
    if (!frame.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return std::string(bytes);
    }
    if (frame.has_welcome()) {
      SignIfAsked(frame.mutable_welcome()->mutable_head());
      for (v1::Restored& step : *frame.mutable_welcome()->mutable_restored()) {
        if (step.signature() != "!") continue;
        step.set_signature(
            Key().Sign(merkle::RestoredSignedBytes(frame.welcome().head().log_id(), step)));
      }
    } else if (frame.has_receipts()) {
      SignIfAsked(frame.mutable_receipts()->mutable_head());
    }
    return frame.SerializeAsString();
  }

  // Welcome first, then receipts for everything.
  v1::HubFrame HonestAnswer() {
    v1::HubFrame frame;
    if (!greeted_) {
      *frame.mutable_welcome()->mutable_head() = log_.HeadAt(1);
      frame.mutable_welcome()->set_minor(wire::kMinorVersion);
      frame.mutable_welcome()->set_window_bytes(1 << 20);
      frame.mutable_welcome()->set_submission_bytes_max(wire::kSubmissionBytesMax);
    } else {
      *frame.mutable_receipts() = log_.Seal();
      frame.mutable_receipts()->set_consistency_proof(log_.Consistency(1, log_.size()));
    }
    greeted_ = true;
    return frame;
  }

  static void CheckFrames(const std::string& out) {
    wire::FrameDecoder decoder;
    decoder.Append(out);
    while (true) {
      const auto next = decoder.Next();
      NOROSHI_CHECK(next.ok());
      if (!next->has_value()) break;
      v1::AgentFrame frame;
      NOROSHI_CHECK(frame.ParseFromString(std::string(**next)));
    }
  }

  void CheckSpool() {
    const spool::Counts counts = spool_.Count(clock_.now_ms).value();
    NOROSHI_CHECK(counts.corrupt == 0);
    NOROSHI_CHECK(counts.waiting + counts.sent + counts.rejected == 3);
  }

  MemoryFiles files_;
  FakeRandom random_;
  FakeClock clock_;
  TestLog log_;
  spool::Spool spool_ = spool::Spool::Open(files_, "/spool", {}).value();
  spool::Inbox inbox_ = spool::Inbox::Open(files_, "/inbox").value();
  spool::Marks marks_ = spool::Marks::Open(files_, "/marks").value();
  spool::Questions questions_ = spool::Questions::Open(files_, "/questions").value();
  spool::HeadFile head_{files_, "/head"};
  bool greeted_ = false;
};

}  // namespace
}  // namespace noroshi::session

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  google::protobuf::SetLogHandler(nullptr);
  noroshi::SetLogLevel(noroshi::Level::kError);
  noroshi::session::Scene().Listen({reinterpret_cast<const char*>(data), size});
  return 0;
}
