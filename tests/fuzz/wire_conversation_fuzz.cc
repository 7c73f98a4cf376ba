// A whole conversation: any bytes as the stream of an agent's frames. The first
// byte chooses the mode and when journal and feed answer. Whatever comes, the
// output is well-formed frames, Goodbye is the last one, and no memory is kept.
#include <google/protobuf/stubs/logging.h>

#include "common/base/check.h"
#include "common/log/log.h"
#include "common/wire/frame.h"
#include "hub/intake/conversation.h"
#include "tests/unit/hub/intake/fakes.h"
#include "tests/unit/hub/intake/samples.h"

namespace noroshi::intake {
namespace {

void CheckOutput(const std::string& bytes, bool* ended) {
  wire::FrameDecoder decoder;
  decoder.Append(bytes);
  while (true) {
    auto next = decoder.Next();
    NOROSHI_CHECK(next.ok());
    if (!next->has_value()) break;
    v1::HubFrame frame;
    NOROSHI_CHECK(frame.ParseFromArray((*next)->data(), static_cast<int>((*next)->size())));
    NOROSHI_CHECK(!*ended);
    *ended = frame.has_goodbye();
  }
  NOROSHI_CHECK(decoder.buffered() == 0);
}

void AnswerAll(std::vector<std::function<void(Result<void>)>>* waiting) {
  for (const auto& done : std::exchange(*waiting, {})) {
    done(Error{ErrorCode::kConflict, "as the fuzzer wants"});
  }
}

void Converse(uint8_t choice, std::string_view bytes) {
  Limits limits;
  limits.window_bytes = 4096;
  limits.outstanding_max = 4;
  limits.marks_max = 2;
  limits.answers_max = 2;
  const Vocabulary vocabulary = TestVocabulary();
  HeldJournal journal;
  YesDirectory directory;
  HeldRegistrar registrar;
  HeldFeed feed;
  StandingClock clock(kNowMs);
  Counters counters;
  Admission admission(limits);
  Services services{journal,    directory, registrar, feed,    clock,
                    vocabulary, limits,    admission, counters};
  Party party;
  party.mode = static_cast<Mode>(choice % 3);
  party.identity = {"mof", "agent-1"};
  party.not_after_ms = kNowMs + 1;
  NOROSHI_CHECK(admission.OpenSession("mof", 0));
  const auto mailbox = std::make_shared<Mailbox>([] {});
  {
    Conversation conversation(services, party, mailbox);
    wire::FrameDecoder decoder;
    decoder.Append(bytes);
    bool ended = false;
    while (!conversation.over()) {
      auto next = decoder.Next();
      if (!next.ok() || !next->has_value()) break;
      conversation.OnFrame(**next);
      if (choice & 4) conversation.EndOfRead();
      if (choice & 8) journal.Accept();
      if (choice & 16) journal.Fail(ErrorCode::kNoSpace);
      if (choice & 32) AnswerAll(&feed.marks);
      if (choice & 64) AnswerAll(&feed.answers);
      conversation.OnEvents(mailbox->Take());
      CheckOutput(conversation.TakeOutput(), &ended);
      conversation.OnSent();
    }
    conversation.EndOfRead();
    conversation.End("idle", "the stream is over");
    CheckOutput(conversation.TakeOutput(), &ended);
    conversation.Leave();
  }
  mailbox->Close();
  journal.Accept();
  NOROSHI_CHECK(admission.memory_used() == 0);
}

}  // namespace
}  // namespace noroshi::intake

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  google::protobuf::SetLogHandler(nullptr);
  noroshi::SetLogLevel(noroshi::Level::kError);
  if (size == 0) return 0;
  noroshi::intake::Converse(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
