#include "hub/analysis/analysis.h"

#include "hub/analysis/classify.h"

namespace noroshi::analysis {
namespace {

void SetVersions(const Rules& rules, v1::AnalysisResult* result) {
  result->set_analyser_version(std::string(kAnalyserVersion));
  result->set_data_version(rules.version());
}

void AnalyseIncident(const v1::IncidentReport& report, const Rules& rules,
                     v1::AnalysisResult* result) {
  if (IncidentText(report).size() > kClassifiedBytesMax) {
    result->set_outcome(v1::ANALYSIS_OUTCOME_PARTIAL);
    result->set_error("kClassifiedBytesMax: only the first 128 KiB of the texts were classified");
  }
  *result->mutable_classification() = ClassifyIncident(report, rules);
}

}  // namespace

v1::AnalysisResult AnalyseSubmission(const v1::Submission& submission, const Rules& rules) {
  v1::AnalysisResult result;
  result.set_outcome(v1::ANALYSIS_OUTCOME_COMPLETE);
  switch (submission.content_case()) {
    case v1::Submission::kIncident:
      AnalyseIncident(submission.incident(), rules, &result);
      break;
    case v1::Submission::kMail:
      result = AnalyseRawMail(submission.mail().raw());
      FinishMail(submission.mail(), rules, &result);
      break;
    case v1::Submission::kObservation:
      *result.mutable_classification() = ClassifyObservation(submission.observation(), rules);
      break;
    case v1::Submission::CONTENT_NOT_SET:
      result = FailedResult("content: the submission has no content that this version knows");
      break;
  }
  SetVersions(rules, &result);
  return result;
}

v1::AnalysisResult AnalyseBytes(std::string_view submission, const Rules& rules) {
  v1::Submission parsed;
  if (parsed.ParseFromArray(submission.data(), static_cast<int>(submission.size()))) {
    return AnalyseSubmission(parsed, rules);
  }
  v1::AnalysisResult result = FailedResult("submission: the bytes are no Submission");
  SetVersions(rules, &result);
  return result;
}

v1::AnalysisResult AnalyseRawMail(std::string_view raw) {
  MailReading reading = ReadMail(raw);
  v1::AnalysisResult result;
  result.set_outcome(reading.limit.empty() ? v1::ANALYSIS_OUTCOME_COMPLETE
                                           : v1::ANALYSIS_OUTCOME_PARTIAL);
  result.set_error(reading.limit);
  *result.mutable_mail() = std::move(reading.facts);
  return result;
}

void FinishMail(const v1::SuspiciousMail& mail, const Rules& rules, v1::AnalysisResult* result) {
  *result->mutable_classification() = ClassifyMail(mail, rules);
  SetVersions(rules, result);
}

v1::AnalysisResult FailedResult(std::string error) {
  v1::AnalysisResult result;
  result.set_outcome(v1::ANALYSIS_OUTCOME_FAILED);
  result.set_error(std::move(error));
  return result;
}

}  // namespace noroshi::analysis
