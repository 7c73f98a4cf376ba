// Every rule has a case that breaks just it and, where it has a figure, one at the limit.
#include "common/submission/validate.h"

#include <gtest/gtest.h>

#include "common/wire/frame.h"
#include "tests/unit/common/submission/samples.h"

namespace noroshi::submission {
namespace {

using Spoil = std::function<void(v1::Submission&)>;

std::string Letters(size_t bytes) { return std::string(bytes, 'x'); }

struct Case {
  const char* name;
  v1::Submission (*base)();
  Spoil spoil;
  const char* code;  // nullptr: accepted.
  const char* field;
};

v1::Submission Incident() { return SampleIncident(); }
v1::Submission FollowUp() {
  v1::Submission submission = SampleIncident();
  submission.mutable_incident()->set_stage(v1::REPORT_STAGE_FOLLOW_UP);
  submission.mutable_incident()->set_thread_id(SystemRandom().UuidV7(kNowMs).bytes());
  return submission;
}
v1::Submission Mail() { return SampleMail(); }
v1::Submission Observation() { return SampleObservation(); }

void Causes(v1::Submission& submission, int count) {
  for (int i = 0; i < count; ++i) {
    submission.mutable_incident()->add_causes("cause-" + std::to_string(i));
  }
}

constexpr auto kMissing = rejection::kMissingField;
constexpr auto kInvalid = rejection::kInvalidField;
constexpr auto kLarge = rejection::kTooLarge;
using S = v1::Submission;

const Case kCases[] = {
    {"incident", Incident, [](S&) {}, nullptr, nullptr},
    {"follow-up", FollowUp, [](S&) {}, nullptr, nullptr},
    {"mail", Mail, [](S&) {}, nullptr, nullptr},
    {"observation", Observation, [](S&) {}, nullptr, nullptr},

    {"no id", Mail, [](S& s) { s.clear_id(); }, kMissing, "id"},
    {"short id", Mail, [](S& s) { s.mutable_id()->pop_back(); }, kInvalid, "id"},
    {"long id", Mail, [](S& s) { s.mutable_id()->push_back('x'); }, kInvalid, "id"},
    {"version 4 id", Mail, [](S& s) { (*s.mutable_id())[6] = 0x40; }, kInvalid, "id"},
    {"no time", Mail, [](S& s) { s.clear_created_at_ms(); }, kMissing, "created_at_ms"},
    {"time at the future's limit", Mail, [](S& s) { s.set_created_at_ms(kNowMs + kFutureMaxMs); },
     nullptr, nullptr},
    {"time beyond it", Mail, [](S& s) { s.set_created_at_ms(kNowMs + kFutureMaxMs + 1); }, kInvalid,
     "created_at_ms"},
    {"time in 1990", Mail, [](S& s) { s.set_created_at_ms(kTimeMinMs); }, nullptr, nullptr},
    {"time in 1989", Mail, [](S& s) { s.set_created_at_ms(kTimeMinMs - 1); }, kInvalid,
     "created_at_ms"},
    {"negative time", Mail, [](S& s) { s.set_created_at_ms(-1); }, kInvalid, "created_at_ms"},
    {"no handling", Mail, [](S& s) { s.clear_handling(); }, kMissing, "handling"},
    {"no marking", Mail, [](S& s) { s.mutable_handling()->clear_tlp(); }, kMissing, "handling.tlp"},
    {"unknown marking", Mail, [](S& s) { s.mutable_handling()->set_tlp(static_cast<v1::Tlp>(6)); },
     kInvalid, "handling.tlp"},
    {"red", Mail, [](S& s) { s.mutable_handling()->set_tlp(v1::TLP_RED); }, nullptr, nullptr},
    {"longest grade", Mail, [](S& s) { s.mutable_handling()->set_grade(Letters(kGradeBytesMax)); },
     nullptr, nullptr},
    {"longer grade", Mail,
     [](S& s) { s.mutable_handling()->set_grade(Letters(kGradeBytesMax + 1)); }, kLarge,
     "handling.grade"},
    {"circle", Mail, [](S& s) { s.mutable_handling()->set_circle("j-csip"); }, nullptr, nullptr},
    {"bad circle", Mail, [](S& s) { s.mutable_handling()->set_circle("J CSIP"); }, kInvalid,
     "handling.circle"},
    {"exercise", Mail, [](S& s) { s.set_exercise_id("drill-2026"); }, nullptr, nullptr},
    {"longest exercise", Mail, [](S& s) { s.set_exercise_id(std::string(64, 'a')); }, nullptr,
     nullptr},
    {"longer exercise", Mail, [](S& s) { s.set_exercise_id(std::string(65, 'a')); }, kInvalid,
     "exercise_id"},
    {"no content", Mail, [](S& s) { s.clear_mail(); }, kMissing, "content"},

    {"no stage", Incident, [](S& s) { s.mutable_incident()->clear_stage(); }, kMissing,
     "incident.stage"},
    {"unknown stage", FollowUp,
     [](S& s) { s.mutable_incident()->set_stage(static_cast<v1::ReportStage>(4)); }, kInvalid,
     "incident.stage"},
    {"final", FollowUp, [](S& s) { s.mutable_incident()->set_stage(v1::REPORT_STAGE_FINAL); },
     nullptr, nullptr},
    {"first with thread", Incident, [](S& s) { s.mutable_incident()->set_thread_id(s.id()); },
     kInvalid, "incident.thread_id"},
    {"follow-up without thread", FollowUp, [](S& s) { s.mutable_incident()->clear_thread_id(); },
     kMissing, "incident.thread_id"},
    {"short thread", FollowUp, [](S& s) { s.mutable_incident()->mutable_thread_id()->pop_back(); },
     kInvalid, "incident.thread_id"},
    {"final without thread", FollowUp,
     [](S& s) {
       s.mutable_incident()->set_stage(v1::REPORT_STAGE_FINAL);
       s.mutable_incident()->clear_thread_id();
     },
     kMissing, "incident.thread_id"},
    {"occurred in the past", Incident,
     [](S& s) { s.mutable_incident()->set_occurred_at_ms(kTimeMinMs); }, nullptr, nullptr},
    {"occurred too early", Incident,
     [](S& s) { s.mutable_incident()->set_occurred_at_ms(kTimeMinMs - 1); }, kInvalid,
     "incident.occurred_at_ms"},
    {"detected in the future", Incident,
     [](S& s) { s.mutable_incident()->set_detected_at_ms(kNowMs + kFutureMaxMs + 1); }, kInvalid,
     "incident.detected_at_ms"},
    {"no text at all", Incident,
     [](S& s) {
       s.mutable_incident()->clear_title();
       s.mutable_incident()->clear_what_happened();
     },
     kMissing, "incident.what_happened"},
    {"title alone", Incident, [](S& s) { s.mutable_incident()->clear_what_happened(); }, nullptr,
     nullptr},
    {"impact alone", Incident,
     [](S& s) {
       s.mutable_incident()->clear_title();
       s.mutable_incident()->clear_what_happened();
       s.mutable_incident()->set_impact("停止");
     },
     nullptr, nullptr},
    {"longest title", Incident,
     [](S& s) { s.mutable_incident()->set_title(Letters(kTitleBytesMax)); }, nullptr, nullptr},
    {"longer title", Incident,
     [](S& s) { s.mutable_incident()->set_title(Letters(kTitleBytesMax + 1)); }, kLarge,
     "incident.title"},
    {"title of two lines", Incident, [](S& s) { s.mutable_incident()->set_title("one\ntwo"); },
     kInvalid, "incident.title"},
    {"longest text", Incident,
     [](S& s) { s.mutable_incident()->set_what_happened(Letters(kTextBytesMax)); }, nullptr,
     nullptr},
    {"longer text", Incident,
     [](S& s) { s.mutable_incident()->set_what_happened(Letters(kTextBytesMax + 1)); }, kLarge,
     "incident.what_happened"},
    {"longer impact", Incident,
     [](S& s) { s.mutable_incident()->set_impact(Letters(kTextBytesMax + 1)); }, kLarge,
     "incident.impact"},
    {"longer response", Incident,
     [](S& s) { s.mutable_incident()->set_response(Letters(kTextBytesMax + 1)); }, kLarge,
     "incident.response"},
    {"longest recovery", Incident,
     [](S& s) { s.mutable_incident()->set_expected_recovery(Letters(kRecoveryBytesMax)); }, nullptr,
     nullptr},
    {"longer recovery", Incident,
     [](S& s) { s.mutable_incident()->set_expected_recovery(Letters(kRecoveryBytesMax + 1)); },
     kLarge, "incident.expected_recovery"},
    {"event type", Incident, [](S& s) { s.mutable_incident()->set_event_type("leak"); }, nullptr,
     nullptr},
    {"unknown event type", Incident, [](S& s) { s.mutable_incident()->set_event_type("weather"); },
     kInvalid, "incident.event_type"},
    {"most causes", Incident, [](S& s) { Causes(s, kCausesMax); }, nullptr, nullptr},
    {"more causes", Incident, [](S& s) { Causes(s, kCausesMax + 1); }, kInvalid, "incident.causes"},
    {"unknown cause", Incident,
     [](S& s) {
       Causes(s, 2);
       s.mutable_incident()->add_causes("ghost");
     },
     kInvalid, "incident.causes[2]"},
    {"cause twice", Incident,
     [](S& s) {
       Causes(s, 2);
       s.mutable_incident()->add_causes("cause-0");
     },
     kInvalid, "incident.causes[2]"},
    {"empty cause", Incident, [](S& s) { s.mutable_incident()->add_causes(""); }, kMissing,
     "incident.causes[0]"},
    {"longest service", Incident,
     [](S& s) { s.mutable_incident()->set_affected_service(Letters(kServiceBytesMax)); }, nullptr,
     nullptr},
    {"longer service", Incident,
     [](S& s) { s.mutable_incident()->set_affected_service(Letters(kServiceBytesMax + 1)); },
     kLarge, "incident.affected_service"},
    {"sector", Incident, [](S& s) { s.mutable_incident()->set_sector("water"); }, nullptr, nullptr},
    {"unknown sector", Incident, [](S& s) { s.mutable_incident()->set_sector("moon"); }, kInvalid,
     "incident.sector"},
    {"longest principal", Incident,
     [](S& s) { s.mutable_incident()->set_on_behalf_of(Letters(kOnBehalfOfBytesMax)); }, nullptr,
     nullptr},
    {"longer principal", Incident,
     [](S& s) { s.mutable_incident()->set_on_behalf_of(Letters(kOnBehalfOfBytesMax + 1)); }, kLarge,
     "incident.on_behalf_of"},

    {"no raw mail", Mail, [](S& s) { s.mutable_mail()->clear_raw(); }, kMissing, "mail.raw"},
    {"largest mail", Mail, [](S& s) { s.mutable_mail()->set_raw(Letters(kMailBytesMax)); }, nullptr,
     nullptr},
    {"larger mail", Mail, [](S& s) { s.mutable_mail()->set_raw(Letters(kMailBytesMax + 1)); },
     kLarge, "mail.raw"},
    {"longest note", Mail, [](S& s) { s.mutable_mail()->set_note(Letters(kMailNoteBytesMax)); },
     nullptr, nullptr},
    {"longer note", Mail, [](S& s) { s.mutable_mail()->set_note(Letters(kMailNoteBytesMax + 1)); },
     kLarge, "mail.note"},

    {"no source", Observation, [](S& s) { s.mutable_observation()->clear_source(); }, kMissing,
     "observation.source"},
    {"bad source", Observation, [](S& s) { s.mutable_observation()->set_source("a b"); }, kInvalid,
     "observation.source"},
    {"no event", Observation, [](S& s) { s.mutable_observation()->clear_event(); }, kMissing,
     "observation.event"},
    {"bad event", Observation, [](S& s) { s.mutable_observation()->set_event("-x"); }, kInvalid,
     "observation.event"},
    {"never seen", Observation, [](S& s) { s.mutable_observation()->set_count(0); }, kInvalid,
     "observation.count"},
    {"no first time", Observation, [](S& s) { s.mutable_observation()->clear_first_seen_ms(); },
     kMissing, "observation.first_seen_ms"},
    {"no last time", Observation, [](S& s) { s.mutable_observation()->clear_last_seen_ms(); },
     kMissing, "observation.last_seen_ms"},
    {"one moment", Observation, [](S& s) { s.mutable_observation()->set_first_seen_ms(kNowMs); },
     nullptr, nullptr},
    {"backwards", Observation, [](S& s) { s.mutable_observation()->set_first_seen_ms(kNowMs + 1); },
     kInvalid, "observation.last_seen_ms"},
    {"longest detail", Observation,
     [](S& s) { s.mutable_observation()->set_detail(Letters(kObservationDetailBytesMax)); },
     nullptr, nullptr},
    {"longer detail", Observation,
     [](S& s) { s.mutable_observation()->set_detail(Letters(kObservationDetailBytesMax + 1)); },
     kLarge, "observation.detail"},
};

TEST(ValidateTest, EveryRule) {
  const Vocabulary vocabulary = TestVocabulary();
  for (const Case& test : kCases) {
    SCOPED_TRACE(test.name);
    v1::Submission submission = test.base();
    test.spoil(submission);
    const Validated result = ValidateSubmission(submission.SerializeAsString(), vocabulary, kNowMs);
    if (test.code == nullptr) {
      EXPECT_FALSE(result.rejection.has_value()) << result.rejection->ShortDebugString();
      EXPECT_EQ(result.id->bytes(), submission.id());
      continue;
    }
    ASSERT_TRUE(result.rejection.has_value());
    EXPECT_FALSE(result.id.has_value());
    EXPECT_EQ(result.rejection->code(), test.code);
    EXPECT_EQ(result.rejection->field(), test.field);
    EXPECT_FALSE(result.rejection->rule().empty());
    EXPECT_FALSE(result.rejection->reason().empty());
    EXPECT_FALSE(result.rejection->retryable());
  }
}

TEST(ValidateTest, KindFollowsTheContent) {
  const Vocabulary vocabulary = TestVocabulary();
  const auto kind = [&](const v1::Submission& s) {
    return ValidateSubmission(s.SerializeAsString(), vocabulary, kNowMs).kind;
  };
  EXPECT_EQ(kind(SampleIncident()), v1::ENTRY_KIND_INCIDENT_REPORT);
  EXPECT_EQ(kind(SampleMail()), v1::ENTRY_KIND_SUSPICIOUS_MAIL);
  EXPECT_EQ(kind(SampleObservation()), v1::ENTRY_KIND_OBSERVATION);
}

TEST(ValidateTest, UnreadableBytesNameTheSubmissionIfTheyCan) {
  const Vocabulary vocabulary = TestVocabulary();
  EXPECT_EQ(ValidateSubmission("\xff\xff", vocabulary, kNowMs).rejection->code(),
            rejection::kUnreadable);
  v1::Submission submission = SampleMail();
  submission.mutable_mail()->set_note("needle");
  std::string bytes = submission.SerializeAsString();
  bytes[bytes.find("needle")] = '\xff';  // No UTF-8 any more.
  const Validated result = ValidateSubmission(bytes, vocabulary, kNowMs);
  EXPECT_EQ(result.rejection->code(), rejection::kUnreadable);
  EXPECT_EQ(result.rejection->submission_id(), submission.id());
}

TEST(ValidateTest, WholeSubmissionIsBounded) {
  const Vocabulary vocabulary = TestVocabulary();
  const std::string large(wire::kSubmissionBytesMax + 1, '\0');
  EXPECT_EQ(ValidateSubmission(large, vocabulary, kNowMs).rejection->code(), rejection::kTooLarge);
}

TEST(ValidateTest, OnlyTheMailItselfMayBeLarge) {
  const Vocabulary vocabulary = TestVocabulary();
  const auto code = [&](const std::string& bytes) {
    const auto rejection = ValidateSubmission(bytes, vocabulary, kNowMs).rejection;
    return rejection ? rejection->code() : "";
  };
  v1::Submission mail = SampleMail();
  mail.mutable_mail()->set_raw(Letters(kMailBytesMax));
  EXPECT_EQ(code(mail.SerializeAsString()), "");
  // Two bytes each, and each a string of its own once parsed.
  std::string causes = SampleIncident().SerializeAsString() + "\x52\x82\x80\x20";
  for (size_t i = 0; i <= kBesideMailBytesMax / 2; ++i) causes += std::string("\x5a\0", 2);
  EXPECT_EQ(code(causes), rejection::kTooLarge);
  // Likewise as fields that nobody knows, also within the mail, and after a large one.
  std::string unknown;
  while (unknown.size() <= kBesideMailBytesMax) unknown += std::string("\xa0\x06\0", 3);
  EXPECT_EQ(code(SampleIncident().SerializeAsString() + unknown), rejection::kTooLarge);
  EXPECT_EQ(code(mail.SerializeAsString() + unknown), rejection::kTooLarge);
  const auto rejection =
      ValidateSubmission(mail.SerializeAsString() + unknown, vocabulary, kNowMs).rejection;
  EXPECT_EQ(rejection->submission_id(), mail.id());
  // Groups, which no message of ours has: nested, they would take the most.
  std::string groups;
  while (groups.size() <= kBesideMailBytesMax) groups += "\xa3\x06\xa4\x06";
  EXPECT_EQ(code(groups), rejection::kUnreadable);
}

TEST(ValidateTest, UnknownFieldsOfNewerAgentsAreAccepted) {
  std::string bytes = SampleMail().SerializeAsString();
  bytes += "\xa2\x06\x03new";  // Field 100, length-delimited.
  EXPECT_FALSE(ValidateSubmission(bytes, TestVocabulary(), kNowMs).rejection.has_value());
}

}  // namespace
}  // namespace noroshi::submission
