#include "hub/analysis/analysis.h"

#include "hub/analysis/classify.h"

namespace noroshi::analysis {
namespace {

v1::AnalysisResult NewResult(const Rules& rules) {
  v1::AnalysisResult result;
  result.set_analyser_version(std::string(kAnalyserVersion));
  result.set_data_version(rules.version());
  result.set_outcome(v1::ANALYSIS_OUTCOME_COMPLETE);
  return result;
}

void AnalyseIncident(const v1::IncidentReport& report, const Rules& rules,
                     v1::AnalysisResult* result) {
  if (IncidentText(report).size() > kClassifiedBytesMax) {
    result->set_outcome(v1::ANALYSIS_OUTCOME_PARTIAL);
    result->set_error("kClassifiedBytesMax: only the first 128 KiB of the texts were classified");
  }
  *result->mutable_classification() = ClassifyIncident(report, rules);
}

void AnalyseMail(const v1::SuspiciousMail& mail, const Rules& rules, v1::AnalysisResult* result) {
  MailReading reading = ReadMail(mail.raw());
  if (!reading.limit.empty()) {
    result->set_outcome(v1::ANALYSIS_OUTCOME_PARTIAL);
    result->set_error(reading.limit);
  }
  *result->mutable_mail() = std::move(reading.facts);
  *result->mutable_classification() = ClassifyMail(mail, rules);
}

}  // namespace

v1::AnalysisResult AnalyseSubmission(const v1::Submission& submission, const Rules& rules) {
  v1::AnalysisResult result = NewResult(rules);
  switch (submission.content_case()) {
    case v1::Submission::kIncident:
      AnalyseIncident(submission.incident(), rules, &result);
      break;
    case v1::Submission::kMail:
      AnalyseMail(submission.mail(), rules, &result);
      break;
    case v1::Submission::kObservation:
      *result.mutable_classification() = ClassifyObservation(submission.observation(), rules);
      break;
    case v1::Submission::CONTENT_NOT_SET:
      result.set_outcome(v1::ANALYSIS_OUTCOME_FAILED);
      result.set_error("content: the submission has no content that this version knows");
      break;
  }
  return result;
}

v1::AnalysisResult AnalyseBytes(std::string_view submission, const Rules& rules) {
  v1::Submission parsed;
  if (!parsed.ParseFromArray(submission.data(), static_cast<int>(submission.size()))) {
    v1::AnalysisResult result = NewResult(rules);
    result.set_outcome(v1::ANALYSIS_OUTCOME_FAILED);
    result.set_error("submission: the bytes are no Submission");
    return result;
  }
  return AnalyseSubmission(parsed, rules);
}

v1::AnalysisResult UnreadableMail(std::string_view submission, std::string_view error) {
  v1::AnalysisResult result = NewResult(BuiltinRules());
  result.set_outcome(v1::ANALYSIS_OUTCOME_FAILED);
  result.set_error(std::string(error));
  v1::Submission parsed;
  if (parsed.ParseFromArray(submission.data(), static_cast<int>(submission.size()))) {
    *result.mutable_classification() = ClassifyMail(parsed.mail(), BuiltinRules());
  }
  return result;
}

}  // namespace noroshi::analysis
