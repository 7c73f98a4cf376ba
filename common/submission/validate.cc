#include "common/submission/validate.h"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>

#include "common/base/encoding.h"
#include "common/taxonomy/taxonomy.h"
#include "common/wire/frame.h"
#include "noroshi/v1/submission.pb.h"

namespace noroshi::submission {
namespace {

// Collects the first rule that is broken; later checks then do nothing.
class Checker {
 public:
  Checker(const Vocabulary& vocabulary, int64_t now_ms)
      : vocabulary_(vocabulary), now_ms_(now_ms) {}

  std::optional<v1::Rejection> Check(const v1::Submission& submission);

 private:
  void Refuse(const char* code, std::string_view field, std::string_view reason,
              std::string_view rule);
  // `good`, or a Rejection that names field and rule.
  void Require(bool good, std::string_view field, std::string_view rule);
  void RequirePresent(bool present, std::string_view field, std::string_view rule);
  void Bytes(std::string_view text, std::string_view field, size_t max);
  void OneLine(std::string_view text, std::string_view field, size_t max);
  void Time(int64_t time_ms, std::string_view field);
  void OptionalTime(int64_t time_ms, std::string_view field);
  void Identifier(std::string_view text, std::string_view field);
  void OptionalIdentifier(std::string_view text, std::string_view field);
  void Listed(const std::set<std::string, std::less<>>& ids, std::string_view id,
              std::string_view field, std::string_view list);

  void Handling(const v1::Handling& handling);
  void Incident(const v1::IncidentReport& incident);
  void Thread(const v1::IncidentReport& incident);
  void Causes(const v1::IncidentReport& incident);
  void Mail(const v1::SuspiciousMail& mail);
  void Observation(const v1::Observation& observation);

  const Vocabulary& vocabulary_;
  const int64_t now_ms_;
  std::optional<v1::Rejection> rejection_;
};

void Checker::Refuse(const char* code, std::string_view field, std::string_view reason,
                     std::string_view rule) {
  if (rejection_) return;
  rejection_.emplace();
  rejection_->set_code(code);
  rejection_->set_field(std::string(field));
  rejection_->set_reason(std::string(reason));
  rejection_->set_rule(std::string(rule));
}

void Checker::Require(bool good, std::string_view field, std::string_view rule) {
  if (!good) Refuse(rejection::kInvalidField, field, "the field breaks its rule", rule);
}

void Checker::RequirePresent(bool present, std::string_view field, std::string_view rule) {
  if (!present) Refuse(rejection::kMissingField, field, "the field is missing", rule);
}

void Checker::Bytes(std::string_view text, std::string_view field, size_t max) {
  if (text.size() <= max) return;
  Refuse(rejection::kTooLarge, field, fmt::format("the field has {} bytes", text.size()),
         fmt::format("at most {} bytes", max));
}

void Checker::OneLine(std::string_view text, std::string_view field, size_t max) {
  Bytes(text, field, max);
  const bool control = std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
  Require(!control, field, "one line without control characters");
}

void Checker::Time(int64_t time_ms, std::string_view field) {
  RequirePresent(time_ms != 0, field, "a time in milliseconds since 1970 is required");
  Require(time_ms >= kTimeMinMs, field, "not before 1990-01-01T00:00:00Z");
  Require(time_ms <= now_ms_ + kFutureMaxMs, field, "not more than 10 minutes in the future");
}

void Checker::OptionalTime(int64_t time_ms, std::string_view field) {
  if (time_ms != 0) Time(time_ms, field);
}

void Checker::Identifier(std::string_view text, std::string_view field) {
  RequirePresent(!text.empty(), field, "an identifier is required");
  Require(IsIdentifier(text), field, "1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit");
}

void Checker::OptionalIdentifier(std::string_view text, std::string_view field) {
  if (!text.empty()) Identifier(text, field);
}

void Checker::Listed(const std::set<std::string, std::less<>>& ids, std::string_view id,
                     std::string_view field, std::string_view list) {
  if (id.empty()) return;
  Require(ids.contains(id), field, fmt::format("an id of the taxonomy's {}", list));
}

void Checker::Handling(const v1::Handling& handling) {
  RequirePresent(handling.tlp() != v1::TLP_UNSPECIFIED, "handling.tlp",
                 "a TLP marking is required");
  Require(v1::Tlp_IsValid(handling.tlp()), "handling.tlp", "a marking of TLP 2.0");
  Bytes(handling.grade(), "handling.grade", kGradeBytesMax);
  OptionalIdentifier(handling.circle(), "handling.circle");
}

void Checker::Thread(const v1::IncidentReport& incident) {
  const std::string_view field = "incident.thread_id";
  if (incident.stage() == v1::REPORT_STAGE_FIRST) {
    Require(incident.thread_id().empty(), field, "empty in a first report");
    return;
  }
  RequirePresent(!incident.thread_id().empty(), field,
                 "follow-up and final reports name the matter's first submission");
  const auto id = Uuid::FromBytes(incident.thread_id());
  Require(id.ok() && id->IsV7(), field, "a UUID version 7 of 16 bytes");
}

void Checker::Causes(const v1::IncidentReport& incident) {
  const auto& causes = incident.causes();
  Require(causes.size() <= kCausesMax, "incident.causes", fmt::format("at most {}", kCausesMax));
  if (rejection_) return;
  for (int i = 0; i < causes.size(); ++i) {
    const std::string field = fmt::format("incident.causes[{}]", i);
    RequirePresent(!causes[i].empty(), field, "an id of the taxonomy's causes");
    Listed(vocabulary_.causes, causes[i], field, "causes");
    Require(std::find(causes.begin(), causes.begin() + i, causes[i]) == causes.begin() + i, field,
            "each cause once");
  }
}

void Checker::Incident(const v1::IncidentReport& incident) {
  RequirePresent(incident.stage() != v1::REPORT_STAGE_UNSPECIFIED, "incident.stage",
                 "a stage is required");
  Require(v1::ReportStage_IsValid(incident.stage()), "incident.stage", "first, follow-up or final");
  Thread(incident);
  OptionalTime(incident.occurred_at_ms(), "incident.occurred_at_ms");
  OptionalTime(incident.detected_at_ms(), "incident.detected_at_ms");
  OneLine(incident.title(), "incident.title", kTitleBytesMax);
  Bytes(incident.what_happened(), "incident.what_happened", kTextBytesMax);
  Bytes(incident.impact(), "incident.impact", kTextBytesMax);
  Bytes(incident.response(), "incident.response", kTextBytesMax);
  Bytes(incident.expected_recovery(), "incident.expected_recovery", kRecoveryBytesMax);
  RequirePresent(!incident.title().empty() || !incident.what_happened().empty() ||
                     !incident.impact().empty() || !incident.response().empty() ||
                     !incident.expected_recovery().empty(),
                 "incident.what_happened", "at least one of the texts is required");
  Listed(vocabulary_.event_types, incident.event_type(), "incident.event_type", "event types");
  Causes(incident);
  Bytes(incident.affected_service(), "incident.affected_service", kServiceBytesMax);
  Listed(vocabulary_.sectors, incident.sector(), "incident.sector", "sectors");
  Bytes(incident.on_behalf_of(), "incident.on_behalf_of", kOnBehalfOfBytesMax);
}

void Checker::Mail(const v1::SuspiciousMail& mail) {
  RequirePresent(!mail.raw().empty(), "mail.raw", "the mail itself is required");
  Bytes(mail.raw(), "mail.raw", kMailBytesMax);
  Bytes(mail.note(), "mail.note", kMailNoteBytesMax);
}

void Checker::Observation(const v1::Observation& observation) {
  Identifier(observation.source(), "observation.source");
  Identifier(observation.event(), "observation.event");
  Require(observation.count() >= 1, "observation.count", "at least 1");
  Time(observation.first_seen_ms(), "observation.first_seen_ms");
  Time(observation.last_seen_ms(), "observation.last_seen_ms");
  Require(observation.last_seen_ms() >= observation.first_seen_ms(), "observation.last_seen_ms",
          "not before first_seen_ms");
  Bytes(observation.detail(), "observation.detail", kObservationDetailBytesMax);
}

std::optional<v1::Rejection> Checker::Check(const v1::Submission& submission) {
  RequirePresent(!submission.id().empty(), "id", "a UUID version 7 is required");
  const auto id = Uuid::FromBytes(submission.id());
  Require(id.ok() && id->IsV7(), "id", "a UUID version 7 of 16 bytes");
  Time(submission.created_at_ms(), "created_at_ms");
  RequirePresent(submission.has_handling(), "handling", "handling is required");
  Handling(submission.handling());
  OptionalIdentifier(submission.exercise_id(), "exercise_id");
  switch (submission.content_case()) {
    case v1::Submission::kIncident:
      Incident(submission.incident());
      break;
    case v1::Submission::kMail:
      Mail(submission.mail());
      break;
    case v1::Submission::kObservation:
      Observation(submission.observation());
      break;
    case v1::Submission::CONTENT_NOT_SET:
      RequirePresent(false, "content", "one of incident, mail and observation is required");
  }
  return std::move(rejection_);
}

v1::EntryKind KindOf(const v1::Submission& submission) {
  switch (submission.content_case()) {
    case v1::Submission::kIncident:
      return v1::ENTRY_KIND_INCIDENT_REPORT;
    case v1::Submission::kMail:
      return v1::ENTRY_KIND_SUSPICIOUS_MAIL;
    case v1::Submission::kObservation:
      return v1::ENTRY_KIND_OBSERVATION;
    case v1::Submission::CONTENT_NOT_SET:
      break;
  }
  return v1::ENTRY_KIND_UNSPECIFIED;
}

// What a serialised Submission amounts to, seen without parsing it.
struct Scan {
  bool readable = true;
  size_t beside_mail = 0;  // Bytes that are not mail.raw, up to a little over the maximum.
  std::string id;          // If it came early enough.
};

// Empty fields, two bytes each, take forty times their size once parsed: what is
// large must be one mail.
Scan ScanSubmission(std::string_view bytes) {
  using google::protobuf::internal::WireFormatLite;
  constexpr auto kTag = [](int field) {
    return WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  };
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  Scan scan;
  size_t raw = 0;
  int mail_end = 0;
  while (const uint32_t tag = in.ReadTag()) {
    const bool in_mail = in.CurrentPosition() < mail_end;
    uint32_t size = 0;
    if (!in_mail && tag == kTag(v1::Submission::kMailFieldNumber)) {
      scan.readable = in.ReadVarint32(&size);
      mail_end = in.CurrentPosition() + static_cast<int>(std::min<size_t>(size, bytes.size()));
    } else if (in_mail && tag == kTag(v1::SuspiciousMail::kRawFieldNumber)) {
      scan.readable = in.ReadVarint32(&size) && in.Skip(static_cast<int>(size));
      raw += size;
    } else if (!in_mail && tag == kTag(v1::Submission::kIdFieldNumber)) {
      scan.readable = in.ReadVarint32(&size) && size <= Uuid::kBytes &&
                      in.ReadString(&scan.id, static_cast<int>(size));
    } else {
      scan.readable = WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_START_GROUP &&
                      WireFormatLite::SkipField(&in, tag);
    }
    if (!scan.readable) return scan;
    scan.beside_mail = static_cast<size_t>(in.CurrentPosition()) - raw;
    if (scan.beside_mail > kBesideMailBytesMax) return scan;
  }
  scan.readable = in.ConsumedEntireMessage();
  return scan;
}

v1::Rejection WholeRejection(const char* code, std::string_view reason, std::string rule) {
  v1::Rejection rejection;
  rejection.set_code(code);
  rejection.set_reason(std::string(reason));
  rejection.set_rule(std::move(rule));
  return rejection;
}

}  // namespace

const Vocabulary& TaxonomyVocabulary() {
  static const Vocabulary vocabulary = [] {
    Vocabulary words;
    for (const auto& item : taxonomy::EventTypes()) words.event_types.insert(item.id);
    for (const auto& item : taxonomy::Causes()) words.causes.insert(item.id);
    for (const auto& item : taxonomy::Sectors()) words.sectors.insert(item.id);
    return words;
  }();
  return vocabulary;
}

Validated ValidateSubmission(std::string_view bytes, const Vocabulary& vocabulary, int64_t now_ms) {
  Validated result;
  v1::Submission submission;
  if (bytes.size() > wire::kSubmissionBytesMax) {
    result.rejection = WholeRejection(rejection::kTooLarge, "the submission is too large",
                                      fmt::format("at most {} bytes", wire::kSubmissionBytesMax));
    return result;
  }
  Scan scan;  // Whatever is small costs little, however it is made.
  if (bytes.size() > kBesideMailBytesMax) scan = ScanSubmission(bytes);
  if (scan.beside_mail > kBesideMailBytesMax) {
    result.rejection =
        WholeRejection(rejection::kTooLarge, "the submission is too large beside its mail",
                       fmt::format("at most {} bytes beside mail.raw", kBesideMailBytesMax));
    result.rejection->set_submission_id(scan.id);
    return result;
  }
  if (!scan.readable || !submission.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    result.rejection = WholeRejection(rejection::kUnreadable,
                                      "not a Submission message, or a text that is not UTF-8",
                                      "a serialised noroshi.v1.Submission whose texts are UTF-8");
  } else {
    result.rejection = Checker(vocabulary, now_ms).Check(submission);
  }
  if (result.rejection) {
    // A prefix may have been read; its id lets the submitter find what was refused.
    if (submission.id().size() == Uuid::kBytes) {
      result.rejection->set_submission_id(submission.id());
    }
    return result;
  }
  result.id = *Uuid::FromBytes(submission.id());
  result.kind = KindOf(submission);
  return result;
}

}  // namespace noroshi::submission
