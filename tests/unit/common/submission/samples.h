// Good submissions, to be spoiled by tests.
#pragma once

#include "common/base/uuid.h"
#include "common/runtime/random.h"
#include "common/submission/validate.h"
#include "noroshi/v1/submission.pb.h"

namespace noroshi::submission {

inline constexpr int64_t kNowMs = 1'795'000'000'000;  // Some day in 2026.

inline Vocabulary TestVocabulary() {
  Vocabulary vocabulary;
  vocabulary.event_types = {"malware", "leak"};
  for (int i = 0; i < 20; ++i) vocabulary.causes.insert("cause-" + std::to_string(i));
  vocabulary.sectors = {"finance", "water"};
  return vocabulary;
}

inline v1::Submission SampleOf(const Uuid& id) {
  v1::Submission submission;
  submission.set_id(id.bytes());
  submission.set_created_at_ms(kNowMs);
  submission.mutable_handling()->set_tlp(v1::TLP_AMBER);
  return submission;
}

inline v1::Submission SampleIncident(const Uuid& id = SystemRandom().UuidV7(kNowMs)) {
  v1::Submission submission = SampleOf(id);
  v1::IncidentReport& incident = *submission.mutable_incident();
  incident.set_stage(v1::REPORT_STAGE_FIRST);
  incident.set_title("業務端末でマルウェアを検知");
  incident.set_what_happened("ウイルス対策ソフトが検知した。");
  return submission;
}

inline v1::Submission SampleMail(size_t bytes = 100,
                                 const Uuid& id = SystemRandom().UuidV7(kNowMs)) {
  v1::Submission submission = SampleOf(id);
  submission.mutable_mail()->set_raw(std::string(bytes, 'm'));
  return submission;
}

inline v1::Submission SampleObservation(const Uuid& id = SystemRandom().UuidV7(kNowMs)) {
  v1::Submission submission = SampleOf(id);
  v1::Observation& observation = *submission.mutable_observation();
  observation.set_source("waf-03");
  observation.set_event("sqli-attempt");
  observation.set_count(3);
  observation.set_first_seen_ms(kNowMs - 1000);
  observation.set_last_seen_ms(kNowMs);
  return submission;
}

}  // namespace noroshi::submission
